"""VESPO: the whole completion's ratio through a smooth weight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from grpo_core.algorithm.choices import Array
from grpo_core.algorithm.formula import Symbol, letter, op, sym
from grpo_core.algorithm.method import Method, Number, Numbers, Paper, Preset, Tokens
from grpo_core.core.options import POSITIVE

if TYPE_CHECKING:
    from torch import Tensor


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
) -> Tensor:
    """The whole completion's ratio w through a smooth weight: sg[phi(w)] A lp.

    phi(w) = w^k exp(lambda (1 - w)), w = pi(o) / pi_old(o); 1 on policy, and it fades to both
    sides. VESPO, arXiv 2602.10693; numbers and bounds of the logarithms (20 per token and 1e-8 to
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
    import torch

    summed = log_ratio.detach().clamp(-20, 20).sum(dim=1, keepdim=True)
    log_w = summed.clamp(math.log(1e-8), 20)
    good = advantages >= 0
    k = torch.where(good, torch.full_like(advantages, vespo_k_pos), vespo_k_neg)
    rate = torch.where(good, torch.full_like(advantages, vespo_lambda_pos), vespo_lambda_neg)
    phi = (rate + k * log_w - rate * log_w.exp()).exp()
    return phi * advantages * logprobs


def closed_form(tokens: Tokens, numbers: Numbers) -> tuple[Array, Array]:
    """The surrogate and its slope: see `Method.closed_form`."""
    import numpy as np

    log_w = np.clip(np.clip(tokens.log_ratio, -20, 20).sum(), np.log(1e-8), 20)
    good = tokens.advantages >= 0
    k = np.where(good, numbers["vespo_k_pos"], numbers["vespo_k_neg"])
    rate = np.where(good, numbers["vespo_lambda_pos"], numbers["vespo_lambda_neg"])
    phi = np.exp(rate + k * log_w - rate * np.exp(log_w))
    return phi * tokens.advantages * tokens.logprobs, phi * tokens.advantages


def phi_of(terms: Mapping[str, float], numbers: Numbers) -> float:
    """The weight at one token; NaN where an advantage of 0 leaves nothing to weigh."""
    return terms["slope"] / terms["advantage"] if terms["advantage"] else float("nan")


METHOD = Method(
    name="vespo",
    label="VESPO",
    paper=Paper("arXiv 2602.10693"),
    loss_types={"vespo": "token_mean"},
    surrogate=vespo,
    closed_form=closed_form,
    formula=(sym("phi"), op("·"), sym("A"), op("·"), sym("new")),
    in_words=lambda numbers: "vespo",
    numbers=(
        Number("vespo_k_pos", 2.0, "k where A >= 0."),
        Number("vespo_lambda_pos", 3.0, "lambda where A >= 0.", POSITIVE),
        Number("vespo_k_neg", 3.0, "k where A < 0."),
        Number("vespo_lambda_neg", 2.0, "lambda where A < 0.", POSITIVE),
    ),
    symbols={"phi": Symbol(letter("φ"), "slope", phi_of)},
    presets={"vespo": Preset("VESPO", "2602.10693", {"loss_type": "vespo"})},
    own_ratio="makes its own ratio",
    trl="GRPOTrainer",
)
