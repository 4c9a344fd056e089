"""Exercise 3 of lesson 04: process supervision."""

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import tensor


def my_process(step_rewards: Tensor, step_ends: Tensor) -> Tensor:
    """Return token advantages (G, T); step_ends marks ends of steps."""
    pool = step_rewards[step_ends]
    scaled = torch.zeros_like(step_rewards)
    scaled[step_ends] = (pool - pool.mean()) / (pool.std() + 1e-4)
    return scaled.flip(1).cumsum(1).flip(1)


_STEP_ENDS = torch.tensor([[0, 1, 0, 1, 0, 1], [0, 0, 1, 0, 1, 0], [1, 0, 0, 0, 0, 1]]).bool()
# what stands where no step ends must not be read
_STEP_REWARDS = torch.tensor([[9.0, 1, 9, 1, 9, 2], [-7.0, -7, 0, -7, 1, -7], [0.0, 5, 5, 5, 5, 0]])
_OUTCOME_ENDS = torch.tensor([[0, 0, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]]).bool()
_OUTCOMES = torch.tensor([[0.0, 0, 1], [0, 0, 0], [0, 0, 1.3], [0.3, 0, 0]])


process = Exercise(
    "04",
    "process",
    solution_function=my_process,
    cases=[
        Case(
            "For three completions with three, two and two steps",
            lambda f: tensor(f(_STEP_REWARDS.clone(), _STEP_ENDS.clone())),
        ),
        Case(
            "With one step per completion, at its end",
            lambda f: tensor(f(_OUTCOMES.clone(), _OUTCOME_ENDS.clone())),
        ),
    ],
    hints=[
        "Three steps: collect the rewards of all steps into one pool; write each back, "
        "normalised, to where its step ends; then sum for every token what is still to come.",
        "`step_rewards[step_ends]` is the pool, a row of numbers; the same mask can write into a "
        "tensor of zeros.",
        "torch's `cumsum` adds from the left. To add from the right: flip, add, flip back.",
    ],
    well_done=(
        "your advantages are right, and with one step per completion they equal the outcome "
        "advantages."
    ),
)
