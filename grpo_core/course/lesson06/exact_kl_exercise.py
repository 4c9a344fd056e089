"""Exercise 1 of lesson 06: the exact KL."""

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson06.cases import LOGITS, REFERENCE
from grpo_core.course.outcomes import tensor


def my_kl(logits: Tensor, ref_logits: Tensor) -> Tensor:
    """Return KL(policy, reference) (N,) of two sets of logits (N, V)."""
    logprobs = torch.log_softmax(logits, dim=1)
    ref_logprobs = torch.log_softmax(ref_logits, dim=1)
    return (logprobs.exp() * (logprobs - ref_logprobs)).sum(dim=1)


exact_kl = Exercise(
    "06",
    "exact_kl",
    solution_function=my_kl,
    cases=[
        Case(
            "For two pairs of policies over five tokens",
            lambda f: tensor(f(LOGITS.clone(), REFERENCE.clone())),
        ),
        Case(
            "For a policy that is its own reference",
            lambda f: tensor(f(LOGITS.clone(), LOGITS.clone())),
        ),
    ],
    hints=[
        "It takes three lines: the log-probabilities of the one, those of the other, and a sum.",
        "You average a difference of log-probabilities, weighted by probabilities, which are "
        "exponentials of log-probabilities. Whose?",
        "Each pair of policies has a row, so everything runs along dim=1, the softmax as well as "
        "the sum.",
    ],
    well_done="your KL is the exact one, and 0 for a policy that is its own reference.",
)
