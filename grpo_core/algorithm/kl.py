"""How far the policy has moved from the reference, estimated from the sampled tokens alone.

KL(pi, pi_ref) = E[d] for tokens drawn from pi, with d = log pi - log pi_ref. Schulman's three
estimators, http://joschu.net/blog/kl-approx.html. As values, k1 and k3 are unbiased and k2 is
nearly so. As terms of a loss they differ more than their values do, because the gradient does not
pass through the sampling (checked by enumeration in the tests):

| in the loss   | follows the gradient of                                     |
|---------------|-------------------------------------------------------------|
| k1            | nothing: its expected gradient is 0                         |
| k2            | KL(pi, pi_ref), the reverse KL                              |
| k3            | KL(pi_ref, pi), the forward KL, though E[k3] is the reverse |
| rho * k3      | KL(pi, pi_ref), the reverse KL (DeepSeek-V3.2, 2512.02556)  |

Subtracted from the reward instead, where no gradient passes through the estimate at all, k1 follows
the reverse KL and k3 is biased.

All take and return (B, T), in nats.
"""

import torch
from torch import Tensor

from grpo_core.algorithm.choices import TensorFunction


def k1(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """The difference d: unbiased, but negative wherever the reference likes the token better."""
    return logprobs - ref_logprobs


def k2(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Half its square, d^2 / 2: never negative, slightly biased."""
    return (logprobs - ref_logprobs).square() / 2


def k3(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """GRPO's choice, exp(-d) + d - 1: unbiased, never negative. DeepSeekMath, equation 4."""
    d = logprobs - ref_logprobs
    return torch.exp(-d) + d - 1


def sequence_penalty(kl: Tensor, mask: Tensor, beta: float) -> Tensor:
    """What the KL takes from each completion's reward: beta * sum_t KL_it. (B, T) -> (B,).

    The whole completion is the action and log pi(o) the sum over its tokens, so the sum, not the
    mean: with k1 it estimates KL(pi, pi_ref) between distributions of completions. RLOO, arXiv
    2402.14740, and TRL's RLOOTrainer.
    """
    return beta * kl.detach().masked_fill(~mask.bool(), 0.0).sum(dim=1)


KL_ESTIMATORS: dict[str, TensorFunction] = {
    "k1": k1,
    "k2": k2,
    "k3": k3,
}
