"""Exercise 3 of lesson 03: useful groups."""

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import tensor


def my_useful(p: Tensor, size: int) -> Tensor:
    """Return the probability of a useful group (N,) for each p (N,)."""
    return 1 - p**size - (1 - p) ** size


_CHANCES = torch.tensor([0.1, 0.5, 0.8, 0.0, 1.0])


def _groups_of(size: int) -> Case:
    text = f"For p = [0.1, 0.5, 0.8, 0, 1] and groups of {size}"
    return Case(text, lambda f: tensor(f(_CHANCES.clone(), size)))


useful = Exercise(
    "03",
    "useful",
    solution_function=my_useful,
    cases=[_groups_of(4), _groups_of(2), _groups_of(16)],
    hints=[
        "When is a group useless? There are two ways, and they cannot occur together.",
        "The probability that G independent completions are all right is a power of p. For all "
        "wrong, it is the same with 1 - p.",
    ],
    well_done=(
        "your probability is right: 0 for problems that are always or never solved, and largest "
        "at one half."
    ),
)
