"""The plain policy gradient, with no ratio at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grpo_core.algorithm.choices import Array
from grpo_core.algorithm.formula import op, sym
from grpo_core.algorithm.method import Method, Numbers, Paper, Preset, Tokens

if TYPE_CHECKING:
    from torch import Tensor


def plain(ratio: Tensor, advantages: Tensor, *, logprobs: Tensor) -> Tensor:
    """The plain policy gradient: A lp, with no ratio, as if every batch were fresh.

    REINFORCE, Williams 1992 (doi 10.1007/BF00992696). (B, T), to be maximised.
    """
    return advantages * logprobs


def closed_form(tokens: Tokens, numbers: Numbers) -> tuple[Array, Array]:
    """The surrogate and its slope: see `Method.closed_form`."""
    return tokens.advantages * tokens.logprobs, tokens.advantages


METHOD = Method(
    name="none",
    label="plain policy gradient",
    paper=Paper("doi 10.1007/BF00992696"),
    loss_types={"reinforce": "length_weighted"},
    surrogate=plain,
    closed_form=closed_form,
    formula=(sym("A"), op("·"), sym("new")),
    in_words=lambda numbers: "none",
    presets={
        "reinforce": Preset(
            "REINFORCE",
            "Williams 1992, doi 10.1007/BF00992696",
            {"loss_type": "reinforce", "scale_rewards": "none"},
            by_property="`test_objective.py::test_leave_one_out_is_the_policy_gradient_itself`",
        )
    },
    own_ratio="has no importance ratio",
)
