"""Exercise 2 of lesson 01: the estimate."""

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson01.cases import LOGITS
from grpo_core.course.outcomes import tensor


def my_estimate(logits: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
    """Return the estimate (K,); arms are (G,) int64, weights (G,)."""
    one_hot = torch.nn.functional.one_hot(actions, len(logits))
    score = one_hot - torch.softmax(logits, dim=0)
    return (advantages.unsqueeze(1) * score).mean(dim=0)


_FIVE = torch.tensor([0.8, -0.3, 0.1, -1.2, 0.5])
_ACTIONS = torch.tensor([0, 2, 0, 1, 2])
_WEIGHTS = torch.tensor([1.0, 0.0, -0.5, 2.0, 1.0])


estimate = Exercise(
    "01",
    "estimate",
    solution_function=my_estimate,
    cases=[
        Case(
            "For five samples of four arms",
            lambda f: tensor(f(LOGITS.clone(), _ACTIONS.clone(), _WEIGHTS.clone())),
        ),
        Case(
            "For a single sample of five arms",
            lambda f: tensor(f(_FIVE.clone(), torch.tensor([3]), torch.tensor([1.0]))),
        ),
    ],
    hints=[
        "Start with one sample: what does the formula give for the arm that was sampled, and for "
        "one that was not? Then stack the samples as rows.",
        "Shapes: the indicator of all samples is (G, K), the probabilities (K,), the weights "
        "(G,). Each weight multiplies a whole row, so the weights need a second dimension.",
        "Indicator minus probabilities has one row per sample, (G, K). Multiply, then take the "
        "mean over the dimension of the samples.",
    ],
    well_done="your estimate is right: weight times score, averaged over the samples.",
)
