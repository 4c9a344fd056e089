"""Exercise 2 of lesson 11: one ratio per completion."""

from collections.abc import Callable
from typing import Any

import torch

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson11.cases import HERE, OLD
from grpo_core.course.outcomes import WrongShape, tensor

_MOVES = torch.tensor([[0.1, -0.3, 0.05, 0.6], [0.4, -0.1, 5.0, 5.0], [-0.9, 0.1, -0.2, -4.0]])


def my_ratio(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Return one ratio per completion (B,); the inputs are (B, T)."""
    moved = (logprobs - old_logprobs.detach()) * mask
    return torch.exp(moved.sum(dim=1) / mask.sum(dim=1))


def _ratio_and_gradient(first: bool) -> Callable[[Callable[..., Any]], Any]:
    """Three ratios, and their slopes by every log-prob; before any update or after some."""

    def run(f: Callable[..., Any]) -> Any:
        logprobs = (OLD if first else OLD + _MOVES).clone().requires_grad_()
        old = logprobs if first else OLD.clone()
        value = tensor(f(logprobs, old, HERE.clone()))
        if value.shape not in ((3,), (3, 1)):
            raise WrongShape(
                f"Return one number per completion, in the shape (3,); yours has "
                f"{tuple(value.shape)}."
            )
        value, gradient = value.flatten(), None
        if value.requires_grad:
            (gradient,) = torch.autograd.grad(value.sum(), logprobs, allow_unused=True)
        if gradient is None:
            gradient = torch.full_like(logprobs, float("nan"))
        return [value.detach(), gradient]

    return run


ratio = Exercise(
    "11",
    "ratio",
    solution_function=my_ratio,
    cases=[
        Case(
            "For completions of 4, 2 and 3 tokens: ratios, then slopes", _ratio_and_gradient(False)
        ),
        Case("On the first update, where old_logprobs is logprobs", _ratio_and_gradient(True)),
    ],
    hints=[
        "Take three steps: how far each token has moved, in logarithms; the mean of that over the "
        "completion; an exponential.",
        "The mean over the completion's own tokens is the sum of the masked values over the sum "
        "of the mask.",
        "Both sums run along dim=1. And the old log-probabilities are only a record, so detach "
        "them.",
    ],
    well_done="your ratio is GSPO's: the geometric mean of the tokens' ratios.",
)
