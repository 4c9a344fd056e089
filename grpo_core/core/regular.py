"""Regular files of a bounded size, and nothing else: no links, no pipes, no devices.

    text = regular.read_text(folder / "config.toml", 1_000_000)

A folder may come from anybody. In place of a file it can have a link to one elsewhere, a pipe that
nobody writes to, a device that has no end, or a small text that is long to parse. What writes then
writes elsewhere, and what reads never ends. So files of a stranger, and all files of a run, are
opened here; none of those is opened, or only as far as it takes to see what it is.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO, cast

from grpo_core.core.errors import LabError

MAX_JSON_VALUES = 4_000_000
"""Values that a JSON text may have: each takes some 70 bytes of memory, whatever it takes there."""

_EXTRA = (
    getattr(os, "O_NONBLOCK", 0)  # a pipe would be waited for
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
# Of Windows: a junction is no link to lstat, and leads elsewhere all the same.
_REPARSE_POINT = 0x400


# --- looking -----------------------------------------------------------------------------------


def is_link(status: os.stat_result) -> bool:
    """Return whether an lstat is of a link, or of what Windows has instead."""
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


# --- opening -----------------------------------------------------------------------------------


def open_regular(path: Path, mode: str = "rb", *, follow_links: bool = False) -> BinaryIO:
    """Open a regular file in binary.

    Args:
        path: the file.
        mode: "rb", "r+b", "ab" (made if missing) or "xb" (made, and must be missing).
        follow_links: for a path that the user typed. In a folder of someone else's, where a link
            may point to anything, a link is refused.

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
    # Looked at before it is opened, as opening a device can do something; and looked at again
    # after that, as another file may have taken its place.
    if follow_links:
        _check(path, os.stat(path), written)
    elif mode != "xb":
        check_regular(path, written)
    descriptor = os.open(path, flags | _EXTRA | (0 if follow_links else _NO_LINK), 0o666)
    try:
        _check(path, os.fstat(descriptor), written)
        return cast(BinaryIO, os.fdopen(descriptor, mode.replace("x", "w")))
    except BaseException:
        os.close(descriptor)
        raise


def open_bounded(path: Path | str, max_bytes: int, *, follow_links: bool = False) -> BinaryIO:
    """Open a regular file for reading, if it is not too large.

    Args:
        path: the file.
        max_bytes: the largest size allowed. The file may grow after this: see `read_bytes`.
        follow_links: see `open_regular`.

    Returns:
        the file, at its beginning, to be closed by the caller.

    Raises:
        FileNotFoundError: there is nothing at this path.
        LabError: it is a link, a folder, a pipe or a device; too large; or cannot be read.
    """
    try:
        file = open_regular(Path(path), follow_links=follow_links)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LabError(f"Cannot read {path}: {error.strerror or error}.") from error
    if os.fstat(file.fileno()).st_size > max_bytes:
        file.close()
        raise _too_large(path, max_bytes)
    return file


# --- reading -----------------------------------------------------------------------------------


def read_bytes(path: Path | str, max_bytes: int, *, follow_links: bool = False) -> bytes:
    """Return what is in a regular file. Arguments and exceptions as `open_bounded`."""
    with open_bounded(path, max_bytes, follow_links=follow_links) as file:
        try:
            content = file.read(max_bytes + 1)
        except OSError as error:
            raise LabError(f"Cannot read {path}: {error.strerror or error}.") from error
    if len(content) > max_bytes:  # it has grown meanwhile
        raise _too_large(path, max_bytes)
    return content


def read_text(path: Path | str, max_bytes: int, *, follow_links: bool = False) -> str:
    """Return a regular file's text: UTF-8, with or without a byte order mark.

    Arguments and exceptions as `open_bounded`; LabError also where it is no such text.
    """
    content = read_bytes(path, max_bytes, follow_links=follow_links)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabError(f"{path} cannot be read as text: it is not UTF-8.") from error


def read_json(path: Path | str, max_bytes: int, *, follow_links: bool = False) -> Any:
    """Return the value of a regular JSON file.

    Arguments and exceptions as `open_bounded`; LabError also where it is not JSON, or has more
    than `MAX_JSON_VALUES` values.
    """
    text = read_text(path, max_bytes, follow_links=follow_links)
    if sum(map(text.count, ",[{")) > MAX_JSON_VALUES:
        raise LabError(
            f"{path} has more than the {MAX_JSON_VALUES:,} values that are read of JSON."
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LabError(f"{path} is damaged: it is not a JSON file.") from error


def _too_large(path: Path | str, max_bytes: int) -> LabError:
    return LabError(f"{path} is larger than {max_bytes:,} bytes, and is not read.")


def _check(path: Path, status: os.stat_result, written: bool) -> None:
    if is_link(status) or not stat.S_ISREG(status.st_mode):
        raise LabError(f"{path} is {_kind(status)}, not a regular file: it is refused.")
    if written and status.st_nlink > 1:
        raise LabError(
            f"{path} is a hard link to a file that has another name elsewhere, which would be "
            "changed too: replace it by a copy."
        )


def _kind(status: os.stat_result) -> str:
    """What there is, in words."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFREG: "a file",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    if is_link(status):
        return "a link"
    return kinds.get(stat.S_IFMT(status.st_mode), "something else")
