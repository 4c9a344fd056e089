"""The GRPO objective: every piece of this package, composed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from grpo_core.algorithm.advantages import ADVANTAGES, process_advantages
from grpo_core.algorithm.aggregation import AGGREGATIONS, BatchSize, token_mean
from grpo_core.algorithm.choices import choose
from grpo_core.algorithm.critic import gae
from grpo_core.algorithm.kl import KL_ESTIMATORS
from grpo_core.algorithm.presets import LOSS_TYPES
from grpo_core.algorithm.surrogates import (
    LEVELS,
    SURROGATES,
    capped_tokens,
    clipped_tokens,
    importance_ratio,
)
from grpo_core.config import GRPOConfig
from grpo_core.errors import LabError

# These give every token an advantage of its own; the others give a completion one.
TOKEN_ADVANTAGES: dict[str, Callable[..., Any]] = {"process": process_advantages, "gae": gae}

REWARD_AGGREGATIONS = ("sum_then_normalize", "normalize_then_sum")


@dataclass(frozen=True)
class Variant:
    """A method of the GRPO family: one choice on each of five switches, and their numbers.

    Attributes:
        advantage: what rewards are compared with and divided by (see advantages.ADVANTAGES), or
            "process" for step rewards, or "gae" for a critic, which is PPO.
        level: what has an importance ratio of its own (see surrogates.LEVELS).
        surrogate: what is maximised, token by token (see surrogates.SURROGATES).
        aggregation: how tokens become one number (see aggregation.AGGREGATIONS).
        kl: the estimator of the KL to the reference (see kl.KL_ESTIMATORS).
        beta: the coefficient of the KL; at 0 no reference is needed.
        kl_in_reward: the KL is taken from the reward before the advantages, not added to the loss.
        kl_weighted: the KL in the loss is multiplied by the importance ratio.
        entropy_coef: what a nat of entropy a token is worth in the loss.
        several_rewards: "sum_then_normalize", or "normalize_then_sum" (GDPO).
        epsilon_low: the ratio is clipped below 1 - epsilon_low.
        epsilon_high: the ratio is clipped above 1 + epsilon_high; for `cispo`, above epsilon_high.
        delta: for `clip`, an upper bound on the ratio of bad tokens; None for none.
        sapo_temperature_pos, sapo_temperature_neg: for `sapo`.
        vespo_k_pos, vespo_lambda_pos, vespo_k_neg, vespo_lambda_neg: for `vespo`.
    """

    advantage: str = "group"
    level: str = "token"
    surrogate: str = "clip"
    aggregation: str = "token_mean"
    kl: str = "k3"
    beta: float = 0.0
    kl_in_reward: bool = False
    kl_weighted: bool = False
    entropy_coef: float = 0.0
    several_rewards: str = "sum_then_normalize"
    epsilon_low: float = 0.2
    epsilon_high: float = 0.2
    delta: float | None = None
    sapo_temperature_pos: float = 1.0
    sapo_temperature_neg: float = 1.05
    vespo_k_pos: float = 2.0
    vespo_lambda_pos: float = 3.0
    vespo_k_neg: float = 3.0
    vespo_lambda_neg: float = 2.0

    def __post_init__(self) -> None:
        """Refuse a choice that no switch has, or that another rules out, before anything else."""
        choose({**ADVANTAGES, **TOKEN_ADVANTAGES}, self.advantage, "scale_rewards")
        choose(LEVELS, self.level, "importance_sampling_level")
        choose(SURROGATES, self.surrogate, "The surrogate")
        choose(AGGREGATIONS, self.aggregation, "The aggregation")
        choose(KL_ESTIMATORS, self.kl, "kl_estimator")
        if self.several_rewards not in REWARD_AGGREGATIONS:
            raise LabError(
                f"There is no multi_objective_aggregation '{self.several_rewards}'. "
                f"Known: {', '.join(REWARD_AGGREGATIONS)}."
            )
        self._refuse_clashing_advantages()
        self._refuse_clashing_kl()
        self._refuse_clashing_surrogates()

    @property
    def by_token(self) -> bool:
        """Whether tokens of one completion may have different advantages."""
        return self.advantage in TOKEN_ADVANTAGES

    def _refuse_clashing_advantages(self) -> None:
        """Refuse what needs one advantage a completion, or one sum of rewards, beside others."""
        whole = self.level in ("sequence", "sequence_sum") or self.surrogate == "gmpo"
        if self.by_token and whole:
            what = "loss_type 'gmpo'" if self.surrogate == "gmpo" else f"level '{self.level}'"
            raise LabError(
                f"scale_rewards '{self.advantage}' gives every token its own advantage, and {what} "
                "one ratio to a whole completion, so they clash: take importance_sampling_level "
                "'token' or 'sequence_token' and another loss_type."
            )
        if self.several_rewards == "normalize_then_sum" and self.advantage != "group":
            raise LabError(
                "multi_objective_aggregation 'normalize_then_sum' divides each reward by its own "
                f"spread, and clashes with scale_rewards '{self.advantage}': leave that at 'group'."
            )

    def _refuse_clashing_kl(self) -> None:
        """Refuse a KL in two places, or in a reward that it cannot be taken from."""
        if not self.kl_in_reward:
            return
        if self.kl_weighted:
            raise LabError(
                "use_bias_correction_kl weighs the KL in the loss, and use_kl_in_reward takes it "
                "out of the loss: set one of them."
            )
        if self.advantage == "process" or self.several_rewards == "normalize_then_sum":
            other = "scale_rewards 'process'"
            if self.advantage != "process":
                other = "multi_objective_aggregation 'normalize_then_sum'"
            raise LabError(
                f"use_kl_in_reward needs one reward a completion to take the KL from, and clashes "
                f"with {other}: leave the KL in the loss."
            )

    def _refuse_clashing_surrogates(self) -> None:
        """Refuse switches that would silently be ignored beside the surrogate."""
        if self.surrogate in ("vespo", "gmpo", "none") and self.level != "token":
            why = "has no importance ratio" if self.surrogate == "none" else "makes its own ratio"
            raise LabError(
                f"The surrogate '{self.surrogate}' {why}, so importance_sampling_level "
                f"'{self.level}' clashes with it: leave that at 'token'."
            )
        if self.surrogate == "cispo" and self.epsilon_high < 1:
            raise LabError(
                f"loss_type 'cispo' caps the ratio at epsilon_high itself, and {self.epsilon_high} "
                "is below 1, where every ratio begins: set epsilon_high, to 5.0 for instance."
            )
        if self.delta is None:
            return
        if self.surrogate != "clip":
            raise LabError(
                f"delta bounds the ratio of the surrogate 'clip', and clashes with the surrogate "
                f"'{self.surrogate}': leave delta out."
            )
        if self.delta <= 1 + self.epsilon_high:
            raise LabError(
                f"delta ({self.delta}) must be above 1 + epsilon_high ({1 + self.epsilon_high}), "
                "or it takes the place of that bound."
            )

    @classmethod
    def from_config(cls, config: GRPOConfig) -> "Variant":
        """The variant that a configuration with TRL's field names asks for.

        Raises:
            LabError: a value that no switch knows, or values that clash.
        """
        if config.loss_type not in LOSS_TYPES:
            known = ", ".join(LOSS_TYPES)
            raise LabError(f"There is no loss_type '{config.loss_type}' yet. Known: {known}.")
        surrogate, aggregation = LOSS_TYPES[config.loss_type]
        return cls(
            advantage=config.scale_rewards,
            several_rewards=config.multi_objective_aggregation,
            level=config.importance_sampling_level,
            surrogate=surrogate,
            aggregation=aggregation,
            kl=config.kl_estimator,
            beta=config.beta,
            kl_in_reward=config.use_kl_in_reward,
            kl_weighted=config.use_bias_correction_kl,
            entropy_coef=config.entropy_coef,
            epsilon_low=config.epsilon,
            epsilon_high=config.epsilon if config.epsilon_high is None else config.epsilon_high,
            delta=config.delta,
            sapo_temperature_pos=config.sapo_temperature_pos,
            sapo_temperature_neg=config.sapo_temperature_neg,
            vespo_k_pos=config.vespo_k_pos,
            vespo_lambda_pos=config.vespo_lambda_pos,
            vespo_k_neg=config.vespo_k_neg,
            vespo_lambda_neg=config.vespo_lambda_neg,
        )

    @property
    def numbers(self) -> dict[str, float | None]:
        """The numbers that a surrogate may ask for, by their names."""
        return {
            "epsilon_low": self.epsilon_low,
            "epsilon_high": self.epsilon_high,
            "delta": self.delta,
            "sapo_temperature_pos": self.sapo_temperature_pos,
            "sapo_temperature_neg": self.sapo_temperature_neg,
            "vespo_k_pos": self.vespo_k_pos,
            "vespo_lambda_pos": self.vespo_lambda_pos,
            "vespo_k_neg": self.vespo_k_neg,
            "vespo_lambda_neg": self.vespo_lambda_neg,
        }


def grpo_objective(
    logprobs: Tensor,
    old_logprobs: Tensor | None,
    ref_logprobs: Tensor | None,
    advantages: Tensor,
    mask: Tensor,
    variant: Variant,
    size: BatchSize | None = None,
    entropy: Tensor | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of one batch, or of one micro-batch of it, and what to tell about it.

    loss = aggregate( -surrogate(rho, A) + beta * KL ) - entropy_coef * mean of H over all tokens

    DeepSeekMath (arXiv 2402.03300) eq. 3, and an entropy bonus as in PPO (arXiv 1707.06347, eq. 9)
    where one is set: as in TRL the same for every aggregation. (Over micro-batches TRL takes the
    mean of their means; here they add up to the mean of the whole batch.)

    A loss of 0 is no bug. On the first update after sampling rho is 1, every token's surrogate
    equals its advantage, and advantages sum to 0 in a group; what trains is the gradient. A group
    whose advantages are all 0 has no gradient of the surrogate, but still one of the KL term.

    Args:
        logprobs: (B, T) log pi_theta of the sampled tokens, differentiable.
        old_logprobs: (B, T) log pi_old, under the policy that sampled; None for "the same as
            `logprobs`, as a constant", which is so in the first update after sampling.
        ref_logprobs: (B, T) log pi_ref, or None when beta is 0.
        advantages: (B,), or (B, T) when tokens of a completion differ.
        mask: (B, T) bool or 0/1; what masked positions hold, NaN included, changes nothing.
        variant: the five switches.
        size: the size of the whole batch. Leave it out when this is the whole batch. Otherwise
            losses, and gradients, and stats of the micro-batches add up to the whole batch's.
        entropy: (B, T) in nats, differentiable; needed where the variant has an entropy_coef.

    Returns:
        loss: a scalar to call backward() on; 0 when everything is masked.
        stats: TRL's metric names -> detached scalars, each a mean over all tokens of the batch:
            clip_ratio/low_mean, clip_ratio/high_mean, clip_ratio/region_mean for `clip` and `gmpo`,
            cispo_clip_ratio for `cispo` (both a mean over completions where a completion has one
            ratio), and, given a reference, kl.

    Raises:
        LabError: shapes that do not belong together, or a term without what it is made of.
    """
    advantages = advantages.unsqueeze(1) if advantages.dim() == 1 else advantages
    _check_shapes(logprobs, old_logprobs, ref_logprobs, advantages, mask)
    _check_terms(variant, ref_logprobs, entropy)
    mask = mask.bool()
    size = size or BatchSize.of(mask)

    # Masked positions become log-prob 0 under every policy: ratio 1, KL 0, gradient 0.
    logprobs = logprobs.masked_fill(~mask, 0.0)
    old_logprobs = logprobs if old_logprobs is None else old_logprobs.masked_fill(~mask, 0.0)
    advantages, old_logprobs = advantages.detach(), old_logprobs.detach()

    ratio = importance_ratio(logprobs, old_logprobs, mask, variant.level)
    surrogate = SURROGATES[variant.surrogate](
        ratio,
        advantages,
        logprobs=logprobs,
        log_ratio=logprobs - old_logprobs,
        mask=mask,
        **variant.numbers,
    )
    per_token_loss = -surrogate.expand_as(logprobs)

    stats = _clip_stats(ratio, logprobs - old_logprobs, advantages, mask, variant, size)

    if ref_logprobs is not None:
        ref_logprobs = ref_logprobs.masked_fill(~mask, 0.0).detach()
        kl = KL_ESTIMATORS[variant.kl](logprobs, ref_logprobs)
        stats["kl"] = _share(kl, mask, size)
        if variant.beta > 0 and not variant.kl_in_reward:
            kl = ratio * kl if variant.kl_weighted else kl
            per_token_loss = per_token_loss + variant.beta * kl

    loss = AGGREGATIONS[variant.aggregation](per_token_loss, mask, size)
    if variant.entropy_coef > 0 and entropy is not None:
        loss = loss - variant.entropy_coef * token_mean(entropy, mask, size)
    return loss, stats


