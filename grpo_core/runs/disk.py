"""The disk: small files replaced whole, and everything that goes wrong with it in one sentence."""

import contextlib
import errno
import json
import os
import re
import shutil
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grpo_core.core.errors import LabError
from grpo_core.core.regular import is_link, open_regular, read_bytes
from grpo_core.runs import limits

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What a system calls a disk, a quota or a file that holds no more."""


@contextlib.contextmanager
def told_plainly(path: Path, doing: str) -> Iterator[None]:
    """Turn what disks and databases raise into one sentence.

    Args:
        path: the run folder.
        doing: what was being attempted, such as "recording step 3".

    Raises:
        LabError: in place of any OSError or sqlite3.Error, and of the UnicodeDecodeError that
            sqlite3 raises where its own message would quote bytes of a damaged file.
    """
    start = f"{doing[0].upper()}{doing[1:]} of run '{path.name}' failed: "
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        raise LabError(start + _reason(error, path)) from error


def _reason(error: sqlite3.Error | OSError | UnicodeDecodeError, path: Path) -> str:
    """Why, and what to do about it."""
    code = (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
    number = getattr(error, "errno", 0)
    if code == sqlite3.SQLITE_FULL or number in FULL:
        return (
            "the disk is full. What was recorded before is safe: "
            f"free some space, then run `grpo-lab resume {path}`."
        )
    unreadable = isinstance(error, UnicodeDecodeError)
    if unreadable or code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return (
            f"{path / 'run.db'} is damaged. Move it away and run `grpo-lab resume {path}` "
            "to compute its steps again."
        )
    if code == sqlite3.SQLITE_READONLY or number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{path} cannot be written to. Copy the folder to where you can write."
    if code in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_TOOBIG):
        return f"{path / 'run.db'} is refused: it takes too long to read, or a value is too large."
    if code == sqlite3.SQLITE_BUSY:
        return "another program keeps run.db locked. Close it and try again."
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return f"{error}. Check that the disk of {path} is healthy and has space left."
    return f"{error}."


def read_json(path: Path, limit: int = limits.FILE_BYTES) -> dict[str, Any]:
    """Read a JSON object; {} when there is no such file.

    Args:
        path: the file.
        limit: its largest size in bytes.

    Raises:
        LabError: the file is damaged (cut short, not JSON, not an object), unreadable, no regular
            file, too large or nested too deeply.
    """
    try:
        value = limits.parse_json(read_bytes(path, limit).decode("utf-8"), limit)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise LabError(f"{path} is damaged: it is not a JSON file.") from error
    if not isinstance(value, dict):
        raise LabError(f"{path} is damaged: it does not hold a JSON object.")
    return value


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace `path` whole. A reader sees the old file or the new one, nothing between.

    Raises:
        OSError: not written; the old file is still there.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        with open_regular(temporary, "xb") as file:
            file.write(json.dumps(value).encode())
        replace_file(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def replace_file(source: Path, target: Path) -> None:
    """os.replace, patient with Windows, where a reader's open file delays it for a moment."""
    for _ in range(20):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(0.02)
    os.replace(source, target)


def disk_error(error: BaseException | None) -> OSError | None:
    """Return the OSError behind an error; torch, safetensors and SQLite raise their own types."""
    while error is not None:
        if isinstance(error, OSError):
            return error
        is_full = (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF == sqlite3.SQLITE_FULL
        if is_full or re.search(r"No space left|os error (28|112)\b", str(error)):
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        error = error.__cause__ or error.__context__
    return None


def remove(path: Path) -> None:
    """Delete a file, a folder or a link (never what it leads to), which may be missing."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISDIR(status.st_mode) and not is_link(status):
        shutil.rmtree(path)
    elif stat.S_ISDIR(status.st_mode):  # a junction
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Wait until a file, or every file of a folder, is on the disk, and not only on its way."""
    for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        with file.open("rb+") as handle:
            os.fsync(handle.fileno())
