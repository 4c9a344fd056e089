"""From the recorded reward parts to advantages, as `credit.assign_credit` does, in numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grpo_core.algorithm.advantages import ADVANTAGES, EPS, Advantage
from grpo_core.algorithm.choices import choose
from grpo_core.algorithm.kl import KL_ESTIMATORS
from grpo_core.analysis.lens.batch import counts
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion, Group

Array = NDArray[np.float64]
WHITEN_EPS = 1e-8
OVERLONG = "soft_overlong_punishment_reward"  # what soft_punish_cache adds, with weight 1


@dataclass(frozen=True)
class Credit:
    """What each completion of one group is credited with.

    Attributes:
        rewards: (G,) float64, what the advantages come from: a KL in the reward taken off.
        advantages: G numbers, or (T,) arrays where tokens have their own.
        mean, std: of the group's rewards; the std with ddof 1, NaN for a group of one.
        divisor: what the difference to the mean was divided by, eps included; NaN where there is no
            such number (several rewards normalised one by one, a critic).
        baseline: what was subtracted; NaN where there is no such number.
    """

    rewards: Array
    advantages: list[Any]
    mean: float
    std: float
    divisor: float
    baseline: float


def weights_of(config: GRPOConfig) -> dict[str, float]:
    """Reward function name -> its weight."""
    weights = dict(zip(config.reward_funcs, map(float, config.reward_weights), strict=True))
    return weights | ({OVERLONG: 1.0} if config.soft_punish_cache else {})


def credit(
    groups: Sequence[Group], which: int, config: GRPOConfig, weights: Mapping[str, float]
) -> Credit:
    """Return the advantages of one group of a step, by other weights of its recorded rewards.

    Args:
        groups: all recorded groups of the step: a standard deviation over the batch is theirs.
        which: the group that is asked about.
        config: scale_rewards and what else decides advantages.
        weights: reward function name -> what it counts; a name that is missing counts nothing.

    Raises:
        LabError: the record lacks what the method needs.
    """
    if config.scale_rewards == "gae" and any(c.values is None for c in groups[which].completions):
        raise LabError("PPO needs a critic's values, and this run has no critic.")
    rewards = [
        _sums(group, weights) - np.array([_penalty(c, config) for c in group.completions])
        for group in groups
    ]
    own = rewards[which]
    mean, std = float(own.mean()), _std(own)
    if config.scale_rewards == "process":
        advantages = _recorded(groups[which], weights == weights_of(config))
        return Credit(own, advantages, mean, std, float("nan"), float("nan"))
    if config.scale_rewards == "gae":
        advantages = _by_critic(groups, which, config, weights)
        return Credit(own, advantages, mean, std, float("nan"), float("nan"))
    if config.multi_objective_aggregation == "normalize_then_sum":
        advantages = list(_normalized_then_summed(groups, which, weights))
        return Credit(own, advantages, mean, std, float("nan"), float("nan"))
    if len(own) < 2:
        raise LabError("A group needs 2 or more completions: GRPO compares them with each other.")
    divisor = _divisor(config.scale_rewards, own, rewards)
    if own.max() == own.min():
        return Credit(own, [0.0] * len(own), mean, std, divisor, mean)
    return Credit(own, list((own - mean) / divisor), mean, std, divisor, mean)


def _divisor(scale_rewards: str, own: Array, rewards: Sequence[Array]) -> float:
    """What the difference to the group's mean is divided by: see algorithm.advantages.

    Raises:
        LabError: the choice is unknown, or one for training alone.
    """
    choice = choose(ADVANTAGES, scale_rewards, "scale_rewards")
    if not isinstance(choice, Advantage):
        raise LabError(
            f"scale_rewards '{scale_rewards}' has no closed form, so the lens cannot work it out: "
            "make it an algorithm.advantages.Advantage."
        )
    return float(choice.divisor(own, np.concatenate(rewards), EPS))


def _sums(group: Group, weights: Mapping[str, float]) -> Array:
    """(G,) weighted sums of the recorded parts."""
    sums = [
        sum(weights.get(name, 0.0) * value for name, value in c.rewards.items())
        for c in group.completions
    ]
    return np.array(sums, dtype=np.float64)


def _recorded(group: Group, as_it_was: bool) -> list[Array]:
    """The advantages on record, of a method that they cannot be worked out again for."""
    advantages = [c.token_advantages for c in group.completions]
    if not as_it_was or any(a is None for a in advantages):
        raise LabError("Process supervision needs every step's reward, which is not on record.")
    return [np.asarray(a, dtype=np.float64) for a in advantages]


def _penalty(c: Completion, config: GRPOConfig) -> float:
    """What the KL takes from a completion's reward: beta * sum_t KL_t, of what counts."""
    if not config.kl_in_reward or not counts(c, config):
        return 0.0
    return config.beta * float(_sampled_kl(c, config).sum())


