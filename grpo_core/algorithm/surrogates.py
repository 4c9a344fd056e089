"""The importance ratio, and the surrogate objective built on it."""

import math

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
        level: what has a ratio of its own, under TRL's names where TRL has it:
            "token": every token (GRPO);
            "sequence": every completion, by the mean of its log-ratios (GSPO);
            "sequence_token": the same ratio, passed on token by token (GSPO-token);
            "sequence_sum": every completion, by the sum of its log-ratios (RLOO).

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


def sequence_level(log_ratio: Tensor, mask: Tensor) -> Tensor:
    """One ratio a completion, the geometric mean of its tokens'. (B, T) -> (B, 1).

    s_i = exp(1/len_i sum_t log rho_it), GSPO (arXiv 2507.18071), equation 7. The 1/len_i keeps
    long completions within the same bounds as short ones, much narrower ones than a token's.
    """
    lengths = mask.sum(dim=1, keepdim=True).clamp(min=1)
    return (_summed(log_ratio, mask) / lengths).exp()


def sequence_token_level(log_ratio: Tensor, mask: Tensor) -> Tensor:
    """The completion's ratio for every token, the gradient by the token. (B, T) -> (B, T).

    s_it = sg[s_i] pi / sg[pi], sg: as a constant. GSPO-token (arXiv 2507.18071), equation 14: the
    same loss and gradient as `sequence_level` under `sequence_mean` as long as tokens share their
    advantage, and the form to take where they do not.
    """
    return sequence_level(log_ratio, mask).detach() * (log_ratio - log_ratio.detach()).exp()


def sequence_sum_level(log_ratio: Tensor, mask: Tensor) -> Tensor:
    """One ratio a completion, pi(o) / pi_old(o) as it is. (B, T) -> (B, 1).

    exp(sum_t log rho_it), as TRL's RLOOTrainer; RLOO (arXiv 2402.14740) takes the completion for
    one action. Unbiased, and the longer the completion, the sooner out of any bounds.
    """
    return _summed(log_ratio, mask).exp()


def _summed(log_ratio: Tensor, mask: Tensor) -> Tensor:
    """Log pi(o) - log pi_old(o), the sum over a completion's tokens. (B, T) -> (B, 1)."""
    return log_ratio.masked_fill(~mask.bool(), 0.0).sum(dim=1, keepdim=True)


LEVELS: dict[str, TensorFunction] = {
    "token": token_level,
    "sequence": sequence_level,
    "sequence_token": sequence_token_level,
    "sequence_sum": sequence_sum_level,
}


def clip(
    ratio: Tensor,
    advantages: Tensor,
    *,
    epsilon_low: float = 0.2,
    epsilon_high: float = 0.2,
    delta: float | None = None,
    **unused: Tensor | float | None,
) -> Tensor:
    """PPO's clipped surrogate.

    min(rho A, clip(rho, 1 - eps_low, 1 + eps_high) A)

    The minimum is what makes the clip one-sided. The gradient is 0 in two cases only: a good token
    (A > 0) that is already likelier by more than eps_high, and a bad one (A < 0) already less
    likely by more than eps_low. A token that moved the wrong way is always allowed back.

    PPO: arXiv 1707.06347, equation 7. Two bounds ("clip-higher"): DAPO, arXiv 2503.14476, 3.1.

    Args:
        ratio: (B, T) or (B, 1).
        advantages: (B, T) or (B, 1).
        epsilon_low: below 1 the ratio is trusted down to 1 - epsilon_low.
        epsilon_high: above 1 the ratio is trusted up to 1 + epsilon_high.
        delta: bound, above 1 + epsilon_high, on the ratio of bad tokens too, which the minimum
            leaves free: min(min(rho, delta) A, ...). INTELLECT-2, arXiv 2505.07291.

    Returns:
        (B, T), or (B, 1) when both arguments are, to be maximised.
    """
    clipped = ratio.clamp(1 - epsilon_low, 1 + epsilon_high)
    if delta is not None:
        ratio = ratio.clamp(max=delta)
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


def cispo(
    ratio: Tensor,
    advantages: Tensor,
    *,
    logprobs: Tensor,
    epsilon_high: float = 5.0,
    **unused: Tensor | float | None,
) -> Tensor:
    """Capped weights instead of clipped tokens: sg[min(rho, cap)] A lp, sg: as a constant.

    The clip silences a token; here a token that has moved far keeps a gradient, its weight only
    stops growing. CISPO, arXiv 2506.13585, equation 4.

    Args:
        ratio: (B, T) or (B, 1).
        advantages: (B, T) or (B, 1).
        logprobs: (B, T) log pi_theta, what the gradient goes through.
        epsilon_high: the cap itself, as in TRL (ScaleRL, arXiv 2510.13786, takes 5.0); the paper
            and other kits write the cap 1 + epsilon_high.

    Returns:
        (B, T), to be maximised.
    """
    return ratio.clamp(max=epsilon_high).detach() * advantages * logprobs


def capped_tokens(ratio: Tensor, advantages: Tensor, cap: float) -> Tensor:
    """Which tokens CISPO caps in TRL's count, those of A > 0: a bool of the ratio's shape."""
    return (ratio > cap) & (advantages > 0)


