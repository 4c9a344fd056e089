"""The importance ratio, and the surrogate objective built on it."""

import torch
from torch import Tensor

from grpo_core.algorithm.choices import TensorFunction, choose


def importance_ratio(
    logprobs: Tensor, old_logprobs: Tensor, mask: Tensor, level: str = "token"
) -> Tensor:
    """How much likelier a sample has become since it was drawn: rho = pi_theta / pi_old.

    It corrects for learning from samples of an older policy. On the first update after sampling
    it is 1 everywhere, and still its gradient is not 0: d rho = rho * d log pi_theta.

    Args:
        logprobs: (B, T) log pi_theta, differentiable.
        old_logprobs: (B, T) log pi_old, under the policy that sampled.
        mask: (B, T) bool, the completion's tokens.
        level: "token", one ratio a token.

    Returns:
        (B, T), or for a level of whole sequences (B, 1).

    Raises:
        LabError: the level is unknown.
    """
    ratio = choose(LEVELS, level, "importance_sampling_level")
    return ratio(logprobs - old_logprobs, mask)


def token_level(log_ratio: Tensor, mask: Tensor) -> Tensor:
    """One ratio a token, exp(log pi_theta - log pi_old), as PPO and GRPO. (B, T) -> (B, T)."""
    return log_ratio.exp()


LEVELS: dict[str, TensorFunction] = {
    "token": token_level,
}


def clip(
    ratio: Tensor,
    advantages: Tensor,
    *,
    epsilon_low: float = 0.2,
    epsilon_high: float = 0.2,
    **unused: Tensor,
) -> Tensor:
    """PPO's clipped surrogate.

    min(rho A, clip(rho, 1 - eps_low, 1 + eps_high) A)

    The minimum is what makes the clip one-sided. The gradient is 0 in two cases only: a good token
    (A > 0) that is already likelier by more than eps_high, and a bad one (A < 0) already less
    likely by more than eps_low. A token that moved the wrong way is always allowed back.

    PPO: arXiv 1707.06347, equation 7. Two bounds ("clip-higher"): DAPO, arXiv 2503.14476, eq. 10.

    Args:
        ratio: (B, T) or (B, 1).
        advantages: (B, T) or (B, 1).
        epsilon_low: below 1 the ratio is trusted down to 1 - epsilon_low.
        epsilon_high: above 1 the ratio is trusted up to 1 + epsilon_high.

    Returns:
        (B, T), to be maximised.
    """
    clipped = ratio.clamp(1 - epsilon_low, 1 + epsilon_high)
    return torch.minimum(ratio * advantages, clipped * advantages)


def clipped_tokens(
    ratio: Tensor, advantages: Tensor, epsilon_low: float = 0.2, epsilon_high: float = 0.2
) -> tuple[Tensor, Tensor]:
    """Which tokens the clip leaves without gradient: (low, high), each a (B, T) bool.

    low: A < 0 and rho < 1 - epsilon_low. high: A > 0 and rho > 1 + epsilon_high. Their means over
    all tokens are TRL's clip_ratio/low_mean and clip_ratio/high_mean.
    """
    low = (ratio < 1 - epsilon_low) & (advantages < 0)
    high = (ratio > 1 + epsilon_high) & (advantages > 0)
    return low, high


# Every surrogate takes (ratio, advantages) and, by name, whatever it needs of `logprobs`,
# `epsilon_low` and `epsilon_high`; it returns (B, T), to be maximised.
SURROGATES: dict[str, TensorFunction] = {
    "clip": clip,
}
