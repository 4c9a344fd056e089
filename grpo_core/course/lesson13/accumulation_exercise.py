"""Exercise 2 of lesson 13: the arithmetic of a batch."""

import operator
from collections.abc import Callable
from typing import Any

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number, returned


def my_accumulation(prompts: int, generations: int, processes: int, per_device: int) -> int:
    """Return the number of micro-batches to accumulate for one step."""
    completions = prompts * generations
    return completions // (per_device * processes)


def _batch(*numbers: int) -> Callable[[Callable[..., Any]], Any]:
    return lambda f: number(f(*numbers))


def _countable(f: Callable[..., Any]) -> str:
    """Whether `range` would take the number: TRL's data loader does not take 4.0."""
    value = returned(f(32, 16, 8, 4))
    try:
        operator.index(value)
    except TypeError:
        return f"{value}, a {type(value).__name__}"
    return "a whole number"


accumulation = Exercise(
    "13",
    "accumulation",
    solution_function=my_accumulation,
    cases=[
        Case("For 8 prompts of 16, one process, 32 at a time", _batch(8, 16, 1, 32)),
        Case("For the same on two processes", _batch(8, 16, 2, 32)),
        Case("For 32 prompts of 16, 8 processes, 4 at a time", _batch(32, 16, 8, 4)),
        Case("For the same, as an integer", _countable),
    ],
    hints=[
        "How many completions does a step have in total?",
        "How many are processed at the same time, on all processes together?",
    ],
    well_done="your batch is right: that many micro-batches on every process make one step.",
)
