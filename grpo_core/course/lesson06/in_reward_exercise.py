"""Exercise 4 of lesson 06: the KL in the reward."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import WrongShape, returned, tensor


def my_rewards(
    rewards: Tensor,
    logprobs: Tensor,
    ref_logprobs: Tensor,
    mask: Tensor,
    beta: float,
) -> Tensor:
    """Return penalised rewards (B,); log-probs and mask are (B, T)."""
    d = (logprobs - ref_logprobs).detach()
    return rewards - beta * (d * mask).sum(dim=1)


def _penalised(f: Callable[..., Any], beta: float = 0.1) -> Tensor:
    """The rewards, and a 1 behind them where they would pass a gradient on."""
    rewards = torch.tensor([1.0, 0.0, 1.0])
    new = torch.tensor(
        [[-0.1, -2.0, -0.7, -3.0], [-0.05, -1.0, -2.0, -9.0], [-0.4, -0.3, -7.0, -9.0]]
    )
    ref = torch.tensor(
        [[-0.6, -1.2, -0.7, -4.5], [-0.06, -0.1, -2.5, -1.0], [-0.9, -1.3, -2.0, -1.0]]
    )
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]]).bool()
    got = returned(f(rewards, new.requires_grad_(), ref, mask, beta))
    got = tensor(got)
    if got.shape != rewards.shape:
        raise WrongShape(
            f"Return one number per completion, in the shape (3,); yours has {tuple(got.shape)}."
        )
    return torch.cat([got.detach(), torch.tensor([float(got.requires_grad)])])


in_reward = Exercise(
    "06",
    "in_reward",
    solution_function=my_rewards,
    cases=[
        Case(
            "For three completions of 4, 3 and 2 tokens, and 1 if there is a gradient", _penalised
        ),
        Case("With a beta of 2", lambda f: _penalised(f, 2.0)),
    ],
    hints=[
        "Take a difference per token, then one sum per completion, then subtract.",
        "The mask is True on tokens: multiplying by it sets all padding to 0.",
        "A reward is a constant. `.detach()` cuts it off from the policy it was computed with.",
    ],
    well_done="your rewards are right: each completion pays for its own tokens, and only those.",
)
