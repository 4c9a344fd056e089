"""Is it hacking the format reward?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from grpo_core.analysis.diagnosis.finding import Finding
from grpo_core.analysis.diagnosis.trends import (
    EARLY,
    SOLVED,
    Options,
    finder,
    part,
    too_short,
    trend_of,
    values_of,
)
from grpo_core.core.records import Group

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "Is it hacking the format reward?"
FORMAT_ROSE = 0.05
"""Smaller gains in format than this are not worth asking what they cost."""
FORMAT_GAP = 0.5
"""Half of all completions well-formed and wrong: the format reward is what is being earned."""


def is_it_hacking_the_format_reward(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """Whether format rises while accuracy does not: the form learned in place of the task."""
    format_column, accuracy_column = part(frame, "format"), part(frame, "accuracy")
    metrics = [format_column, accuracy_column, "eval/format", "eval/accuracy"]
    form, right = (trend_of(values_of(frame, c)) for c in (format_column, accuracy_column))
    evidence: dict[str, float] = {}
    found = finder(QUESTION, frame, metrics, evidence)

    if format_column is None or accuracy_column is None:
        missing = "format" if format_column is None else "accuracy"
        text = f"The run has no {missing} reward to compare."
        return found("unknown", f"There is no {missing} reward", text)
    weight = _weight(options, format_column)
    if weight is not None and weight <= 0:
        text = f"No: format has a weight of {weight:g}, so it earns nothing."
        return found("fine", "Format earns nothing", text)
    if form is None or right is None:
        return found(*too_short(frame, format_column if form is None else accuracy_column))
    evidence |= {"format_first": form.first, "format_last": form.last}
    evidence |= {"accuracy_first": right.first, "accuracy_last": right.last}
    pushed = _wrong_but_pushed_up(format_column, accuracy_column, groups)
    if pushed is not None:
        evidence["wrong_but_pushed_up"] = pushed
    way = (
        f"format went from {form.first:.0%} to {form.last:.0%} and accuracy from "
        f"{right.first:.0%} to {right.last:.0%}"
    )
    paid = (
        ""
        if pushed is None
        else f" {pushed:.0%} of recent recorded completions were well-formed, wrong and pushed up."
    )
    its = "its weight" if weight is None else f"its weight of {weight:g}"
    cure = f" Lower {its}, or pay it only with a right answer.{paid}"
    gained = form.rose and form.change >= FORMAT_ROSE
    if right.surely_fell and (gained or form.last - right.last >= FORMAT_GAP):
        return found("trouble", "Yes: form up, accuracy down", f"Yes: {way}.{cure}")
    if gained and not right.rose and right.last < SOLVED:
        if form.last - right.last >= FORMAT_GAP:
            text = f"It earns the form and not the task: {way}.{cure}"
            return found("trouble", "It earns form, not the task", text)
        if len(values_of(frame, format_column)) < EARLY:
            text = f"Too early to say: {way}. Format is often learned first."
            return found("fine", "Too early to say", text)
        return found(
            "look",
            "Format rose before accuracy",
            f"Not clear yet: {way}. Format is often learned first; look again later.{paid}",
        )
    if gained:
        return found("fine", "No: accuracy rises with it", f"No: {way}.")
    return found("fine", "No: format did not rise", f"No, format did not rise: {way}.")


def _weight(options: Options, column: str) -> float | None:
    """What the reward with this column counts; None where the options do not say."""
    names, weights = ((options or {}).get(f"reward_{k}") for k in ("funcs", "weights"))
    if not isinstance(names, list | tuple) or not isinstance(weights, list | tuple):
        return None
    given = dict(zip(names, weights, strict=False))
    weight = given.get(column.split("/")[1])
    return float(weight) if isinstance(weight, int | float) else None


def _wrong_but_pushed_up(format_: str, accuracy: str, groups: Sequence[Group]) -> float | None:
    """Share of completions that are well-formed, wrong, and better than their group."""
    well, right = format_.split("/")[1], accuracy.split("/")[1]
    all_ = [c for group in groups for c in group.completions if {well, right} <= set(c.rewards)]
    if not all_:
        return None
    bad = [c for c in all_ if c.rewards[well] > 0 and not c.rewards[right] > 0 and c.advantage > 0]
    return len(bad) / len(all_)
