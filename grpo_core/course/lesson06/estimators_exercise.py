"""Exercise 2 of lesson 06: estimators from the sampled tokens."""

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import tensor


def my_estimators(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Return k1, k2, k3 (3, T) from log-probabilities of tokens (T,)."""
    d = logprobs - ref_logprobs
    return torch.stack([d, d**2 / 2, torch.exp(-d) + d - 1])


_SAMPLED = torch.tensor([-0.1, -2.0, -0.7, -3.0, -0.05, -1.0])
_BY_REFERENCE = torch.tensor([-0.6, -1.2, -0.7, -4.5, -0.06, -0.1])


estimators = Exercise(
    "06",
    "estimators",
    solution_function=my_estimators,
    cases=[
        Case(
            "For six tokens, three rows",
            lambda f: tensor(f(_SAMPLED.clone(), _BY_REFERENCE.clone())),
        ),
    ],
    hints=[
        "Name the difference d first. Then every estimator is one short expression in d.",
        "k3 is 0 where d is 0, and positive on both sides of it. Try d = 1 and d = -1.",
        "`torch.stack` puts three rows on top of each other.",
    ],
    well_done="your estimators are right.",
)
