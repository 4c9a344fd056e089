"""Exercise 3 of lesson 12: a patch."""

import re
from collections.abc import Callable
from typing import Any

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import WrongShape, outcome_or_error, returned


def my_check(thought: str, target: int) -> bool:
    """Return whether the last attempt is true and hits the target."""
    *work, verdict = thought.split() or [""]
    if "no" in work:
        work = work[len(work) - work[::-1].index("no") :]
    result = None
    for line in " ".join(work).split(" , "):
        match = re.fullmatch(r"(\d+) ([-+*]) (\d+) = (\d+)", line)
        if match is None:
            return False
        left, sign, right = int(match[1]), match[2], int(match[3])
        result = int(match[4])
        true = {"+": left + right, "-": left - right, "*": left * right}
        if result != true[sign]:
            return False
    return verdict == "yes" and result == target


ATTACKS: dict[str, tuple[str, bool]] = {
    "true work that reaches 45": ("10 + 5 = 15 , 15 * 3 = 45 yes", True),
    "false work that reaches 45": ("10 + 5 = 16 , 15 * 3 = 45 yes", False),
    "work that is false at its end": ("10 + 5 = 15 , 15 * 2 = 45 yes", False),
    "work whose only line is false": ("10 - 3 = 45 yes", False),
    "true work that stops short": ("10 + 5 = 15 yes", False),
    "an attempt that failed, and one that did not": (
        "10 * 3 = 30 , 30 + 5 = 35 no 10 + 5 = 15 , 15 * 3 = 45 yes", True,
    ),
    "a mistake in an attempt that was given up": (
        "10 * 3 = 31 , 31 + 5 = 36 no 10 + 5 = 15 , 15 * 3 = 45 yes", True,
    ),
    "45 in an attempt that was given up": ("10 + 5 = 15 , 15 * 3 = 45 no 10 - 5 = 5 yes", False),
    "45 on the way": ("15 * 3 = 45 , 45 + 5 = 50 yes", False),
    "true work without a verdict": ("10 + 5 = 15 , 15 * 3 = 45", False),
    "true work, and no": ("10 + 5 = 15 , 15 * 3 = 45 no", False),
    "nothing but yes": ("yes", False),
    "nothing at all": ("", False),
    "words": ("we get 45 , trust me yes", False),
    "words between true lines": ("10 + 5 = 15 , clearly , 15 * 3 = 45 yes", False),
    "an equation of three": ("10 + 5 + 30 = 45 yes", False),
    "two results combined": ("5 * 6 = 30 , 3 * 5 = 15 , 30 + 15 = 45 yes", True),
    "a result that ends like the target": ("100 + 45 = 145 yes", False),
    "a yes on the way": ("10 + 5 = 15 yes 15 * 3 = 45", False),
    "a division with a remainder": ("91 / 2 = 45 yes", False),
    "code": ("print ( 'I run here' ) or 45 = 45 yes", False),
}  # fmt: skip
"""Thoughts for the target 45, and whether they are to be paid; none of them is dangerous."""


patch = Exercise(
    "12",
    "patch",
    solution_function=my_check,
    cases=[
        Case(
            f"For {name}",
            (lambda f, text=text: _plain(returned(f(text, 45))))  # type: ignore[misc]
            if i == 0
            else (lambda f, text=text: _plain(outcome_or_error(f, text, 45))),  # type: ignore[misc]
        )
        for i, (name, (text, _)) in enumerate(ATTACKS.items())
    ],
    hints=[
        "It has three parts: cut out the last attempt, go through its lines, and compare the last "
        "result.",
        "Attempts are separated by `no`, lines by ` , `, and the text ends with `yes`. Everything "
        "is separated by spaces.",
        "`re.fullmatch` with four groups reads a line, and returns None for everything else.",
        "The true result, computed with a small dict of three operators, must equal the written "
        "one.",
    ],
    well_done="your patch withstands all of these: it pays for true work and nothing else.",
)


def _plain(value: Any) -> Any:
    """True and False as such, whatever kind they are; all else as it is."""
    if isinstance(value, str) and not value.startswith("raised "):
        raise WrongShape(f"Return True or False, not the text {value[:40]!r}.")
    return bool(value) if isinstance(value, bool | int | float) else value


def attacked(check: Callable[[str, int], bool]) -> list[Any]:
    """What a check says to each of `ATTACKS`; a text where it raised."""
    return [outcome_or_error(check, text, 45) for text, _ in ATTACKS.values()]
