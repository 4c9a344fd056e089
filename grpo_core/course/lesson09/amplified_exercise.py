"""Exercise 2 of lesson 09: amplified or invented."""

from collections.abc import Callable
from typing import Any

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number


def my_amplified(before: list[str], right: list[bool], after: list[str]) -> float:
    """Return the accuracy with old skills and new habits."""
    total = 0.0
    for kind in after:
        same = [r for k, r in zip(before, right, strict=True) if k == kind]
        total += sum(same) / len(same) if same else 0.0
    return total / len(after)


_BEFORE = ["guess"] * 6 + ["search"] * 2 + ["try"] * 3
_RIGHT = [*[False] * 5, True, True, False, False, False, False]
_AFTER = ["search"] * 3 + ["guess"] * 2


def _kinds(after: list[str], text: str) -> Case:
    def run(f: Callable[..., Any]) -> float:
        return number(f(list(_BEFORE), list(_RIGHT), list(after)))

    return Case(text, run)


amplified = Exercise(
    "09",
    "amplified",
    solution_function=my_amplified,
    cases=[
        _kinds(
            _AFTER,
            "For a base that guesses 6 times (1 right), searches twice (1 right), tries 3 times "
            "(0 right), and a policy that searches 3 times in 5 and guesses twice",
        ),
        _kinds(
            [*_AFTER, "proof", "proof"],
            "With two more completions of a kind that the base never produced",
        ),
    ],
    hints=[
        "Every completion of the policy is of some kind. How often was the base right in "
        "completions of that kind?",
        "Go through `after`, look that accuracy up for each, and take the mean.",
        "A kind that the base never produced has no accuracy to look up: it counts as 0.",
    ],
    well_done="your counterfactual is right: other habits, the same skills.",
)
