"""Exercise 1 of lesson 08: a reward for every token."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson08.cases import mask_of_lengths
from grpo_core.course.outcomes import WrongShape, tensor


def my_token_rewards(rewards: Tensor, kl: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Return every token's reward (B, T) from the completions' (B,)."""
    token_rewards = -beta * kl * mask
    last = mask.sum(dim=1) - 1
    rows = torch.arange(len(rewards))
    token_rewards[rows, last] += rewards
    return token_rewards


_KL = torch.tensor([[0.2, 0.6, 0.4, 7.0], [0.5, 0.1, 7.0, 7.0], [0.3, 7.0, 7.0, 7.0]])
# an estimate from one token may be below 0
_KL_BELOW = torch.tensor([[0.2, -0.6, 0.4, 0.9], [0.5, 0.1, 7.0, 7.0], [0.3, -0.2, 0.8, 7.0]])


def _paid(
    *lengths: int, kl: Tensor = _KL, beta: float = 0.5
) -> Callable[[Callable[..., Any]], Any]:
    def run(function: Callable[..., Any]) -> Tensor:
        scores = torch.tensor([1.3, 0.3, 1.0])
        got = tensor(function(scores, kl.clone(), mask_of_lengths(*lengths), beta))
        if got.shape != _KL.shape:
            raise WrongShape(
                f"Return one reward per token, in the shape (3, 4); yours has {tuple(got.shape)}."
            )
        return got

    return run


token_rewards = Exercise(
    "08",
    "token_rewards",
    solution_function=my_token_rewards,
    cases=[
        Case("For three completions of 3, 2 and 1 tokens, in rows of four", _paid(3, 2, 1)),
        Case("For three completions of 4, 2 and 3 tokens", _paid(4, 2, 3)),
        Case("For the same, with a beta of 0.2", _paid(4, 2, 3, kl=_KL_BELOW, beta=0.2)),
    ],
    hints=[
        "Add two parts: a cost on every token, and the reward on one token of each row.",
        "How many tokens a row has is the sum of its mask. Which position is the last one, then?",
        "Two index tensors pick one element per row: `x[rows, columns]`. You can add to that.",
    ],
    well_done=(
        "your rewards are right: each token pays its KL, and the last one gets the completion's "
        "reward."
    ),
)
