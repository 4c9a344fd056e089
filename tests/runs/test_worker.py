"""The worker: pause, step, stop, kill and resume, with a trainer small enough to be exact about.

Run as a program, `python tests/runs/test_worker.py RUN`, this file trains RUN with the fake
trainer.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mini_model import MINI, make_model

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion, Group, Step
from grpo_core.runs import Run, RunWriter, create_run, worker

ROOT = Path(__file__).parents[2]
HELPERS = ROOT / "tests" / "helpers"


class FakePolicy:
    """A policy, as far as the worker can tell."""

    def __init__(self, trainer: "FakeTrainer") -> None:
        self.trainer = trainer

    def save(self, folder: Path) -> None:
        (folder / "model").write_text(str(self.trainer.state))


class FakeTrainer:
    """Steps whose content depends on all steps before, through one number of state."""

    def __init__(self, config: GRPOConfig) -> None:
        self.config = config
        self.step_index = -1
        self.state = config.seed + 1
        self.policy = FakePolicy(self)

    def __iter__(self) -> Iterator[Step]:
        while self.step_index < self.config.max_steps:
            time.sleep(self.config.task_options.get("delay", 0))
            if self.step_index == int(os.environ.get("FAKE_HOLD", -2)):
                time.sleep(1000)  # until it is killed
            self.step_index += 1
            self.state = self.state * 6364136223846793005 % 2**63
            yield self.make_step()

    def make_step(self) -> Step:
        rng = np.random.default_rng(self.state)
        metrics = {"reward": float(rng.random()), "seconds/step": time.perf_counter()}
        if (
            self.step_index % self.config.eval_steps == 0
            or self.step_index == self.config.max_steps
        ):
            metrics["eval/accuracy"] = float(rng.random())
        groups = [] if self.step_index == 0 else [Group("p", {"target": 5}, [])]
        for group in groups:
            floats = [rng.standard_normal(6).astype(np.float32) for _ in range(3)]
            ids = rng.integers(0, 99, 6).astype(np.int32)
            reward = float(rng.random())
            group.completions.append(
                Completion("t", ["a"] * 6, ids, {"f": reward}, reward, 0.5, False, *floats)
            )
        return Step(self.step_index, metrics, groups)

    def state_dict(self) -> dict[str, Any]:
        return {"step_index": self.step_index, "state": self.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state.keys() != self.state_dict().keys():
            raise LabError("The checkpoint does not fit last.pt's run.")
        self.step_index, self.state = state["step_index"], state["state"]


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table of run.db to the last bit, without wall times."""
    database = sqlite3.connect(f"file:{path / 'run.db'}?mode=ro", uri=True)
    tables = {
        name: database.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall()
        for name in ("completions",)
    }
    tables["groups"] = database.execute("SELECT * FROM groups ORDER BY 1, 2").fetchall()
    tables["meta"] = database.execute("SELECT * FROM meta ORDER BY key").fetchall()
    steps = database.execute("SELECT step, metrics FROM steps ORDER BY step").fetchall()
    database.close()
    timeless = [
        (step, [(k, v) for k, v in json.loads(text).items() if not k.startswith("seconds/")])
        for step, text in steps
    ]
    return {**tables, "steps": timeless}


def config(**changes: Any) -> GRPOConfig:
    return GRPOConfig(**{"max_steps": 8, "eval_steps": 3, "seed": 7, **changes})


