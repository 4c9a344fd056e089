"""Reading a run, also while it is written."""

import contextlib
import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import filelock
import psutil  # type: ignore[import-untyped]

from grpo_core.config import GRPOConfig
from grpo_core.errors import LabError
from grpo_core.records import Group, Step
from grpo_core.store.control import Want, last_sequence
from grpo_core.store.database import check_version, open_for_reading
from grpo_core.store.disk import read_json, told_plainly, write_json
from grpo_core.store.folder import is_run
from grpo_core.store.rows import GroupOutline, read_groups, read_outlines, read_reward_names

if TYPE_CHECKING:
    import pandas

LIVE = ("starting", "running", "paused")
STALE_SECONDS = 30.0
"""A writer that beats once a second and has not for so long is lost, whatever its pid says."""


class Run:
    """A run folder, read-only, safe to use while its writer writes and from any thread.

    Nothing is kept open: each method connects, reads one consistent snapshot and closes, which
    takes a fraction of a millisecond.

    Attributes:
        path: the folder.
        name: the folder's name.
    """

    def __init__(self, path: Path | str) -> None:
        """Raises LabError when there is no run in `path`."""
        self.path = Path(path).absolute()
        self.name = self.path.name
        if not is_run(self.path):
            raise LabError(f"There is no run in {self.path}: `grpo-lab runs` lists the runs.")

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    # What it is and does

    @property
    def options(self) -> dict[str, Any]:
        """config.json as it stands. Raises LabError when it is damaged."""
        return read_json(self.path / "config.json")

    @property
    def config(self) -> GRPOConfig:
        """The configuration. Raises LabError when it is missing, damaged, or refused."""
        options = self.options
        if not options:
            raise LabError(f"{self.path / 'config.json'} is missing or empty.")
        return GRPOConfig.from_dict(options)

    @property
    def state(self) -> dict[str, Any]:
        """state.json as its writer last left it; {} when there is none or it is damaged.

        The state tells what a process is doing and nothing of what the run has done, so a damaged
        one is as good as none; `problem` mentions it.
        """
        try:
            return read_json(self.path / "state.json")
        except LabError:
            return {}

    @property
    def created(self) -> float:
        """Unix time of creation."""
        created = self.state.get("created")
        if isinstance(created, int | float):
            return float(created)
        try:
            return self.path.stat().st_mtime
        except OSError:
            return 0.0

    @property
    def status(self) -> str:
        """One of new, starting, running, paused, finished, stopped, failed, lost.

        "lost" is a run that says it is live and whose process is gone (killed, or the machine was
        switched off) or has not beaten for STALE_SECONDS; `grpo-lab resume` continues it.
        """
        state = self.state
        status = state.get("status", "new" if self.last_step_or_none() is None else "stopped")
        return "lost" if status in LIVE and not _writer_lives(state) else str(status)

    @property
    def problem(self) -> str | None:
        """One sentence on what is wrong with the run, None while nothing is."""
        try:
            read_json(self.path / "state.json")
            self.config  # noqa: B018 (read for its errors)
            self.last_step()
        except LabError as error:
            return str(error)
        if self.status == "lost":
            return (
                f"The process training run '{self.name}' is gone: "
                f"`grpo-lab resume {self.name}` continues where it was."
            )
        error_text = self.state.get("error")
        return str(error_text) if error_text else None

    # What it has recorded

    @contextlib.contextmanager
    def _read(self) -> Iterator[sqlite3.Connection | None]:
        """A read-only snapshot of run.db; None while there is nothing in it.

        Raises:
            LabError: run.db is damaged, locked, or of a newer version.
        """
        with told_plainly(self.path, "reading"):
            connection = open_for_reading(self.path / "run.db")
            if connection is None:
                yield None
                return
            with contextlib.closing(connection):
                connection.execute("BEGIN")
                tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
                if not tables:
                    yield None
                    return
                check_version(connection, self.path)
                yield connection

    def last_step(self) -> int | None:
        """The highest step recorded, None while there is none. Raises LabError as all below."""
        with self._read() as db:
            return None if db is None else db.execute("SELECT max(step) FROM steps").fetchone()[0]

    def last_step_or_none(self) -> int | None:
        """`last_step`, and None too where the database cannot be read."""
        try:
            return self.last_step()
        except LabError:
            return None

    def metrics(self, after: int = -1) -> list[tuple[int, dict[str, float]]]:
        """(step, metrics) of every step above `after`, in order. Cheap to poll."""
        with self._read() as db:
            if db is None:
                return []
            rows = db.execute(
                "SELECT step, metrics FROM steps WHERE step > ? ORDER BY step", (after,)
            ).fetchall()
        return [(step, json.loads(metrics)) for step, metrics in rows]

    def frame(self) -> "pandas.DataFrame":
        """The metrics as a table: one row a step, one column a metric."""
        import pandas as pd

        rows = self.metrics()
        index = pd.Index([step for step, _ in rows], name="step", dtype="int64")
        return pd.DataFrame([metrics for _, metrics in rows], index=index)

    def step(self, index: int) -> Step:
        """A whole step. Raises LabError when it was not recorded."""
        with self._read() as db:
            query = "SELECT metrics FROM steps WHERE step = ?"
            row = None if db is None else db.execute(query, (index,)).fetchone()
            if db is None or row is None:
                raise LabError(f"Run '{self.name}' has no step {index}.")
            return Step(index, json.loads(row[0]), read_groups(db, index))

    def group(self, step: int, group_index: int) -> Group:
        """One group of a step. Raises LabError when it was not recorded."""
        with self._read() as db:
            groups = [] if db is None else read_groups(db, step, group_index)
        if not groups:
            raise LabError(f"Run '{self.name}' has no group {group_index} in step {step}.")
        return groups[0]

    def group_count(self, step: int) -> int:
        """How many groups a step has; 0 for a step that was not recorded."""
        with self._read() as db:
            if db is None:
                return 0
            query = "SELECT count(*) FROM groups WHERE step = ?"
            return int(db.execute(query, (step,)).fetchone()[0])

    def outlines(self, after: int = -1) -> list[tuple[int, list[GroupOutline]]]:
        """(step, groups without their tokens) of every step above `after` that has groups."""
        with self._read() as db:
            return [] if db is None else list(read_outlines(db, after))

    def reward_names(self) -> list[str]:
        """The names of all rewards that any completion has, in the order in which they came."""
        with self._read() as db:
            return [] if db is None else read_reward_names(db)

    # Its models

    def models(self) -> list[tuple[int, Path]]:
        """(step, folder) of every model saved, in order; `load_policy` takes the folder."""
        found = (self.path / "checkpoints").glob("step-*")
        return sorted((int(p.name[5:]), p) for p in found if p.name[5:].isdecimal())

    # The one thing a viewer may say

    def control(self, want: str) -> int:
        """Ask the writer for something; returns the sequence number it will acknowledge.

        Raises:
            LabError: there is no such wish, or the folder cannot be written to.
        """
        if want not in get_args(Want):
            raise LabError(f"A run cannot be asked to {want!r}: {', '.join(get_args(Want))}.")
        path = self.path / "control.json"
        lock = filelock.FileLock(self.path / "control.lock", timeout=5)
        with told_plainly(self.path, "control"), lock:
            sequence = 1 + max(last_sequence(path), int(self.state.get("acknowledged") or 0))
            write_json(path, {"sequence": sequence, "want": want})
        return sequence


def list_runs(root: Path) -> list["Run"]:
    """The runs in a folder, newest first; [] when there is no such folder."""
    try:
        paths = [p for p in Path(root).iterdir() if is_run(p)]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return sorted((Run(p) for p in paths), key=lambda run: (run.created, run.name), reverse=True)


def _writer_lives(state: dict[str, Any]) -> bool:
    """Whether the process that wrote `state` is still there and beating.

    A pid alone proves nothing, as systems reuse them: the process must also have started when the
    state says (or, should the clock have been set since, have beaten just now).
    """
    try:
        age = time.time() - float(state.get("heartbeat") or 0)
        if age > STALE_SECONDS:
            return False
        if state.get("host") != socket.gethostname():
            return True
        process = psutil.Process(int(state.get("pid") or 0))
        same = abs(process.create_time() - float(state.get("pid_started") or 0)) < 2
        return process.status() != psutil.STATUS_ZOMBIE and (same or age < 3)
    except (psutil.NoSuchProcess, ValueError, TypeError, OverflowError):  # or edited by hand
        return False
    except psutil.AccessDenied:
        return True
