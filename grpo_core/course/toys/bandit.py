"""A ten-armed bandit: a policy so small that every gradient is known exactly. For lesson 01."""

from dataclasses import dataclass
from itertools import product
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from grpo_core.algorithm.advantages import group_advantages

Baseline = Literal["none", "learned critic", "perfect critic", "group"]


@dataclass(frozen=True)
class Groups:
    """N groups of G samples.

    Attributes:
        actions: (N, G) int64, which arm.
        rewards: (N, G) float32, 0 or 1.
    """

    actions: Tensor
    rewards: Tensor


def draw(logits: Tensor, values: Tensor, groups: int, size: int, seed: int) -> Groups:
    """Sample from one policy.

    Args:
        logits: (K,) the policy's logits.
        values: (K,) each arm's probability of a reward.
        groups, size: N and G.
        seed: random seed of the samples and rewards.
    """
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.softmax(logits, dim=0)
    actions = torch.multinomial(probabilities, groups * size, True, generator=generator)
    actions = actions.view(groups, size)
    luck = torch.rand(groups, size, generator=generator)
    return Groups(actions, (luck < values[actions]).float())


def estimates(logits: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
    """Return each group's estimate of dJ/dlogits: mean over i of A_i (1[k = a_i] - pi(k)).

    Args:
        logits: (K,), or (N, K) if every group has a policy of its own.
        actions: (N, G) int64.
        advantages: (N, G) float.

    Returns:
        (N, K). REINFORCE: Williams 1992.
    """
    probabilities = torch.softmax(logits, dim=-1).unsqueeze(-2)
    score = one_hot(actions, logits.shape[-1]) - probabilities
    return (advantages.unsqueeze(-1) * score).mean(dim=1)


def expected_estimate(logits: Tensor, values: Tensor, size: int, scale_rewards: str) -> Tensor:
    """Return the expectation of the estimate, by enumerating everything that can be sampled.

    Args:
        logits, values: (K,) each.
        size: G; there are (2K)^G groups, so keep it small.
        scale_rewards: an advantage's name, as in `group_advantages`.

    Returns:
        (K,) float32, computed in float64.
    """
    chances = torch.softmax(logits.double(), dim=0)
    arms = torch.tensor(list(product(range(len(logits)), repeat=size)))
    outcomes = torch.tensor(list(product([0.0, 1.0], repeat=size)), dtype=torch.float64)
    total = torch.zeros_like(chances)
    for rewards in outcomes:
        right = values.double()[arms]
        weight = (chances[arms] * torch.where(rewards == 1, right, 1 - right)).prod(dim=1)
        advantages = group_advantages(rewards.expand(arms.shape), scale_rewards)
        total += (weight.unsqueeze(1) * estimates(logits.double(), arms, advantages)).sum(dim=0)
    return total.float()


def learn(
    logits: Tensor,
    values: Tensor,
    *,
    baseline: Baseline,
    offset: float,
    seed: int,
    steps: int = 300,
    size: int = 8,
    runs: int = 200,
    learning_rate: float = 0.5,
) -> Tensor:
    """Run plain gradient ascent by estimates, in many runs from the same start.

    Args:
        logits, values: (K,) each; the initial logits, and each arm's probability of a reward.
        baseline: what is subtracted from the rewards; the learned critic is a running mean that
            starts from 0 and moves by a twentieth of its error.
        offset: added to every reward.
        seed: random seed of the samples and rewards.
        steps, size, runs, learning_rate: one group of `size` per step, in each of `runs` runs.

    Returns:
        (runs, steps) float32: the probability of a reward before each step.
    """
    generator = torch.Generator().manual_seed(seed)
    theta = logits.repeat(runs, 1)
    critic = torch.zeros(runs, 1)
    chances = []
    for _ in range(steps):
        probabilities = torch.softmax(theta, dim=1)
        chances.append((probabilities * values).sum(dim=1))
        actions = torch.multinomial(probabilities, size, True, generator=generator)
        luck = torch.rand(runs, size, generator=generator)
        rewards = (luck < values[actions]).float() + offset
        if baseline == "group":
            advantages = group_advantages(rewards, "loo")
        elif baseline == "perfect critic":
            advantages = rewards - (chances[-1].unsqueeze(1) + offset)
        elif baseline == "learned critic":
            advantages = rewards - critic
            critic = critic + 0.05 * (rewards.mean(dim=1, keepdim=True) - critic)
        else:
            advantages = rewards
        theta = theta + learning_rate * estimates(theta, actions, advantages)
    return torch.stack(chances, dim=1)
