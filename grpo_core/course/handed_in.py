"""What students hand in: found, read and reduced to what the kit knows, without trusting any of it.

A file may be a link to something of the teacher's, a pipe that never ends, or too large; a table of
results may have any types, any names and any length. What is wrong with one of them is told in a
few words, and concerns no other.
"""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grpo_core.core.errors import LabError
from grpo_core.course import progress
from grpo_core.course.catalogue import lessons
from grpo_core.course.exercise import Exercise

_DEPTH = 8  # of folders
_RESULTS_BYTES = 1_000_000  # a table of every mistake of every exercise has a twentieth of it
_COUNT = 1_000_000
_FOUND_BY_ANY_CHECK = ("unfinished", "raised", "shape", "unknown")  # besides its own mistakes


def files(folder: Path, depth: int = 0) -> Iterator[tuple[Path, str]]:
    """Find notebooks and exports, in order.

    Args:
        folder: searched with the folders in it.
        depth: how deep this one lies.

    Yields:
        a path, and why it cannot be looked at, or "".
    """
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield folder, f"cannot be opened: {error.strerror}"
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            if depth == _DEPTH:
                yield path, f"more than {_DEPTH} folders deep"
            elif entry.name != ".ipynb_checkpoints":
                yield from files(path, depth + 1)
        elif path.suffix in (".ipynb", ".json"):
            if entry.is_symlink():
                yield path, "is a link: hand in the file itself"
            else:
                yield path, "" if entry.is_file() else "is not a regular file"


def read(path: Path, most: int) -> bytes:
    """Read a regular file, and nothing else that may have taken its place.

    Args:
        path: a link is refused where the system can tell while it opens.
        most: bytes.

    Raises:
        LabError: it is something else, or larger.
        OSError: it cannot be read.
    """
    # without waiting: a pipe that nobody writes to would otherwise never open
    flags = [getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")]
    with open(os.open(path, os.O_RDONLY | sum(flags)), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise LabError("is not a regular file")
        content = file.read(most + 1)
    if len(content) > most:
        raise LabError(f"larger than {most:,} bytes")
    return content


def results(path: Path) -> dict[str, Any]:
    """Read a file of progress: an export, or what a notebook's checks wrote.

    Returns:
        in the form of `progress`, but only exercises, questions and mistakes that the kit has, with
        counts that are possible; and the "name" of an export, which may be any text.

    Raises:
        LabError: it is no such file.
        OSError: it cannot be read.
    """
    try:
        known = json.loads(read(path, _RESULTS_BYTES).decode("utf-8"))
    except (ValueError, RecursionError):
        known = None
    if not progress.is_sound(known) or "lessons" not in known:
        raise LabError(f"{plain(path.name)} is no export of progress.")
    done: dict[str, Any] = {}
    for number, lesson in lessons().items():
        done[number] = {
            "exercises": {
                e.name: _of_exercise(progress.find(known, number, e.name), e)
                for e in lesson.exercises
            },
            "quiz": {
                question: {"right": right}
                for question in lesson.quiz.questions
                if (right := progress.find(known, number, question, "quiz").get("right"))
                in (True, False)
            },
        }
    return {"name": plain(str(known.get("name") or "")), "lessons": done}


def _of_exercise(entry: dict[str, Any], exercise: Exercise) -> dict[str, Any]:
    """Keep what can be true of one exercise."""
    names = {*_FOUND_BY_ANY_CHECK, *(mistake.name for mistake in exercise.mistakes)}
    mistakes = entry.get("mistakes", {})
    kept = {name: n for name, n in mistakes.items() if name in names and 0 < n <= _COUNT}
    hints = min(max(entry.get("hints", 0), 0), len(exercise.hints) + 1)
    done: dict[str, Any] = {"mistakes": kept, "hints": hints}
    return done | {"passed": {}} if "passed" in entry else done


def plain(text: str, most: int = 200) -> str:
    """Return text that moves no terminal and fits in any file: printable, and not long."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:most])
