"""Is KL out of hand?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from grpo_core.analysis.diagnosis.finding import Finding
from grpo_core.analysis.diagnosis.trends import (
    MIN_STEPS,
    Options,
    earned,
    finder,
    last_steps,
    numbers,
    option,
    spoken,
    too_short,
    training,
    trend_of,
    values_of,
    window,
)
from grpo_core.core.records import Group

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "Is KL out of hand?"
KL_LOOK, KL_TROUBLE = 0.2, 1.0
"""Nats a token. At 0.2 a sampled token is some 1.2 times as likely as under the reference, at 1.0
e times: the reference's language is gone. The shipped seeds' medians stay below 0.07."""
KL_SPIKE, KL_BEFORE = 5.0, 9
"""A spike is five times the median of the nine steps before it, and at least KL_LOOK."""
KL_LASTING = 3
"""A spike lasts when the median of so many last steps is as high. The shipped seeds have one to
five single steps above KL_LOOK, which are nothing: one token can move a step's mean of k3."""
STILL_RISING = 1.5
"""KL of the last window over that of the middle of the run, from which on it is not settling."""


def is_kl_out_of_hand(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """How far the policy is from the reference, whether it still moves away, and any spike."""
    values = values_of(frame, "kl")
    evidence: dict[str, float] = {}
    found = finder(QUESTION, frame, ["kl", "reward", "grad_norm"], evidence)
    beta = option(options, "beta")
    if not len(values):
        if beta == 0:
            return found("unknown", "No reference is consulted", _NO_REFERENCE)
        return found(*too_short(frame, "kl"))
    w = window(len(values))
    level = float(np.median(values[-w:]))  # not the mean: k3 has a heavy tail, one token moves it
    middle = float(np.median(values[len(values) // 2 - w // 2 :][:w]))
    latest = float(np.median(values[-KL_LASTING:])) if len(values) >= MIN_STEPS else level
    evidence |= {"kl": level, "kl_middle": middle, "kl_max": float(values.max())}
    rising = len(values) >= MIN_STEPS and level > STILL_RISING * max(middle, 0.0)
    way = f"a median of {spoken(level)} nats a token over {last_steps(w)}"
    way += f", {spoken(middle)} midway" if len(values) >= MIN_STEPS else ""
    if (options or {}).get("sync_ref_model") is True:
        way += ", to the reference as it was last moved"
    if beta is not None:
        evidence["beta"] = beta
    cure = "a smaller learning rate or a larger beta" + ("" if beta is None else f" ({beta:g} now)")
    reward = trend_of(earned(frame, options))
    fell = reward is not None and reward.fell
    if level >= KL_TROUBLE or (level >= KL_LOOK and fell):
        worse = " and the reward fell with it" if fell else ""
        return found("trouble", "Yes: far from the reference", f"Yes: {way}{worse}. Try {cure}.")
    if latest >= KL_TROUBLE:
        jumped = f"it has jumped to {spoken(latest)} in the last {KL_LASTING} steps"
        return found("trouble", "Yes: it has jumped", f"Yes: {jumped}, from {way}. Try {cure}.")
    if level >= KL_LOOK:
        settling = "still rising" if rising else "no longer rising fast"
        text = f"It is far from the reference, {settling}: {way}. Try {cure}."
        return found("look", "Far from the reference", text)
    if latest >= KL_LOOK:
        text = f"It rose to {spoken(latest)} in the last {KL_LASTING} steps; before that {way}."
        text += f" If it does not come back, try {cure}."
        return found("look", "It has jumped", text)
    at = spike(values)
    if at is not None:
        rows = training(frame)
        finite = rows.index[np.isfinite(numbers(rows["kl"]))]
        step, height = int(finite[at]), float(values[at])
        evidence |= {"spike": height, "spike_step": step}
        jumped = f"it jumped to {spoken(height)} at step {step}"
        if height >= KL_TROUBLE:
            text = f"It came back: {way}. But {jumped}; read completions there."
            if at == len(values) - 1:
                text = f"{jumped[0].upper()}{jumped[1:]}, from {way}: read completions there."
            return found("look", "It has jumped", text)
        back = " and came back" if at < len(values) - 1 else ""
        text = f"No: {way}. Once {jumped}{back}: a few tokens can do that to the mean."
        return found("fine", "No: near the reference", text)
    if rising and level >= KL_LOOK / 2:
        text = f"Not yet, but it is not settling: {way}. If it goes on, try {cure}."
        return found("look", "Not yet, but still rising", text)
    return found("fine", "No: near the reference", f"No: {way}.")


_NO_REFERENCE = (
    "With beta 0 no reference is consulted, so there is no `kl`: whether the policy runs away then "
    "shows in entropy, length and the held-out figures."
)


def spike(values: NDArray[np.float64]) -> int | None:
    """Where the highest spike of all is; None where there is none."""
    spikes = [
        i
        for i in range(3, len(values))  # a median of fewer is no median
        if values[i] >= KL_LOOK
        and values[i] >= KL_SPIKE * np.median(values[max(0, i - KL_BEFORE) : i])
    ]
    return max(spikes, key=lambda i: values[i]) if spikes else None
