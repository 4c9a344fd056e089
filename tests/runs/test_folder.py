"""Names of runs, and the folders they make."""

import time
from pathlib import Path

import pytest

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.runs import Run, create_run, list_runs, run_path


@pytest.mark.parametrize(
    "name",
    [
        *["", ".", "..", ".hidden", "a/b", "a\\b", "../x", "a b", "a\0b", "con", "NUL.txt", "x."],
        *["a" * 81, "~", "a\n", "$HOME", "a:b", "*", "-rf"],
    ],
)
def test_odd_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabError, match="cannot be a run's name"):
        create_run(tmp_path / "runs", name, GRPOConfig())
    assert not list(tmp_path.rglob("config.json"))


def test_names_people_use_are_fine(tmp_path: Path) -> None:
    for name in ("demo", "Müller_2", "v1.0-b", "数独"):
        assert create_run(tmp_path, name, GRPOConfig()).name == name


def test_names_and_paths(tmp_path: Path) -> None:
    assert run_path(tmp_path, "demo") == tmp_path / "demo"
    assert run_path(tmp_path, f"{tmp_path}/other/demo") == tmp_path / "other" / "demo"
    for bad in ("..", f"{tmp_path}/a b", "/"):
        with pytest.raises(LabError, match="cannot be a run's name"):
            run_path(tmp_path, bad)


def test_names_are_made_up_and_taken_ones_refused(tmp_path: Path) -> None:
    config = GRPOConfig(model="some-org/some model", seed=3)
    made = [create_run(tmp_path, None, config).name for _ in range(2)]
    assert made == ["countdown-some-model-seed3-1", "countdown-some-model-seed3-2"]
    with pytest.raises(LabError, match="exists already"):
        create_run(tmp_path, made[0], config)


def test_a_model_folder_is_recorded_as_an_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    path = create_run(tmp_path, "r", GRPOConfig(model="models/mine"))
    assert Run(path).config.model == str(tmp_path / "models" / "mine")


def test_list_runs_newest_first_and_survives_rubbish(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []
    for name in ("a", "b", "c"):
        create_run(tmp_path, name, GRPOConfig())
        time.sleep(0.002)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "b" / "state.json").write_text("{")
    (tmp_path / "c" / "run.db").write_bytes(b"rubbish" * 1000)
    runs = list_runs(tmp_path)
    assert sorted(r.name for r in runs) == ["a", "b", "c"]
    assert [r.name for r in runs if r.name != "b"] == ["c", "a"]
    assert {r.name: bool(r.problem) for r in runs} == {"a": False, "b": True, "c": True}
    assert all(r.status for r in runs)
