"""What a learner has done so far, in a file of the learner's; no lesson ever fails because of it.

    from grpo_core.course import progress
    progress.export("Anna")        # Anna.json beside the notebook, to hand in

The file is `~/.grpo-lab/progress.json`, or what the variable GRPO_LAB_PROGRESS names; "off" keeps
nothing. It is read and replaced whole at every check, under a lock, so that two notebooks may be
open at once. Where that cannot be done (a full or read-only disk, a damaged file), progress lives
on in memory until the notebook is closed. A damaged file is moved aside, never overwritten.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock

from grpo_core.errors import LabError
from grpo_core.store.disk import read_json, write_json

_memory: dict[str, Any] = {}  # where the file cannot be used
VERSION = 1


def progress_file() -> Path | None:
    """Where progress is kept; None when it is switched off."""
    named = os.environ.get("GRPO_LAB_PROGRESS", "")
    if named.lower() == "off":
        return None
    return Path(named or "~/.grpo-lab/progress.json").expanduser().absolute()


def failed(lesson: str, exercise: str, mistake: str, hints: int) -> int:
    """Remember an attempt that failed; every one but the first gives a hint of the ladder.

    Args:
        lesson, exercise: which one.
        mistake: the name of what was found.
        hints: how many hints the ladder has.

    Returns:
        how many have been given, this one included; one more than there are when all are given,
        and 0 at the first attempt, for which the mistake's own hint is enough.
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
    """Give the next hint without an attempt; returns how many have been given, as `failed`."""
    with _entry(lesson, exercise) as entry:
        entry["hints"] = min(entry.get("hints", 0) + 1, hints + 1)
        return int(entry["hints"])


def passed(lesson: str, exercise: str) -> None:
    """Remember an attempt that passed: when, after how many that did not, with how many hints."""
    with _entry(lesson, exercise) as entry:
        failures = sum(entry.get("mistakes", {}).values())
        hints, looked_up = entry.get("hints", 0), entry.get("looked_up", False)
        first = {"time": _now(), "failures": failures, "hints": hints, "looked_up": looked_up}
        entry.setdefault("passed", first)


def looked_up(lesson: str, exercise: str) -> None:
    """Remember that the solution was looked at."""
    with _entry(lesson, exercise) as entry:
        entry["looked_up"] = True


def answered(lesson: str, question: str, letter: str, right: bool) -> None:
    """Remember an answer of a quiz; the first one is kept beside the last."""
    with _entry(lesson, question, "quiz") as entry:
        entry.setdefault("first", letter)
        entry.update(last=letter, right=right)


def hints_given(lesson: str, exercise: str) -> int:
    """How many hints of the ladder have been given."""
    return int(find(read(), lesson, exercise).get("hints", 0))


def has_passed(lesson: str, exercise: str) -> bool:
    """Whether an attempt ever passed."""
    return "passed" in find(read(), lesson, exercise)


def read() -> dict[str, Any]:
    """Everything that is remembered; the form is the one that `is_sound` knows."""
    path = progress_file()
    if path is None or _memory:
        return _memory
    try:
        known = read_json(path)
    except LabError:
        return {}
    return known if is_sound(known) else {}


def is_sound(known: Any) -> bool:
    """Whether something read from a file has the form that is written here.

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
    """Write what is remembered to a file that can be handed in.

    Args:
        name: whose it is; the file is called after it.
        folder: where to.

    Raises:
        LabError: the name has nothing that a file can be called, or it cannot be written.
    """
    stem = "".join(c if c.isalnum() else "-" for c in name).strip("-")
    if not stem:
        raise LabError("Give a name with letters in it: the file is called after it.")
    path = Path(folder) / f"{stem}.json"
    try:
        write_json(path, {**read(), "version": VERSION, "name": name, "exported": _now()})
    except OSError as error:
        raise LabError(f"{path} cannot be written: {error.strerror}.") from error
    print(f"{path} is yours to hand in.")
    return path


@contextlib.contextmanager
def _entry(lesson: str, name: str, kind: str = "exercises") -> Iterator[dict[str, Any]]:
    """What is remembered of one exercise or question, to be changed; kept when the block ends."""
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
                _memory.update(known)  # from here on, this process remembers


def _read_or_move(path: Path) -> dict[str, Any]:
    """The file's content; one that makes no sense is moved aside, and progress starts again."""
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
    """The entry of one exercise or question; {} where there is none or it is no entry."""
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
