"""Exercise 4 of lesson 07: a test of the ratio."""

import torch
from torch import Tensor

from grpo_core.course.exercise import Exercise
from grpo_core.course.lesson07.cases import NOISE, SAMPLED, panel


def my_ratio_test(logprobs: Tensor, sampled: Tensor, mask: Tensor) -> bool:
    """Return whether log-probs (B, T) are those of the sampling."""
    off = (logprobs - sampled)[mask].abs()
    return bool(off.max() < 1e-3)


_SEEN = torch.arange(10) < torch.tensor([[10], [6], [8], [3]])
_WAVE = torch.tensor([1.0, -1.0]).repeat(5)


def _scores(change: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What a loop computed, what was recorded at sampling, and the mask."""
    return SAMPLED + change, SAMPLED, _SEEN


_ONE_TOKEN = torch.zeros(4, 10)
_ONE_TOKEN[2, 5] = 0.6
_RARE = torch.where(_ONE_TOKEN > 0, torch.tensor(-9.0), SAMPLED)  # that token, one in 8,000
_SURE = SAMPLED.clone()
_SURE[:, 0] = -2e-5  # a token that could hardly have been another
_PADDING = torch.where(_SEEN, torch.zeros(()), torch.tensor(-20.0))
_EVEN = torch.ones(4, 10, dtype=torch.bool)
_RIGHT_SCORES = [
    _scores(torch.zeros(4, 10)),
    _scores(NOISE * 1e-5),
    _scores(_PADDING),
    (_SURE - 1e-5, _SURE, _SEEN),
]
_BROKEN_SCORES = [
    _scores(torch.tensor(0.6)),
    _scores(torch.tensor(-0.6)),
    (SAMPLED + 0.3 * _WAVE, SAMPLED, _EVEN),
    (SAMPLED + (1 + 0.3 * _WAVE).log(), SAMPLED, _EVEN),
    _scores(_ONE_TOKEN),
    _scores(torch.tensor(0.08)),
    _scores(torch.tensor(0.02)),
    _scores(_ONE_TOKEN / 30),
    (_RARE + _ONE_TOKEN, _RARE, _SEEN),
]


ratio_test = Exercise(
    "07",
    "ratio_test",
    solution_function=my_ratio_test,
    cases=panel("a set of log-probs", _RIGHT_SCORES, _BROKEN_SCORES),
    hints=[
        "Before the first update the ratio of every token is 1: its current and its sampled "
        "log-probability are the same number.",
        "Look only where the mask is True, and at the worst of them, in either direction.",
        "How close? Rounding causes differences of about 0.00001; bugs cause more than 0.01.",
    ],
    well_done=(
        "your test distinguishes rounding from a bug, and is not fooled by errors that cancel."
    ),
)
