"""PPO's clipped surrogate, which GRPO took over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grpo_core.algorithm.choices import Array
from grpo_core.algorithm.formula import Symbol, call, given, letter, num, op, row, sub, sym, word
from grpo_core.algorithm.method import Method, Number, Numbers, Paper, Tokens
from grpo_core.algorithm.methods._epsilon import EPSILON, EPSILON_HIGH, upper
from grpo_core.core.errors import LabError
from grpo_core.core.options import ANY

if TYPE_CHECKING:
    from torch import Tensor


def clip(
    ratio: Tensor,
    advantages: Tensor,
    *,
    epsilon: float = 0.2,
    epsilon_high: float | None = None,
    delta: float | None = None,
) -> Tensor:
    """PPO's clipped surrogate.

    min(rho A, clip(rho, 1 - epsilon, 1 + epsilon_high) A)

    The minimum is what makes the clip one-sided. The gradient is 0 in two cases only: a good token
    (A > 0) whose probability has already increased by more than epsilon_high, and a bad one (A < 0)
    whose probability has already decreased by more than epsilon. A token that moved the wrong way
    is always allowed back.

    PPO: arXiv 1707.06347, equation 7. Two bounds ("clip-higher"): DAPO, arXiv 2503.14476, 3.1.

    Args:
        ratio: (B, T) or (B, 1).
        advantages: (B, T) or (B, 1).
        epsilon: below 1 the ratio is trusted down to 1 - epsilon.
        epsilon_high: above 1 the ratio is trusted up to 1 + epsilon_high; None for epsilon.
        delta: bound, above 1 + epsilon_high, on the ratio of bad tokens too, which the minimum
            leaves free: min(min(rho, delta) A, ...). INTELLECT-2, arXiv 2505.07291.

    Returns:
        (B, T), or (B, 1) when both arguments are, to be maximised.
    """
    clipped = ratio.clamp(1 - epsilon, 1 + upper(epsilon, epsilon_high))
    if delta is not None:
        ratio = ratio.clamp(max=delta)
    return (ratio * advantages).minimum(clipped * advantages)


def closed_form(tokens: Tokens, numbers: Numbers) -> tuple[Array, Array]:
    """The surrogate and its slope: see `Method.closed_form`."""
    import numpy as np

    low, delta = numbers["epsilon"], numbers["delta"]
    clipped = np.clip(tokens.ratio, 1 - low, 1 + upper(low, numbers["epsilon_high"]))
    bounded = tokens.ratio if delta is None else np.minimum(tokens.ratio, delta)
    value = np.minimum(bounded * tokens.advantages, clipped * tokens.advantages)
    free = bounded * tokens.advantages <= clipped * tokens.advantages
    if delta is not None:
        free = free & (tokens.ratio < delta)
    return value, tokens.through_ratio(np.where(free, tokens.advantages, 0.0))


def clipped_tokens(
    ratio: Any, advantages: Any, epsilon: float = 0.2, epsilon_high: float | None = None
) -> tuple[Any, Any]:
    """Which tokens the clip leaves without gradient: (low, high), each bool of the ratio's shape.

    low: A < 0 and rho < 1 - epsilon. high: A > 0 and rho > 1 + epsilon_high. Takes and returns
    tensors, or arrays of numpy.
    """
    low = (ratio < 1 - epsilon) & (advantages < 0)
    high = (ratio > 1 + upper(epsilon, epsilon_high)) & (advantages > 0)
    return low, high


def shares(low: Any, high: Any) -> dict[str, Any]:
    """The clipped tokens under TRL's names for their shares of all tokens."""
    return {
        "clip_ratio/low_mean": low,
        "clip_ratio/high_mean": high,
        "clip_ratio/region_mean": low | high,
    }


def counted(ratio: Any, log_ratio: Any, advantages: Any, numbers: Numbers) -> dict[str, Any]:
    """The clipped tokens: see `Method.counted`."""
    bounds = (numbers["epsilon"], numbers["epsilon_high"])
    return shares(*clipped_tokens(ratio, advantages, *bounds))


def refuse(numbers: Numbers) -> None:
    """Refuse a delta that takes the place of the upper bound.

    Raises:
        LabError: it does.
    """
    delta, high = numbers["delta"], upper(numbers["epsilon"], numbers["epsilon_high"])
    if delta is not None and delta <= 1 + high:
        raise LabError(
            f"delta ({delta}) must be above 1 + epsilon_high ({1 + high}), or it takes the place "
            "of that bound."
        )


def in_words(numbers: Numbers) -> str:
    """The method and its bounds."""
    high = numbers["epsilon_high"]
    return f"clip {numbers['epsilon']:g}" + ("" if high is None else f" and {high:g}")


def _set(value: float | None) -> float:
    return float("nan") if value is None else value


METHOD = Method(
    name="clip",
    label="PPO's clip",
    paper=Paper("arXiv 1707.06347", "equation 7"),
    loss_types={
        "grpo": "sequence_mean",
        "dapo": "token_mean",
        "bnpo": "local_token_mean",
        "dr_grpo": "constant",
        "luspo": "length_weighted",
    },
    surrogate=clip,
    closed_form=closed_form,
    formula=(
        call(
            "min",
            (
                given("delta", (call("min", (sym("rho"),), (sym("delta"),)),), (sym("rho"),)),
                op("·"),
                sym("A"),
            ),
            (call("clip", (sym("rho"),), (sym("low"),), (sym("high"),)), op("·"), sym("A")),
        ),
    ),
    in_words=in_words,
    numbers=(
        EPSILON,
        EPSILON_HIGH,
        Number(
            "delta",
            None,
            "Upper bound on the ratio of bad tokens; none where it is not set.",
            bound=ANY,
            refused="bounds the ratio of the surrogate 'clip'",
        ),
    ),
    symbols={
        "low": Symbol(
            row(num("1"), op("−"), letter("ε")),
            "epsilon",
            lambda _, numbers: 1 - numbers["epsilon"],
        ),
        "high": Symbol(
            row(num("1"), op("+"), sub(letter("ε"), word("high"))),
            "epsilon",
            lambda _, numbers: 1 + upper(numbers["epsilon"], numbers["epsilon_high"]),
        ),
        "delta": Symbol(letter("δ"), "epsilon", lambda _, numbers: _set(numbers["delta"])),
    },
    refuse=refuse,
    counted=counted,
    held="clip_ratio/region_mean",
    trl="GRPOTrainer",
)
