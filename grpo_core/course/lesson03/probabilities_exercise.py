"""Exercise 1 of lesson 03: probabilities at a temperature."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import tensor


def my_probabilities(logits: Tensor, temperature: float) -> Tensor:
    """Return probabilities (V,) of logits (V,); temperature >= 0."""
    if temperature == 0:
        greedy = torch.zeros_like(logits)
        greedy[logits.argmax()] = 1
        return greedy
    return torch.softmax(logits / temperature, dim=0)


_LOGITS = torch.tensor([1.0, 3.0, -1.0, 2.0])
Formula = Callable[[Tensor, float], Tensor]


def _at(temperature: float) -> Callable[[Formula], Tensor]:
    return lambda f: tensor(f(_LOGITS.clone(), temperature))


probabilities = Exercise(
    "03",
    "probabilities",
    solution_function=my_probabilities,
    cases=[
        Case("For the logits [1, 3, -1, 2] at temperature 0.5", _at(0.5)),
        Case("At temperature 2", _at(2.0)),
        Case("At temperature 1", _at(1.0)),
        Case("At temperature 0", _at(0)),
    ],
    hints=[
        "For T > 0 it takes one line: the formula above the exercise; torch has a softmax.",
        "Handle temperature 0 separately, before anything is divided.",
        "For it, start from zeros of the same shape, and set one entry to 1: `logits.argmax()` "
        "says which.",
    ],
    well_done="your probabilities are right, also at temperature 0.",
)
