"""Record what a learner has done, in a file; no lesson ever fails because of it.

    from grpo_core.course import progress
    progress.export("Anna")        # Anna.json beside the notebook, to hand in

The file is `~/.grpo-lab/progress.json`, or the one that the variable GRPO_LAB_PROGRESS names; "off"
turns recording off. Every check reads and replaces the whole file under a lock, so that two
notebooks can be open at once. If it cannot be written (a full or read-only disk), progress is kept
in memory until the notebook is closed. A damaged file is moved aside, never overwritten.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock

from grpo_core.core.errors import LabError
from grpo_core.runs.disk import read_json, write_json

_memory: dict[str, Any] = {}  # used when the file cannot be
VERSION = 1


def progress_file() -> Path | None:
    """Return the path of the progress file, or None if recording is off."""
    named = os.environ.get("GRPO_LAB_PROGRESS", "")
    if named.lower() == "off":
        return None
    return Path(named or "~/.grpo-lab/progress.json").expanduser().absolute()


def failed(lesson: str, exercise: str, mistake: str, hints: int) -> int:
    """Record a failed attempt; every one after the first gives the next hint.

    Args:
        lesson, exercise: which one.
        mistake: the name of the mistake that was found.
        hints: how many hints the exercise has.

    Returns:
        How many hints have been given, including this one; `hints` + 1 when all had been given
        before, and 0 at the first attempt, for which the mistake's own hint is enough.
    """
    with _entry(lesson, exercise) as entry:
        first = not entry.get("mistakes")
        mistakes = entry.setdefault("mistakes", {})
        mistakes[mistake] = mistakes.get(mistake, 0) + 1
        if first:
            return 0
        entry["hints"] = min(entry.get("hints", 0) + 1, hints + 1)
        return int(entry["hints"])


def climb(lesson: str, exercise: str, hints: int) -> int:
    """Give the next hint without an attempt; return how many have been given, as `failed` does."""
    with _entry(lesson, exercise) as entry:
        entry["hints"] = min(entry.get("hints", 0) + 1, hints + 1)
        return int(entry["hints"])


def passed(lesson: str, exercise: str) -> None:
    """Record a passed attempt: when, after how many failures, with how many hints."""
    with _entry(lesson, exercise) as entry:
        failures = sum(entry.get("mistakes", {}).values())
        hints, looked_up = entry.get("hints", 0), entry.get("looked_up", False)
        first = {"time": _now(), "failures": failures, "hints": hints, "looked_up": looked_up}
        entry.setdefault("passed", first)


def looked_up(lesson: str, exercise: str) -> None:
    """Record that the learner has seen the solution."""
    with _entry(lesson, exercise) as entry:
        entry["looked_up"] = True


def answered(lesson: str, question: str, letter: str, right: bool) -> None:
    """Record an answer to a quiz question; the first answer is kept as well as the last."""
    with _entry(lesson, question, "quiz") as entry:
        entry.setdefault("first", letter)
        entry.update(last=letter, right=right)


def hints_given(lesson: str, exercise: str) -> int:
    """Return how many hints have been given."""
    return int(find(read(), lesson, exercise).get("hints", 0))


def has_passed(lesson: str, exercise: str) -> bool:
    """Return whether any attempt has passed."""
    return "passed" in find(read(), lesson, exercise)


def read() -> dict[str, Any]:
    """Return everything that has been recorded, in the form that `is_sound` describes."""
    path = progress_file()
    if path is None or _memory:
        return _memory
    try:
        known = read_json(path)
    except LabError:
        return {}
    return known if is_sound(known) else {}


def is_sound(known: Any) -> bool:
    """Return whether something read from a file has the form that this module writes.

    {"version": 1, "lessons": {"00": {
        "exercises": {"advantages": {"mistakes": {"sign": 2}, "hints": 1, "looked_up": true,
                      "passed": {"time": "...", "failures": 2, "hints": 1, ...}}},
        "quiz": {"bar": {"first": "a", "last": "b", "right": true}}}}}
    """

    def table(value: Any, inner: Callable[[Any], bool]) -> bool:
        return isinstance(value, dict) and all(map(inner, value.values()))

    def exercise(entry: Any) -> bool:
        return (
            isinstance(entry, dict)
            and table(entry.get("mistakes", {}), lambda count: type(count) is int)
            and type(entry.get("hints", 0)) is int
            and isinstance(entry.get("passed", {}), dict)
        )

    def lesson(entry: Any) -> bool:
        return (
            isinstance(entry, dict)
            and table(entry.get("exercises", {}), exercise)
            and table(entry.get("quiz", {}), lambda question: isinstance(question, dict))
        )

    return (
        isinstance(known, dict)
        and known.get("version", VERSION) == VERSION
        and table(known.get("lessons", {}), lesson)
    )


def export(name: str, folder: str | Path = ".") -> Path:
    """Write what has been recorded to a file that can be handed in.

    Args:
        name: the learner's name, from which the file gets its name.
        folder: the folder to write it to.

    Raises:
        LabError: the name contains no letter or digit, or the file cannot be written.
    """
    stem = "".join(c if c.isalnum() else "-" for c in name).strip("-")
    if not stem:
        raise LabError("The name must contain a letter or a digit: the file is named after it.")
    path = Path(folder) / f"{stem}.json"
    try:
        write_json(path, {**read(), "version": VERSION, "name": name, "exported": _now()})
    except OSError as error:
        raise LabError(f"{path} cannot be written: {error.strerror}.") from error
    print(f"Wrote {path}: this is the file to hand in.")
    return path


@contextlib.contextmanager
def _entry(lesson: str, name: str, kind: str = "exercises") -> Iterator[dict[str, Any]]:
    """Open the record of one exercise or question for changes; write it when the block ends."""
    path = progress_file()
    if path is None or _memory:
        yield find(_memory, lesson, name, kind, make=True)
        return
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(filelock.FileLock(f"{path}.lock", timeout=5))
            known = _read_or_move(path)
        except (OSError, filelock.Timeout):
            known = _memory
        yield find(known, lesson, name, kind, make=True)
        if known is not _memory:
            try:
                write_json(path, known | {"version": VERSION})
            except (OSError, LabError):
                _memory.update(known)  # from now on, progress is kept in this process only


def _read_or_move(path: Path) -> dict[str, Any]:
    """Return the file's content; move a damaged file aside and start again."""
    try:
        known = read_json(path)
        if is_sound(known):
            return known
    except LabError:
        pass
    path.replace(path.with_name(f"{path.stem}-damaged-{time.time_ns()}.json"))
    return {}


def find(
    known: dict[str, Any], lesson: str, name: str, kind: str = "exercises", make: bool = False
) -> dict[str, Any]:
    """Return the record of one exercise or question, or {} if there is none."""
    at = known
    for key in ("lessons", lesson, kind, name):
        inner = at.get(key)
        if not isinstance(inner, dict):
            inner = {}
            if make:
                at[key] = inner
        at = inner
    return at


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
