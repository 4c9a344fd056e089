"""What the README says is what the repository holds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grpo_core.cli import app
from grpo_core.core.paths import data_dir
from grpo_core.runs import Run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_results() -> None:
    table = subprocess.run(
        [sys.executable, "data/make.py", "table"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert table.count("| seed ") == 3
    assert table in README


@pytest.mark.parametrize(
    "link", sorted(set(re.findall(r"\]\(([^)#]+)\)|src(?:set)?=\"([^\"]+)\"", README)))
)
def test_every_link_leads_somewhere(link: tuple[str, str]) -> None:
    target = link[0] or link[1]
    assert target.startswith("http") or (ROOT / target).exists()


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"^    grpo-lab ([\w-]+)", README, re.M)))
)
def test_every_command_exists(command: str) -> None:
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


TARGETS = sorted(set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", README, re.M)))


@pytest.mark.parametrize("target", TARGETS)
def test_every_make_target_exists(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


def test_the_recorded_run_is_whole_and_small() -> None:
    run = Run(data_dir() / "runs" / "countdown-seed0")
    assert run.status == "finished"
    assert run.last_step() == run.config.max_steps
    assert len(run.step(1).groups) == 1 and len(run.step(1).groups[0].completions) == 16
    assert sum(f.stat().st_size for f in run.path.rglob("*") if f.is_file()) < 12_000_000


def test_every_metric_of_the_recorded_run_has_a_glossary_entry() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    names = {
        n for _, metrics in Run(data_dir() / "runs" / "countdown-seed0").metrics() for n in metrics
    }
    for name in names:
        pattern = re.sub(r"rewards/\w+/", "rewards/<name>/", name)
        assert f"`{pattern}`" in glossary, f"{name} is not in docs/glossary.md"
