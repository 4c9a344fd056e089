"""Groups without signal, whose rewards are all equal: how many there are, and why."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from grpo_core.analysis.diagnosis.finding import Verdict
from grpo_core.analysis.diagnosis.trends import (
    HOPELESS,
    SOLVED,
    Options,
    by_token,
    now,
    option,
    part,
    spoken,
    values_of,
)
from grpo_core.core.records import Group

if TYPE_CHECKING:
    import pandas as pd

DEAD_LOOK, DEAD_TROUBLE = 0.5, 0.9
"""Shares of groups without signal: from half on, most of the sampling is wasted; from nine in ten
on, a step of eight prompts has less than one useful group. The shipped run, nearly all right, ends
at 0.4."""
THROWN_AWAY = 0.75
"""With dynamic sampling, which discards groups without signal: from three in four on it costs more
than it gains (a step then takes four times as long to sample)."""


def dead_share(frame: "pd.DataFrame", options: Options, groups: Sequence[Group]) -> float:
    """Return the share of groups without signal over the last steps; NaN if it is unknown.

    With per-token advantages equal rewards may still give a signal, so the share is then counted in
    the groups themselves.
    """
    if not by_token(options):
        return now(values_of(frame, "frac_reward_zero_std"))
    dead = [group.is_dead for group in groups if group.completions]
    return float(np.mean(dead)) if dead else float("nan")


def thrown_away(frame: "pd.DataFrame", options: Options) -> float:
    """Return the share of sampled groups that dynamic sampling discards; NaN without it."""
    drawn = now(values_of(frame, "dynamic_sampling/groups"))
    batch, size = (option(options, n) for n in ("generation_batch_size", "num_generations"))
    if not batch or not size or not drawn > 0:
        return float("nan")
    useful = (1 - now(values_of(frame, "frac_reward_zero_std"))) * batch / size
    return 1 - useful / drawn


def dead_groups(
    frame: "pd.DataFrame", options: Options, groups: Sequence[Group], dead: float
) -> tuple[Verdict, str, str]:
    """Return verdict, headline and answer for a run with many groups without signal."""
    drawn = now(values_of(frame, "dynamic_sampling/groups"))
    start = (
        f"{dead:.0%} of groups give no signal: all their rewards are equal, so every advantage is "
        "0. "
    )
    if drawn > 0:
        start += f"Dynamic sampling drew {spoken(drawn)} groups per step and found no better ones. "
    why = _why_dead(frame, groups)
    if why == "right":
        text = "Their completions are all right, so little is left to learn. Use harder problems."
        return "look", "Most groups: every answer right", start + text
    verdict: Verdict = "trouble" if dead >= DEAD_TROUBLE else "look"
    if why == "wrong":
        text = (
            "Their completions are all wrong. Use easier problems, more generations per prompt, "
            "or a "
            "base model that solves some."
        )
        return verdict, "Most groups: every answer wrong", start + text
    text = "Check whether the rewards can distinguish completions of one prompt."
    return verdict, "Most groups give no signal", start + text


def _why_dead(frame: "pd.DataFrame", groups: Sequence[Group]) -> Literal["right", "wrong", "tied"]:
    """Return whether the groups without signal are all right, all wrong, or neither."""
    name = (part(frame, "accuracy") or "rewards//mean").split("/")[1]
    shares = []
    for group in groups:
        scores = [c.rewards.get(name, float("nan")) for c in group.completions]
        if scores and group.is_dead:
            shares.append(float(np.mean(scores)))
    level = float(np.mean(shares)) if shares else now(values_of(frame, part(frame, "accuracy")))
    if level >= SOLVED:
        return "right"
    return "wrong" if level <= HOPELESS else "tied"
