"""Exercise 1 of lesson 01: the exact gradient."""

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson01.cases import LOGITS, VALUES
from grpo_core.course.outcomes import tensor


def my_gradient(logits: Tensor, values: Tensor) -> Tensor:
    """Return dJ/dlogits (K,) of logits (K,) and expected rewards (K,)."""
    probabilities = torch.softmax(logits, dim=0)
    expected = (probabilities * values).sum()
    return probabilities * (values - expected)


exact_gradient = Exercise(
    "01",
    "exact_gradient",
    solution_function=my_gradient,
    cases=[
        Case(
            "For the logits [0.8, -0.3, 0.1, -1.2] and the values [0.3, 0.9, 0.5, 1]",
            lambda f: tensor(f(LOGITS.clone(), VALUES.clone())),
        ),
        Case(
            "For arms that all pay the same",
            lambda f: tensor(f(torch.tensor([2.0, 0.0, 1.0]), torch.full((3,), 0.6))),
        ),
    ],
    hints=[
        "Three quantities, three lines: the probabilities, the expected reward J they give, and "
        "the formula above the exercise.",
        "J is one number: a sum over arms of probability times value. Everything else has one "
        "number per arm.",
        "Test your function: gradients of a softmax policy sum to 0, and if all arms pay the same "
        "there is nothing to learn and every number is 0.",
    ],
    well_done="your gradient is the exact one, and 0 where all arms pay the same.",
)
