"""Exercise 2 of lesson 08: generalized advantage estimation."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson08.cases import mask_of_lengths
from grpo_core.course.outcomes import WrongShape, tensor


def my_gae(rewards: Tensor, values: Tensor, mask: Tensor, lam: float) -> Tensor:
    """Return advantages (B, T) by GAE with gamma 1; inputs are (B, T)."""
    advantages = torch.zeros_like(values)
    later_advantage = later_value = torch.zeros(len(values))
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + later_value - values[:, t]
        later_advantage = (delta + lam * later_advantage) * mask[:, t]
        later_value = values[:, t] * mask[:, t]
        advantages[:, t] = later_advantage
    return advantages


_GAE_REWARDS = torch.tensor([[-0.1, 0.0, 0.2, 1.0], [0.1, -0.2, 1.0, 5.0], [0.3, 0.4, 5.0, 5.0]])
_GAE_VALUES = torch.tensor([[0.4, 0.1, 0.6, 0.7], [0.2, 0.9, 0.3, 8.0], [0.5, 0.3, 8.0, 8.0]])


def _credited(lam: float, *lengths: int) -> Callable[[Callable[..., Any]], Any]:
    def run(function: Callable[..., Any]) -> Tensor:
        rows = len(lengths)
        mask = mask_of_lengths(*lengths)
        got = tensor(function(_GAE_REWARDS[:rows].clone(), _GAE_VALUES[:rows].clone(), mask, lam))
        if got.shape != mask.shape:
            raise WrongShape(
                f"Return one advantage per token, in the shape {tuple(mask.shape)}; yours has "
                f"{tuple(got.shape)}."
            )
        return got * mask  # what stands on padding is not looked at

    return run


gae = Exercise(
    "08",
    "gae",
    solution_function=my_gae,
    cases=[
        Case("For one completion of 4 tokens at lambda 0.5", _credited(0.5, 4)),
        Case("For completions of 4, 3 and 2 tokens at lambda 0.9", _credited(0.9, 4, 3, 2)),
        Case("At lambda 1", _credited(1.0, 4, 3, 2)),
        Case("At lambda 0", _credited(0.0, 4, 3, 2)),
    ],
    hints=[
        "Start at the last position and walk to the front; keep two things: the advantage and the "
        "value of the next position.",
        "At each position compute delta first: the reward, plus the next value, minus the value "
        "here. Then the advantage: delta plus lambda times the next advantage.",
        "Both things that you keep must be 0 where a row ends. Multiply them by the mask of the "
        "position.",
    ],
    well_done="your GAE is right, at every lambda and for rows that end early.",
)
