"""A folder in which a hostile program could write: measured, and deleted, without trusting it."""

import contextlib
import os
import secrets
from pathlib import Path


def bytes_and_files(folder: Path, most: int) -> tuple[int, int]:
    """Measure what lies in a folder, following no links; what is unreadable counts as empty.

    Args:
        folder: the folder.
        most: stop after this many files.

    Returns:
        bytes, and the number of files and folders, at most `most` + 1.
    """
    size, count, folders = 0, 0, [str(folder)]
    while folders and count <= most:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                count += 1
                if count > most:
                    break
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        size += entry.stat(follow_symlinks=False).st_size
    return size, count


def remove(folder: Path) -> None:
    """Delete a folder however deeply it is nested; what resists is left where it is.

    Each folder inside is moved to the top before it is emptied. Call it when the program has ended:
    a link is recognised, unless something puts it there between the look and the step after it.
    """
    folders = [str(folder)]
    while folders:
        current = folders.pop()
        entries: list[os.DirEntry[str]] = []
        with contextlib.suppress(OSError):
            os.chmod(current, 0o700)
            entries = list(os.scandir(current))
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    os.chmod(entry.path, 0o700)  # without the right to write it cannot be moved
                    top = os.path.join(folder, secrets.token_hex(16))
                    os.rename(entry.path, top)
                    folders.append(top)
                else:
                    os.unlink(entry.path)
        if current != str(folder):
            with contextlib.suppress(OSError):
                os.rmdir(current)
    with contextlib.suppress(OSError):
        os.rmdir(folder)
