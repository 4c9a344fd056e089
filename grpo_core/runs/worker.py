"""A run as a process of its own: drain a Trainer into a run folder, and do what the viewer says.

    python -m grpo_core.runs.worker RUN       train RUN (or continue it) until it is done or stopped
    worker.start(path)                   the same, detached: it outlives whoever started it
    worker.run(path)                     the same, in this process

What makes a run survive anything: each step is committed to run.db first, and only then does
checkpoints/last.pt move on. Killed between the two, the run resumes one step earlier, computes
that step again, bit for bit the same, and replaces it. So only the step in flight is ever lost.

The viewer's wishes (run, pause, step, stop) are looked at between steps and acknowledged in
state.json by their sequence number. A thread beats once a second, so that readers can tell a long
step from a dead process. SIGTERM and SIGINT mean stop: the step in flight is finished first.

Importing this loads no torch, and `start` needs none: the dashboard uses it.
"""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import psutil  # type: ignore[import-untyped]

from grpo_core.core import child
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError, printable
from grpo_core.core.records import Step
from grpo_core.core.regular import open_regular
from grpo_core.runs import LIVE, Run, RunWriter, Want, check_checkpoint, check_model
from grpo_core.runs.disk import told_plainly

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
BEAT_SECONDS = 1.0


class Trainer(Protocol):
    """What the worker asks of `training.trainer.Trainer`.

    Attributes:
        step_index: the last step done.
        policy: has `save(folder)`, as models.policy.Policy does.
    """

    step_index: int
    policy: Any

    def __iter__(self) -> Iterator[Step]:
        """The steps still to do."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on; tensors and plain values only."""
        ...

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Go on from there. Raises LabError when the state is of another model."""
        ...


# --- starting ----------------------------------------------------------------------------------


def environment(config: GRPOConfig) -> dict[str, str]:
    """Environment variables that must be set before torch is imported.

    Idle OpenMP threads otherwise spin for a while, which on a laptop's few cores slows whoever
    else is there, above all the dashboard.
    """
    threads = {"OMP_NUM_THREADS": str(config.threads)} if config.threads else {}
    return {
        **threads,
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "1000",  # some microseconds
        "TOKENIZERS_PARALLELISM": "false",
    }


def start(path: Path | str) -> int:
    """Train or continue a run in a detached process, and return its pid at once.

    The process goes on when its starter ends. What it prints goes to the folder's worker.log, and
    whether it runs is `Run(path).status`. Two starts at once are harmless: the second process
    finds the first one's lock and ends.

    Raises:
        LabError: the run is live already, or its folder is damaged or cannot be written to.
    """
    run = Run(path)
    if run.status in LIVE:
        raise LabError(f"Run '{run.name}' is running already: pause or stop it instead.")
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        options = {"creationflags": flags}
    run.control("run")
    with open_regular(run.path / "worker.log", "ab") as log:
        process = subprocess.Popen(
            child.command("-m", "grpo_core.runs.worker", run.path),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=child.environment({**environment(run.config), "PYTHONUNBUFFERED": "1"}),
            **options,
        )
    # Collect its exit status whenever it ends, or it would stay behind as a zombie.
    threading.Thread(target=process.wait, name=f"wait-{process.pid}", daemon=True).start()
    return process.pid


def run(
    path: Path | str,
    *,
    make_trainer: Callable[[GRPOConfig], Trainer] | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> str:
    """Train or continue a run in this process.

    Args:
        path: a folder that `create_run` made.
        make_trainer: builds the trainer; None for `training.trainer.Trainer`.
        on_step: called with each step after it was recorded.

    Returns:
        "finished", or "stopped" when the viewer or a signal asked for that.

    Raises:
        LabError: the run cannot be trained, or no longer; state.json says why, too.
    """
    with RunWriter(path) as writer:
        acknowledged = int(writer.run.state.get("acknowledged") or 0)
        writer.write_state(**_identity(), step=writer.run.last_step(), error=None)
        with _beating(writer), _stop_on_signals() as stopping:
            viewer = _Viewer(writer, stopping, acknowledged)
            try:
                status = _train(writer, viewer, make_trainer or _real_trainer, on_step)
            except KeyboardInterrupt:
                _farewell(writer, status="stopped")
                raise
            except LabError as error:
                _farewell(writer, status="failed", error=str(error))
                raise
            except BaseException as error:
                sentence = (
                    f"Unexpected {type(error).__name__}: {error}. The traceback is in worker.log, "
                    "or in the terminal that the run was started from."
                )
                _farewell(writer, status="failed", error=sentence)
                raise
        writer.write_state(status=status)
    return status


def _identity() -> dict[str, Any]:
    """Which process this is, in a way that survives the reuse of pids."""
    return {
        "status": "starting",
        "pid": os.getpid(),
        "pid_started": psutil.Process().create_time(),
        "host": socket.gethostname(),
        "started": time.time(),
    }


def _farewell(writer: RunWriter, **changes: Any) -> None:
    """Record how it ended, as far as the disk still allows."""
    with contextlib.suppress(LabError):
        writer.write_state(**changes)


# --- heartbeat, signals, viewer ----------------------------------------------------------------


@contextlib.contextmanager
def _beating(writer: RunWriter) -> Iterator[None]:
    """Renew the heartbeat of state.json from a thread."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            with contextlib.suppress(LabError):
                writer.write_state()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """An event set by SIGINT or SIGTERM; a second SIGINT raises KeyboardInterrupt as usual."""
    stopping = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopping  # only the main thread may have signal handlers
        return

    def handle(number: int, frame: Any) -> None:
        if stopping.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stopping.set()

    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, handle) for number in numbers]
    try:
        yield stopping
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)


