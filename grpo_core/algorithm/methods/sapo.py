"""SAPO: a smooth gate instead of a clip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from grpo_core.algorithm.choices import Array
from grpo_core.algorithm.formula import Symbol, bracket, call, frac, letter, num, op, sym
from grpo_core.algorithm.method import Method, Number, Numbers, Paper, Preset, Tokens
from grpo_core.core.options import POSITIVE

if TYPE_CHECKING:
    from torch import Tensor


def sapo(
    ratio: Tensor,
    advantages: Tensor,
    *,
    sapo_temperature_pos: float = 1.0,
    sapo_temperature_neg: float = 1.05,
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
    import torch

    positive = torch.full_like(advantages, sapo_temperature_pos)
    tau = torch.where(advantages > 0, positive, sapo_temperature_neg)
    return torch.sigmoid(tau * (ratio - 1)) * 4 / tau * advantages


def closed_form(tokens: Tokens, numbers: Numbers) -> tuple[Array, Array]:
    """The surrogate and its slope: see `Method.closed_form`."""
    import numpy as np

    advantages = tokens.advantages
    tau: Array = np.where(
        advantages > 0, numbers["sapo_temperature_pos"], numbers["sapo_temperature_neg"]
    )
    gate = 1 / (1 + np.exp(-tau * (tokens.ratio - 1)))
    value = gate * 4 / tau * advantages
    return value, tokens.through_ratio(4 * gate * (1 - gate) * advantages)


def tau_of(terms: Mapping[str, float], numbers: Numbers) -> float:
    """The gate's temperature at one token."""
    side = "pos" if terms["advantage"] > 0 else "neg"
    return float(numbers[f"sapo_temperature_{side}"])


METHOD = Method(
    name="sapo",
    label="SAPO",
    paper=Paper("arXiv 2511.20347"),
    loss_types={"sapo": "sequence_mean"},
    surrogate=sapo,
    closed_form=closed_form,
    formula=(
        call("sigmoid", (sym("tau"), bracket(sym("rho"), op("−"), num("1")))),
        op("·"),
        frac((num("4"),), (sym("tau"),)),
        op("·"),
        sym("A"),
    ),
    in_words=lambda numbers: (
        f"sapo, tau {numbers['sapo_temperature_pos']} and {numbers['sapo_temperature_neg']}"
    ),
    numbers=(
        Number("sapo_temperature_pos", 1.0, "tau where A > 0.", POSITIVE),
        Number("sapo_temperature_neg", 1.05, "tau elsewhere.", POSITIVE),
    ),
    symbols={"tau": Symbol(letter("τ"), "tau", tau_of)},
    presets={"sapo": Preset("SAPO", "2511.20347", {"loss_type": "sapo"})},
    trl="GRPOTrainer",
)
