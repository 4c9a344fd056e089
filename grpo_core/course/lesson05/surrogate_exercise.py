"""Exercise 2 of lesson 05: the clipped surrogate."""

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson05.cases import HIGH, LOW, moved, not_moved


def my_surrogate(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    low: float,
    high: float,
) -> Tensor:
    """Return the surrogate (B, T) to maximise; advantages are (B,)."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - low, 1 + high)
    a = advantages.unsqueeze(1)
    return torch.minimum(ratio * a, clipped * a)


surrogate = Exercise(
    "05",
    "surrogate",
    solution_function=my_surrogate,
    cases=[
        Case(
            "For ratios of 0.5 to 2.5, bounds 0.8 and 1.3: values, then gradients",
            moved(LOW, HIGH),
        ),
        Case("On the first update, where old_logprobs is logprobs", not_moved(LOW, HIGH)),
        Case("With bounds of 0.7 and 1.05", moved(0.3, 0.05)),
    ],
    hints=[
        "One line each: ratio, clipped ratio, advantages with a second dimension, and a choice "
        "between two products.",
        "The clipped ratio has two different bounds. Keep the unclipped ratio as well: multiply "
        "both by the advantage before you compare them.",
        "Compare it with exercise 1: your gradients should be those weights. "
        "`surrogate.sum().backward()` gives them.",
    ],
    well_done="your surrogate is right, with two bounds and on both sides of 1.",
)
