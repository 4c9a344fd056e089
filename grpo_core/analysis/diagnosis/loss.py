"""Why is my loss zero?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from grpo_core.analysis.diagnosis.dead import (
    DEAD_LOOK,
    THROWN_AWAY,
    dead_groups,
    dead_share,
    thrown_away,
)
from grpo_core.analysis.diagnosis.finding import Finding
from grpo_core.analysis.diagnosis.trends import (
    GRADIENT_ZERO,
    SOLVED,
    Options,
    finder,
    last_steps,
    now,
    numbers,
    spoken,
    too_short,
    training,
    values_of,
    window,
)
from grpo_core.core.records import Group

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "Why is my loss zero?"
LOSS_NEAR_ZERO = 1e-3
"""On policy a loss is a float sum that should cancel; with `sequence_mean` what is left of it is
beta * kl, 0.00003 in the shipped run. Other aggregations leave tenths."""


def why_is_my_loss_zero(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """Whether there is a gradient, which a loss of 0 does not tell."""
    metrics = ["loss", "grad_norm", "frac_reward_zero_std"]
    loss, norm, dead = (now(values_of(frame, name)) for name in metrics)
    evidence = {"loss": loss, "grad_norm": norm, "frac_reward_zero_std": dead}
    evidence = {name: value for name, value in evidence.items() if np.isfinite(value)}
    found = finder(QUESTION, frame, metrics, evidence)

    lost = _lost_since(frame, "loss")
    if lost is not None:
        return found(
            "trouble",
            "The policy is lost",
            f"From step {lost} on the loss is no finite number: the policy is lost. Go back to a "
            "checkpoint before it, with a smaller learning rate.",
        )
    if np.isnan(loss):
        return found(*too_short(frame, "loss"))
    share = dead_share(frame, options, groups)
    if share >= DEAD_LOOK:
        return found(*dead_groups(frame, options, groups, share))
    about = "about 0" if abs(loss) < LOSS_NEAR_ZERO else spoken(loss)
    if np.isnan(norm):
        return found(
            "unknown",
            "The gradient is not recorded",
            f"The loss is {about}, which says nothing by itself: {_why_it_cancels(options)}. "
            "Whether anything is learned shows in `grad_norm`, which was not recorded.",
        )
    if norm < GRADIENT_ZERO:
        return found("trouble", "Nothing is pushed", _no_gradient(frame, options, norm))
    wasted = thrown_away(frame, options)
    if wasted >= THROWN_AWAY:
        return found(
            "look",
            "Most groups drawn are thrown away",
            f"It is pushed, with a gradient norm of {spoken(norm)}, but {wasted:.0%} of the groups "
            "that dynamic sampling draws tie and are thrown away: give problems nearer to what it "
            "can do.",
        )
    if about == "about 0":
        return found(
            "fine",
            "No bug: the gradient teaches",
            f"It is no bug: {_why_it_cancels(options)}, so they cancel in the loss "
            f"({spoken(loss)}) and not in its gradient, whose norm is {spoken(norm)}.",
        )
    return found(
        "fine",
        "It is not, and the gradient teaches",
        f"It is not zero: {about} over {last_steps(window(len(values_of(frame, 'loss'))))}, "
        "and either sign is right, as the value says little. The gradient norm is "
        f"{spoken(norm)}.",
    )


def _why_it_cancels(options: Options) -> str:
    """Why the value of the loss says nothing."""
    if (options or {}).get("scale_rewards") == "gae":
        return "a critic's advantages are whitened, so that they sum to 0 over the batch"
    return "a group's advantages sum to 0"


def _no_gradient(frame: "pd.DataFrame", options: Options, norm: float) -> str:
    """The answer where nothing is pushed."""
    cut = now(values_of(frame, "completions/clipped_ratio"))
    masked = (options or {}).get("mask_truncated_completions") is True and cut >= SOLVED
    why = (
        f"{cut:.0%} of completions are cut off, and mask_truncated_completions drops those."
        if masked
        else "Look for a mask or a clip that takes every token out."
    )
    return f"The gradient norm is {spoken(norm)}: nothing is pushed. {why}"


def _lost_since(frame: "pd.DataFrame", column: str) -> int | None:
    """The step from which on a metric is never finite again, if it ever was or is infinite."""
    if column not in frame:
        return None
    rows = training(frame)
    values = numbers(rows[column])
    good = np.flatnonzero(np.isfinite(values))
    start = int(good[-1]) + 1 if len(good) else 0
    if start == len(values) or not (len(good) or np.isinf(values).any()):
        return None
    return int(rows.index[start])
