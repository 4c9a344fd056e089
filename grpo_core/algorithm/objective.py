"""The GRPO objective: every piece of this package, composed."""

from dataclasses import replace

import torch
from torch import Tensor

from grpo_core.algorithm.aggregation import AGGREGATIONS, BatchSize, token_mean
from grpo_core.algorithm.kl import KL_ESTIMATORS
from grpo_core.algorithm.levels import LEVELS, importance_ratio
from grpo_core.algorithm.variant import Variant
from grpo_core.core.errors import LabError


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
    """Return the loss of one batch, or of one micro-batch of it, and its metrics.

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
            what the method counts (see method.Method.counted), which is a mean over completions
            where a completion has one ratio, and, given a reference, kl.

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

    ratio = importance_ratio(logprobs, old_logprobs, mask, variant.importance_sampling_level)
    surrogate = variant.method.maximised(
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
        kl = KL_ESTIMATORS[variant.kl_estimator](logprobs, ref_logprobs)
        stats["kl"] = _share(kl, mask, size)
        if variant.kl_in_loss:
            kl = ratio * kl if variant.use_bias_correction_kl else kl
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
    """Return the push on each token: minus d loss / d log pi_theta.

    Above 0 the update increases the token's probability where it stands, below 0 it decreases it.
    Arguments as in `grpo_objective`. Returns (B, T), detached; an entropy bonus, which pushes all
    tokens that could have been drawn and not only the one that was, is left out.
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
    counted = variant.method.counted
    if counted is None:
        return {}
    whole = LEVELS[variant.importance_sampling_level].whole
    share = _sequence_share if whole and advantages.shape[1] == 1 else _share
    tokens = counted(ratio, log_ratio, advantages, variant.numbers)
    return {name: share(which, mask, size) for name, which in tokens.items()}


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
    if variant.kl_in_loss and ref_logprobs is None:
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
