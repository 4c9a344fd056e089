"""CISPO: capped weights instead of clipped tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grpo_core.algorithm.choices import Array
from grpo_core.algorithm.formula import Symbol, call, op, sym, word
from grpo_core.algorithm.method import Method, Numbers, Paper, Preset, Tokens
from grpo_core.algorithm.methods._epsilon import EPSILON, EPSILON_HIGH, upper
from grpo_core.core.errors import LabError

if TYPE_CHECKING:
    from torch import Tensor


def cispo(
    ratio: Tensor,
    advantages: Tensor,
    *,
    logprobs: Tensor,
    epsilon: float = 0.2,
    epsilon_high: float | None = 5.0,
) -> Tensor:
    """Capped weights instead of clipped tokens: sg[min(rho, cap)] A lp, sg: as a constant.

    The clip silences a token; here a token that has moved far keeps a gradient, its weight only
    stops growing. CISPO, arXiv 2506.13585, equation 4.

    Args:
        ratio: (B, T) or (B, 1).
        advantages: (B, T) or (B, 1).
        logprobs: (B, T) log pi_theta, what the gradient goes through.
        epsilon: the cap where epsilon_high is None, as for every method.
        epsilon_high: the cap itself, as in TRL (ScaleRL, arXiv 2510.13786, takes 5.0); the paper
            and other kits write the cap 1 + epsilon_high.

    Returns:
        (B, T), to be maximised.
    """
    return ratio.clamp(max=upper(epsilon, epsilon_high)).detach() * advantages * logprobs


def closed_form(tokens: Tokens, numbers: Numbers) -> tuple[Array, Array]:
    """The surrogate and its slope: see `Method.closed_form`."""
    import numpy as np

    weight = np.minimum(tokens.ratio, cap(numbers))
    return weight * tokens.advantages * tokens.logprobs, weight * tokens.advantages


def cap(numbers: Numbers) -> float:
    """The largest weight of a token."""
    return upper(numbers["epsilon"], numbers["epsilon_high"])


def capped_tokens(ratio: Any, advantages: Any, cap: float) -> Any:
    """Which tokens CISPO caps in TRL's count, those of A > 0: bool, of the ratio's shape."""
    return (ratio > cap) & (advantages > 0)


def counted(ratio: Any, log_ratio: Any, advantages: Any, numbers: Numbers) -> dict[str, Any]:
    """The capped tokens: see `Method.counted`. They keep their gradient."""
    return {"cispo_clip_ratio": capped_tokens(ratio, advantages, cap(numbers))}


def refuse(numbers: Numbers) -> None:
    """Refuse a cap below 1.

    Raises:
        LabError: it is.
    """
    if cap(numbers) < 1:
        raise LabError(
            f"loss_type 'cispo' caps the ratio at epsilon_high itself, and {cap(numbers)} is below "
            "1, where every ratio begins: set epsilon_high, to 5.0 for instance."
        )


METHOD = Method(
    name="cispo",
    label="CISPO",
    paper=Paper("arXiv 2506.13585", "equation 4"),
    loss_types={"cispo": "token_mean"},
    surrogate=cispo,
    closed_form=closed_form,
    formula=(
        call("min", (sym("rho"),), (sym("cap"),)),
        op("·"),
        sym("A"),
        op("·"),
        sym("new"),
    ),
    in_words=lambda numbers: f"cispo, cap {cap(numbers)}",
    numbers=(EPSILON, EPSILON_HIGH),
    symbols={"cap": Symbol(word("cap"), "epsilon", lambda _, numbers: cap(numbers))},
    presets={
        "cispo": Preset(
            "CISPO",
            "2506.13585, cap of 2510.13786",
            {"loss_type": "cispo", "epsilon_high": 5.0},  # the cap itself, as in TRL
        )
    },
    refuse=refuse,
    counted=counted,
    trl="GRPOTrainer",
)
