"""Advantages: how a completion's reward compares with those of its own group.

PPO learns a critic that predicts the reward; GRPO takes the mean reward of G completions of the
same prompt instead. What remains after subtracting it is the advantage: DeepSeekMath (arXiv
2402.03300), section 4.1.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grpo_core.algorithm.choices import Array, TensorFunction, choose
from grpo_core.algorithm.critic import gae
from grpo_core.algorithm.formula import Formula, bracket, frac, num, op, sym
from grpo_core.core.errors import LabError

if TYPE_CHECKING:
    from torch import Tensor

EPS = 1e-4  # as in TRL; keeps a nearly tied group from dividing by nearly 0


def group_advantages(rewards: Tensor, scale_rewards: str = "group", eps: float = EPS) -> Tensor:
    """Return the group-relative advantages, A_i = (r_i - mean(r)) / (std(r) + eps) by default.

    A group whose rewards are all equal has advantage exactly 0. A tie must be detected before the
    arithmetic, by max == min, because the float32 mean of sixteen
    times 0.7 is not 0.7, and dividing the difference by a tiny eps would make an advantage of it.

    Args:
        rewards: (N, G) float, one row per group; (G,) for a single group.
        scale_rewards: what the difference to the mean is divided by, a name from `ADVANTAGES` under
            TRL's names:
            "group": the standard deviation of the group (DeepSeekMath);
            "batch": the standard deviation of all N * G rewards (Lite PPO, arXiv 2508.08221);
            "none": nothing (Dr. GRPO, arXiv 2503.20783);
            "loo", this kit's own value: nothing, and the mean is of the others only (RLOO).
        eps: added to the standard deviation.

    Returns:
        Advantages, of the shape and dtype of `rewards`; every token of a completion shares its
        completion's advantage.

    Raises:
        LabError: G is 1, a reward is not finite, or `scale_rewards` is unknown.
    """
    if rewards.dim() == 0 or rewards.shape[-1] < 2:
        raise LabError("A group needs 2 or more completions: GRPO compares them with each other.")
    if not rewards.isfinite().all():
        raise LabError("A reward is NaN or infinite: every reward must be a finite number.")
    advantages = choose(ADVANTAGES, scale_rewards, "scale_rewards")(rewards, eps)
    tied = rewards.amax(dim=-1, keepdim=True) == rewards.amin(dim=-1, keepdim=True)
    return advantages.masked_fill(tied, 0.0)


def normalize_then_sum(parts: Tensor, weights: Tensor, eps: float = EPS) -> Tensor:
    """Return the advantages of several rewards, each normalised in its group before they are added.

    A_i = z_i / (std(z) + eps), z_i = sum_k w_k (r_ki - mean(r_k)) / (std(r_k) + eps)

    Added first (`RewardSum`), two completions whose rewards have the same sum are the same to GRPO,
    and a reward that varies little is drowned by one that varies much. GDPO, arXiv 2601.05242; as
    TRL's multi_objective_aggregation "normalize_then_sum". The last division is over the batch; the
    mean of z needs no subtracting, since every group's is 0.

    Args:
        parts: (K, N, G) float, the unweighted rewards of K functions.
        weights: (K,) float.
        eps: added to each standard deviation (ddof 1).

    Returns:
        (N, G), of the dtype of `parts`; exactly 0 where every reward ties in its group.

    Raises:
        LabError: as `group_advantages`.
    """
    summed = parts[0].new_zeros(parts[0].shape)
    for rewards, weight in zip(parts, weights, strict=True):
        summed = summed + weight * group_advantages(rewards, "group", eps)
    return summed / (summed.std(correction=1) + eps)


def process_advantages(step_rewards: Tensor, step_ends: Tensor, eps: float = EPS) -> Tensor:
    """Return the advantages of process supervision: a token is credited with later steps.

    A_it = sum over steps of o_i ending at or after t of (r - mean) / (std + eps), mean and std over
    all steps of all G completions. DeepSeekMath (arXiv 2402.03300), section 4.1.3. With a single
    step, at the end of each completion, it is outcome supervision.

    It pays by the step: where a step is worth more than the mean, more such steps are worth more.

    Args:
        step_rewards: (N, G, T) float; what stands where no step ends is not read.
        step_ends: (N, G, T) bool, True on the last token of each step.
        eps: added to the standard deviation (ddof 1).

    Returns:
        (N, G, T); 0 throughout a group with fewer than two steps or with equal rewards.

    Raises:
        LabError: the reward of a step is not finite.
    """
    if not step_rewards[step_ends].isfinite().all():
        raise LabError("A step's reward is NaN or infinite: it must be a finite number.")
    normalized = step_rewards.new_zeros(step_rewards.shape)
    for rewards, ends, out in zip(step_rewards, step_ends, normalized, strict=True):
        pool = rewards[ends]
        if len(pool) > 1 and pool.max() > pool.min():
            out[ends] = (pool - pool.mean()) / (pool.std(correction=1) + eps)
    return normalized.flip(-1).cumsum(-1).flip(-1)


def group_scaled(rewards: Tensor, eps: float = EPS) -> Tensor:
    """(r - mean) / (std + eps), both over the group: GRPO. (N, G) -> (N, G).

    The standard deviation is the sample's, with G - 1 in the denominator (ddof 1), as in TRL. The
    papers do not say which; with G (ddof 0) the advantages would be sqrt(G / (G - 1)) times as
    large: [1, 1, 0, 0] gives 0.866 here and would give 1.0.
    """
    return centered(rewards) / (rewards.std(dim=-1, keepdim=True, correction=1) + eps)


def batch_scaled(rewards: Tensor, eps: float = EPS) -> Tensor:
    """(r - mean of the group) / (std of the batch + eps). (N, G) -> (N, G).

    Easy and hard prompts then weigh by how much their rewards really vary, instead of all alike.
    """
    return centered(rewards) / (rewards.std(correction=1) + eps)


def centered(rewards: Tensor, eps: float = EPS) -> Tensor:
    """Rewards minus the mean of their group (Dr. GRPO). (N, G) -> (N, G); `eps` is not needed."""
    return rewards - rewards.mean(dim=-1, keepdim=True)


def leave_one_out(rewards: Tensor, eps: float = EPS) -> Tensor:
    """Rewards minus the mean of the other G - 1 of the group. (N, G) -> (N, G).

    G / (G - 1) times `centered`: with its own reward out of the baseline, the expected gradient is
    the policy gradient itself and not (G - 1) / G of it. RLOO, arXiv 2402.14740; a trainer of
    its own in TRL. `eps` is not needed.
    """
    g = rewards.shape[-1]
    return centered(rewards) * (g / (g - 1))


@dataclass(frozen=True)
class Advantage:
    """A choice of what rewards are compared with and divided by.

    Attributes:
        function: torch. ((N, G) rewards, eps) -> (N, G).
        divisor: numpy. (a group's rewards, all rewards of the batch, eps) -> what the difference
            to the group's mean is divided by.
        formula: the advantage as data.
    """

    function: TensorFunction
    divisor: Callable[[Array, Array, float], float]
    formula: Formula

    def __call__(self, rewards: Tensor, eps: float = EPS) -> Tensor:
        """Return the advantages by `function`."""
        return self.function(rewards, eps)


@dataclass(frozen=True)
class TokenAdvantage:
    """A choice that gives every token an advantage of its own.

    Attributes:
        function: torch; what it takes differs, see training/credit.py.
        words: in place of a formula, which one completion's numbers cannot fill.
    """

    function: Callable[..., Any]
    words: str


_CENTERED = (sym("r"), op("−"), sym("mean"))

# A plain function of (rewards, eps) will do for training; the lens needs the rest.
ADVANTAGES: dict[str, TensorFunction] = {
    "group": Advantage(
        group_scaled,
        lambda own, batch, eps: own.std(ddof=1) + eps,
        (frac(_CENTERED, (sym("std"), op("+"), num(f"{EPS:.4f}"))),),
    ),
    "batch": Advantage(
        batch_scaled,
        lambda own, batch, eps: batch.std(ddof=1) + eps,
        (frac(_CENTERED, (sym("divisor"),)),),
    ),
    "none": Advantage(centered, lambda own, batch, eps: 1.0, _CENTERED),
    "loo": Advantage(
        leave_one_out,
        lambda own, batch, eps: (len(own) - 1) / len(own),
        (frac((sym("G"),), (sym("G"), op("−"), num("1"))), bracket(*_CENTERED)),
    ),
}

TOKEN_ADVANTAGES: dict[str, TokenAdvantage] = {
    "process": TokenAdvantage(
        process_advantages,
        "normalised rewards of the steps that end here or later, as recorded",
    ),
    "gae": TokenAdvantage(
        gae, "from the critic: GAE over the tokens that follow, whitened over the batch"
    ),
}

REWARD_AGGREGATIONS = ("sum_then_normalize", "normalize_then_sum")
SEVERAL = TokenAdvantage(
    normalize_then_sum,
    "each reward normalised in the group, then added up and scaled over the batch",
)
"""What multi_objective_aggregation "normalize_then_sum" does, where tokens still share."""
