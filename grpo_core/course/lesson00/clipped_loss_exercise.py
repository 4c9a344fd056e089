"""Exercise 2 of lesson 00: the clipped loss."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import WrongShape, tensor


def my_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    epsilon: float = 0.2,
) -> Tensor:
    """Return the loss: one number to minimise."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
    a = advantages.unsqueeze(1)
    surrogate = torch.minimum(ratio * a, clipped * a)
    return -(surrogate * mask).sum() / mask.sum()


def _loss_and_gradient(value: Any, logprobs: Tensor) -> Tensor:
    """The loss and d loss / d logprobs in one row; the latter NaN where nothing can flow back."""
    loss = tensor(value)
    if loss.dim():
        raise WrongShape(f"A loss is one number; yours has the shape {tuple(loss.shape)}.")
    gradient = None
    if loss.requires_grad:
        (gradient,) = torch.autograd.grad(loss, logprobs, allow_unused=True)
    if gradient is None:
        gradient = torch.full_like(logprobs, float("nan"))
    return torch.cat([loss.detach().reshape(1), gradient.flatten()])


_OLD = torch.tensor(
    [[-1.0, -2.0, -0.5, -1.5, -1.0], [-0.7, -1.2, -2.0, -0.4, -0.9], [-0.9, -0.4, -2.0, -1.2, -0.7]]
)
# Ratios of 0.5 to 1.6 on both signs of the advantage: every branch of the clip is met.
_DRIFT = torch.tensor(
    [[0.4, -0.7, 0.1, -0.1, 0.3], [0.45, -0.5, 0.1, -0.1, 0.35], [-0.6, 0.3, 0.1, 0.5, -0.2]]
)
_A = torch.tensor([1.5, -0.5, -1.0])
_MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [1, 1, 0, 0, 0]]).bool()


def _after_an_update(f: Callable[..., Any]) -> Tensor:
    later = (_OLD + _DRIFT).requires_grad_()
    return _loss_and_gradient(f(later, _OLD.clone(), _A.clone(), _MASK.clone()), later)


def _with_a_wide_clip(f: Callable[..., Any]) -> Tensor:
    later = (_OLD + _DRIFT).requires_grad_()
    loss = f(later, _OLD.clone(), _A.clone(), _MASK.clone(), 0.4)
    return _loss_and_gradient(loss, later)


def _before_the_first(f: Callable[..., Any]) -> Tensor:
    first = _OLD.clone().requires_grad_()  # still the policy that sampled
    return _loss_and_gradient(f(first, first, _A.clone(), _MASK.clone()), first)


clipped_loss = Exercise(
    "00",
    "clipped_loss",
    solution_function=my_loss,
    cases=[
        Case("For the loss, and then its gradient", _after_an_update),
        Case("On the first update, where old_logprobs is logprobs", _before_the_first),
        Case("With an epsilon of 0.4", _with_a_wide_clip),
    ],
    hints=[
        "Write one step per line, each with a name: the ratio, the clipped ratio, both times the "
        "advantage, their minimum, the mean over tokens, the sign. Print the shape after each.",
        "Shapes: ratios and mask are (B, T), advantages (B,). Give the advantages a second "
        "dimension of size 1 before you multiply.",
        "The mean over tokens uses the mask twice: padding adds nothing to the numerator and is "
        "not counted in the denominator.",
    ],
    well_done="your loss is right, and so is its gradient, before and after the policy moves.",
)
