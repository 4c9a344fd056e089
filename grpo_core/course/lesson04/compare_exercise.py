"""Exercise 1 of lesson 04: four ways to compare."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import tensor


def my_advantages(rewards: Tensor, scale: str) -> Tensor:
    """Return advantages (N, G) of rewards (N, G), one row per group."""
    advantages = rewards - rewards.mean(dim=1, keepdim=True)
    if scale == "group":
        std = rewards.std(dim=1, keepdim=True)
        advantages = advantages / (std + 1e-4)
    elif scale == "batch":
        advantages = advantages / (rewards.std() + 1e-4)
    elif scale == "loo":
        size = rewards.shape[1]
        advantages = advantages * size / (size - 1)
    best = rewards.amax(dim=1, keepdim=True)
    worst = rewards.amin(dim=1, keepdim=True)
    return advantages.masked_fill(best == worst, 0.0)


def tied(r: Tensor) -> Tensor:
    """Return which groups have equal rewards, (N, 1) bool."""
    return r.amax(dim=1, keepdim=True) == r.amin(dim=1, keepdim=True)


# An easy group, a hard one, and one in between whose rewards have another size.
_REWARDS = torch.tensor([[1.3, 1.0, 1.3, 0.0], [0.0, 0.0, 0.3, 0.0], [5.0, 2.0, 2.0, 4.0]])
# Two groups that tie, at 0.7, whose mean in float32 is not 0.7; and one between them that does not.
_SOME_TIED = torch.full((3, 16), 0.7)
_SOME_TIED[1, :4] = 1.0
_OF_THREE = torch.tensor([[1.0, 0.0, 0.3], [0.0, 0.0, 1.3]])


def _by(scale: str, rewards: Tensor = _REWARDS) -> Callable[[Callable[..., Any]], Tensor]:
    return lambda f: tensor(f(rewards.clone(), scale))


def _exact_zeros(f: Callable[..., Any]) -> Tensor:
    """Whether each of the four ways gives zeros, to the last bit, just where rewards tie."""
    got = [tensor(f(_SOME_TIED.clone(), s)) for s in ("group", "batch", "none", "loo")]
    return torch.stack([((a == 0) == tied(_SOME_TIED)).all() for a in got]).float()


compare = Exercise(
    "04",
    "compare",
    solution_function=my_advantages,
    cases=[
        Case('For three groups of four and "group"', _by("group")),
        Case('For three groups of four and "batch"', _by("batch")),
        Case('For three groups of four and "none"', _by("none")),
        Case('For three groups of four and "loo"', _by("loo")),
        Case('For two groups of three and "loo"', _by("loo", _OF_THREE)),
        Case(
            "For three groups of which two tie at 0.7, where 1 means that exactly those are 0",
            _exact_zeros,
        ),
    ],
    hints=[
        "One line is common to all four ways, and it comes first. Then write one `if` per way.",
        "torch has `rewards.std(dim=1, keepdim=True)` for one number per group, and "
        "`rewards.std()` for one number overall. Both divide by the count minus one, as they "
        "should.",
        "For the last way no second mean is needed: notebook 01 found the factor between the mean "
        "of the others and the mean of all.",
    ],
    well_done="your four ways are right, and each gives exactly 0 for a group that ties.",
)
