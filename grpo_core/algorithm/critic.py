"""PPO's way to an advantage: a critic learns what reward to expect at every token.

This is what GRPO does without. The critic is a second model (or a second head), with gradients and
optimizer state of its own, and it must learn before its advantages are worth anything; in return
every token gets its own advantage. All else is as in the family: the same clip, the same tokens.

    score, KL -> reward per token -> with the critic's values -> advantages (GAE) -> clip
                                                         +---> returns -> value loss

Conventions are those of TRL's PPOTrainer (in TRL up to 1.9; 1.16.0 has none), which follows "The N+
Implementation Details of RLHF with PPO" (arXiv 2403.17031). All tensors are (B, T) unless said
otherwise; positions outside the mask count for nothing, whatever they hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def token_rewards(scores: Tensor, kl: Tensor, mask: Tensor, beta: float) -> Tensor:
    """The reward of every token: r_t = -beta KL_t + [t is the last token] score.

    Args:
        scores: (B,) what the reward functions gave each completion.
        kl: (B, T) an estimate for each token, k1 in PPO.
        mask: (B, T) bool, the completion's tokens; padding may be on either side.
        beta: kl_coef in TRL.

    Returns:
        (B, T), 0 outside the mask.
    """
    rewards = (-beta * kl.detach()).masked_fill(~mask, 0.0)
    tokens_left = mask.flip(1).cumsum(dim=1).flip(1)  # itself included
    is_last = mask & (tokens_left == 1)
    return rewards + is_last * scores.unsqueeze(1)


def gae(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float = 1.0, lam: float = 0.95
) -> tuple[Tensor, Tensor]:
    """Generalized advantage estimation (arXiv 1506.02438, equation 16).

    delta_t = r_t + gamma V_{t+1} - V_t,   A_t = delta_t + gamma lambda A_{t+1}

    lambda trades variance for bias: at 1 it is (the reward that really came) - V_t, whatever the
    critic thinks of later tokens; at 0 it is delta_t, and believes the critic entirely. Behind the
    last token there is nothing to expect, V = 0, a truncated completion included.

    Args:
        rewards: (B, T).
        values: (B, T) V_t, what the critic expects from here on, before token t is known.
        mask: (B, T) bool.
        gamma: discount per token; 1 here, for a reward is no smaller for coming late.
        lam: lambda in [0, 1].

    Returns:
        advantages, 0 outside the mask, and returns = advantages + values, the critic's target.
    """
    rewards, values = rewards.masked_fill(~mask, 0.0), values.masked_fill(~mask, 0.0)
    advantages = values.new_zeros(values.shape)
    later_advantage = later_value = values.new_zeros(len(values))
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + gamma * later_value - values[:, t]
        later_advantage = (delta + gamma * lam * later_advantage) * mask[:, t]
        later_value = values[:, t]
        advantages[:, t] = later_advantage
    return advantages, advantages + values


def whiten(advantages: Tensor, mask: Tensor, eps: float = 1e-8) -> Tensor:
    """Advantages with mean 0 and variance 1 over all tokens of the batch, as PPO's codes do.

    (A - mean) / sqrt(var + eps), var with Bessel's correction. (B, T) -> (B, T), 0 outside the
    mask, and 0 throughout when there are fewer than two tokens.
    """
    inside = advantages[mask]
    if len(inside) < 2:
        return advantages.new_zeros(advantages.shape)
    whitened = (advantages - inside.mean()) * (inside.var(correction=1) + eps).rsqrt()
    return whitened.masked_fill(~mask, 0.0)


def value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, cliprange_value: float = 0.2
) -> Tensor:
    """Half the squared error of the critic, clipped: 1/2 max((V - R)^2, (V_clip - R)^2).

    V_clip is V held within `cliprange_value` of what it was when the completions were sampled. The
    larger error counts, so within one batch the critic has no gradient for moving further than
    that towards its target. arXiv 2403.17031, and as TRL's PPOTrainer.

    Args:
        values: (B, T) V now, differentiable.
        old_values: (B, T) V when the advantages were computed.
        returns: (B, T) R, the target.
        cliprange_value: above 0.

    Returns:
        (B, T), to be averaged over the tokens of the batch and weighted by vf_coef.
    """
    clipped = old_values + (values - old_values).clamp(-cliprange_value, cliprange_value)
    return (values - returns).square().maximum((clipped - returns).square()) / 2
