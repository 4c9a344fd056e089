"""A file or folder that is there whole or not at all, and what goes wrong in one sentence."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from grpo_core.core.errors import LabError
from grpo_core.runs.disk import FULL, disk_error, remove, replace_file


def new_place(target: Path | str) -> Path:
    """An absolute path where nothing is yet.

    Raises:
        LabError: something is there.
    """
    target = Path(os.path.abspath(os.path.expanduser(target)))
    if os.path.lexists(target):
        raise LabError(f"{target} already exists. Delete it, or choose another place with --out.")
    return target


@contextlib.contextmanager
def made_whole(target: Path) -> Iterator[Path]:
    """Give the block a path to fill; what it made there is moved to `target` when it ends well.

    The path has the target's name already, in a folder beside it that is gone in the end.

    Args:
        target: see `new_place`. Its folder is made where it is missing.

    Raises:
        LabError: in place of any OSError, the disk being full for instance.
    """
    room = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        remove(room)
        room.mkdir(parents=True)
        yield room / target.name
        new_place(target)  # somebody may have been faster
        replace_file(room / target.name, target)
    except Exception as error:
        known = _of_the_disk(error)
        if known is None:
            raise
        raise LabError(f"{target} was not written: {_reason(known, target)}.") from error
    finally:
        with contextlib.suppress(OSError):
            remove(room)


def _of_the_disk(error: Exception) -> OSError | None:
    """Return the OSError that is or caused an error; None where the error says enough itself."""
    known = disk_error(error)
    is_full = known is not None and known.errno in FULL
    return known if is_full or not isinstance(error, LabError) else None


def _reason(error: OSError, target: Path) -> str:
    if error.errno in FULL:
        return "the disk is full"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"there is no permission to write into {target.parent}"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{target.parent} is not a folder"
    return error.strerror or str(error)
