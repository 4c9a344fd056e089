"""Plugins: the examples of docs/adding.md from a folder of one's own, and what is refused."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grpo_core import plugins, tasks
from grpo_core.app.dashboard.runs import RunBook
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.models.tokenizer import WORDS
from grpo_core.rewards import RewardSum
from grpo_core.runs import Run, create_run
from grpo_core.tasks import SPLITS, get_task

TEXT = (Path(__file__).parents[1] / "docs" / "adding.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", TEXT, re.DOTALL))


@pytest.fixture(autouse=True)
def fresh_registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Registries as they were, after each test."""
    kept = {name: dict(kind.registry) for name, kind in plugins.KINDS.items()}
    monkeypatch.setattr(plugins, "_loaded", {})
    tasks._build.cache_clear()
    yield
    tasks._build.cache_clear()
    for name, kind in plugins.KINDS.items():
        kind.registry.clear()
        kind.registry.update(kept[name])


def write(folder: Path, name: str, code: str) -> Path:
    path = folder / name
    path.write_text(code, encoding="utf-8")
    return path


def test_the_examples_of_the_docs(tmp_path: Path) -> None:
    assert set(EXAMPLES) == {"sums.py", "short.py"}
    plugins.load_files([write(tmp_path, name, code) for name, code in EXAMPLES.items()])
    task = get_task("sums", largest=9)
    splits = [{p.prompt for p in task.problems(split)} for split in SPLITS]
    assert all(splits) and len(set.union(*splits)) == sum(map(len, splits))
    assert {word for split in splits for p in split for word in p.split()} <= set(WORDS)
    parts, totals = RewardSum(["accuracy_reward", "short_reward"], [1.0, 0.2])(
        ["", ""],
        ["<think> </think> <answer> 1 + 2 + 3 </answer>", "<answer> 1 </answer>"],
        numbers=[[1, 2, 3]] * 2,
        task=["sums"] * 2,
    )
    assert parts["accuracy_reward"] == [1.0, 0.0] and totals[0] > 1


