"""Exercise 3 of lesson 08: the critic's loss."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson08.cases import mask_of_lengths
from grpo_core.course.outcomes import WrongShape, tensor


def my_critic_loss(
    values: Tensor, old_values: Tensor, advantages: Tensor, mask: Tensor, clip: float
) -> Tensor:
    """Return the loss; values, advantages and mask are each (B, T)."""
    returns = advantages + old_values
    clipped = old_values + (values - old_values).clamp(-clip, clip)
    errors = torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)
    return 0.5 * (errors * mask).sum() / mask.sum()


_OLD_VALUES = torch.tensor([[0.5, 0.5, 0.5, 0.2], [0.3, 0.8, 9.0, 9.0]])
_NEW_VALUES = torch.tensor([[0.9, 0.2, 0.6, 0.1], [0.7, 0.5, 4.0, 4.0]])
# no value moves by exactly a clip: there two right ways of clipping have other gradients
_FALLEN_VALUES = torch.tensor([[0.9, 0.2, 0.1, 0.05], [0.0, 0.5, 4.0, 4.0]])
_GOOD_VALUES = torch.tensor([[1.0, 0.2, 0.1, 0.9], [0.05, 0.95, 4.0, 4.0]])
_ADVANTAGES = torch.tensor([[0.5, 0.6, -0.5, 0.8], [-0.3, 0.2, 6.0, 6.0]])


def _learned(
    values: Tensor, *lengths: int, clip: float = 0.2
) -> Callable[[Callable[..., Any]], Any]:
    """The loss, and behind it its gradient by every value."""

    def run(function: Callable[..., Any]) -> Tensor:
        now = values.clone().requires_grad_()
        mask = mask_of_lengths(*lengths)
        got = tensor(function(now, _OLD_VALUES.clone(), _ADVANTAGES.clone(), mask, clip))
        if got.numel() != 1:
            raise WrongShape(
                f"Return one number, the mean over tokens; yours has the shape {tuple(got.shape)}."
            )
        gradient = torch.zeros_like(now)
        if got.requires_grad:
            gradient = torch.autograd.grad(got.sum(), now, allow_unused=True)[0]
            gradient = torch.zeros_like(now) if gradient is None else gradient
        return torch.cat([got.detach().reshape(1), gradient.flatten()])

    return run


critic_loss = Exercise(
    "08",
    "critic_loss",
    solution_function=my_critic_loss,
    cases=[
        Case("For full rows, and then its gradient", _learned(_NEW_VALUES, 4, 4)),
        Case("For completions of 4 and 2 tokens", _learned(_NEW_VALUES, 4, 2)),
        Case("On the first update, where nothing has moved", _learned(_OLD_VALUES, 4, 2)),
        Case("If some values have fallen far", _learned(_FALLEN_VALUES, 4, 2)),
        Case("With a clip of 0.15", _learned(_NEW_VALUES, 4, 2, clip=0.15)),
        Case("If most values are nearly right", _learned(_GOOD_VALUES, 4, 2)),
    ],
    hints=[
        "Compute the target first: from what were the advantages computed? Then two errors, then "
        "a mean.",
        "The clipped value is the old one plus the difference, and the difference is clamped "
        "between -clip and clip.",
        "Take `torch.maximum` of the two squared errors per token; only tokens of completions "
        "count, all with the same weight.",
    ],
    well_done="your critic's loss is right: the value and the gradient.",
)
