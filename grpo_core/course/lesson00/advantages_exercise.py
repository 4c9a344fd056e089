"""Exercise 1 of lesson 00: the advantages of a group."""

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import tensor


def my_advantages(rewards: Tensor) -> Tensor:
    """Return advantages (N, G) of rewards (N, G), one row per group."""
    mean = rewards.mean(dim=1, keepdim=True)
    std = rewards.std(dim=1, keepdim=True)
    return (rewards - mean) / (std + 1e-4)


_GROUPS = torch.tensor([[1.3, 0.3, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [5.0, 2.0, 2.0, 2.0]])
_TIED = torch.full((2, 16), 0.7)  # whose mean in float32 is not 0.7


advantages = Exercise(
    "00",
    "advantages",
    solution_function=my_advantages,
    cases=[
        Case("For the rewards [1.3, 0.3, 1, 0]", lambda f: tensor(f(_GROUPS.clone()))),
        Case("For sixteen rewards of 0.7", lambda f: tensor(f(_TIED.clone()))),
    ],
    hints=[
        "It takes three lines: the mean of each group, its standard deviation, and the difference "
        "from the mean in units of the standard deviation. Try it on one group with a calculator: "
        "section 3 has the numbers.",
        "Every row is a group of its own, so average along dim=1, and keep that dimension: (N, 1) "
        "lines up with (N, G), and (N,) does not.",
        "If only tied groups are wrong, look at the denominator: it is 0 there. The formula above "
        "the exercise says what is added to the standard deviation.",
    ],
    well_done=(
        "your advantages are right: in each group they have mean 0 and standard deviation 1, and "
        "they are 0 where all rewards tie."
    ),
)