def train(path: Path, **options: Any) -> str:
    return worker.run(path, make_trainer=FakeTrainer, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """What a run that nothing interrupts records."""
    path = create_run(tmp_path_factory.mktemp("whole"), "whole", config())
    assert train(path) == "finished"
    return contents(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return create_run(tmp_path, "demo", config())


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.005)


# --- a run from beginning to end ---------------------------------------------------------------


def test_a_whole_run(path: Path) -> None:
    seen: list[int] = []
    before = time.time()
    assert train(path, on_step=lambda step: seen.append(step.index)) == "finished"
    run = Run(path)
    assert seen == list(range(9)) == [step for step, _ in run.metrics()]
    assert (run.status, run.problem, run.state["step"]) == ("finished", None, 8)
    assert run.state["heartbeat"] >= before and run.state["pid"] == os.getpid()
    assert [step for step, _ in run.models()] == [3, 6, 8]
    assert (path / "checkpoints" / "last.pt").is_file()
    assert train(path) == "finished"  # and once more is harmless
    assert run.last_step() == 8


def test_save_steps_thins_out_checkpoints_and_the_end_is_always_saved(tmp_path: Path) -> None:
    path = create_run(tmp_path, "demo", config(save_steps=5, max_steps=7, eval_steps=100))
    times: list[tuple[int, int]] = []
    checkpoint = path / "checkpoints" / "last.pt"
    train(path, on_step=lambda s: times.append((s.index, checkpoint.stat().st_mtime_ns)))
    assert len({t for _, t in times}) == 2  # steps 0 and 5
    import torch

    assert torch.load(checkpoint, weights_only=True)["step"] == 7


def test_two_seeds_differ(tmp_path: Path, whole: dict[str, list[tuple[Any, ...]]]) -> None:
    path = create_run(tmp_path, "other", config(seed=8))
    train(path)
    assert contents(path) != whole


# --- stopping and going on ---------------------------------------------------------------------


def test_stop_then_resume_gives_the_same_records(
    path: Path, whole: dict[str, list[tuple[Any, ...]]]
) -> None:
    def stop_at_4(step: Step) -> None:
        if step.index == 4:
            Run(path).control("stop")

    assert train(path, on_step=stop_at_4) == "stopped"
    run = Run(path)
    assert (run.status, run.last_step()) == ("stopped", 4)
    assert run.state["acknowledged"] == 1
    assert run.models()[-1][0] == 4  # what was stopped can be used as it is
    assert train(path) == "finished"  # the old wish, acknowledged, does not stop it again
    assert contents(path) == whole


class Crash(BaseException):
    """Stands for a kill at one exact line."""


@pytest.mark.parametrize("moment", ["append", "save_model", "save_checkpoint", "write_state"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("save_steps", [1, 4])
def test_interrupted_between_any_two_writes(
    tmp_path: Path,
    whole: dict[str, list[tuple[Any, ...]]],
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    after: bool,
    save_steps: int,
) -> None:
    path = create_run(tmp_path, "demo", config(save_steps=save_steps))
    original = getattr(RunWriter, moment)
    calls = 0

    def interrupted(self: RunWriter, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2 and not after:
            raise Crash
        result = original(self, *args, **kwargs)
        if calls == 2:
            raise Crash
        return result

    with monkeypatch.context() as patch:
        patch.setattr(RunWriter, moment, interrupted)
        with pytest.raises(Crash):
            train(path)
    before = Run(path).last_step()
    assert train(path) == "finished"
    assert contents(path) == whole
    assert [step for step, _ in Run(path).models()] == [3, 6, 8]
    assert before is None or before <= 8


Spawn = Callable[[Path], "subprocess.Popen[bytes]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """This file as a program: the fake trainer in a process that can really be killed."""
    processes: list[subprocess.Popen[bytes]] = []

    def spawn(path: Path) -> subprocess.Popen[bytes]:
        modules = os.pathsep.join((str(ROOT), str(HELPERS)))
        environment = {**os.environ, "PYTHONPATH": modules}
        with (path / "worker.log").open("ab") as log:
            command = [sys.executable, __file__, str(path)]
            processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        return processes[-1]

    yield spawn
    for process in processes:
        process.kill()
        process.wait()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_kill_9_loses_at_most_the_step_in_flight(
    tmp_path: Path,
    whole: dict[str, list[tuple[Any, ...]]],
    spawn: Spawn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = create_run(tmp_path, "demo", config())
    with monkeypatch.context() as patch:
        patch.setenv("FAKE_HOLD", "5")  # so that a busy machine, too, kills it before step 8
        run, process = Run(path), spawn(path)
    wait_for(lambda: (run.last_step_or_none() or 0) >= 3)
    assert run.status == "running"
    recorded = run.last_step() or 0
    process.kill()
    process.wait()
    assert recorded <= (run.last_step() or 0) < 8
    assert run.status == "lost" and "grpo-lab resume demo" in str(run.problem)
    train(path)
    assert contents(path) == whole


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_signal_stops_after_the_step_in_flight(tmp_path: Path, spawn: Spawn) -> None:
    path = create_run(tmp_path, "demo", config(max_steps=1000, task_options={"delay": 0.05}))
    process = spawn(path)
    wait_for(lambda: Run(path).last_step_or_none())
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    run = Run(path)
    assert run.status == "stopped" and run.state["step"] == run.last_step()
    assert run.models()[-1][0] == run.last_step()


def test_a_lost_database_comes_back_by_computing_again(
    path: Path, whole: dict[str, list[tuple[Any, ...]]]
) -> None:
    train(path)
    (path / "run.db").rename(path / "damaged.db")
    train(path)
    assert contents(path) == whole


# --- what the viewer says ----------------------------------------------------------------------


@pytest.fixture
def in_thread(tmp_path: Path) -> Iterator[Path]:
    """An endless run, training in a thread."""
    path = create_run(tmp_path, "demo", config(max_steps=10**6, task_options={"delay": 0.01}))
    thread = threading.Thread(target=train, args=(path,))
    thread.start()
    wait_for(lambda: Run(path).status == "running")
    yield path
    Run(path).control("stop")
    thread.join(timeout=60)
    assert not thread.is_alive() and Run(path).status == "stopped"


def ask(path: Path, want: Any) -> None:
    """Say it and wait until it was heard."""
    number = Run(path).control(want)
    wait_for(lambda: Run(path).state.get("acknowledged") == number)


def test_pause_step_and_run(in_thread: Path) -> None:
    run = Run(in_thread)
    ask(in_thread, "pause")
    wait_for(lambda: run.status == "paused")
    paused_at = run.last_step()
    assert paused_at is not None
    time.sleep(0.2)
    assert run.last_step() == paused_at
    for i in (1, 2):
        ask(in_thread, "step")
        wait_for(lambda i=i: run.last_step() == paused_at + i and run.status == "paused")
    time.sleep(0.2)
    assert run.last_step() == paused_at + 2
    ask(in_thread, "run")
    wait_for(lambda: (run.last_step() or 0) > paused_at + 4)
    assert run.status == "running"


def test_the_heart_beats_while_paused(in_thread: Path) -> None:
    ask(in_thread, "pause")
    first = Run(in_thread).state["heartbeat"]
    wait_for(lambda: Run(in_thread).state["heartbeat"] > first + 0.5)


def test_a_damaged_control_file_is_reported_and_training_goes_on(in_thread: Path) -> None:
    run = Run(in_thread)
    (in_thread / "control.json").write_text('{"sequence": 3, "wa')
    wait_for(lambda: "control.json is damaged" in str(run.problem))
    step = run.last_step() or 0
    wait_for(lambda: (run.last_step() or 0) > step + 2)
    ask(in_thread, "pause")
    wait_for(lambda: run.status == "paused" and run.problem is None)


def test_a_wish_nobody_heard_is_obeyed_by_the_next_process(path: Path) -> None:
    Run(path).control("stop")
    assert train(path) == "stopped"
    assert Run(path).last_step() is None


# --- what can go wrong -------------------------------------------------------------------------


def test_a_users_mistake_is_told_in_its_own_words(path: Path) -> None:
    def make(_: GRPOConfig) -> FakeTrainer:
        raise LabError("There is no task called 'x'.")

    with pytest.raises(LabError):
        worker.run(path, make_trainer=make)
    run = Run(path)
    assert (run.status, run.problem) == ("failed", "There is no task called 'x'.")
    train(path)
    assert Run(path).problem is None


def test_a_bug_is_told_as_one(path: Path) -> None:
    def fail(step: Step) -> None:
        if step.index == 2:
            raise ZeroDivisionError("by zero")

    with pytest.raises(ZeroDivisionError):
        train(path, on_step=fail)
    assert Run(path).status == "failed"
    assert str(Run(path).problem).startswith("Unexpected ZeroDivisionError: by zero. The traceb")
    assert Run(path).last_step() == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "rubbish", "other", "pickle"])
def test_a_damaged_checkpoint_is_told_and_left_alone(path: Path, damage: str) -> None:
    import torch

    train(path)
    checkpoint = path / "checkpoints" / "last.pt"
    whole = checkpoint.read_bytes()
    if damage == "other":
        torch.save({"step": 8, "trainer": {"no": "such"}}, checkpoint)
    elif damage == "pickle":
        torch.save({"step": 8, "trainer": subprocess.Popen}, checkpoint)
    else:
        cut = {"cut": whole[: len(whole) // 2], "empty": b"", "rubbish": b"rubbish" * 99}
        checkpoint.write_bytes(cut[damage])
    with pytest.raises(LabError, match=r"does not fit|Move it away"):
        train(path)
    assert Run(path).status == "failed" and "last.pt" in str(Run(path).problem)
    assert Run(path).last_step() == 8


def test_a_damaged_configuration_is_told(path: Path) -> None:
    (path / "config.json").write_text("{")
    with pytest.raises(LabError, match=r"config\.json is damaged"):
        train(path)
    assert Run(path).status == "failed"
    with pytest.raises(LabError, match=r"config\.json is damaged"):
        worker.start(path)


def test_a_full_disk_is_told_and_costs_one_step(
    tmp_path: Path, whole: dict[str, list[tuple[Any, ...]]]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.name == "nt" or os.geteuid() != 0 or subprocess.run(mount).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        path = create_run(disk, "demo", config())

        def fill(step: Step) -> None:
            if step.index == 4:
                (disk / "filler").write_bytes(b"x" * shutil.disk_usage(disk).free)

        with pytest.raises(LabError, match=r"the disk is full.*grpo-lab resume"):
            train(path, on_step=fill)
        run = Run(path)
        assert run.status == "failed" and "the disk is full" in str(run.problem)
        assert (run.last_step() or 0) >= 4
        (disk / "filler").unlink()
        assert train(path) == "finished"
        assert contents(path) == whole
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_second_worker_leaves_the_first_alone(in_thread: Path) -> None:
    with pytest.raises(LabError, match="is running already"):
        worker.start(in_thread)
    before = Run(in_thread).state["started"]
    with pytest.raises(LabError, match="being trained already"):
        train(in_thread)
    assert Run(in_thread).state["started"] == before and Run(in_thread).status == "running"


def test_as_a_program_it_tells_what_it_was_not_given(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert worker.main([]) == 2
    assert worker.main([str(tmp_path)]) == 1
    assert "There is no run in" in caplog.text


def test_importing_the_worker_loads_no_torch() -> None:
    code = "import sys, grpo_core.runs.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=200).returncode == 0


# --- the real trainer --------------------------------------------------------------------------


def real_config(model: Path) -> GRPOConfig:
    return GRPOConfig(**{**MINI, "model": str(model), "max_steps": 5, "reward_weights": (1, 0.3)})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def real(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """What the real trainer records when nothing interrupts it."""
    path = create_run(tmp_path_factory.mktemp("real"), "real", real_config(model))
    assert worker.run(path) == "finished"
    return contents(path)


def test_really_stopped_and_resumed(
    model: Path, tmp_path: Path, real: dict[str, list[tuple[Any, ...]]]
) -> None:
    path = create_run(tmp_path, "demo", real_config(model))

    def stop_at_3(step: Step) -> None:
        if step.index == 3:
            Run(path).control("stop")

    assert worker.run(path, on_step=stop_at_3) == "stopped"
    assert worker.run(path) == "finished"
    assert contents(path) == real
    assert Run(path).step(4).groups[1].completions[2].push is not None


def test_a_saved_model_is_an_ordinary_one(
    model: Path, tmp_path: Path, real: dict[str, list[tuple[Any, ...]]]
) -> None:
    path = create_run(tmp_path, "demo", real_config(model))
    worker.run(path)
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = str(Run(path).models()[-1][1])
    loaded = AutoModelForCausalLM.from_pretrained(folder)
    assert len(AutoTokenizer.from_pretrained(folder)) == loaded.config.vocab_size


def test_a_checkpoint_of_another_model_is_told(model: Path, tmp_path: Path) -> None:
    path = create_run(tmp_path, "demo", real_config(model))
    train(path)  # the fake trainer's checkpoint means nothing to the real one
    with pytest.raises(LabError, match="does not fit"):
        worker.run(path)
    assert Run(path).status == "failed" and Run(path).last_step() == 5


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_detached_killed_and_started_twice_at_once(
    model: Path, tmp_path: Path, real: dict[str, list[tuple[Any, ...]]]
) -> None:
    path = create_run(tmp_path, "demo", real_config(model))
    run = Run(path)
    run.control("stop")  # an old wish of nobody: start overrides it
    pid = worker.start(path)
    for step in range(3):  # one at a time, so that it cannot be done before it is killed
        run.control("step")
        wait_for(lambda step=step: run.last_step_or_none() == step or run.status == "failed")
    run.control("run")
    assert run.state["pid"] == pid != os.getpid()
    assert os.getsid(pid) == pid  # a session of its own: closing the terminal does not reach it
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: run.status == "lost")
    assert contents(path)["steps"] == real["steps"][: (run.last_step() or 0) + 1]

    worker.start(path)
    worker.start(path)
    wait_for(lambda: run.status in ("finished", "failed"))
    assert run.problem is None and contents(path) == real
    wait_for(lambda: "being trained already" in (path / "worker.log").read_text())


if __name__ == "__main__":
    train(Path(sys.argv[1]))
