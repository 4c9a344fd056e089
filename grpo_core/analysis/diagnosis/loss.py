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
"""On policy the loss is a sum that should cancel; with `sequence_mean` only beta * kl remains,
which is 0.00003 in the shipped run. Other aggregations leave tenths."""


def why_is_my_loss_zero(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """Check whether there is a gradient, because a loss of 0 does not mean that there is none."""
    metrics = ["loss", "grad_norm", "frac_reward_zero_std"]
    loss, norm, dead = (now(values_of(frame, name)) for name in metrics)
    evidence = {"loss": loss, "grad_norm": norm, "frac_reward_zero_std": dead}
    evidence = {name: value for name, value in evidence.items() if np.isfinite(value)}
    found = finder(QUESTION, frame, metrics, evidence)

    lost = _lost_since(frame, "loss")
    if lost is not None:
        return found(
            "trouble",
            "Training has diverged",
            f"From step {lost} on the loss is NaN or infinite: training has diverged. Go back to "
            "an "
            "earlier checkpoint and use a smaller learning rate.",
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
            "The gradient norm is not recorded",
            f"The loss is {about}, which says little by itself: {_why_it_cancels(options)}. "
            "Look at `grad_norm` instead, which this run did not record.",
        )
    if norm < GRADIENT_ZERO:
        return found("trouble", "The gradient is zero", _no_gradient(frame, options, norm))
    wasted = thrown_away(frame, options)
    if wasted >= THROWN_AWAY:
        return found(
            "look",
            "Most sampled groups are discarded",
            f"The gradient norm is {spoken(norm)}, but {wasted:.0%} of the groups that dynamic "
            "sampling "
            "draws have equal rewards and are discarded. Use problems closer to what the policy "
            "can "
            "solve.",
        )
    if about == "about 0":
        return found(
            "fine",
            "Expected: there is a gradient",
            f"This is expected: {_why_it_cancels(options)}, so they cancel in the loss "
            f"({spoken(loss)}) but not in its gradient, whose norm is {spoken(norm)}.",
        )
    return found(
        "fine",
        "Not zero, nor is the gradient",
        f"It is not zero: {about} over {last_steps(window(len(values_of(frame, 'loss'))))}, "
        "and either sign is normal, as the value says little. The gradient norm is "
        f"{spoken(norm)}.",
    )


def _why_it_cancels(options: Options) -> str:
    """Return why the value of the loss says little."""
    if (options or {}).get("scale_rewards") == "gae":
        return "a critic's advantages are whitened, so that they sum to 0 over the batch"
    return "a group's advantages sum to 0"


def _no_gradient(frame: "pd.DataFrame", options: Options, norm: float) -> str:
    """Return the answer if the gradient is zero."""
    cut = now(values_of(frame, "completions/clipped_ratio"))
    masked = (options or {}).get("mask_truncated_completions") is True and cut >= SOLVED
    why = (
        f"{cut:.0%} of completions are truncated, and mask_truncated_completions drops those."
        if masked
        else "Look for a mask or a clip range that removes every token."
    )
    return f"The gradient norm is {spoken(norm)}, so nothing is learned. {why}"


def _lost_since(frame: "pd.DataFrame", column: str) -> int | None:
    """Return the step from which on a metric is never finite again, or None."""
    if column not in frame:
        return None
    rows = training(frame)
    values = numbers(rows[column])
    good = np.flatnonzero(np.isfinite(values))
    start = int(good[-1]) + 1 if len(good) else 0
    if start == len(values) or not (len(good) or np.isinf(values).any()):
        return None
    return int(rows.index[start])
