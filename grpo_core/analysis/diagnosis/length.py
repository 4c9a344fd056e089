"""Why did length explode or collapse?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from grpo_core.analysis.diagnosis.finding import Finding, Verdict
from grpo_core.analysis.diagnosis.trends import (
    Options,
    finder,
    now,
    option,
    part,
    spoken,
    too_short,
    trend_of,
    values_of,
)
from grpo_core.core.records import Group

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "Why did length explode or collapse?"
LENGTH_GREW, LENGTH_SHRANK = 2.0, 0.5
"""A factor of two either way: the batch mean wanders by some 20% from step to step."""
CUT_LOOK, CUT_TROUBLE = 0.1, 0.3
"""Share truncated at the limit. A truncated completion has no answer, so it counts as wrong: from a
tenth on this lowers the reward, at three tenths the limit dominates learning. Shipped: 0.05."""


def why_did_length_explode_or_collapse(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """Check whether length doubled or halved, whether accuracy rose, and how much is truncated."""
    column, cut_column = "completions/mean_length", "completions/clipped_ratio"
    accuracy_column = part(frame, "accuracy")
    values, cut = values_of(frame, column), now(values_of(frame, cut_column))
    trend, accuracy = trend_of(values), trend_of(values_of(frame, accuracy_column))
    evidence = {"clipped_ratio": cut} if np.isfinite(cut) else {}
    found = finder(QUESTION, frame, [column, cut_column, accuracy_column], evidence)

    limit = option(options, "max_completion_length")
    if limit is not None:
        evidence["max_completion_length"] = limit
    at = "the limit" if limit is None else f"the limit of {limit:g} tokens"
    if trend is None and not cut >= CUT_TROUBLE:
        return found(*too_short(frame, column))
    way = "too few steps to compare with the start"
    if trend is not None:
        evidence |= {"length_first": trend.first, "length_last": trend.last}
        way = f"from {spoken(trend.first)} to {spoken(trend.last)} tokens"
    paid = "accuracy was not recorded"
    if accuracy is not None:
        evidence |= {"accuracy_first": accuracy.first, "accuracy_last": accuracy.last}
        paid = f"accuracy went from {accuracy.first:.0%} to {accuracy.last:.0%}"
    if cut >= CUT_TROUBLE:
        text = f"{cut:.0%} of completions are truncated at {at} ({way}).{_cure(options)}"
        return found("trouble", "Many completions are truncated", text)
    assert trend is not None
    ratio = trend.last / trend.first if trend.first > 0 else 1.0
    better = accuracy is not None and accuracy.rose
    if cut >= CUT_LOOK:
        text = f"{cut:.0%} of completions are truncated at {at} ({way}); {paid}."
        return found("look", "Some completions are truncated", text)
    if ratio >= LENGTH_GREW:
        if better:
            text = f"Length grew {way}, and it pays: {paid}, {_share(cut)}."
            return found("fine", "It grew, and accuracy with it", text)
        text = f"Length grew {way} without a gain in accuracy: {paid}, {_share(cut)}."
        return found("look", "It grew without a gain", text)
    if ratio <= LENGTH_SHRANK:
        if better:
            text = f"Length fell {way} and {paid}. Read some completions and look for a shortcut."
            return found("look", "Completions became shorter", text)
        verdict: Verdict = "look" if accuracy is None else "trouble"
        text = (
            f"Length collapsed {way}, and {paid}. Look for a reward that short "
            "completions earn, or for a KL out of hand."
        )
        return found(verdict, "It collapsed", text)
    return found(
        "fine", "No: length is stable", f"It did neither: length went {way}, {_share(cut)}."
    )


def _cure(options: Options) -> str:
    """Return advice on truncated completions."""
    if (options or {}).get("loss_type") == "grpo":
        return (
            " loss_type grpo divides by each completion's length, which penalises long wrong "
            "completions "
            "less per token. Try dr_grpo, which does not."
        )
    return " Penalise length, or raise max_completion_length if the long completions are right."


def _share(cut: float) -> str:
    """Return the share of truncated completions as text."""
    return f"with {cut:.1%} truncated" if np.isfinite(cut) else "truncation not recorded"
