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
"""Share cut off at the limit. What is cut off has no answer, so it is scored as wrong: from a tenth
on this weighs on the reward, at three tenths the limit decides what is learned. Shipped: 0.05."""


def why_did_length_explode_or_collapse(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """Whether length doubled or halved, whether that paid, and how much is cut off."""
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
    way = "too few steps to say from where"
    if trend is not None:
        evidence |= {"length_first": trend.first, "length_last": trend.last}
        way = f"from {spoken(trend.first)} to {spoken(trend.last)} tokens"
    paid = "what it did to accuracy was not recorded"
    if accuracy is not None:
        evidence |= {"accuracy_first": accuracy.first, "accuracy_last": accuracy.last}
        paid = f"accuracy went from {accuracy.first:.0%} to {accuracy.last:.0%}"
    if cut >= CUT_TROUBLE:
        text = f"{cut:.0%} of completions are cut off at {at} ({way}).{_cure(options)}"
        return found("trouble", "Much is cut off at the limit", text)
    assert trend is not None
    ratio = trend.last / trend.first if trend.first > 0 else 1.0
    better = accuracy is not None and accuracy.rose
    if cut >= CUT_LOOK:
        text = f"{cut:.0%} of completions are cut off at {at} ({way}); {paid}."
        return found("look", "Some is cut off at the limit", text)
    if ratio >= LENGTH_GREW:
        if better:
            text = f"Length grew {way} because it pays: {paid}, {_share(cut)}."
            return found("fine", "It grows because it pays", text)
        text = f"Length grew {way} without a gain: {paid}, {_share(cut)}."
        return found("look", "It grows without a gain", text)
    if ratio <= LENGTH_SHRANK:
        if better:
            text = f"Length fell {way} and {paid}: read some, for a shortcut."
            return found("look", "It found something shorter", text)
        verdict: Verdict = "look" if accuracy is None else "trouble"
        text = (
            f"Length collapsed {way}, and {paid}. Look for a reward that a short reply earns, "
            "or for a KL out of hand."
        )
        return found(verdict, "It collapsed", text)
    return found("fine", "It did neither", f"Length did neither: it went {way}, {_share(cut)}.")


def _cure(options: Options) -> str:
    """What to do about completions that are cut off."""
    if (options or {}).get("loss_type") == "grpo":
        return (
            " loss_type grpo divides by each completion's length, which spares long wrong ones: "
            "dr_grpo does not."
        )
    return " Penalise length, or raise max_completion_length if the long ones are right."


def _share(cut: float) -> str:
    """How many completions are cut off, in words."""
    return f"with {cut:.1%} cut off" if np.isfinite(cut) else "cut-off ones not counted"
