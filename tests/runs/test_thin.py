"""A thin copy: the same run to its readers, less what was left out."""

import json
import sqlite3
from pathlib import Path

import pytest
from make_steps import assert_same, step

from grpo_core.core.errors import LabError
from grpo_core.core.records import Step
from grpo_core.runs import Run, RunWriter, thin_copy


@pytest.fixture
def finished(path: Path) -> Path:
    """A run of steps 0 to 7 with three groups each, and all that a worker leaves around it."""
    with RunWriter(path) as writer:
        writer.append(Step(0, {"eval/accuracy": 0.125}))
        for index in range(1, 8):
            writer.append(step(index, groups=3))
        writer.save_checkpoint(lambda file: file.write_bytes(b"x") and None, 7)
        writer.write_state(status="finished", step=7, pid=4, pid_started=1.5, host="desk", error="")
    (path / "worker.log").write_text("x")
    return path


def thinned(record: Step, groups: int) -> Step:
    return Step(record.index, record.metrics, record.groups[:groups])


def test_metrics_all_and_groups_some(finished: Path, tmp_path: Path) -> None:
    copy = Run(thin_copy(finished, tmp_path / "data" / "runs" / "shown", groups=2))
    assert [step for step, _ in copy.metrics()] == list(range(8))
    for index in range(8):
        assert_same(thinned(Run(finished).step(index), 2), copy.step(index))
    assert (copy.config, copy.status, copy.problem) == (Run(finished).config, "finished", None)
    assert copy.created == Run(finished).created


def test_every_so_many_steps_and_the_last(finished: Path, tmp_path: Path) -> None:
    copy = Run(thin_copy(finished, tmp_path / "copy", every=3))
    assert [copy.group_count(index) for index in range(8)] == [0, 0, 0, 1, 0, 0, 1, 1]
    assert len(copy.metrics()) == 8
    none = Run(thin_copy(finished, tmp_path / "none", groups=0))
    assert none.group_count(7) == 0 and none.last_step() == 7


def test_a_folder_to_ship(finished: Path, tmp_path: Path) -> None:
    copy = thin_copy(finished, tmp_path / "copy")
    assert sorted(p.name for p in copy.iterdir()) == ["config.json", "run.db", "state.json"]
    state = json.loads((copy / "state.json").read_text())
    assert state.keys() == {"created", "status", "acknowledged", "step", "error"}
    with sqlite3.connect(copy / "run.db") as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert db.execute("PRAGMA freelist_count").fetchone() == (0,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    assert Run(copy).last_step() == 7
    assert sorted(p.name for p in copy.iterdir()) == ["config.json", "run.db", "state.json"]


def test_a_run_left_in_wal_mode_is_copied_out_of_it(finished: Path, tmp_path: Path) -> None:
    db = sqlite3.connect(finished / "run.db")
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    copy = thin_copy(finished, tmp_path / "copy")
    assert (copy / "run.db").read_bytes()[18:20] == b"\x01\x01"  # 2 is WAL


def test_refusals(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="already exists"):
        thin_copy(finished, finished)
    for numbers in ({"groups": -1}, {"every": 0}):
        with pytest.raises(LabError, match="Cannot keep"):
            thin_copy(finished, tmp_path / "copy", **numbers)
    with RunWriter(finished) as writer:
        writer.write_state(status="running", host="elsewhere")
        with pytest.raises(LabError, match=r"is running\. Only a run that has ended"):
            thin_copy(finished, tmp_path / "copy")
        writer.write_state(status="stopped")
    (finished / "run.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(LabError, match=r"Reading of run 'demo' failed: .*demo.run.db is damaged"):
        thin_copy(finished, tmp_path / "copy")
    (finished / "run.db").unlink()
    with pytest.raises(LabError, match="has recorded nothing"):
        thin_copy(finished, tmp_path / "copy")
    assert not list(tmp_path.glob("copy*"))
