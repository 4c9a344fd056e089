"""Exercise 3 of lesson 05: the clipped weight (CISPO)."""

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson05.cases import moved, not_moved


def my_cispo(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    cap: float,
) -> Tensor:
    """Return the objective (B, T) to maximise; advantages are (B,)."""
    ratio = torch.exp(logprobs - old_logprobs)
    weight = ratio.clamp(max=cap).detach()
    return weight * advantages.unsqueeze(1) * logprobs


cispo = Exercise(
    "05",
    "cispo",
    solution_function=my_cispo,
    cases=[
        Case("For ratios of 0.5 to 2.5 and a cap of 1.2: values, then gradients", moved(1.2)),
        Case("On the first update, where old_logprobs is logprobs", not_moved(1.2)),
        Case("With a cap of 2", moved(2.0)),
    ],
    hints=[
        "Multiply three factors per token: a constant weight, the advantage, and log pi.",
        "The weight is the ratio, but at most the cap. `.clamp(max=...)` leaves the other side "
        "unbounded.",
        "It is a constant, so `.detach()` it at the very end.",
    ],
    well_done=(
        "your CISPO is right: weights stop growing at the cap, and no token loses its gradient."
    ),
)
