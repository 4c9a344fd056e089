"""Find every lesson: its notebook, its package of checks, and what can be read from them."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from grpo_core.core.errors import LabError
from grpo_core.course.exercise import Exercise
from grpo_core.course.quiz import Quiz
from grpo_core.course.sources import notebook_sources

_TITLE = re.compile(r"^# # (?:\d\d · )?(.+)$", re.M)
_MINUTES = re.compile(r"\*\*Time:\*\* about (\d+) minutes")


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes:
        number: two digits, such as "00".
        check: its package, `grpo_core.course.lessonNN`.
    """

    number: str
    check: ModuleType

    @property
    def exercises(self) -> list[Exercise]:
        """The exercises, in the order of the notebook."""
        return list(self.check.exercises)

    @property
    def quiz(self) -> Quiz:
        """The quiz at the end."""
        quiz = self.check.quiz
        assert isinstance(quiz, Quiz)
        return quiz

    @property
    def mistakes(self) -> int:
        """How many mistakes its exercises know."""
        return sum(len(exercise.mistakes) for exercise in self.exercises)

    @property
    def source(self) -> Path:
        """The source of its notebook. Raises LabError where there is none."""
        (path,) = notebook_sources([self.number])
        return path

    @property
    def title(self) -> str:
        """The title of its notebook."""
        return _found(_TITLE, self.source)

    @property
    def minutes(self) -> int:
        """How many minutes its notebook promises to take."""
        return int(_found(_MINUTES, self.source))


@cache
def lessons() -> dict[str, Lesson]:
    """Return every lesson under its number: "00", "01", ..."""
    names = sorted(path.name for path in Path(__file__).parent.glob("lesson[0-9][0-9]"))
    modules = {name[-2:]: import_module(f"grpo_core.course.{name}") for name in names}
    return {number: Lesson(number, module) for number, module in modules.items()}


def _found(pattern: re.Pattern[str], source: Path) -> str:
    """Return what a pattern finds in a notebook's source.

    Raises:
        LabError: it finds nothing.
    """
    match = pattern.search(source.read_text(encoding="utf-8"))
    if match is None:
        raise LabError(f"{source} has no line like '{pattern.pattern}'.")
    return match[1]
