"""Files that came from someone else: regular ones of a bounded size, or one sentence on why not.

    text = regular.read_text(folder / "config.toml", 1_000_000)

A named pipe blocks whoever opens it for ever, a device such as /dev/zero has no end, a link can
point to any file of the user, and a small text can be long to parse. None of them is opened, or
only as far as it takes to see what it is.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

from grpo_core.errors import LabError

MAX_JSON_VALUES = 4_000_000
"""Values that a JSON text may have: each takes some 70 bytes of memory, whatever it takes there."""


def open_regular(path: Path | str, max_bytes: int, *, follow_links: bool = False) -> BinaryIO:
    """Open a regular file for reading, if it is one and not too large.

    Args:
        path: the file.
        max_bytes: the largest size allowed. The file may grow after this: see `read_bytes`.
        follow_links: for a path that the user typed. In a folder of someone else's, where a link
            may point to anything, a link is refused.

    Returns:
        the file, at its beginning, to be closed by the caller.

    Raises:
        FileNotFoundError: there is nothing at this path.
        LabError: it is a link, a folder, a pipe or a device; too large; or cannot be read.
    """
    path = Path(path)
    try:
        # Looked at before it is opened, as opening a device can do something; and looked at again
        # after that, as another file may have taken its place.
        _check(path, path.stat() if follow_links else path.lstat(), max_bytes)
        file = open(path, "rb", opener=_opener(follow_links))  # noqa: SIM115
        try:
            _check(path, os.fstat(file.fileno()), max_bytes)
        except LabError:
            file.close()
            raise
    except FileNotFoundError:
        raise
    except OSError as error:
        raise LabError(f"Cannot read {path}: {error.strerror or error}.") from error
    return file


def _opener(follow_links: bool) -> Any:
    """Open without waiting for a pipe's other end and, where the system can, without a link."""
    more = getattr(os, "O_NONBLOCK", 0) | (0 if follow_links else getattr(os, "O_NOFOLLOW", 0))
    return lambda path, flags: os.open(path, flags | more)


def _check(path: Path, status: os.stat_result, max_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise LabError(f"{path} is {_kind(status.st_mode)}, not a regular file: it is not read.")
    if status.st_size > max_bytes:
        raise LabError(
            f"{path} has {status.st_size:,} bytes; at most {max_bytes:,} are read from such a file."
        )


def _kind(mode: int) -> str:
    """What there is instead of a file, in words."""
    kinds = {
        "a symbolic link": stat.S_ISLNK,
        "a folder": stat.S_ISDIR,
        "a named pipe": stat.S_ISFIFO,
        "a socket": stat.S_ISSOCK,
    }
    return next((words for words, is_one in kinds.items() if is_one(mode)), "a device")


def read_bytes(path: Path | str, max_bytes: int, *, follow_links: bool = False) -> bytes:
    """Return what is in a regular file. Arguments and exceptions as `open_regular`."""
    with open_regular(path, max_bytes, follow_links=follow_links) as file:
        try:
            content = file.read(max_bytes + 1)
        except OSError as error:
            raise LabError(f"Cannot read {path}: {error.strerror or error}.") from error
    if len(content) > max_bytes:  # it has grown meanwhile
        raise LabError(
            f"{path} has more than the {max_bytes:,} bytes that are read of such a file."
        )
    return content


def read_text(path: Path | str, max_bytes: int, *, follow_links: bool = False) -> str:
    """Return a regular file's text: UTF-8, with or without a byte order mark.

    Arguments and exceptions as `open_regular`; LabError also where it is no such text.
    """
    content = read_bytes(path, max_bytes, follow_links=follow_links)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabError(f"{path} cannot be read as text: it is not UTF-8.") from error


def read_json(path: Path | str, max_bytes: int, *, follow_links: bool = False) -> Any:
    """Return the value of a regular JSON file.

    Arguments and exceptions as `open_regular`; LabError also where it is not JSON, or has more
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
