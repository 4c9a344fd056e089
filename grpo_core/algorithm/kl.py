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

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grpo_core.algorithm.choices import Array
from grpo_core.algorithm.formula import Formula, call, frac, num, op, power, sym

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class KLPlacement:
    """Where the KL goes: the one place that says so for a configuration and a variant.

    Attributes:
        beta: the coefficient of the KL; at 0 there is no KL, and no reference is needed.
        use_kl_in_reward: take the KL from the reward, instead of adding it to the loss.
    """

    beta: float = 0.0
    use_kl_in_reward: bool = False

    @property
    def needs_reference(self) -> bool:
        """Whether there is a KL at all."""
        return self.beta > 0

    @property
    def kl_in_loss(self) -> bool:
        """Whether the KL is added to the loss."""
        return self.beta > 0 and not self.use_kl_in_reward

    @property
    def beta_in_loss(self) -> float:
        """The coefficient of the KL in the loss: beta, or 0 where it is elsewhere."""
        return self.beta if self.kl_in_loss else 0.0

    @property
    def kl_in_reward(self) -> bool:
        """Whether the KL is taken from the reward, before the advantages."""
        return self.beta > 0 and self.use_kl_in_reward


def k1(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """The difference d: unbiased, but negative wherever the reference likes the token better."""
    return logprobs - ref_logprobs


def k2(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """Half its square, d^2 / 2: never negative, slightly biased."""
    return (logprobs - ref_logprobs).square() / 2


def k3(logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
    """GRPO's choice, exp(-d) + d - 1: unbiased, never negative. DeepSeekMath, equation 4."""
    d = logprobs - ref_logprobs
    return (-d).exp() + d - 1


def sequence_penalty(kl: Tensor, mask: Tensor, beta: float) -> Tensor:
    """What the KL takes from each completion's reward: beta * sum_t KL_it. (B, T) -> (B,).

    The whole completion is the action and log pi(o) the sum over its tokens, so the sum, not the
    mean: with k1 it estimates KL(pi, pi_ref) between distributions of completions. RLOO, arXiv
    2402.14740, and TRL's RLOOTrainer.
    """
    return beta * kl.detach().masked_fill(~mask.bool(), 0.0).sum(dim=1)


@dataclass(frozen=True)
class Estimator:
    """A KL estimator.

    Attributes:
        function: torch. (logprobs, ref_logprobs), each (B, T) -> (B, T).
        closed_form: numpy. d = log pi - log pi_ref -> the estimate and its derivative by d.
        formula: the estimate as data.
    """

    function: Callable[..., Any]
    closed_form: Callable[[Array], tuple[Array, Array]]
    formula: Formula

    def __call__(self, logprobs: Tensor, ref_logprobs: Tensor) -> Tensor:
        """Return the estimate by `function`."""
        estimate: Tensor = self.function(logprobs, ref_logprobs)
        return estimate


def _k1_closed(d: Array) -> tuple[Array, Array]:
    return d, d * 0 + 1


def _k2_closed(d: Array) -> tuple[Array, Array]:
    return d**2 / 2, d


def _k3_closed(d: Array) -> tuple[Array, Array]:
    import numpy as np

    return np.exp(-d) + d - 1, 1 - np.exp(-d)


KL_ESTIMATORS: dict[str, Estimator] = {
    "k1": Estimator(k1, _k1_closed, (sym("d"),)),
    "k2": Estimator(k2, _k2_closed, (frac((power(sym("d"), "2"),), (num("2"),)),)),
    "k3": Estimator(
        k3, _k3_closed, (call("exp", (op("−"), sym("d"))), op("+"), sym("d"), op("−"), num("1"))
    ),
}