def sapo(
    ratio: Tensor,
    advantages: Tensor,
    *,
    sapo_temperature_pos: float = 1.0,
    sapo_temperature_neg: float = 1.05,
    **unused: Tensor | float | None,
) -> Tensor:
    """A smooth gate instead of a clip: sigmoid(tau (rho - 1)) 4 / tau A.

    At rho 1 its slope is that of rho A; away from 1 it fades to both sides and is never cut off.
    SAPO, arXiv 2511.20347.

    Args:
        ratio: (B, T) or (B, 1).
        advantages: (B, T) or (B, 1).
        sapo_temperature_pos: tau where A > 0.
        sapo_temperature_neg: tau elsewhere; larger, so that bad tokens fade sooner.

    Returns:
        (B, T), or (B, 1) when both arguments are, to be maximised.
    """
    positive = torch.full_like(advantages, sapo_temperature_pos)
    tau = torch.where(advantages > 0, positive, sapo_temperature_neg)
    return torch.sigmoid(tau * (ratio - 1)) * 4 / tau * advantages


def vespo(
    ratio: Tensor,
    advantages: Tensor,
    *,
    logprobs: Tensor,
    log_ratio: Tensor,
    vespo_k_pos: float = 2.0,
    vespo_lambda_pos: float = 3.0,
    vespo_k_neg: float = 3.0,
    vespo_lambda_neg: float = 2.0,
    **unused: Tensor | float | None,
) -> Tensor:
    """The whole completion's ratio w through a smooth weight: sg[phi(w)] A lp.

    phi(w) = w^k exp(lambda (1 - w)), w = pi(o) / pi_old(o); 1 on policy, and it fades to both
    sides. VESPO, arXiv 2602.10693; numbers and bounds of the logarithms (20 a token and 1e-8 to
    e^20 for w) as in TRL.

    Args:
        ratio: not used; w is made of `log_ratio`.
        advantages: (B, T) or (B, 1).
        logprobs: (B, T) log pi_theta, what the gradient goes through.
        log_ratio: (B, T) log pi_theta - log pi_old, 0 where masked.
        vespo_k_pos: k where A >= 0.
        vespo_lambda_pos: lambda where A >= 0.
        vespo_k_neg: k where A < 0.
        vespo_lambda_neg: lambda where A < 0.

    Returns:
        (B, T), to be maximised.
    """
    summed = log_ratio.detach().clamp(-20, 20).sum(dim=1, keepdim=True)
    log_w = summed.clamp(math.log(1e-8), 20)
    good = advantages >= 0
    k = torch.where(good, torch.full_like(advantages, vespo_k_pos), vespo_k_neg)
    rate = torch.where(good, torch.full_like(advantages, vespo_lambda_pos), vespo_lambda_neg)
    phi = (rate + k * log_w - rate * log_w.exp()).exp()
    return phi * advantages * logprobs


def gmpo(
    ratio: Tensor,
    advantages: Tensor,
    *,
    log_ratio: Tensor,
    mask: Tensor,
    epsilon_low: float = 0.4,
    epsilon_high: float = 0.4,
    **unused: Tensor | float | None,
) -> Tensor:
    """The geometric mean of clipped token ratios: exp(mean_t min(log rho_it, clipped)) A.

    One ratio a completion, as in GSPO, but every token is clipped for itself, and in the
    logarithm: a single wild token cannot carry its completion. One-sided as in `clip`: above
    epsilon_high where A > 0, below -epsilon_low where A < 0. GMPO, arXiv 2507.20673,
    whose bounds are 0.4; as TRL's GMPOTrainer.

    Args:
        ratio: not used; the mean is made of `log_ratio`.
        advantages: (B, 1), one a completion.
        log_ratio: (B, T) log pi_theta - log pi_old, 0 where masked.
        mask: (B, T) bool.
        epsilon_low: a bound on the logarithm of the ratio, not on the ratio.
        epsilon_high: the same, above.

    Returns:
        (B, 1), to be maximised.
    """
    good = advantages > 0
    clipped = torch.where(
        good, log_ratio.clamp(max=epsilon_high), log_ratio.clamp(min=-epsilon_low)
    )
    return sequence_level(clipped, mask) * advantages


def plain(
    ratio: Tensor, advantages: Tensor, *, logprobs: Tensor, **unused: Tensor | float | None
) -> Tensor:
    """The plain policy gradient: A lp, with no ratio, as if every batch were fresh.

    REINFORCE, Williams 1992 (doi 10.1007/BF00992696). (B, T), to be maximised.
    """
    return advantages * logprobs


# Every surrogate takes (ratio, advantages) and, by name, whatever it needs of `logprobs`,
# `log_ratio` and `mask`, all (B, T), and of the numbers of a Variant; it returns (B, T), or (B, 1)
# for one value a completion, to be maximised.
SURROGATES: dict[str, TensorFunction] = {
    "clip": clip,
    "cispo": cispo,
    "sapo": sapo,
    "vespo": vespo,
    "gmpo": gmpo,
    "none": plain,
}
