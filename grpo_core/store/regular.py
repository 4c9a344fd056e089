"""Opening regular files and nothing else: no links, no pipes, no devices.

A run folder may come from anybody. In place of a file it can have a link to one elsewhere, a pipe
that nobody writes to, or a device: what writes then writes elsewhere, and what reads never ends.
So each file of a run is opened here, and the folders inside the run on the way to it are looked at.
"""

import os
import stat
from pathlib import Path
from typing import BinaryIO, cast

from grpo_core.errors import LabError

_EXTRA = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe would be waited for
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_REPARSE_POINT = (
    0x400  # of Windows: a junction is no link to lstat, and leads elsewhere all the same
)


def is_link(status: os.stat_result) -> bool:
    """Whether an lstat is of a link, or of what Windows has instead."""
    return bool(
        stat.S_ISLNK(status.st_mode) or getattr(status, "st_file_attributes", 0) & _REPARSE_POINT
    )


def check_folder(path: Path) -> bool:
    """Return whether `path` is a folder; False where nothing is.

    Raises:
        LabError: something else is there, or a link.
        OSError: it cannot be looked at.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    if is_link(status) or not stat.S_ISDIR(status.st_mode):
        raise LabError(f"{path} is {_kind(status)}, and must be a folder: remove it.")
    return True


def check_regular(path: Path, written: bool = False) -> os.stat_result | None:
    """Return the status of a regular file; None where nothing is.

    Args:
        path: the file.
        written: it is going to be changed in place, so it must have no second name elsewhere.

    Raises:
        LabError: something else is there, or a link.
        OSError: it cannot be looked at.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    _check(path, status, written)
    return status


def open_regular(path: Path, mode: str = "rb") -> BinaryIO:
    """Open a regular file in binary.

    Args:
        path: the file. What is the last part of it is not followed when it is a link.
        mode: "rb", "r+b", "ab" (made if missing) or "xb" (made, and must be missing).

    Raises:
        LabError: something else is there, or a link.
        OSError: as of `open`.
    """
    flags = {
        "rb": os.O_RDONLY,
        "r+b": os.O_RDWR,
        "ab": os.O_WRONLY | os.O_APPEND | os.O_CREAT,
        "xb": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    }[mode]
    written = mode != "rb"
    if mode != "xb":
        check_regular(path, written)  # first, as opening a device may do something
    descriptor = os.open(path, flags | _EXTRA, 0o666)
    try:
        _check(path, os.fstat(descriptor), written)
        return cast(BinaryIO, os.fdopen(descriptor, mode.replace("x", "w")))
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: Path, limit: int) -> bytes:
    """Return the content of a regular file.

    Raises:
        LabError: it is something else, or larger than `limit` bytes.
        OSError: it is missing or cannot be read.
    """
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise LabError(f"{path} is larger than {limit:,} bytes, and is not read.")
    return content


def _check(path: Path, status: os.stat_result, written: bool) -> None:
    if is_link(status) or not stat.S_ISREG(status.st_mode):
        raise LabError(f"{path} is {_kind(status)}, and must be a regular file: remove it.")
    if written and status.st_nlink > 1:
        raise LabError(
            f"{path} is a hard link to a file that has another name elsewhere, which would be "
            "changed too: replace it by a copy."
        )


def _kind(status: os.stat_result) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFREG: "a file",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return "a link" if is_link(status) else kinds.get(stat.S_IFMT(status.st_mode), "something else")
