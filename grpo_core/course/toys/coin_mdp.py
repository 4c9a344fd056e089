"""An MDP of coin tosses, in which the true value of every token is known. For lesson 08.

A completion is T coins, heads or tails, and it is right if more than half of them are heads. So
the true value before each coin is a sum of binomial coefficients, and the coin's effect is the
difference of two such values. It is small enough to see the effect of lambda on both the bias and
the variance of an advantage.
"""

from collections.abc import Callable
from math import comb

import torch
from torch import Tensor

from grpo_core.algorithm.critic import gae

Critic = Callable[[Tensor], Tensor]
"""Turns the true values into those that the critic predicts."""

CRITICS: dict[str, Critic] = {
    "untrained": lambda values: torch.zeros_like(values),
    "half learned": lambda values: 0.5 + 0.5 * (values - 0.5),
    "perfect": lambda values: values,
}


def chance(heads: Tensor, left: int, length: int) -> Tensor:
    """Return the probability that a completion will be right: its true value.

    Args:
        heads: (B,) int64, the number of heads so far.
        left: the number of coins still to be tossed.
        length: the length of the completion, odd.

    Returns:
        (B,) float32 in [0, 1].
    """
    need = length // 2 + 1 - torch.arange(length + 1)  # by how many heads there are
    ways = [sum(comb(left, k) for k in range(max(int(n), 0), left + 1)) for n in need]
    return (torch.tensor(ways, dtype=torch.float64) / 2.0**left).float()[heads]


def toss(count: int, length: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return completions, their rewards and the true value before every coin.

    Args:
        count: the number of completions.
        length: the number of coins in each, odd.
        seed: random seed of the tosses.

    Returns:
        coins (B, T) int64, 1 for heads; rewards (B, T) float32, 1 on the last coin of a right
        completion; values (B, T) float32.
    """
    coins = torch.randint(2, (count, length), generator=torch.Generator().manual_seed(seed))
    heads = torch.nn.functional.pad(coins.cumsum(dim=1), (1, 0))  # before each, and at the end
    values = [chance(heads[:, t], length - t, length) for t in range(length)]
    rewards = torch.zeros(count, length)
    rewards[:, -1] = (heads[:, -1] > length // 2).float()
    return coins, rewards, torch.stack(values, dim=1)


def push(
    coins: Tensor, rewards: Tensor, values: Tensor, lam: float, position: int = 0
) -> tuple[float, float, float]:
    """Return a policy gradient's estimate for one coin, with advantages by GAE.

    The coin is a softmax over two answers at even odds, so a completion's estimate of the gradient
    is its advantage times (1 if heads, else 0, less 1/2).

    Args:
        coins, rewards, values: as `toss` returns them; the values may be any critic's.
        lam: lambda of GAE.
        position: the index of the coin.

    Returns:
        The mean of the estimate, its standard deviation from completion to completion, and the
        exact gradient: a quarter of the coin's effect on the value.
    """
    length = coins.shape[1]
    advantages, _ = gae(rewards, values, torch.ones_like(coins).bool(), lam=lam)
    estimates = advantages[:, position] * (coins[:, position] - 0.5)
    heads = coins[:, :position].sum(dim=1)
    left = length - position - 1
    worth = chance(heads + 1, left, length) - chance(heads, left, length)
    return float(estimates.mean()), float(estimates.std()), float(worth.mean()) / 4
