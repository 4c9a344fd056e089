"""What may be imported without torch: the dashboard's process must start fast and stay small."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import grpo_core

TORCH_FREE = (
    "grpo_core", "grpo_core.plugins", "grpo_core.config", "grpo_core.records",
    "grpo_core.registry", "grpo_core.tasks",
    "grpo_core.tasks.countdown", "grpo_core.tasks.arithmetic", "grpo_core.rewards.accuracy",
    "grpo_core.rewards.format", "grpo_core.models", "grpo_core.store", "grpo_core.diagnosis",
    "grpo_core.worker", "grpo_core.ledger.predict", "grpo_core.ledger.rounds",
    "grpo_core.ledger.report", "grpo_core.pipeline.config", "grpo_core.pipeline.select",
    "grpo_core.pipeline.traces", "grpo_core.pipeline.report", "grpo_core.glossary",
    "grpo_core.phases", "grpo_core.recipes", "grpo_core.lens", "grpo_core.figures",
    "grpo_core.algorithm.methods", "grpo_core.algorithm.variant", "grpo_core.algorithm.presets",
    "grpo_core.algorithm.kl", "grpo_core.algorithm.levels", "grpo_core.algorithm.aggregation",
    "grpo_core.algorithm.advantages", "grpo_core.algorithm.critic", "grpo_core.lens.symbols",
    "grpo_core.dashboard.server",
    "grpo_core.dashboard.classroom", "grpo_core.dashboard.classroom.routes",
    "grpo_core.share.html", "grpo_core.share.tables", "grpo_core.share.trl",
    "grpo_core.course.widgets.board", "grpo_core.cli", "app",
)  # fmt: skip


# The options of a run are made of these, so they are to the left of everything.
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
    code = "import sys, grpo_core.config; print({'torch', 'numpy'} & set(sys.modules))"
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
    assert rooms - {"options"} == {"algorithm", "errors"}


def test_nothing_imports_to_the_right() -> None:
    """The flow has one direction: see docs/architecture.md."""
    order = [
        "errors", "options", "child", "regular", "spreadsheet", "registry", "paths", "machine",
        "config", "records", "glossary", "phases", "recipes", "timing", "threads", "tasks",
        "rewards", "algorithm", "models", "plugins", "decoding", "sampling", "evaluation",
        "rollout", "credit", "forward", "update", "training", "store", "diagnosis", "lens",
        "worker", "pipeline", "ledger", "speed", "figures", "dashboard", "share", "course",
        "doctor", "cli",
    ]  # fmt: skip
    exceptions = {("models", "evaluation")}  # a model card is a measurement
    root = Path(grpo_core.__file__).parent
    for path in root.rglob("*.py"):
        room = path.relative_to(root).parts[0].removesuffix(".py")
        if room not in order:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            package, *rest = (node.module or "").split(".")
            if package != "grpo_core":
                continue
            if ".".join(rest) in CONTRACTS:
                continue
            for other in rest[:1] or [alias.name for alias in node.names]:
                if other in order and (room, other) not in exceptions:
                    assert order.index(other) <= order.index(room), f"{path} imports {other}"