def _sampled_kl(c: Completion, config: GRPOConfig) -> Array:
    """(T,) KL of the policy that sampled to the reference, by the config's estimator."""
    if c.ref_logprobs is None:
        raise LabError("This method takes the KL to a reference, and this run recorded none.")
    estimator = choose(KL_ESTIMATORS, config.kl_estimator, "kl_estimator")
    estimate, _ = estimator.closed_form(c.old_logprobs.astype(np.float64) - c.ref_logprobs)
    return np.asarray(estimate)


def _std(values: Array) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _normalized_then_summed(
    groups: Sequence[Group], which: int, weights: Mapping[str, float]
) -> Array:
    """GDPO: each part normalised in its group, then summed, then divided by the batch's std."""

    def scaled(values: Array) -> Array:
        tie = values.max() == values.min()
        return np.zeros_like(values) if tie else (values - values.mean()) / (_std(values) + EPS)

    sums = []
    for group in groups:
        total = np.zeros(len(group.completions))
        for name, weight in weights.items():
            part = np.array([c.rewards.get(name, 0.0) for c in group.completions])
            total = total + weight * scaled(part)
        sums.append(total)
    return np.asarray(sums[which] / (_std(np.concatenate(sums)) + EPS))


def _by_critic(
    groups: Sequence[Group], which: int, config: GRPOConfig, weights: Mapping[str, float]
) -> list[Array]:
    """PPO: generalized advantages from the recorded values, whitened over the recorded groups."""
    raw = [
        [
            _gae(c, score, config) if counts(c, config) else np.zeros(len(c))
            for c, score in zip(group.completions, _sums(group, weights), strict=True)
        ]
        for group in groups
    ]
    own = groups[which].completions
    inside = np.concatenate(
        [
            advantages
            for group, rows in zip(groups, raw, strict=True)
            for c, advantages in zip(group.completions, rows, strict=True)
            if counts(c, config)
        ]
        or [np.zeros(0)]
    )
    if len(inside) < 2:
        return [np.zeros(len(c)) for c in own]
    scale = np.sqrt(inside.var(ddof=1) + WHITEN_EPS)
    return [
        (advantages - inside.mean()) / scale if counts(c, config) else advantages
        for c, advantages in zip(own, raw[which], strict=True)
    ]


def _gae(c: Completion, score: float, config: GRPOConfig) -> Array:
    """(T,) generalized advantages of one completion: see algorithm.critic."""
    assert c.values is not None  # `credit` looked
    rewards = np.zeros(len(c))
    if config.kl_in_reward:
        rewards -= config.beta * _sampled_kl(c, config)
    if len(c):
        rewards[-1] += score
    values = np.append(c.values.astype(np.float64), 0.0)
    advantages, later = np.zeros(len(c)), 0.0
    for t in reversed(range(len(c))):
        delta = rewards[t] + config.gamma * values[t + 1] - values[t]
        later = advantages[t] = delta + config.gamma * config.lam * later
    return advantages
