"""Why is the reward flat?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from grpo_core.analysis.diagnosis.dead import DEAD_LOOK, dead_groups, dead_share
from grpo_core.analysis.diagnosis.finding import Finding, Verdict
from grpo_core.analysis.diagnosis.trends import (
    EARLY,
    GRADIENT_ZERO,
    HOPELESS,
    SOLVED,
    Found,
    Options,
    Trend,
    earned,
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

QUESTION = "Why is the reward flat?"
LOW_ENTROPY = 0.005
"""Nats a token: in 100 tokens the policy has half a nat of choice left, so groups mostly repeat
themselves. The shipped run ends at 0.04."""
RATE_ZERO = 1e-9
"""An Adam step changes a weight by about the learning rate: below this it changes none, as float32
weights of 0.02 have a resolution of 2e-9."""
HOLDING_BETA, HELD_KL = 0.5, 0.02
"""An advantage of 1 and beta times the KL's pull balance where log pi - log pi_ref is 1 / beta, at
a KL of 1 / (2 beta²): with a beta from a half on, and so little KL, the reference holds on to the
policy. The default beta is 0.001, the largest of the presets 0.05."""


def why_is_the_reward_flat(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """Check whether the reward rises over the run and over its second half; if not, say why."""
    metrics = ["reward", part(frame, "accuracy"), "frac_reward_zero_std", "grad_norm", "entropy"]
    values = values_of(frame, "reward")
    trend = trend_of(values)
    evidence: dict[str, float] = {}
    found = finder(QUESTION, frame, metrics, evidence)
    rate = now(values_of(frame, "learning_rate"))
    if rate < RATE_ZERO:
        evidence["learning_rate"] = rate
        text = f"The learning rate is {spoken(rate)}, so the updates change nothing."
        return found("trouble", "The learning rate is 0", text)
    if trend is None:
        return found(*too_short(frame, "reward"))
    evidence |= {"reward_first": trend.first, "reward_last": trend.last, "noise": trend.noise}
    late = trend_of(values[len(values) // 2 :]) if trend.rose else None
    if late is not None:
        evidence["reward_middle"] = late.first
    whole = f"from {spoken(trend.first)} to {spoken(trend.last)} over {len(values)} steps"
    fell = trend.fell if len(values) >= EARLY else trend.surely_fell
    if fell or (late is not None and late.fell):
        return _falling(found, frame, options, trend, late, whole)
    # at an even pace the second half gains half as much between its ends as the whole run does
    stalled = late is not None and not late.rose and late.surely_below(trend.change / 2)
    if trend.rose and not stalled:
        return found("fine", "It is not flat: it rises", f"It is not flat: it rose {whole}.")
    verdict, headline, why, more = _why_flat(frame, options, groups)
    evidence.update(more)
    if not more and len(values) < EARLY:
        return found(
            "fine",
            "Too early to call it flat",
            f"It moved {whole}, which may still be noise: it is too early to call it flat.",
        )
    if trend.rose:
        verdict = "look" if verdict == "trouble" else verdict  # it has learned something
        text = f"It rose {whole}, but hardly at all in the second half. {why}"
        return found(verdict, headline, text)
    return found(verdict, headline, f"It did not change by more than its noise: {whole}. {why}")


def _falling(
    found: Found,
    frame: "pd.DataFrame",
    options: Options,
    trend: Trend,
    late: Trend | None,
    whole: str,
) -> Finding:
    """Return the finding for a reward that falls, over the whole run or over its second half."""
    before_kl = trend_of(earned(frame, options))
    kl_in_reward = (options or {}).get("use_kl_in_reward") is True
    if trend.fell and kl_in_reward and before_kl is not None and not before_kl.fell:
        return found(
            "look",
            "Only the KL penalty grew",
            f"After the KL penalty the reward fell {whole}, because the penalty grew: before it "
            "the "
            f"reward went from {spoken(before_kl.first)} to {spoken(before_kl.last)}.",
        )
    if trend.fell:
        return found(
            "trouble" if trend.surely_fell or 2 * trend.last < abs(trend.first) else "look",
            "It is falling",
            f"It is not flat: it fell {whole}. Look at KL and length, and try a smaller learning "
            "rate.",
        )
    assert late is not None
    return found(
        "look",
        "It rose and is falling",
        f"It rose {whole}, but it was {spoken(late.first)} halfway and is falling. Look at KL and "
        "length.",
    )


def _why_flat(
    frame: "pd.DataFrame", options: Options, groups: Sequence[Group]
) -> tuple[Verdict, str, str, dict[str, float]]:
    """Return the first cause that the records show, in the order of how much it explains.

    The last of the four values is empty if none is found.
    """
    names = {
        "accuracy": part(frame, "accuracy"),
        "frac_reward_zero_std": "frac_reward_zero_std",
        "grad_norm": "grad_norm",
        "clip_ratio": "clip_ratio/region_mean",
        "entropy": "entropy",
        "kl": "kl",
    }
    level = {key: now(values_of(frame, column)) for key, column in names.items()}
    seen = {key: value for key, value in level.items() if np.isfinite(value)}
    dead = dead_share(frame, options, groups)
    beta = option(options, "beta") or 0.0
    if level["accuracy"] >= SOLVED:
        text = f"Accuracy is {level['accuracy']:.0%}: little is left to gain."
        return "fine", "Little is left to gain", text, seen
    if dead >= DEAD_LOOK:
        return *dead_groups(frame, options, groups, dead), seen
    if level["grad_norm"] < GRADIENT_ZERO:
        text = f"The gradient norm is {spoken(level['grad_norm'])}, so nothing is learned."
        return "trouble", "The gradient is zero", text, seen
    if beta >= HOLDING_BETA and level["kl"] < HELD_KL:
        text = (
            f"A beta of {beta:g} holds the policy close to the reference, {spoken(level['kl'])} "
            "nats per "
            "token away. Try a beta a hundred times smaller."
        )
        return "trouble", "Beta is too large", text, seen | {"beta": beta}
    if level["clip_ratio"] >= 0.5:  # most tokens are clipped
        text = f"Clipping removes the gradient of {level['clip_ratio']:.0%} of tokens."
        return "look", "Clipping removes gradients", text, seen
    if level["entropy"] < LOW_ENTROPY:
        text = (
            f"Entropy is {spoken(level['entropy'])} nats per token: a group's completions are "
            "nearly identical."
        )
        return "look", "Entropy has collapsed", text, seen
    if level["accuracy"] <= HOPELESS:
        share = f"{level['accuracy']:.1%}"
        text = f"Only {share} of completions are right, so there is rarely a success to reinforce."
        return "look", "Successes are too rare", text, seen
    text = "Nothing recorded explains it. Try more steps or a larger learning rate."
    return "look", "It is flat", text, {}
