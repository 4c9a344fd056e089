"""What may be imported without torch: the dashboard's process must start fast and stay small."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import grpo_core

TORCH_FREE = (
    "grpo_core",
    "grpo_core.plugins",
    "grpo_core.core.config",
    "grpo_core.core.records",
    "grpo_core.core.registry",
    "grpo_core.tasks",
    "grpo_core.tasks.countdown",
    "grpo_core.tasks.arithmetic",
    "grpo_core.rewards.accuracy",
    "grpo_core.rewards.format",
    "grpo_core.models",
    "grpo_core.runs",
    "grpo_core.analysis.diagnosis",
    "grpo_core.runs.worker",
    "grpo_core.analysis.ledger.predict",
    "grpo_core.analysis.ledger.rounds",
    "grpo_core.analysis.ledger.report",
    "grpo_core.pipeline.config",
    "grpo_core.pipeline.select",
    "grpo_core.pipeline.traces",
    "grpo_core.pipeline.report",
    "grpo_core.core.glossary",
    "grpo_core.core.phases",
    "grpo_core.core.recipes",
    "grpo_core.analysis.lens",
    "grpo_core.analysis.figures",
    "grpo_core.algorithm.methods",
    "grpo_core.algorithm.variant",
    "grpo_core.algorithm.presets",
    "grpo_core.algorithm.kl",
    "grpo_core.algorithm.levels",
    "grpo_core.algorithm.aggregation",
    "grpo_core.algorithm.advantages",
    "grpo_core.algorithm.critic",
    "grpo_core.analysis.lens.symbols",
    "grpo_core.app.dashboard.server",
    "grpo_core.app.dashboard.classroom",
    "grpo_core.app.dashboard.classroom.routes",
    "grpo_core.app.share.html",
    "grpo_core.app.share.tables",
    "grpo_core.app.share.trl",
    "grpo_core.course.widgets.board",
    "grpo_core.cli",
    "app",
)


# The options of a run are made of these, so every room may import them.
CONTRACTS = ("algorithm.methods", "algorithm.kl")


@pytest.mark.parametrize("module", TORCH_FREE)
def test_imports_no_torch(module: str) -> None:
    code = (
        f"import sys, {module}; "
        "print([m for m in ('torch', 'transformers', 'gradio') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert loaded.strip() == "[]"


def test_options_need_neither_torch_nor_numpy() -> None:
    """Commands read the options of a run, and with them the methods' numbers, before anything."""
    code = "import sys, grpo_core.core.config; print({'torch', 'numpy'} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert loaded.strip() == "set()"


@pytest.mark.parametrize("module", CONTRACTS)
def test_a_contract_knows_no_other_room(module: str) -> None:
    code = f"import sys, grpo_core.{module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    rooms = {name.split(".")[1] for name in loaded if name.startswith("grpo_core.")}
    assert rooms == {"algorithm", "core"}
    shared = {name for name in loaded if name.startswith("grpo_core.core.")}
    assert shared <= {"grpo_core.core.errors", "grpo_core.core.options"}


ROOMS = (
    *("core", "tasks", "rewards", "algorithm", "fast", "models", "plugins", "training", "runs"),
    *("pipeline", "analysis", "app", "course", "cli"),
)
"""From left to right; the flow has one direction: see docs/architecture.md."""

INSIDE = {
    "core": (
        *("errors", "options", "child", "regular", "spreadsheet", "registry", "paths", "machine"),
        *("config", "records", "glossary", "phases", "recipes"),
    ),
    "training": (
        *("timing", "threads", "decoding", "sampling", "evaluation", "rollout", "credit"),
        *("forward", "update", "trainer"),
    ),
    "analysis": ("diagnosis", "lens", "model_card", "ledger", "speed", "figures"),
    "app": ("dashboard", "share"),
}
"""The same inside a room whose modules build on each other."""


def test_nothing_imports_to_the_right() -> None:
    root = Path(grpo_core.__file__).parent
    found = {path.name.removesuffix(".py") for path in root.iterdir() if path.name[0] != "_"}
    assert found == set(ROOMS)
    for path in root.rglob("*.py"):
        here = (*path.relative_to(root).with_suffix("").parts, "")
        for other in _imported(path):
            if ".".join(other[:2]) in CONTRACTS or here[0] not in ROOMS or other[0] not in ROOMS:
                continue
            assert ROOMS.index(other[0]) <= ROOMS.index(here[0]), f"{path} imports {other}"
            order = INSIDE.get(here[0], ())
            if here[0] == other[0] and here[1] in order:
                assert other[1] in order, f"{path}: where does {other[1]} belong?"
                assert order.index(other[1]) <= order.index(here[1]), f"{path} imports {other}"


def _imported(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield every module of the kit that a file imports, as (room, module, ...)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            package, *rest = (node.module or "").split(".")
            if package == "grpo_core":
                for alias in node.names:
                    yield (*rest, alias.name)
