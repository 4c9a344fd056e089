"""The importance ratio, and what has one of its own: a token or a whole completion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grpo_core.algorithm.choices import Array, choose
from grpo_core.algorithm.formula import Formula, call, frac, num, op, sym, total

if TYPE_CHECKING:
    from torch import Tensor


def importance_ratio(
    logprobs: Tensor, old_logprobs: Tensor, mask: Tensor, level: str = "token"
) -> Tensor:
    """Return how a sample's probability has changed since it was drawn: rho = pi_theta / pi_old.

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
    return choose(LEVELS, level, "importance_sampling_level")(logprobs - old_logprobs, mask)


def token_level(log_ratio: Tensor, mask: Tensor) -> Tensor:
    """One ratio per token, exp(log pi_theta - log pi_old), as PPO and GRPO. (B, T) -> (B, T)."""
    return log_ratio.exp()


def sequence_level(log_ratio: Tensor, mask: Tensor) -> Tensor:
    """One ratio per completion, the geometric mean of its tokens'. (B, T) -> (B, 1).

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
    """One ratio per completion, pi(o) / pi_old(o) as it is. (B, T) -> (B, 1).

    exp(sum_t log rho_it), as TRL's RLOOTrainer; RLOO (arXiv 2402.14740) takes the completion for
    one action. Unbiased, and the longer the completion, the sooner out of any bounds.
    """
    return _summed(log_ratio, mask).exp()


def _summed(log_ratio: Tensor, mask: Tensor) -> Tensor:
    """Log pi(o) - log pi_old(o), the sum over a completion's tokens. (B, T) -> (B, 1)."""
    return log_ratio.masked_fill(~mask.bool(), 0.0).sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class Level:
    """A choice of what has an importance ratio of its own.

    Attributes:
        function: torch. ((B, T) log-ratio, mask) -> (B, T), or (B, 1) for one per completion.
        closed_form: numpy. (T,) log-ratios of one completion -> (T,) ratios.
        formula: the ratio as data.
        whole: whether a completion has one ratio.
        many: whether a token's ratio is made of all tokens of its completion.
        moved: T -> how many times its own ratio's slope a token gets from one surrogate per token.
        gathered: (T,) values that are multiplied by the ratio -> what the token's ratio multiplies.
    """

    function: Callable[..., Any]
    closed_form: Callable[[Array], Array]
    formula: Formula
    whole: bool = False
    many: bool = False
    moved: Callable[[int], int] = lambda tokens: 1
    gathered: Callable[[Array], Array] = lambda values: values

    def __call__(self, log_ratio: Tensor, mask: Tensor) -> Tensor:
        """Return the ratio by `function`."""
        ratio: Tensor = self.function(log_ratio, mask)
        return ratio


def _exp(log_ratio: Array) -> Array:
    import numpy as np

    return np.exp(log_ratio)


def _of_the_mean(log_ratio: Array) -> Array:
    import numpy as np

    mean = log_ratio.mean() if len(log_ratio) else 0.0
    return np.full(len(log_ratio), np.exp(mean))


def _of_the_sum(log_ratio: Array) -> Array:
    import numpy as np

    return np.full(len(log_ratio), np.exp(log_ratio.sum()))


_DIFFERENCE = (sym("new"), op("−"), sym("old"))
_MEAN = (call("exp", (frac((num("1"),), (sym("len"),)), total(*_DIFFERENCE))),)

LEVELS: dict[str, Level] = {
    "token": Level(token_level, _exp, (call("exp", _DIFFERENCE),)),
    "sequence": Level(
        sequence_level,
        _of_the_mean,
        _MEAN,
        whole=True,
        many=True,
        gathered=lambda values: values.mean() if len(values) else 0.0,
    ),
    "sequence_token": Level(sequence_token_level, _of_the_mean, _MEAN, many=True),
    "sequence_sum": Level(
        sequence_sum_level,
        _of_the_sum,
        (call("exp", (total(*_DIFFERENCE),)),),
        whole=True,
        many=True,
        moved=lambda tokens: tokens,
        gathered=lambda values: values.sum(),
    ),
}
