"""What the tests of lessons share: attempts as learners make them, each with what it must meet."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from grpo_core.course.exercise import Exercise

Attempt = tuple[str | None, Callable[..., Any]]
"""The mistake that must be named, None for a right one, and the learner's function."""


def every(attempts: dict[Exercise, Sequence[Attempt]]) -> pytest.MarkDecorator:
    """Parametrize over every attempt: `exercise`, `mistake`, `function`."""
    cases = [
        pytest.param(exercise, *attempt, id=f"{exercise.name}-{attempt[0] or 'right'}-{i}")
        for exercise, listed in attempts.items()
        for i, attempt in enumerate(listed)
    ]
    return pytest.mark.parametrize(("exercise", "mistake", "function"), cases)


def assert_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    """The attempt is told what it is, with that mistake's hint and no other's."""
    result = exercise(function)
    assert result.mistake == mistake, result.message
    assert result.passed is (mistake is None)
    told = {known.name for known in exercise.mistakes if known.hint in result.message}
    assert told == {mistake} & {known.name for known in exercise.mistakes}


def assert_all_planted(exercise: Exercise, attempts: Sequence[Attempt]) -> None:
    """Every mistake that the exercise knows is among the attempts, and so is a right one."""
    planted = {mistake for mistake, _ in attempts}
    assert {known.name for known in exercise.mistakes} | {None} <= planted
