"""Exercise 2 of lesson 07: the loss."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.algorithm.kl import k3
from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson05 import my_surrogate
from grpo_core.course.outcomes import WrongShape, tensor


def my_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    ref_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    beta: float,
    tokens: int,
) -> Tensor:
    """Return this part's share of the batch's loss, one number."""
    surrogate = my_surrogate(logprobs, old_logprobs, advantages, 0.2, 0.2)
    per_token = surrogate - beta * k3(logprobs, ref_logprobs)
    return -per_token[mask].sum() / tokens


_OLD = torch.tensor([[-1.0, -2.0, -0.5, -0.7], [-0.3, -1.5, -1.0, -2.0]])
_NEW = _OLD + torch.tensor([[0.1, 0.5, -0.05, 3.0], [-0.1, -0.4, 2.5, 1.0]])
# Row 1 has a positive advantage and became less likely, row 2 the reverse: nothing may be clipped.
_BACK = _OLD + torch.tensor([[-0.5, 0.1, -0.3, 3.0], [0.6, 0.4, 2.5, 1.0]])
_FAR = _OLD + torch.tensor([[1.2, -2.0, 0.25, 3.0], [-1.9, 1.1, 2.5, 1.0]])
_REF = _OLD + torch.tensor([[-0.4, 0.3, 0.2, -4.0], [0.6, -0.2, -3.0, 3.0]])
_A = torch.tensor([1.5, -0.5])
_MASK = torch.tensor([[True, True, True, False], [True, True, False, False]])
_TOKENS = 12  # of the batch that these two rows are a part of


def _loss_and_gradient(value: Any, logprobs: Tensor) -> Tensor:
    """The loss, and its gradient by the log-probs behind it."""
    loss = tensor(value)
    if loss.numel() != 1:
        raise WrongShape(f"Return one number; yours has the shape {tuple(loss.shape)}.")
    gradient = torch.full_like(logprobs, float("nan"))
    if loss.requires_grad:
        (found,) = torch.autograd.grad(loss.sum(), logprobs, allow_unused=True)
        gradient = gradient if found is None else found
    return torch.cat([loss.detach().view(1), gradient.flatten()])


def _lost(new: Tensor, beta: float) -> Callable[[Callable[..., Any]], Tensor]:
    def run(f: Callable[..., Any]) -> Tensor:
        leaf = new.clone().requires_grad_()
        value = f(leaf, _OLD.clone(), _REF.clone(), _A.clone(), _MASK.clone(), beta, _TOKENS)
        return _loss_and_gradient(value, leaf)

    return run


loss = Exercise(
    "07",
    "loss",
    solution_function=my_loss,
    cases=[
        Case(
            "For two rows of a batch of 12 tokens, beta 0.1: the loss, then its gradient",
            _lost(_NEW, 0.1),
        ),
        Case("With beta 0", _lost(_NEW, 0.0)),
        Case("On the first update, beta 0.5", _lost(_OLD, 0.5)),
        Case("Where tokens have moved in the wrong direction", _lost(_BACK, 0.1)),
        Case("Where tokens have moved far", _lost(_FAR, 0.1)),
    ],
    hints=[
        "First compute one number per token: the surrogate of notebook 05 minus beta times the KL "
        "of notebook 06.",
        "Then select the tokens that count: x[mask] picks them out of a (B, T).",
        "Then take their sum, divide it by the tokens of the whole batch, and flip the sign.",
    ],
    well_done="your loss is right, and the parts of a batch add up to the whole.",
)