def token_push(
    logprobs: Tensor,
    old_logprobs: Tensor | None,
    ref_logprobs: Tensor | None,
    advantages: Tensor,
    mask: Tensor,
    variant: Variant,
    size: BatchSize | None = None,
) -> Tensor:
    """How hard, and which way, one update pushes each token: minus d loss / d log pi_theta.

    Above 0: the update makes the token likelier where it stands. Below 0: less likely. Arguments
    as in `grpo_objective`. Returns (B, T), detached; an entropy bonus, which pushes all tokens that
    could have been drawn and not only the one that was, is left out.
    """
    variant = replace(variant, entropy_coef=0.0)
    with torch.enable_grad():
        leaf = logprobs.detach().requires_grad_()
        loss, _ = grpo_objective(leaf, old_logprobs, ref_logprobs, advantages, mask, variant, size)
        (gradient,) = torch.autograd.grad(loss, leaf)
    return -gradient


def _clip_stats(
    ratio: Tensor,
    log_ratio: Tensor,
    advantages: Tensor,
    mask: Tensor,
    variant: Variant,
    size: BatchSize,
) -> dict[str, Tensor]:
    """How much the surrogate held back, counted in whatever has a ratio of its own.

    Args: ratio and advantages (B, T) or (B, 1), log_ratio (B, T) by token, mask (B, T) bool.
    Returns TRL's names -> scalars, this micro-batch's share of the batch's means.
    """
    one_each = variant.level in ("sequence", "sequence_sum") and advantages.shape[1] == 1
    share = _sequence_share if one_each else _share
    if variant.surrogate == "cispo":
        capped = capped_tokens(ratio, advantages, variant.epsilon_high)
        return {"cispo_clip_ratio": share(capped, mask, size)}
    bounds = (variant.epsilon_low, variant.epsilon_high)
    if variant.surrogate == "clip":
        low, high = clipped_tokens(ratio, advantages, *bounds)
    elif variant.surrogate == "gmpo":  # its bounds are on the logarithm: 1 + log rho stands for rho
        low, high = clipped_tokens(1 + log_ratio, advantages, *bounds)
    else:
        return {}
    held_back = {"low_mean": low, "high_mean": high, "region_mean": low | high}
    return {f"clip_ratio/{name}": share(which, mask, size) for name, which in held_back.items()}


