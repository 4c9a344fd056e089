"""GMPO: the geometric mean of clipped token ratios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from grpo_core.algorithm.choices import Array
from grpo_core.algorithm.formula import Symbol, letter, op, sym
from grpo_core.algorithm.levels import sequence_level
from grpo_core.algorithm.method import Method, Numbers, Paper, Preset, Tokens
from grpo_core.algorithm.methods._epsilon import EPSILON, EPSILON_HIGH, upper
from grpo_core.algorithm.methods.clip import clipped_tokens, shares

if TYPE_CHECKING:
    from torch import Tensor


def gmpo(
    ratio: Tensor,
    advantages: Tensor,
    *,
    log_ratio: Tensor,
    mask: Tensor,
    epsilon: float = 0.4,
    epsilon_high: float | None = None,
) -> Tensor:
    """The geometric mean of clipped token ratios: exp(mean_t min(log rho_it, clipped)) A.

    One ratio per completion, as in GSPO, but every token is clipped for itself, and in the
    logarithm: a single wild token cannot carry its completion. One-sided as in `clip`: above
    epsilon_high where A > 0, below -epsilon where A < 0. GMPO, arXiv 2507.20673,
    whose bounds are 0.4; as TRL's GMPOTrainer.

    Args:
        ratio: not used; the mean is made of `log_ratio`.
        advantages: (B, 1), one per completion.
        log_ratio: (B, T) log pi_theta - log pi_old, 0 where masked.
        mask: (B, T) bool.
        epsilon: a bound on the logarithm of the ratio, not on the ratio.
        epsilon_high: the same, above; None for epsilon.

    Returns:
        (B, 1), to be maximised.
    """
    import torch

    good = advantages > 0
    clipped = torch.where(
        good,
        log_ratio.clamp(max=upper(epsilon, epsilon_high)),
        log_ratio.clamp(min=-epsilon),
    )
    return sequence_level(clipped, mask) * advantages


def closed_form(tokens: Tokens, numbers: Numbers) -> tuple[Array, Array]:
    """The surrogate and its slope, that of all tokens together: see `Method.closed_form`."""
    import numpy as np

    low, high = numbers["epsilon"], upper(numbers["epsilon"], numbers["epsilon_high"])
    log_ratio, advantages = tokens.log_ratio, tokens.advantages
    good = advantages > 0
    clipped = np.where(good, np.minimum(log_ratio, high), np.maximum(log_ratio, -low))
    whole = np.exp(clipped.mean()) if len(clipped) else 1.0
    free = np.where(good, log_ratio <= high, log_ratio >= -low)
    return whole * advantages, np.where(free, whole * advantages, 0.0)


def counted(ratio: Any, log_ratio: Any, advantages: Any, numbers: Numbers) -> dict[str, Any]:
    """The clipped tokens: the bounds are on the logarithm, so 1 + log rho stands for rho."""
    bounds = (numbers["epsilon"], numbers["epsilon_high"])
    return shares(*clipped_tokens(1 + log_ratio, advantages, *bounds))


def whole_of(terms: Mapping[str, float], numbers: Numbers) -> float:
    """The completion's ratio; NaN where an advantage of 0 leaves nothing to divide by."""
    return terms["surrogate"] / terms["advantage"] if terms["advantage"] else float("nan")


METHOD = Method(
    name="gmpo",
    label="GMPO",
    paper=Paper("arXiv 2507.20673"),
    loss_types={"gmpo": "sequence_mean"},
    surrogate=gmpo,
    closed_form=closed_form,
    formula=(sym("whole"), op("·"), sym("A")),
    in_words=lambda numbers: (
        f"gmpo, the geometric mean of tokens clipped at log rho {numbers['epsilon']:g}"
    ),
    numbers=(EPSILON, EPSILON_HIGH),
    symbols={"whole": Symbol(letter("s"), "ratio", whole_of)},
    presets={
        "gmpo": Preset(
            "GMPO",
            "2507.20673",
            {"loss_type": "gmpo", "epsilon": 0.4},
            by_property="`test_methods.py::test_gmpo_is_a_product_of_clipped_ratios`",
        )
    },
    own_ratio="makes its own ratio",
    whole=True,
    counted=counted,
    held="clip_ratio/region_mean",
    trl="experimental.gmpo.GMPOTrainer",
)
