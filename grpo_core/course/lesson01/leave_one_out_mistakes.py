"""The mistakes that the exercise `leave_one_out` of lesson 01 recognises."""

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson01.leave_one_out_exercise import leave_one_out, my_leave_one_out


def _sum(r: Tensor) -> Tensor:
    return r.sum(dim=1, keepdim=True)


def _best_of_others(r: Tensor) -> Tensor:
    """Of each completion, the highest reward of the others in its group."""
    others = r.unsqueeze(1).expand(-1, r.shape[1], -1)
    return others.masked_fill(torch.eye(r.shape[1]).bool(), float("-inf")).amax(dim=2)


@leave_one_out.mistake(
    "That is the reward minus the mean of all rewards, its own included: Dr. GRPO's advantage. "
    "With its own reward in the baseline, a completion is partly compared with itself."
)
def own_reward_included() -> WrongAnswers:
    yield lambda r: r - r.mean(dim=1, keepdim=True)


@leave_one_out.mistake(
    "You left the completion's own reward out of the sum, but still divided by G. There are only "
    "G - 1 others."
)
def divided_by_all() -> WrongAnswers:
    yield lambda r: r - (_sum(r) - r) / r.shape[1]


@leave_one_out.mistake(
    "You divided by G - 1, but the sum still includes the completion's own reward."
)
def sum_of_all_over_others() -> WrongAnswers:
    yield lambda r: r - _sum(r) / (r.shape[1] - 1)


@leave_one_out.mistake(
    "You divided by the number of *groups* minus one: `len(rewards)` counts rows. The others are "
    "in the same row, so use the length of a row."
)
def groups_counted() -> WrongAnswers:
    yield lambda r: r - (_sum(r) - r) / (len(r) - 1)
    yield lambda r: r - (_sum(r) - r) / len(r)


@leave_one_out.mistake(
    "You subtracted the sum of the others. Subtract their mean: a larger group would otherwise "
    "have a larger baseline."
)
def not_averaged() -> WrongAnswers:
    yield lambda r: r - (_sum(r) - r)


@leave_one_out.mistake(
    "This is the mean of the others: the baseline. The advantage is the reward minus the baseline."
)
def baseline_returned() -> WrongAnswers:
    yield lambda r: (_sum(r) - r) / (r.shape[1] - 1)


@leave_one_out.mistake("Your signs are flipped: the best completion has the lowest advantage.")
def sign() -> WrongAnswers:
    yield lambda r: (_sum(r) - r) / (r.shape[1] - 1) - r


@leave_one_out.mistake(
    "Right except for a factor: it must be G / (G - 1), which is greater than 1, and yours is its "
    "inverse. Leaving the own reward out of the baseline makes differences larger."
)
def factor_upside_down() -> WrongAnswers:
    yield lambda r: (r - r.mean(dim=1, keepdim=True)) * (r.shape[1] - 1) / r.shape[1]


@leave_one_out.mistake(
    "You compared with all others of the whole batch. The others are those of the same prompt: "
    "each row is a group of its own."
)
def whole_batch() -> WrongAnswers:
    yield lambda r: r - (r.sum() - r) / (r.numel() - 1)
    yield lambda r: r - r.mean()
    yield lambda r: (r - r.mean()) * r.shape[1] / (r.shape[1] - 1)
    yield lambda r: r - (r.sum() - r) / (r.shape[1] - 1)


@leave_one_out.mistake(
    "The mean of the others is right, but you then divided by the group's standard deviation, as "
    "GRPO does; here the difference stays as it is."
)
def divided_by_spread() -> WrongAnswers:
    yield lambda r: my_leave_one_out(r) / (r.std(dim=1, keepdim=True) + 1e-4)
    yield lambda r: (r - r.mean(dim=1, keepdim=True)) / (r.std(dim=1, keepdim=True) + 1e-4)


@leave_one_out.mistake(
    "You compared with the best of the others. Hardly any completion beats that, so nearly all "
    "would become less likely; the baseline is their mean."
)
def best_of_the_others() -> WrongAnswers:
    yield lambda r: r - _best_of_others(r)


@leave_one_out.mistake(
    "You compared with some of the others: the next one, those after it, or those before it. All "
    "others count, before and after it."
)
def one_neighbour() -> WrongAnswers:
    yield lambda r: r - r.roll(1, dims=1)
    yield lambda r: r - r.roll(-1, dims=1)
    yield lambda r: r - (_sum(r) - r.cumsum(dim=1)) / (r.shape[1] - 1)
    yield lambda r: r - (r.cumsum(dim=1) - r) / (r.shape[1] - 1)


@leave_one_out.mistake("You went down the columns. A row is a group: dim=1.")
def wrong_axis() -> WrongAnswers:
    yield lambda r: r - (r.sum(dim=0) - r) / (len(r) - 1 or 1)
    yield lambda r: r - (r.sum(dim=0) - r) / (r.shape[1] - 1)