class _Viewer:
    """What the viewer wants of this run, read between steps and acknowledged."""

    def __init__(self, writer: RunWriter, stopping: threading.Event, acknowledged: int) -> None:
        """A wish that an earlier process acknowledged is no wish for this one."""
        self._writer = writer
        self._stopping = stopping
        self._sequence = acknowledged
        self._want: Want = "run"
        self._complaint: str | None = None

    def allows_a_step(self) -> bool:
        """Wait while the run is paused; then True for another step, False to stop."""
        shown = None
        while True:
            self._look()
            if self._stopping.is_set() or self._want == "stop":
                return False
            status = "paused" if self._want == "pause" else "running"
            if status != shown:
                self._writer.write_state(status=status, acknowledged=self._sequence)
                shown = status
            if self._want == "step":
                self._want = "pause"
                return True
            if self._want == "run":
                return True
            self._stopping.wait(POLL_SECONDS)

    def _look(self) -> None:
        """Read control.json. Damage is reported and changes nothing: the next wish mends it."""
        try:
            control = self._writer.read_control()
        except LabError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._writer.write_state(error=self._complaint)
                log.warning(self._complaint)
            return
        if self._complaint is not None:
            self._complaint = None
            self._writer.write_state(error=None)
        if control.sequence > self._sequence:
            self._sequence, self._want = control.sequence, control.want
            self._writer.write_state(acknowledged=control.sequence)


# --- training ----------------------------------------------------------------------------------


def _real_trainer(config: GRPOConfig) -> Trainer:
    """GRPO itself; this is where torch is loaded."""
    check_model(Path(config.model))
    for name, value in environment(config).items():
        os.environ.setdefault(name, value)
    from transformers.utils import logging as transformers_logging

    from grpo_core import plugins
    from grpo_core.training.trainer import Trainer as GRPO

    transformers_logging.disable_progress_bar()
    plugins.load_installed()
    return GRPO(config)


