"""Exercise 2 of lesson 04: what dividing does to hard and easy prompts."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number


def my_weight(p: float, size: int, divide: bool) -> float:
    """Return the average factor that multiplies the gradient of p."""
    total = 0.0
    for right in range(1, size):  # with 0 or all right, a group adds 0
        probability = p**right * (1 - p) ** (size - right)
        probability *= math.comb(size, right)
        variance = right / size * (1 - right / size)
        std = math.sqrt(variance * size / (size - 1))
        total += probability * variance / (std if divide else 1.0)
    return total / (p * (1 - p))


def _weights(size: int, divide: bool) -> Callable[[Callable[..., Any]], Tensor]:
    def run(f: Callable[..., Any]) -> Tensor:
        return torch.tensor([number(f(p, size, divide)) for p in (0.1, 0.5, 0.9)])

    return run


difficulty = Exercise(
    "04",
    "difficulty",
    solution_function=my_weight,
    cases=[
        Case("For groups of 8, p = 0.1, 0.5, 0.9, not divided", _weights(8, False)),
        Case("For groups of 8, p = 0.1, 0.5, 0.9, divided", _weights(8, True)),
        Case("For groups of 2, p = 0.1, 0.5, 0.9, divided", _weights(2, True)),
    ],
    hints=[
        "A loop over how many of the G are right, from 1 to G - 1. Each iteration adds a product "
        "of three: a probability, a variance, and one over a standard deviation (or over 1).",
        "The probability of `right` right ones is binomial: the number of ways to choose them, "
        "times p for each right one, times 1 - p for each wrong one.",
        "Test your function without dividing: it must give 7/8 for groups of 8, whatever p is. "
        "With dividing, groups of 2 give 0.707 for every p.",
    ],
    well_done=(
        "your weights are right: without dividing all prompts count the same, and with it hard "
        "and easy ones count for more."
    ),
)
