"""Where a step's time goes: which of the recorded seconds contain which others, said once."""

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
"""A phase -> the phases inside it. One that stands nowhere here is taken for a part of the step."""
BESIDE = ("seconds/eval",)
"""Recorded with a step and not part of its seconds."""
OTHER = "other"


def breakdown(metrics: Mapping[str, float]) -> dict[str, float]:
    """A step's seconds by phase, each second counted once; they add up to the step's.

    Of a phase whose parts were recorded, only what the parts leave is counted, under its name and
    "/other"; what is left of the step itself is "other". A run that recorded no parts of a phase
    has the phase itself.

    Args:
        metrics: of one step, by the names of docs/glossary.md.

    Returns:
        phase without its "seconds/" -> seconds, in the order of a step; {} where the step has none.
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
    """The seconds of one phase, by what cannot be cut further."""
    parts = [part for part in (*PARTS.get(phase, ()), *strays) if part in seconds]
    short = phase.removeprefix("seconds/")
    if not parts and phase != STEP:
        return {short: seconds[phase]}
    leaves: dict[str, float] = {}
    for part in parts:
        leaves |= _leaves(part, seconds, ())
    rest = seconds[phase] - sum(seconds[part] for part in parts)
    return leaves | {OTHER if phase == STEP else f"{short}/{OTHER}": max(rest, 0.0)}