def _train(
    writer: RunWriter,
    viewer: _Viewer,
    make_trainer: Callable[[GRPOConfig], Trainer],
    on_step: Callable[[Step], None] | None,
) -> str:
    """Build or load the trainer and drain it; returns the final status."""
    config = writer.run.config
    trainer = make_trainer(config)
    _load(trainer, writer)
    log.info("%s: training in process %d", writer.run.name, os.getpid())
    steps = iter(trainer)
    last, saved, exported, status = None, True, True, "finished"
    while last is None or last.index < config.max_steps:
        if not viewer.allows_a_step():
            status = "stopped"
            break
        step = next(steps, None)
        if step is None:
            break
        last = step
        # This order: whatever a kill leaves undone, the step before's checkpoint does again.
        writer.append(last)
        exported = last.index > 0 and any(name.startswith("eval/") for name in last.metrics)
        if exported:
            _export(trainer, writer, last.index)
        saved = last.index % config.save_steps == 0
        if saved:
            _save(trainer, writer, last.index)
        writer.write_state(step=last.index)
        if on_step is not None:
            on_step(last)
    if last is not None and last.index > 0 and not exported:
        _export(trainer, writer, last.index)
    if last is not None and not saved:
        _save(trainer, writer, last.index)
    log.info("%s: %s after step %s", writer.run.name, status, writer.run.last_step())
    return status


def _save(trainer: Trainer, writer: RunWriter, step: int) -> None:
    """Write the checkpoint that `_load` reads. Raises LabError when it cannot be written."""
    import torch

    content = {"step": step, "trainer": trainer.state_dict()}

    def write(path: Path) -> None:
        with path.open("wb") as file:  # a Python file, as its errors say what is wrong
            torch.save(content, file)

    writer.save_checkpoint(write, step)


def _load(trainer: Trainer, writer: RunWriter) -> None:
    """Put the trainer where checkpoints/last.pt was taken, if there is one to go on from.

    A checkpoint that is ahead of the recorded steps (run.db was moved away, being damaged) is left
    alone: from the beginning the same steps come again.

    Raises:
        LabError: the checkpoint is damaged, or does not fit the configuration.
    """
    path = writer.path / "checkpoints" / "last.pt"
    with told_plainly(writer.path, "reading the checkpoint"):
        if not check_checkpoint(path):
            return
    import torch

    try:
        # weights_only: a checkpoint may come from someone else, and a pickle can run anything.
        content = torch.load(path, map_location="cpu", weights_only=True)
        step, state = int(content["step"]), content["trainer"]
    except Exception as error:  # on rubbish, torch.load raises all kinds
        raise LabError(
            f"{path} is damaged. Move it away and run `grpo-lab resume {writer.path}`: the steps "
            "are computed again from the beginning, with the same result."
        ) from error
    recorded = writer.run.last_step()
    if recorded is None or recorded < step:
        log.warning("run.db ends at step %s, before the checkpoint (%d): anew", recorded, step)
        return
    trainer.load_state_dict(state)


def _export(trainer: Trainer, writer: RunWriter, step: int) -> None:
    """Save the policy as a folder that transformers, TRL and `load_policy` load."""
    writer.save_model(trainer.policy.save, step)


class _Plain(logging.Formatter):
    """A line of the log for each message, and for each line of a traceback."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message as one line: what a stranger chose in it forges no other."""
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        """The traceback, whose last line quotes anything."""
        return "\n".join(map(printable, super().formatException(ei).split("\n")))


def main(arguments: list[str] | None = None) -> int:
    """`python -m grpo_core.runs.worker RUN`: 0 when finished or stopped, 1 when it failed."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Plain("%(asctime)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        log.error("usage: python -m grpo_core.runs.worker RUN_FOLDER")
        return 2
    try:
        run(arguments[0])
    except LabError as error:
        log.error(error)
        return 1
    except KeyboardInterrupt:
        return 0
    except Exception:
        log.exception("this is a bug of GRPO Lab, please report it:")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
