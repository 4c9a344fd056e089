"""What an open question hides: declared here once, for everything that the dashboard sends.

While a class votes on a group, no page gets anything that is computed from the group's rewards.
Every list below names what stays, so that a metric or a field that is new is hidden until somebody
adds its name.

    the group itself        CARD stays: what the policy did by itself
    its step's other groups CARD and EARNED stay: an advantage may be divided by the standard
                            deviation of the whole batch, and what an update did to a token follows
                            from all groups
    its step's metrics      METRICS stay. No seconds: an update skips groups without a gradient
    later steps' metrics    those that the glossary explains stay, as each is about its step alone;
                            any other may be a sum over steps (TRL's num_tokens is one)
    the findings            are made without the step
    the lens                is closed to students on the step, and judges no other words on any
    a hunt                  gives no verdict on the group, and counts none

What later steps sampled stays: the policy learned from the group, but none of their numbers is
computed from its rewards.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from grpo_core.core.glossary import explain

if TYPE_CHECKING:
    import pandas as pd

    from grpo_core.app.dashboard.history import Row

CARD = ("truncated", "length", "tokens", "text", "characters", "logprob", "entropy")
EARNED = ("reward", "rewards")
METRICS = ("learning_rate",)
CELL = 3  # of a cell of the atlas: step, group, prompt


class Hidden(NamedTuple):
    """The group whose answer is hidden."""

    step: int
    group: int

    def covers(self, step: int, group: int) -> bool:
        """Whether this is the group."""
        return self == (step, group)


def mask_board(board: dict[str, Any], hidden: int) -> None:
    """Mask a board message of the step.

    Args:
        board: of any group of the step; changed in place. Its `masked` then says how much is
            missing: "group" for the group itself, "step" for another one.
        hidden: the number of the hidden group.
    """
    for group in board["groups"][hidden : hidden + 1]:
        group |= {"mean": None, "max": None, "dead": None}
    if "completions" not in board:
        return
    asked = board["group"] == hidden
    stays = CARD if asked else CARD + EARNED
    nothing: dict[str, Any] = {"reward": None, "advantage": None, "rewards": {}}
    board["completions"] = [
        nothing | {name: value for name, value in card.items() if name in stays}
        for card in board["completions"]
    ]
    board |= {"masked": "group" if asked else "step", "push_unit": None}
    if asked:
        board["dead"] = None


def mask_atlas(found: Mapping[str, Any], hidden: Hidden) -> dict[str, Any]:
    """What `Atlas.since` tells, masked.

    A first that was seen later is left out, too: that it was not seen here would be telling.
    """
    firsts = found["firsts"].items()
    return {
        **found,
        "cells": [
            [*cell[:CELL], None, False, None, None, None] if hidden.covers(*cell[:2]) else cell
            for cell in found["cells"]
        ],
        "firsts": {n: p for n, p in firsts if (p["step"], p["group"]) < hidden},
    }


def mask_row(row: "Row", hidden: Hidden) -> "Row":
    """The metrics of a step, masked."""
    step, metrics = row
    if step < hidden.step:
        return row
    stays = METRICS.__contains__ if step == hidden.step else _is_of_one_step
    return step, {name: value for name, value in metrics.items() if stays(name)}


def mask_frame(frame: "pd.DataFrame", hidden: Hidden) -> "pd.DataFrame":
    """The metrics of a run as the diagnosis reads them (`Run.frame()`), without the step."""
    others = frame.drop(index=hidden.step, errors="ignore")
    sums = [name for name in others.columns if not _is_of_one_step(name)]
    others.loc[others.index > hidden.step, sums] = float("nan")
    return others.dropna(axis="columns", how="all")


@lru_cache(maxsize=4_096)
def _is_of_one_step(name: str) -> bool:
    return explain(name) is not None