def grpo_lab(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"GRPO_LAB_RUNS": str(folder / "runs")}
    return subprocess.run(
        [sys.executable, "-m", "grpo_core.cli", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True,
    )  # fmt: skip


def test_a_run_with_a_plugin_from_the_command_line_and_its_resumption(tmp_path: Path) -> None:
    for name, code in EXAMPLES.items():
        write(tmp_path, name, code)
    small = ["--generation-batch-size", "4", "--num-generations", "2", "--eval-size", "2"]
    ended = grpo_lab(
        tmp_path, "train", "--plugin", "sums.py", "--plugin", "short.py", "--task", "sums",
        "--steps", "1", "--run", "mine", *small, "--json",
        "--set", 'reward_funcs=["accuracy_reward","short_reward"]',
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    run = Run(tmp_path / "runs" / "mine")
    assert run.config.plugins == (str(tmp_path / "sums.py"), str(tmp_path / "short.py"))
    assert "rewards/short_reward/mean" in run.metrics()[-1][1]
    measured = grpo_lab(tmp_path, "eval", "--model", "mine", "-n", "2")
    assert measured.returncode == 1 and "name it here too, with --plugin" in measured.stderr
    # two more steps, by a process that knows of no plugin but what the run remembers
    config = run.path / "config.json"
    config.write_text(json.dumps(run.options | {"max_steps": 2}))
    state = run.path / "state.json"
    state.write_text(json.dumps(run.state | {"status": "stopped"}))
    went_on = grpo_lab(tmp_path, "resume", "mine", "--json")
    assert went_on.returncode == 0, went_on.stderr
    assert run.last_step() == 2


def test_an_installed_package_adds_by_its_entry_point(tmp_path: Path) -> None:
    write(tmp_path, "sums_plugin.py", EXAMPLES["sums.py"])
    about = tmp_path / "sums_plugin-1.dist-info"
    about.mkdir()
    write(about, "METADATA", "Metadata-Version: 2.1\nName: sums-plugin\nVersion: 1\n")
    write(about, "entry_points.txt", "[grpo_lab.plugins]\nsums = sums_plugin\n")
    code = (
        "from grpo_core import plugins; plugins.load_installed(); plugins.load_installed();"
        "from grpo_core.tasks import get_task; print(get_task('sums').name)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == "sums"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("x = 1", "adds nothing: it has none of TASKS, REWARDS"),
        ("TASKS = 3", "must be a dictionary, not 3"),
        ("TASKS = {'countdown': dict}", "the task 'countdown', a name that is taken"),
        ("PRESETS = {'grpo': {}}", "the preset 'grpo', a name that is taken"),
        ("REWARDS = {'mine': 3}", "reward 'mine' .* must be a function, not 3"),
        ("def f(**_): ...\nREWARDS = {'mine': f}", "is a function called 'f'"),
        ("TASKS = {'../x': dict}", "calls a task '../x': use letters"),
        ("1 / 0", r"cannot be loaded: ZeroDivisionError.*plugin\.py, line 1\)"),
        ("x = [", r"cannot be loaded: SyntaxError"),
    ],
)
def test_what_is_refused(code: str, sentence: str, tmp_path: Path) -> None:
    before = {name: dict(kind.registry) for name, kind in plugins.KINDS.items()}
    with pytest.raises(LabError, match=sentence):
        plugins.load_files([write(tmp_path, "plugin.py", code)])
    assert before == {name: dict(kind.registry) for name, kind in plugins.KINDS.items()}


def test_a_file_that_is_missing_changed_or_no_python(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"gone\.py cannot be read"):
        plugins.load_files([tmp_path / "gone.py"])
    with pytest.raises(LabError, match=r"ends in \.py"):
        plugins.load_files([write(tmp_path, "plugin.txt", "TASKS = {}")])
    path = write(tmp_path, "plugin.py", "TASKS = {'a': dict}")
    plugins.load_files([path])
    plugins.load_files([path])
    write(tmp_path, "plugin.py", "TASKS = {'b': dict}")
    with pytest.raises(LabError, match="has changed since it was loaded"):
        plugins.load_files([path])


def test_no_file_of_options_and_no_page_can_name_a_plugin(tmp_path: Path) -> None:
    evil = write(
        tmp_path, "evil.py", f"open({str(tmp_path / 'ran')!r}, 'w')\nTASKS = {{'a': dict}}"
    )
    write(tmp_path, "options.toml", f"plugins = [{str(evil)!r}]")
    for given in (["--config", "options.toml"], ["--set", f'plugins=["{evil}"]']):
        ended = grpo_lab(tmp_path, "train", *given, "--steps", "1")
        assert ended.returncode == 1 and "--plugin FILE only" in ended.stderr
    started: list[Path] = []
    book = RunBook(tmp_path / "runs", start_worker=started.append)
    with pytest.raises(LabError, match="Plugins, whose code is run"):
        book.start({"plugins": [str(evil)]})
    assert not started and not (tmp_path / "ran").exists()


def test_the_dashboards_plugins_go_to_its_runs(tmp_path: Path) -> None:
    path = write(tmp_path, "sums.py", EXAMPLES["sums.py"])
    plugins.load_files([path])
    started: list[Path] = []
    book = RunBook(tmp_path / "runs", start_worker=started.append, plugins=plugins.loaded_files())
    book.start({"task": "sums"})
    assert Run(started[0]).config == GRPOConfig(task="sums", plugins=(str(path),))


def test_a_run_without_plugins_is_forked_where_there_are_some(tmp_path: Path) -> None:
    path = str(write(tmp_path, "sums.py", EXAMPLES["sums.py"]))
    started: list[Path] = []
    book = RunBook(tmp_path / "runs", start_worker=started.append, plugins=[path])
    for plugins_of_parent in ((), (path,), (str(tmp_path / "other.py"),)):
        parent = create_run(tmp_path / "runs", None, GRPOConfig(plugins=plugins_of_parent))
        (parent / "checkpoints" / "step-000001").mkdir(parents=True)
        (parent / "state.json").write_text('{"status": "finished"}')
        if plugins_of_parent and path not in plugins_of_parent:
            with pytest.raises(LabError, match="Plugins, whose code is run"):
                book.fork(parent.name, 1, "own", {})
            continue
        book.fork(parent.name, 1, "own", {})
        assert Run(started[-1]).config.plugins == (path,)
        (started[-1] / "state.json").write_text('{"status": "finished"}')


def test_a_model_in_a_folder_beside_the_plugin(tmp_path: Path) -> None:
    from grpo_core.models import resolve

    plugins.load_files([write(tmp_path, "plugin.py", "MODELS = {'mine': 'folder'}")])
    assert resolve("mine") == str(tmp_path / "folder")