def _sequence_share(values: Tensor, mask: Tensor, size: BatchSize) -> Tensor:
    """This micro-batch's share of the mean over all completions of the batch; values: (B, 1)."""
    values = values.squeeze(1).to(torch.float32).masked_fill(~mask.any(dim=1), 0.0)
    return values.sum() / max(size.sequences, 1)


def _share(values: Tensor, mask: Tensor, size: BatchSize) -> Tensor:
    """This micro-batch's share of the mean over all tokens of the batch."""
    values = values.detach().to(torch.float32).expand_as(mask)
    return values.masked_fill(~mask, 0.0).sum() / max(size.tokens, 1)


def _check_terms(variant: Variant, ref_logprobs: Tensor | None, entropy: Tensor | None) -> None:
    """Refuse a term of the loss with nothing to make it of."""
    if variant.beta > 0 and not variant.kl_in_reward and ref_logprobs is None:
        raise LabError(f"beta is {variant.beta}, so the log-probs of a reference are needed.")
    if variant.entropy_coef > 0 and entropy is None:
        raise LabError(f"entropy_coef is {variant.entropy_coef}, so the entropy is needed.")


def _check_shapes(
    logprobs: Tensor, old: Tensor | None, ref: Tensor | None, advantages: Tensor, mask: Tensor
) -> None:
    """Refuse shapes that broadcasting would silently stretch."""
    for name, tensor in [("old_logprobs", old), ("ref_logprobs", ref), ("mask", mask)]:
        if tensor is not None and tensor.shape != logprobs.shape:
            raise LabError(
                f"{name} has shape {tuple(tensor.shape)}, logprobs {tuple(logprobs.shape)}: "
                "they must be the same (B, T)."
            )
    if advantages.shape not in (logprobs.shape, (len(logprobs), 1)):
        raise LabError(
            f"advantages must have shape (B,) or (B, T) for {tuple(logprobs.shape)} logprobs."
        )
