"""A method of the family as its switches: what a configuration asks of the objective."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from grpo_core.algorithm.advantages import ADVANTAGES, REWARD_AGGREGATIONS, TOKEN_ADVANTAGES
from grpo_core.algorithm.aggregation import AGGREGATIONS
from grpo_core.algorithm.choices import choose
from grpo_core.algorithm.kl import KL_ESTIMATORS, KLPlacement
from grpo_core.algorithm.levels import LEVELS
from grpo_core.algorithm.method import Method
from grpo_core.algorithm.methods import METHODS, NUMBERS, MethodNumbers, numbers_in, switches_of
from grpo_core.core.errors import LabError

if TYPE_CHECKING:
    from grpo_core.core.config import GRPOConfig


@dataclass(frozen=True)
class Variant(KLPlacement, MethodNumbers):
    """One choice on each of five switches, and their numbers, under the names of GRPOConfig.

    TRL's `loss_type` sets two switches at once, so here it is two: `surrogate` and `aggregation`.
    Beside the fields below there are `beta` and `use_kl_in_reward` (see kl.KLPlacement) and the
    numbers of the methods (see methods.NUMBERS).

    Attributes:
        scale_rewards: what rewards are compared with and divided by (see advantages.ADVANTAGES), or
            "process" for step rewards, or "gae" for a critic, which is PPO.
        importance_sampling_level: what has an importance ratio of its own (see levels.LEVELS).
        surrogate: what is maximised, token by token (see methods.METHODS).
        aggregation: how tokens become one number (see aggregation.AGGREGATIONS).
        kl_estimator: of the KL to the reference (see kl.KL_ESTIMATORS).
        use_bias_correction_kl: the KL in the loss is multiplied by the importance ratio.
        entropy_coef: what a nat of entropy per token is worth in the loss.
        multi_objective_aggregation: "sum_then_normalize", or "normalize_then_sum" (GDPO).
    """

    scale_rewards: str = "group"
    importance_sampling_level: str = "token"
    surrogate: str = "clip"
    aggregation: str = "token_mean"
    kl_estimator: str = "k3"
    use_bias_correction_kl: bool = False
    entropy_coef: float = 0.0
    multi_objective_aggregation: str = "sum_then_normalize"

    def __post_init__(self) -> None:
        """Refuse a choice that no switch has, or that another rules out, before anything else."""
        choose({**ADVANTAGES, **TOKEN_ADVANTAGES}, self.scale_rewards, "scale_rewards")
        choose(LEVELS, self.importance_sampling_level, "importance_sampling_level")
        choose(METHODS, self.surrogate, "The surrogate")
        choose(AGGREGATIONS, self.aggregation, "The aggregation")
        choose(KL_ESTIMATORS, self.kl_estimator, "kl_estimator")
        if self.multi_objective_aggregation not in REWARD_AGGREGATIONS:
            raise LabError(
                f"There is no multi_objective_aggregation '{self.multi_objective_aggregation}'. "
                f"Known: {', '.join(REWARD_AGGREGATIONS)}."
            )
        self._refuse_clashing_advantages()
        self._refuse_clashing_kl()
        self._refuse_clashing_surrogates()

    @classmethod
    def from_config(cls, config: GRPOConfig) -> Variant:
        """Take from a configuration what the objective needs.

        Raises:
            LabError: a value that no switch knows, or values that clash.
        """
        method, aggregation = switches_of(config.loss_type)
        known = {f.name for f in fields(config)}
        same = {f.name: getattr(config, f.name) for f in fields(cls) if f.name in known}
        return cls(**same, surrogate=method.name, aggregation=aggregation)

    @property
    def method(self) -> Method:
        """The record of the surrogate."""
        return METHODS[self.surrogate]

    @property
    def numbers(self) -> dict[str, Any]:
        """The numbers that the surrogate takes, by their names."""
        return self.method.taken(numbers_in(self))

    @property
    def by_token(self) -> bool:
        """Whether tokens of one completion may have different advantages."""
        return self.scale_rewards in TOKEN_ADVANTAGES

    def _refuse_clashing_advantages(self) -> None:
        """Refuse what needs one advantage per completion, or one sum of rewards, beside others."""
        whole = LEVELS[self.importance_sampling_level].whole or self.method.whole
        if self.by_token and whole:
            what = f"level '{self.importance_sampling_level}'"
            if self.method.whole:
                what = f"loss_type '{self.surrogate}'"
            raise LabError(
                f"scale_rewards '{self.scale_rewards}' gives every token its own advantage, and "
                f"{what} one ratio to a whole completion, so they clash: take "
                "importance_sampling_level 'token' or 'sequence_token' and another loss_type."
            )
        several = self.multi_objective_aggregation == "normalize_then_sum"
        if several and self.scale_rewards != "group":
            raise LabError(
                "multi_objective_aggregation 'normalize_then_sum' divides each reward by its own "
                f"standard deviation, and clashes with scale_rewards '{self.scale_rewards}': leave "
                "that at 'group'."
            )

    def _refuse_clashing_kl(self) -> None:
        """Refuse a KL in two places, or in a reward that it cannot be taken from."""
        if not self.use_kl_in_reward:
            return
        if self.use_bias_correction_kl:
            raise LabError(
                "use_bias_correction_kl weighs the KL in the loss, and use_kl_in_reward takes it "
                "out of the loss: set one of them."
            )
        several = self.multi_objective_aggregation == "normalize_then_sum"
        if self.scale_rewards == "process" or several:
            other = "scale_rewards 'process'"
            if several:
                other = "multi_objective_aggregation 'normalize_then_sum'"
            raise LabError(
                "use_kl_in_reward needs one reward per completion to take the KL from, and clashes "
                f"with {other}: leave the KL in the loss."
            )

    def _refuse_clashing_surrogates(self) -> None:
        """Refuse switches that would silently be ignored beside the surrogate."""
        method, level = self.method, self.importance_sampling_level
        if method.own_ratio and level != "token":
            raise LabError(
                f"The surrogate '{self.surrogate}' {method.own_ratio}, so "
                f"importance_sampling_level '{level}' clashes with it: leave that at 'token'."
            )
        numbers = numbers_in(self)
        method.refuse(method.taken(numbers))
        for name, number in NUMBERS.items():
            foreign = number.refused and number not in method.numbers
            if foreign and numbers[name] != number.default:
                raise LabError(
                    f"{name} {number.refused}, and clashes with the surrogate "
                    f"'{self.surrogate}': leave {name} out."
                )
