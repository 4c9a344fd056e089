"""Exercise 3 of lesson 11: DAPO's loss, one micro-batch at a time."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson11.cases import HERE, OLD
from grpo_core.course.outcomes import WrongShape, tensor

LOW, HIGH = 0.2, 0.28
_RATIOS = torch.tensor([[0.5, 1.1, 1.25, 2.0], [0.7, 1.4, 9.0, 9.0], [1.24, 0.9, 0.75, 9.0]])
_A = torch.tensor([1.0, -2.0, 0.5])
_SHARES = ([0, 1], [2])  # what goes through the model at once


def my_dapo(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    low: float,
    high: float,
    tokens: int,
) -> torch.Tensor:
    """Return a micro-batch's (B, T) share of the whole batch's loss."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - low, 1 + high)
    a = advantages.unsqueeze(1)
    surrogate = torch.minimum(ratio * a, clipped * a)
    return -(surrogate * mask).sum() / tokens


def _batch_loss(
    first: bool, low: float = LOW, high: float = HIGH, worth: Tensor = _A
) -> Callable[[Callable[..., Any]], Any]:
    """The loss and its slopes, added up over two micro-batches."""

    def run(f: Callable[..., Any]) -> Any:
        logprobs = (OLD if first else OLD + _RATIOS.log()).clone().requires_grad_()
        old = logprobs if first else OLD.clone()
        loss, tokens = torch.zeros(()), int(HERE.sum())
        for rows in _SHARES:
            share = tensor(f(logprobs[rows], old[rows], worth[rows], HERE[rows], low, high, tokens))
            if share.numel() != 1:
                raise WrongShape(f"Return one number; yours has the shape {tuple(share.shape)}.")
            loss = loss + share.reshape(())
        gradient = None
        if loss.requires_grad:
            (gradient,) = torch.autograd.grad(loss, logprobs, allow_unused=True)
        if gradient is None:
            gradient = torch.full_like(logprobs, float("nan"))
        return [loss.detach(), gradient]

    return run


dapo = Exercise(
    "11",
    "dapo",
    solution_function=my_dapo,
    cases=[
        Case("For two micro-batches, of 6 and 3 tokens: loss, then slopes", _batch_loss(False)),
        Case("On the first update, where old_logprobs is logprobs", _batch_loss(True)),
        Case(
            "With epsilons of 0.1 and 0.4, and other advantages",
            _batch_loss(False, 0.1, 0.4, torch.tensor([2.0, -1.0, 0.6])),
        ),
    ],
    hints=[
        "It is notebook 00's loss with two changes: two bounds, and another divisor.",
        "Compute the ratio, the clipped ratio and the smaller of the two products as in notebook "
        "05. Then take one sum over all tokens of the micro-batch.",
        "The caller adds up the results of all micro-batches. So each must be divided by the same "
        "number, which is passed to the function.",
    ],
    well_done="your loss is DAPO's, and does not depend on how the batch is split.",
)
