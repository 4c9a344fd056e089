"""Exercise 3 of lesson 06: the published bug."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson06.cases import LOGITS, REFERENCE
from grpo_core.course.outcomes import WrongShape, tensor


def my_penalty(logprobs: Tensor, old_logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Return what to add to the loss (T,), from log-probabilities (T,)."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    d = logprobs - ref_logprobs
    return ratio * (torch.exp(-d) + d - 1)


def _average_gradient(f: Callable[..., Any]) -> Tensor:
    """The gradient by the scores, on average over all tokens that the policy may sample."""
    rows = []
    for scores, reference in zip(LOGITS, REFERENCE, strict=True):
        leaf = scores.clone().requires_grad_()
        logprobs = torch.log_softmax(leaf, dim=0)
        old = logprobs.detach()
        value = tensor(f(logprobs, old.clone(), torch.log_softmax(reference, dim=0)))
        if value.shape != logprobs.shape:
            raise WrongShape(
                f"Return one number per token, in the shape {tuple(logprobs.shape)}; yours has "
                f"{tuple(value.shape)}."
            )
        gradient = None
        if value.requires_grad:
            expected = (old.exp() * value).sum()
            (gradient,) = torch.autograd.grad(expected, leaf, allow_unused=True)
        rows.append(torch.full_like(leaf, float("nan")) if gradient is None else gradient)
    return torch.stack(rows)


penalty = Exercise(
    "06",
    "penalty",
    solution_function=my_penalty,
    cases=[
        Case(
            "For the gradient with respect to the logits, on average over all tokens",
            _average_gradient,
        ),
    ],
    hints=[
        "More than one answer is right. Two rows of the table above give it: which uses have the "
        "gradient of the reverse KL?",
        "One way needs no ratio: an estimator whose slope with respect to log pi is d itself. "
        "Then the average gradient is the mean of d times the gradient of log pi, and that is the "
        "reverse KL's.",
        "The other way: multiply k3 by the importance ratio, the new probability over the old "
        "one, which is a constant. The ratio is 1, and its slope supplies what is missing.",
    ],
    well_done=(
        "your penalty has the gradient of the reverse KL, so it keeps the policy near the "
        "reference."
    ),
)
