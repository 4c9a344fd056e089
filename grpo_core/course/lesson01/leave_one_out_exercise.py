"""Exercise 3 of lesson 01: leave one out."""

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import tensor


def my_leave_one_out(rewards: Tensor) -> Tensor:
    """Return advantages (N, G) of rewards (N, G), one row per group."""
    size = rewards.shape[1]
    others = rewards.sum(dim=1, keepdim=True) - rewards
    return rewards - others / (size - 1)


# Neither the number of groups nor one less is the number of others in a group.
_REWARDS = torch.tensor([[1.0, 0.0, 0.0, 1.3], [0.3, 0.0, 0.0, 0.0]])
_PAIRS = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.3]])


leave_one_out = Exercise(
    "01",
    "leave_one_out",
    solution_function=my_leave_one_out,
    cases=[
        Case("For the rewards [1, 0, 0, 1.3]", lambda f: tensor(f(_REWARDS.clone()))),
        Case("For three groups of two", lambda f: tensor(f(_PAIRS.clone()))),
    ],
    hints=[
        "Do one group on paper: rewards 1, 0, 0, 1.3. What are the others of the first, and what "
        "is their mean?",
        "The sum of a whole row, with its dimension kept, is (N, 1). Subtract the rewards from "
        "it, and every entry has lost its own.",
        "How many others are there? One fewer than the size of the group; `rewards.shape[1]` is G.",
    ],
    well_done="your advantages are right: each reward minus the mean of the others.",
)
