"""Exercise 4 of lesson 11: the yardstick."""

import torch

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number


def my_error(finals: torch.Tensor) -> float:
    """Return the standard error of a difference, from results (M, S)."""
    variance = finals.var(dim=1).mean()
    return (2 * variance / finals.shape[1]).sqrt().item()


_FINALS = torch.tensor(
    [
        [0.70, 0.76, 0.73, 0.81, 0.78],
        [0.60, 0.61, 0.59, 0.62, 0.60],
        [0.80, 0.85, 0.90, 0.82, 0.84],
    ]
)


error = Exercise(
    "11",
    "error",
    solution_function=my_error,
    cases=[
        Case(
            "For three methods with five seeds each",
            lambda f: 100 * number(f(_FINALS.clone())),  # in percent: TOLERANCE is 0.001
        ),
        Case(
            "For two methods with three seeds each",
            lambda f: 100 * number(f(_FINALS[:2, :3].clone())),
        ),
    ],
    hints=[
        "Ask three questions in order: how much does one run vary? How much the mean of S runs? "
        "How much the difference of two such means?",
        "The variance of a mean of S is 1/S of the variance of one; the variance of a difference "
        "is the sum of the two variances. The root comes last.",
        "`finals.var(dim=1)` has a variance for each method (and divides by S - 1). Three seeds "
        "alone give a poor estimate, so take the mean over methods.",
    ],
    well_done=(
        "your standard error is right: the typical difference of two means when the methods are "
        "the same."
    ),
)
