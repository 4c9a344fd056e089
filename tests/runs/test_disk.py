"""Damage, other versions, read-only and full disks: one sentence, and nothing lost."""

import errno
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from make_steps import assert_same, step

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.runs import Run, RunWriter, create_run, list_runs


def test_no_run_here(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="There is no run in"):
        Run(tmp_path / "nothing")


def test_a_newer_folder_is_refused_in_one_sentence(path: Path) -> None:
    with sqlite3.connect(path / "run.db") as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    db.close()
    for use in (Run(path).metrics, lambda: RunWriter(path)):
        with pytest.raises(LabError, match=r"newer GRPO Lab .run format 99"):
            use()
    assert "update GRPO Lab" in str(Run(path).problem)


def test_a_missing_or_empty_database_is_an_empty_run(path: Path) -> None:
    (path / "run.db").unlink()
    assert Run(path).metrics() == []
    (path / "run.db").touch()
    assert Run(path).metrics() == [] and Run(path).last_step() is None
    with RunWriter(path) as writer:
        writer.append(step(1))
    assert Run(path).last_step() == 1


def test_a_damaged_database_is_said(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.append(step(1, groups=8, length=50))
    database = path / "run.db"
    whole = database.read_bytes()
    for damage in (b"rubbish" * 2000, whole[:100] + b"\xff" * 9000 + whole[9100:], whole[:5000]):
        database.write_bytes(damage)
        with pytest.raises(LabError, match=r"run\.db is damaged. Move it away"):
            Run(path).step(1)
    database.write_bytes(b"rubbish" * 2000)
    with pytest.raises(LabError, match=r"run\.db is damaged. Move it away"):
        RunWriter(path)
    database.write_bytes(whole)
    assert_same(step(1, groups=8, length=50), Run(path).step(1))
    RunWriter(path).close()  # the failed attempt let go of its lock


def test_a_schema_that_is_no_text_is_said(path: Path) -> None:
    """SQLite's message quotes the bytes, and sqlite3 then fails to decode its own message."""
    content = (path / "run.db").read_bytes()
    (path / "run.db").write_bytes(content.replace(b"CREATE TABLE steps", b"CREATE T\x8fBLE steps"))
    for use in (lambda: Run(path).metrics(), lambda: RunWriter(path)):
        with pytest.raises(LabError, match=r"run\.db is damaged"):
            use()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB of its own; skipped where it cannot be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.name == "nt" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_really_full_disk(small_disk: Path) -> None:
    path = create_run(small_disk, "r", GRPOConfig())
    with RunWriter(path) as writer:
        writer.write_state(status="running", error=None)
        writer.save_checkpoint(lambda p: p.write_bytes(b"good" * 1000) and None, 1)
        written = 0
        with pytest.raises(LabError, match=r"the disk is full.*grpo-lab resume"):
            for i in range(1, 100):
                writer.append(step(i, groups=8, size=16, length=60))
                written = i
        assert written > 0
        (small_disk / "filler").write_bytes(b"x" * max(0, shutil.disk_usage(small_disk).free))
        with pytest.raises(LabError, match=r"Saving the checkpoint of step 9.*disk is full"):
            writer.save_checkpoint(lambda p: p.write_bytes(b"bad" * 10**6) and None, 9)
        with pytest.raises(LabError, match=r"Saving the model of step 9.*disk is full"):
            writer.save_model(lambda p: (p / "model").write_bytes(b"bad" * 10**6) and None, 9)
        writer.write_state(status="failed", error="The disk is full.")
        with pytest.raises(LabError, match="the disk is full"):
            Run(path).control("stop")
    run = Run(path)
    assert (run.status, run.problem) == ("failed", "The disk is full.")
    assert (path / "checkpoints" / "last.pt").read_bytes() == b"good" * 1000
    assert [p.name for p in (path / "checkpoints").iterdir()] == ["last.pt"]
    assert run.last_step() == written
    (small_disk / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    with RunWriter(path) as writer:
        writer.append(step(written + 1))
    for i in range(1, written + 1):
        assert_same(step(i, groups=8, size=16, length=60), Run(path).step(i))


@pytest.mark.parametrize("wal", [True, False])
def test_a_read_only_disk(small_disk: Path, wal: bool) -> None:
    path = create_run(small_disk, "r", GRPOConfig())
    with RunWriter(path) as writer:
        writer.append(step(1))
    if wal:
        db = sqlite3.connect(path / "run.db")
        db.execute("PRAGMA journal_mode = WAL")
        db.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert_same(step(1), Run(path).step(1))
    assert Run(path).problem is None and len(list_runs(small_disk)) == 1
    with pytest.raises(LabError, match="cannot be written to"):
        Run(path).control("run")
    with pytest.raises(LabError, match="cannot be written to"):
        RunWriter(path)
    with pytest.raises(LabError, match="cannot be written to"):
        create_run(small_disk, "other", GRPOConfig())


def test_a_full_disk_simulated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For machines where nothing can be mounted: the database limits itself."""
    with RunWriter(path) as writer:
        writer.append(step(1))
        pages = writer._db.execute("PRAGMA page_count").fetchone()[0]
        writer._db.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(LabError, match=r"Recording step 2.*the disk is full"):
            writer.append(step(2, groups=8, length=300))
        writer._db.execute("PRAGMA max_page_count = 100000")
        writer.append(step(2))

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("os.replace", full)
        writer.write_state(status="failed", error="full")
    assert Run(path).state["error"] == "full" and not list(path.glob("*.tmp"))
    assert_same(step(1), Run(path).step(1))
    assert_same(step(2), Run(path).step(2))
