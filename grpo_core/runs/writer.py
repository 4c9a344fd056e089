"""Writing a run: the one writer of its folder."""

import contextlib
import errno
import json
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import filelock

from grpo_core.core.errors import LabError
from grpo_core.core.records import Step
from grpo_core.core.regular import check_folder, check_regular, open_regular
from grpo_core.runs.control import Control, read_control
from grpo_core.runs.database import open_for_writing
from grpo_core.runs.disk import (
    disk_error,
    flush,
    remove,
    replace_file,
    told_plainly,
    write_json,
)
from grpo_core.runs.reader import Run, refuse_foreign
from grpo_core.runs.rows import COLUMNS, clean, completion_row, to_json

# What this program writes beside a file before it takes its place; control.json's are a viewer's.
_LEFTOVER = re.compile(r"(state\.json\.[0-9]+-[0-9]+|last\.pt|step-[0-9]+)\.tmp")


class RunWriter:
    """The one writer of a run folder; a context manager. All methods are safe from any thread.

    Attributes:
        run: the same folder, as a reader.
    """

    def __init__(self, path: Path | str) -> None:
        """Take the writer's lock and open the database.

        Raises:
            LabError: there is no run, it is a stranger's, has a writer already, cannot be written
                to, is damaged or of a newer version.
        """
        self.run = Run(path)
        self.path = self.run.path
        self._mutex = threading.RLock()
        refuse_foreign(self.path)
        self._lock = filelock.FileLock(self.path / "writer.lock", timeout=0)
        with told_plainly(self.path, "opening"):
            check_regular(self.path / "writer.lock", written=True)
            check_folder(self.path / "checkpoints")
            try:
                self._lock.acquire()
            except filelock.Timeout:
                pid = self.run.state.get("pid", "unknown")
                raise LabError(
                    f"Run '{self.run.name}' is being trained already, by process {pid}: "
                    "stop it first, or watch it in the dashboard."
                ) from None
            try:
                self._db = open_for_writing(self.path)
            except BaseException:
                self._lock.release()
                raise
        self._state = {"created": self.run.created, **self.run.state}
        self._remove_leftovers()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _remove_leftovers(self) -> None:
        """Delete what a killed writer was in the middle of writing."""
        for pattern in ("*.tmp", "checkpoints/*.tmp"):  # a checkpoints/ that is a link is refused
            for path in self.path.glob(pattern):
                if _LEFTOVER.fullmatch(path.name):
                    remove(path)

    def close(self) -> None:
        """Fold the write-ahead log into run.db, if no reader is in the way, and let go."""
        with self._mutex:
            with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
                self._db.execute("PRAGMA busy_timeout = 500")
                self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()
            self._lock.release()

    def append(self, step: Step) -> None:
        """Record a step in one transaction; a step recorded before is replaced.

        Raises:
            LabError: it could not be written; nothing of it was, and nothing else is lost.
        """
        key = (step.index,)
        metrics = to_json({name: float(value) for name, value in step.metrics.items()})
        groups = [(*key, g, clean(x.prompt), to_json(x.columns)) for g, x in enumerate(step.groups)]
        completions = [
            (*key, g, i, *completion_row(completion))
            for g, group in enumerate(step.groups)
            for i, completion in enumerate(group.completions)
        ]
        marks = ", ".join("?" * (3 + len(COLUMNS.split(","))))
        columns = f"step, group_index, completion_index, {COLUMNS}"
        with self._mutex, told_plainly(self.path, f"recording step {step.index}"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for table in ("groups", "completions"):
                    self._db.execute(f"DELETE FROM {table} WHERE step = ?", key)
                self._db.execute(
                    "INSERT OR REPLACE INTO steps VALUES (?, ?, ?)", (*key, time.time(), metrics)
                )
                self._db.executemany("INSERT INTO groups VALUES (?, ?, ?, ?)", groups)
                query = f"INSERT INTO completions ({columns}) VALUES ({marks})"
                self._db.executemany(query, completions)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def write_state(self, **changes: Any) -> None:
        """Merge `changes` into state.json and set its heartbeat.

        On a full disk the file is overwritten in place, which takes no space: it must be able to
        say that the disk is full.

        Raises:
            LabError: it could not be written.
        """
        path = self.path / "state.json"
        with self._mutex, told_plainly(self.path, "saving the state"):
            self._state.update(changes, heartbeat=time.time())
            try:
                write_json(path, self._state)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                with open_regular(path, "r+b") as file:
                    file.write(json.dumps(self._state).encode())
                    file.truncate()

    def read_control(self) -> Control:
        """What the viewer wants. Raises LabError when control.json is damaged."""
        return read_control(self.path / "control.json")

    def save_checkpoint(self, write: Callable[[Path], None], step: int) -> Path:
        """Replace checkpoints/last.pt, from which `resume` starts.

        Args:
            write: writes the file whose path it is given.
            step: the step it was taken after, for the error message.

        Raises:
            LabError: it could not be written; the previous checkpoint is still there.
        """
        return self._save("last.pt", write, f"saving the checkpoint of step {step}")

    def save_model(self, write: Callable[[Path], None], step: int) -> Path:
        """Make checkpoints/step-<step>/, a folder to load as a model.

        Args:
            write: fills the empty folder whose path it is given.
            step: the step it was taken after.

        Raises:
            LabError: it could not be written; what was there before still is.
        """

        def fill(folder: Path) -> None:
            folder.mkdir()
            write(folder)

        return self._save(f"step-{step:06d}", fill, f"saving the model of step {step}")

    def _save(self, name: str, write: Callable[[Path], None], doing: str) -> Path:
        target = self.path / "checkpoints" / name
        temporary = target.with_name(name + ".tmp")
        with told_plainly(self.path, doing):
            try:
                if not check_folder(target.parent):
                    target.parent.mkdir()
                remove(temporary)
                write(temporary)
                flush(temporary)
                if not os.path.isfile(target):
                    remove(target)
                replace_file(temporary, target)
            except BaseException as error:
                with contextlib.suppress(OSError):
                    remove(temporary)
                raise disk_error(error) or error from error
        return target
