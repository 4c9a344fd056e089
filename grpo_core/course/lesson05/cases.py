"""What the cases of several exercises of lesson 05 have in common."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.outcomes import WrongShape, tensor

# Ratios on every side of both bounds, for a good and for a bad token, and none on a bound.
RATIOS = torch.tensor([[0.5, 0.75, 0.9, 1.0, 1.1, 1.25, 2.5]] * 2)
A = torch.tensor([2.0, -1.0])
LOW, HIGH = 0.2, 0.3
_OLD = torch.tensor([[-1.0, -2.0, -0.5, -1.5, -1.0, -0.7, -2.5]] * 2)


def _value_and_gradient(value: Any, logprobs: Tensor) -> Tensor:
    """The surrogates and what they pass on, in two rows; NaN where nothing can flow back."""
    value = tensor(value)
    if value.shape != logprobs.shape:
        expected, got = tuple(logprobs.shape), tuple(value.shape)
        raise WrongShape(
            f"Return one number per token, in the shape {expected}; yours has {got}. The mean "
            "over tokens comes later."
        )
    gradient = None
    if value.requires_grad:
        (gradient,) = torch.autograd.grad(value.sum(), logprobs, allow_unused=True)
    if gradient is None:
        gradient = torch.full_like(logprobs, float("nan"))
    return torch.stack([value.detach(), gradient])


def moved(*numbers: float) -> Callable[[Callable[..., Any]], Tensor]:
    """A case: the policy has moved by the ratios above."""

    def run(f: Callable[..., Any]) -> Tensor:
        logprobs = (_OLD + RATIOS.log()).requires_grad_()
        return _value_and_gradient(f(logprobs, _OLD.clone(), A.clone(), *numbers), logprobs)

    return run


def not_moved(*numbers: float) -> Callable[[Callable[..., Any]], Tensor]:
    """A case: the first update, where the old log-probs are the new ones."""

    def run(f: Callable[..., Any]) -> Tensor:
        logprobs = _OLD.clone().requires_grad_()
        return _value_and_gradient(f(logprobs, logprobs, A.clone(), *numbers), logprobs)

    return run
