"""One writer, many readers: what is recorded stays, whatever happens to the process."""

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from make_steps import assert_same, step

from grpo_core.core.errors import LabError
from grpo_core.runs import Run, RunWriter


def test_a_second_writer_is_refused_clearly(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.write_state(pid=4321)
        with pytest.raises(LabError, match="is being trained already, by process 4321"):
            RunWriter(path)
    RunWriter(path).close()


def test_a_killed_writer_lets_go_and_loses_only_the_step_in_flight(path: Path) -> None:
    code = (
        "import os, signal, sys; sys.path.append('tests/helpers')\n"
        "from make_steps import step\nfrom grpo_core.runs import RunWriter\n"
        "w = RunWriter(sys.argv[1]); [w.append(step(i)) for i in range(1, 4)]\n"
        "w._db.execute('BEGIN IMMEDIATE'); w._db.execute('DELETE FROM steps')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, timeout=200)
    assert done.returncode == -9
    assert Run(path).last_step() == 3
    with RunWriter(path) as writer:
        writer.append(step(4))
    for i in range(1, 5):
        assert_same(step(i), Run(path).step(i))


def test_readers_see_whole_steps_while_a_writer_writes(path: Path) -> None:
    errors: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        run = Run(path)
        try:
            while not done.is_set():
                last = run.last_step()
                if last is not None:
                    assert_same(step(last), run.step(last))
        except BaseException as error:
            errors.append(error)

    with RunWriter(path) as writer:
        readers = [threading.Thread(target=read) for _ in range(2)]
        for thread in readers:
            thread.start()
        for i in range(25):
            writer.append(step(i))
        done.set()
        for thread in readers:
            thread.join()
    assert not errors


def test_a_closed_run_is_one_file_and_a_reader_adds_none(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.append(step(1))
    Run(path).step(1)
    assert sorted(p.name for p in path.glob("run.db*")) == ["run.db"]
    with sqlite3.connect(path / "run.db") as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_reader_in_the_way_does_not_hinder_closing(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.append(step(1))
        with Run(path).reading() as db:
            assert db is not None
            start = time.monotonic()
            writer.close()
            assert time.monotonic() - start < 3
    assert_same(step(1), Run(path).step(1))


def test_a_failed_checkpoint_keeps_the_one_before(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.save_checkpoint(lambda p: p.write_text("one") and None, 1)

        def half(file: Path) -> None:
            file.write_text("tw")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            writer.save_checkpoint(half, 2)
    assert (path / "checkpoints" / "last.pt").read_text() == "one"
    assert len(list((path / "checkpoints").iterdir())) == 1


def test_models_are_folders_by_step_and_can_be_replaced(path: Path) -> None:
    with RunWriter(path) as writer:
        for number, word in ((100, "a"), (25, "b"), (25, "c")):
            writer.save_model(lambda p, w=word: (p / "model").write_text(w) and None, number)
    models = Run(path).models()
    assert [(n, p.name) for n, p in models] == [(25, "step-000025"), (100, "step-000100")]
    assert (models[0][1] / "model").read_text() == "c"


def test_what_a_killed_writer_left_half_written_is_removed(path: Path) -> None:
    (path / "checkpoints" / "step-000001.tmp").mkdir(parents=True)
    (path / "checkpoints" / "last.pt.tmp").write_text("x")
    (path / "state.json.1-2.tmp").write_text("x")
    RunWriter(path).close()
    assert not list(path.rglob("*.tmp"))
