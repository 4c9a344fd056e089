"""Credit assignment: from a rollout's rewards to an advantage per completion or per token."""

from dataclasses import dataclass

import torch
from torch import Tensor

from grpo_core.algorithm.advantages import (
    group_advantages,
    normalize_then_sum,
    process_advantages,
)
from grpo_core.algorithm.critic import gae, token_rewards, whiten
from grpo_core.algorithm.kl import KL_ESTIMATORS, sequence_penalty
from grpo_core.algorithm.variant import Variant
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError, format_error
from grpo_core.models.policy import Policy
from grpo_core.rewards import StepRewardFunction
from grpo_core.tasks import Task, columns_of
from grpo_core.training.rollout import Rollout


@dataclass
class Scores:
    """Log-probabilities and values of the completions before the update, each (B, T) float32.

    Attributes:
        logprobs: log-probabilities under the sampling policy.
        ref_logprobs: log-probabilities under the reference, or None without one.
        values: the critic's values, or None without a critic.
    """

    logprobs: Tensor
    ref_logprobs: Tensor | None
    values: Tensor | None


@dataclass
class Credit:
    """Advantages, and the rewards they were computed from.

    Attributes:
        rewards: (N, G) float64, the rewards minus the KL penalty, if the KL is in the reward.
        advantages: (B,) float32, or (B, T) if they differ per token.
        returns: (B, T) float32, the critic's targets; None without a critic.
    """

    rewards: Tensor
    advantages: Tensor
    returns: Tensor | None = None


def assign_credit(
    rollout: Rollout,
    mask: Tensor,
    variant: Variant,
    config: GRPOConfig,
    *,
    scores: Scores | None = None,
    steps: "Steps | None" = None,
) -> Credit:
    """Return the advantages of a rollout, computed with the variant's method.

    Args:
        rollout: N groups of G completions.
        mask: (B, T) bool, the tokens that enter the loss.
        variant: the method's choices.
        config: the run's options.
        scores: required for a KL in the reward and for a critic.
        steps: required for process supervision.
    """
    rewards = rollout.rewards
    kl = None
    if variant.kl_in_reward:
        assert scores is not None and scores.ref_logprobs is not None
        kl = KL_ESTIMATORS[variant.kl_estimator](scores.logprobs, scores.ref_logprobs)
        rewards = rewards - sequence_penalty(kl, mask, variant.beta).view_as(rewards)
    if variant.scale_rewards == "gae":
        assert scores is not None and scores.values is not None
        return _by_critic(rollout, rewards, kl, scores.values, mask, variant, config)
    if variant.scale_rewards == "process":
        assert steps is not None
        return Credit(rewards, steps.advantages(rewards).float())
    if variant.multi_objective_aggregation == "normalize_then_sum":
        parts = torch.tensor(list(rollout.parts.values()), dtype=torch.float64)
        weights = torch.tensor(list(rollout.weights.values()), dtype=torch.float64)
        advantages = normalize_then_sum(parts.view(-1, *rewards.shape), weights)
    else:
        advantages = group_advantages(rewards, variant.scale_rewards)
    return Credit(rewards, advantages.float().flatten())


def _by_critic(
    rollout: Rollout,
    rewards: Tensor,
    kl: Tensor | None,
    values: Tensor,
    mask: Tensor,
    variant: Variant,
    config: GRPOConfig,
) -> Credit:
    """Return PPO's credit: per-token rewards, GAE with the critic's values, whitened."""
    kl = torch.zeros_like(values) if kl is None else kl
    per_token = token_rewards(rollout.rewards.float().flatten(), kl, mask, variant.beta)
    advantages, returns = gae(per_token, values, mask, gamma=config.gamma, lam=config.lam)
    return Credit(rewards, whiten(advantages, mask), returns)


@dataclass
class Steps:
    """The reasoning steps of every completion as tensors, for process supervision.

    Attributes:
        rewards: (N, G, T) float64, each step's reward, on its last token.
        ends: (N, G, T) bool, True on the last token of each step.
        truth: the mean step reward of each completion, B numbers; 0 without steps.
    """

    rewards: Tensor
    ends: Tensor
    truth: list[float]

    def advantages(self, outcome: Tensor) -> Tensor:
        """Return (B, T) advantages; the (N, G) outcome reward is added to each last step."""
        last = self.ends.shape[-1] - 1 - self.ends.flip(-1).long().argmax(-1, keepdim=True)
        rewards = self.rewards.scatter_add(-1, last, outcome.unsqueeze(-1))
        return process_advantages(rewards, self.ends).flatten(0, 1)


def find_steps(
    rollout: Rollout, policy: Policy, task: Task, function: StepRewardFunction, weight: float
) -> Steps:
    """Call a step reward on each completion, and find the tokens on which its steps end.

    The last token of a completion always ends a step: the answer, which gets the outcome reward.

    Raises:
        LabError: the function raised, or did not return a list of steps per completion.
    """
    rows = rollout.rows
    name = getattr(function, "__name__", "step reward")
    try:
        found = function(
            prompts=[problem.prompt for problem in rows],
            completions=rollout.texts,
            **columns_of(task, rows),
        )
        found = [[(int(end), float(reward)) for end, reward in steps] for steps in found]
    except LabError:
        raise
    except Exception as error:
        raise LabError(f"The step reward {name} raised {format_error(error)}.") from error
    if len(found) != len(rows):
        raise LabError(f"The step reward {name} returned {len(found)} lists for {len(rows)} texts.")
    shape = (len(rows), rollout.samples.completion_ids.shape[1])
    rewards = torch.zeros(shape, dtype=torch.float64)
    ends = torch.zeros(shape, dtype=torch.bool)
    for row, steps in enumerate(found):
        ids = rollout.samples.completion(row)
        text_ends = policy.text_ends(ids)
        for end, reward in steps:
            token = next((t for t, at in enumerate(text_ends) if at >= end), len(ids) - 1)
            rewards[row, token] += weight * reward
            ends[row, token] = True
        ends[row, len(ids) - 1] = True
    truth = [sum(r for _, r in steps) / max(len(steps), 1) for steps in found]
    groups = (*rollout.rewards.shape, shape[1])
    return Steps(rewards.view(groups), ends.view(groups), truth)
