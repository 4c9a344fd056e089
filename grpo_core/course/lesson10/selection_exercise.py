"""Exercise 3 of lesson 10: what is worth imitating."""

from collections.abc import Callable
from typing import Any

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import WrongShape, returned
from grpo_core.pipeline.select import unreadable


def my_selection(completions: list[str], right: list[bool], most: int) -> list[int]:
    """Return the indices of the completions of one problem to keep."""
    kept: list[int] = []
    for i, text in enumerate(completions):
        is_new = all(text != completions[j] for j in kept)
        if right[i] and readable(text) and is_new and len(kept) < most:
            kept.append(i)
    return kept


def readable(completion: str) -> bool:
    """Well-formed, in English, and no line twice: the kit's own rule, given to the learner."""
    return not unreadable(completion)


def _trace(think: str, answer: str = "3 + 4") -> str:
    return f"<think> {think} </think> <answer> {answer} </answer>"


_SAMPLED: list[tuple[str, bool]] = [
    (_trace("4 - 3 = 1 no 3 * 4 = 12 no 3 + 4 = 7 yes"), True),
    (_trace("4 - 3 = 1 yes", "4 - 3"), False),
    (_trace("4 - 3 = 1 nein 3 + 4 = 7 yes"), True),
    (_trace("4 - 3 = 1 no 3 + 4 = 7 yes"), True),
    (_trace("4 - 3 = 1 no 3 * 4 = 12 no 3 + 4 = 7 yes"), True),
    ("3 + 4 </answer>", True),
    (_trace("3 + 4 = 7 yes"), True),
    (_trace("4 + 3 = 7 yes", "4 + 3"), True),
    (_trace("4 + 3 = 7 yes", "4 + 3"), True),
    (_trace("3 * 4 = 12 no 3 + 4 = 7 yes"), True),
    ("4 - 3 </answer>", False),
]


def _numbers(f: Callable[..., Any], sampled: list[tuple[str, bool]], most: int) -> list[int]:
    texts, right = [text for text, _ in sampled], [is_right for _, is_right in sampled]
    got = returned(f(list(texts), list(right), most))
    if isinstance(got, set | frozenset | dict):
        raise WrongShape("Return a list: the indices of the completions to keep, in order.")
    kept = list(got)
    if any(isinstance(i, bool) for i in kept):
        raise WrongShape(
            "Return the indices of the completions to keep, not a True or False for each."
        )
    if any(isinstance(i, str) for i in kept):
        raise WrongShape("Return the indices of the completions (0, 1, ...), not their texts.")
    return [int(i) for i in kept]


selection = Exercise(
    "10",
    "selection",
    solution_function=my_selection,
    cases=[
        Case("For eleven completions, at most three to keep", lambda f: _numbers(f, _SAMPLED, 3)),
        Case("For the same, at most nine to keep", lambda f: _numbers(f, _SAMPLED, 9)),
        Case("For the same, at most one to keep", lambda f: _numbers(f, _SAMPLED, 1)),
        Case("For two completions, both wrong", lambda f: _numbers(f, [_SAMPLED[1]] * 2, 3)),
    ],
    hints=[
        "Write one loop over the completions, with a list of the indices kept so far and one "
        "condition.",
        "The condition has four parts: right, readable, new, and below the limit.",
        "New means that none of the kept completions has this text: compare with them, or keep a "
        "set.",
    ],
    well_done="your selection keeps what is right, readable and new, up to the limit.",
)
