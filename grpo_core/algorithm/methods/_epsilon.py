"""The bounds on the ratio that several methods share."""

from __future__ import annotations

from grpo_core.algorithm.method import Number

EPSILON = Number("epsilon", 0.2, "How far below 1 the ratio is trusted.")
EPSILON_HIGH = Number(
    "epsilon_high", None, "How far above 1 the ratio is trusted; as epsilon where it is not set."
)


def upper(epsilon: float, epsilon_high: float | None) -> float:
    """Return the upper bound: epsilon_high, or epsilon where that is not set."""
    return epsilon if epsilon_high is None else epsilon_high
