"""Looking at a stranger's run that was not closed: a copy of run.db and run.db-wal, of our own.

What a killed or a running writer has not yet folded into run.db is in run.db-wal, and SQLite
reads that only where it may write beside it. So both files are copied, as bytes, into a folder of
this process, and SQLite folds them together there.

A copy is made when the content of such a run is asked for, not when runs are listed; it is at most
SNAPSHOT_BYTES large, a few are kept at once, and a run that is being written is copied again only
after a while.
"""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grpo_core.core.errors import LabError
from grpo_core.core.regular import check_regular, open_regular
from grpo_core.runs import limits
from grpo_core.runs.database import open_unfolded

_KEPT = 4
_PARTS = ("run.db", "run.db-wal")
_REST = 20  # a copy is used for so many times as long as it took to make, while the run changes
_TRIES = 3
_ZEROS = bytes(2**20)


@dataclass(frozen=True)
class Snapshot:
    """A copy of a run.db, deleted when nobody holds this any more.

    Attributes:
        folder: where it is, alone.
        marks: what the originals were when it was made.
        made_at: by the monotonic clock.
        seconds: that it took.
    """

    folder: "tempfile.TemporaryDirectory[str]"
    marks: tuple[Any, ...]
    made_at: float
    seconds: float

    @property
    def database(self) -> Path:
        """The copy; to be opened while this is held."""
        return Path(self.folder.name) / "run.db"


_snapshots: OrderedDict[Path, Snapshot] = OrderedDict()
_lock = threading.Lock()


def has_unfolded(folder: Path) -> bool:
    """Return whether a run has a write-ahead log with something in it.

    Raises:
        LabError: it is no regular file.
    """
    status = check_regular(folder / "run.db-wal")
    return status is not None and status.st_size > 0


def snapshot(folder: Path, limit: int) -> Snapshot:
    """Return our own copy of a stranger's run.db, made now where the last one is too old.

    Args:
        folder: the stranger's.
        limit: refuse to copy more bytes.

    Raises:
        LabError: there is something else than a regular file, or too much to copy, or the run is
            written so fast that no copy of one moment could be made.
        OSError, sqlite3.Error: it cannot be read, or there is no room for the copy.
    """
    with _lock:
        marks = _marks(folder)
        known = _snapshots.get(folder)
        rest = 0.0 if known is None else max(1.0, _REST * known.seconds)
        if known is None or (known.marks != marks and time.monotonic() - known.made_at > rest):
            known = _snapshots[folder] = _make(folder, limit)
        _snapshots.move_to_end(folder)
        while len(_snapshots) > _KEPT:
            _snapshots.popitem(last=False)
        return known


def _marks(folder: Path) -> tuple[Any, ...]:
    """What changes when one of the files does."""
    found = (check_regular(folder / name) for name in _PARTS)
    return tuple(s and (s.st_dev, s.st_ino, s.st_mtime_ns, s.st_size) for s in found)


def _make(folder: Path, limit: int) -> Snapshot:
    started = time.monotonic()
    room = tempfile.TemporaryDirectory(prefix="grpo-lab-snapshot-", ignore_cleanup_errors=True)
    for _ in range(_TRIES):
        before = _marks(folder)
        _check_size(folder, sum(mark[3] for mark in before if mark), limit, Path(room.name))
        for name in _PARTS:
            with contextlib.suppress(FileNotFoundError):
                _copy(folder / name, Path(room.name) / name, limit)
        if _marks(folder) == before:
            break
    else:
        raise LabError(f"{folder / 'run.db'} changes while it is copied to be read: try again.")
    with contextlib.closing(open_unfolded(Path(room.name) / "run.db")) as db:
        db.execute("PRAGMA journal_mode = DELETE").fetchone()
    now = time.monotonic()
    return Snapshot(room, before, now, now - started)


def _check_size(folder: Path, size: int, limit: int, room: Path) -> None:
    limits.refuse_large(folder / "run.db", size, limit)
    if size > shutil.disk_usage(room).free // 2:
        raise LabError(
            f"{folder / 'run.db'} was not closed and is copied to be read: {room.parent} has no "
            f"room for {size:,} bytes."
        )


def _copy(source: Path, target: Path, limit: int) -> None:
    """Copy a regular file, no more of it than the limit; what is empty stays a hole."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(target)
    with open_regular(source) as read, open_regular(target, "xb") as write:
        left = limit
        while chunk := read.read(min(left, 2**20)):
            if _ZEROS.startswith(chunk):  # a sparse file may name more bytes than the disk has
                write.seek(len(chunk), os.SEEK_CUR)
            else:
                write.write(chunk)
            left -= len(chunk)
        write.truncate()
