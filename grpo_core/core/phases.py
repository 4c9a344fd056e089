"""Declare which phases of a step contain which others, and break a step's seconds down."""

import math
from collections.abc import Mapping

STEP = "seconds/step"
PARTS: dict[str, tuple[str, ...]] = {
    STEP: ("seconds/sampling", "seconds/update", "seconds/record"),
    "seconds/sampling": ("seconds/prefill", "seconds/decode", "seconds/reward"),
    "seconds/update": (
        "seconds/score",
        "seconds/forward",
        "seconds/reference",
        "seconds/backward",
        "seconds/optimizer",
        "seconds/after",
    ),
}
"""Phase -> the phases inside it. A phase that is not listed counts as a part of the step."""
BESIDE = ("seconds/eval",)
"""Phases recorded with a step that are not part of its seconds."""
OTHER = "other"


def breakdown(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return a step's seconds by phase, each second counted once; they sum to the step's seconds.

    If a phase's parts were recorded, the phase itself only counts the rest, under its name and
    "/other"; the rest of the step itself is "other". If no parts of a phase were recorded, the
    phase itself is counted.

    Args:
        metrics: the metrics of one step, under the names of docs/glossary.md.

    Returns:
        phase without its "seconds/" -> seconds, in the order of a step; {} if none were recorded.
    """
    seconds = {
        name: float(value)
        for name, value in metrics.items()
        if name.startswith("seconds/")
        and name not in BESIDE
        and isinstance(value, int | float)
        and math.isfinite(value)
    }
    if STEP not in seconds:
        return {}
    placed = {STEP} | {part for parts in PARTS.values() for part in parts}
    strays = tuple(name for name in seconds if name not in placed)
    return _leaves(STEP, seconds, strays)


def _leaves(phase: str, seconds: Mapping[str, float], strays: tuple[str, ...]) -> dict[str, float]:
    """Return the seconds of one phase, by its smallest recorded parts."""
    parts = [part for part in (*PARTS.get(phase, ()), *strays) if part in seconds]
    short = phase.removeprefix("seconds/")
    if not parts and phase != STEP:
        return {short: seconds[phase]}
    leaves: dict[str, float] = {}
    for part in parts:
        leaves |= _leaves(part, seconds, ())
    rest = seconds[phase] - sum(seconds[part] for part in parts)
    return leaves | {OTHER if phase == STEP else f"{short}/{OTHER}": max(rest, 0.0)}
