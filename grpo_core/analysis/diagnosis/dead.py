"""Dead groups, where all rewards tie: how many a step has, and why they do."""

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
"""Dead groups: from half on, most of the sampling is paid for nothing; from nine in ten on, a step
of eight prompts has less than one that teaches. The shipped run, nearly all right, ends at 0.4."""
THROWN_AWAY = 0.75
"""With dynamic sampling, which is there to throw ties away: from three in four on it costs more
than it gains (a step then takes four times as long to sample)."""


def dead_share(frame: "pd.DataFrame", options: Options, groups: Sequence[Group]) -> float:
    """The share of dead groups over the last steps; NaN where it is not known.

    Where tokens have advantages of their own a tie says nothing, so there it is counted in the
    groups themselves.
    """
    if not by_token(options):
        return now(values_of(frame, "frac_reward_zero_std"))
    dead = [group.is_dead for group in groups if group.completions]
    return float(np.mean(dead)) if dead else float("nan")


def thrown_away(frame: "pd.DataFrame", options: Options) -> float:
    """With dynamic sampling, the share of the groups drawn that tie; NaN without it."""
    drawn = now(values_of(frame, "dynamic_sampling/groups"))
    batch, size = (option(options, n) for n in ("generation_batch_size", "num_generations"))
    if not batch or not size or not drawn > 0:
        return float("nan")
    useful = (1 - now(values_of(frame, "frac_reward_zero_std"))) * batch / size
    return 1 - useful / drawn


def dead_groups(
    frame: "pd.DataFrame", options: Options, groups: Sequence[Group], dead: float
) -> tuple[Verdict, str, str]:
    """What it means that so many groups tie: verdict, headline, answer."""
    drawn = now(values_of(frame, "dynamic_sampling/groups"))
    start = f"{dead:.0%} of groups are dead: all their rewards tie, so every advantage is 0. "
    if drawn > 0:
        start += f"Dynamic sampling drew {spoken(drawn)} groups a step and found no better ones. "
    why = _why_dead(frame, groups)
    if why == "right":
        text = "They are all right: little is left to learn; give harder problems."
        return "look", "Most groups are all right", start + text
    verdict: Verdict = "trouble" if dead >= DEAD_TROUBLE else "look"
    if why == "wrong":
        text = (
            "They are all wrong: give easier problems, more generations a prompt, or a base that "
            "solves some."
        )
        return verdict, "Most groups are all wrong", start + text
    text = "Look whether the rewards can tell completions of one prompt apart."
    return verdict, "Most groups tie", start + text


def _why_dead(frame: "pd.DataFrame", groups: Sequence[Group]) -> Literal["right", "wrong", "tied"]:
    """What the dead groups of a run are: all right, all wrong, or neither can be said."""
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
