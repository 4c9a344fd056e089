"""Exercise 1 of lesson 05: the weight of the gradient."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson05.cases import HIGH, LOW, RATIOS, A
from grpo_core.course.outcomes import tensor


def my_weight(ratio: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    """Return the factor of the gradient of log pi under the clip."""
    too_likely = (advantages > 0) & (ratio > 1 + high)
    too_rare = (advantages < 0) & (ratio < 1 - low)
    return (ratio * advantages).masked_fill(too_likely | too_rare, 0.0)


def _map(low: float, high: float) -> Callable[[Callable[..., Any]], Tensor]:
    a = A.unsqueeze(1).expand_as(RATIOS)
    return lambda f: tensor(f(RATIOS.clone(), a.clone(), low, high))


weight = Exercise(
    "05",
    "weight",
    solution_function=my_weight,
    cases=[
        Case(
            "For ratios of 0.5 to 2.5 and advantages of 2 and -1, bounds 0.8 and 1.3",
            _map(LOW, HIGH),
        ),
        Case("For the same, with bounds of 0.7 and 1.05", _map(0.3, 0.05)),
    ],
    hints=[
        "Ask two questions: what is the weight where nothing is clipped, and in which two of the "
        "four corners of the figure is it 0?",
        "Unclipped, the token adds ratio times advantage. For its slope with respect to log pi, "
        "note that the ratio is an exponential, and an exponential is its own slope.",
        "A condition for each of the two corners, one with `advantages > 0` in it and one with "
        "`advantages < 0`, joined by `|`; then 0 where either holds.",
    ],
    well_done="your map is right: two corners of four without a gradient, ratio × A elsewhere.",
)
