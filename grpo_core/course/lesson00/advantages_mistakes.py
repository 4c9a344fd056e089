"""The mistakes that the exercise `advantages` of lesson 00 recognises."""

from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson00.advantages_exercise import advantages

EPS = 1e-4


def _mean(r: Tensor) -> Tensor:
    return r.mean(dim=1, keepdim=True)


def _std(r: Tensor) -> Tensor:
    return r.std(dim=1, keepdim=True) + EPS


def _range(r: Tensor) -> Tensor:
    return r.amax(dim=1, keepdim=True) - r.amin(dim=1, keepdim=True)


def _without_eps(r: Tensor) -> Tensor:
    """Every tied group gives 0 / 0, as it would if the mean were exact."""
    tied = r.amax(dim=1, keepdim=True) == r.amin(dim=1, keepdim=True)
    return ((r - _mean(r)) / _std(r)).masked_fill(tied, float("nan"))


@advantages.mistake(
    "Your signs are flipped: the best completion has the lowest advantage, so training would make "
    "it less likely. An advantage is the reward minus the mean of the group."
)
def sign() -> WrongAnswers:
    yield lambda r: (_mean(r) - r) / _std(r)


@advantages.mistake(
    "Your numbers are a little too large: by 15% for a group of 4. That is sqrt(G / (G - 1)), so "
    "you divided by the population standard deviation (ddof 0). GRPO's papers do not say which "
    "one to use; TRL and this kit use the sample standard deviation, with G - 1 (ddof 1), which "
    "is torch's default but not numpy's."
)
def population_std() -> WrongAnswers:
    yield lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True, correction=0) + EPS)


@advantages.mistake(
    "You compared every completion with the whole batch. A completion competes with the others of "
    "its own prompt only; otherwise an easy prompt makes all of its completions look good. Each "
    "row is a group: take the mean along the row (dim=1)."
)
def whole_batch() -> WrongAnswers:
    yield lambda r: (r - r.mean()) / (r.std() + EPS)
    yield lambda r: (r - r.mean()) / _std(r)
    yield lambda r: r - r.mean()


@advantages.mistake(
    "You averaged down the columns. Each row is a group, so the mean and the standard deviation "
    "run along the row: dim=1."
)
def wrong_axis() -> WrongAnswers:
    yield lambda r: (r - r.mean(dim=0)) / (r.std(dim=0) + EPS)
    yield lambda r: (r - r.mean(dim=0)) / r.std(dim=0)
    yield lambda r: r - r.mean(dim=0)


@advantages.mistake(
    "Your means are right, but you divided by the standard deviation of the whole batch. That is "
    'a method of its own (scale_rewards="batch" in TRL). GRPO divides each group by the group\'s '
    "own."
)
def batch_std() -> WrongAnswers:
    yield lambda r: (r - _mean(r)) / (r.std() + EPS)


@advantages.mistake(
    "You subtracted the mean and stopped there. That is Dr. GRPO's advantage "
    '(scale_rewards="none"), and a good one; GRPO also divides by the standard deviation of the '
    "group."
)
def not_divided() -> WrongAnswers:
    yield lambda r: r - _mean(r)


@advantages.mistake(
    "You divided by the standard deviation but did not subtract the mean. Then no completion is "
    "ever worse than its group, and every token's probability increases."
)
def not_centered() -> WrongAnswers:
    yield lambda r: r / _std(r)


@advantages.mistake(
    "You divided by the variance. Use its square root, the standard deviation: then advantages do "
    "not depend on the unit of the rewards."
)
def variance() -> WrongAnswers:
    yield lambda r: (r - _mean(r)) / (r.var(dim=1, keepdim=True) + EPS)


@advantages.mistake(
    "You divided by the norm of the differences: the root of the *sum* of their squares. A "
    "standard deviation is the root of their mean (over G - 1); with yours, advantages shrink as "
    "the group grows."
)
def squares_not_averaged() -> WrongAnswers:
    yield lambda r: (r - _mean(r)) / ((r - _mean(r)).norm(dim=1, keepdim=True) + EPS)
    yield lambda r: (r - _mean(r)) / (r - _mean(r)).norm(dim=1, keepdim=True)


@advantages.mistake(
    "Right, except for a group whose rewards are all the same: its standard deviation is 0, and 0 "
    "/ 0 is NaN, which one update would spread to every weight. A tied group carries no signal; "
    "its advantages are 0. Adding a small epsilon, such as 1e-4, to the standard deviation "
    "ensures that."
)
def nan_on_ties() -> WrongAnswers:
    yield _without_eps


@advantages.mistake(
    "Right, except for a group whose rewards are all 0.7. In float32 the mean of sixteen times "
    "0.7 is 0.69999994; the difference is 6e-8, and dividing it by something as small makes an "
    "advantage out of nothing; with an epsilon of 1e-8 it is as large as a right answer's. Add a "
    "larger epsilon to the standard deviation (TRL: 1e-4), or set tied groups to 0."
)
def noise_on_ties() -> WrongAnswers:
    yield lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-8)
    yield lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-7)
    yield lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-6)
    yield lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-5)
    yield lambda r: (r - _mean(r)) / r.std(dim=1, keepdim=True)
    yield lambda r: ((r - _mean(r)) / r.std(dim=1, keepdim=True)).nan_to_num()


@advantages.mistake(
    "You divided only the mean: division comes before subtraction. Put the difference in "
    "parentheses, or on a line of its own, before you divide."
)
def brackets() -> WrongAnswers:
    yield lambda r: r - _mean(r) / _std(r)


@advantages.mistake(
    "You compared with the median, the middle reward. The baseline is the mean: only differences "
    "from the mean add up to 0 in every group."
)
def median() -> WrongAnswers:
    yield lambda r: (r - r.median(dim=1, keepdim=True).values) / _std(r)


@advantages.mistake(
    "You divided by the range, the best reward minus the worst. A single outlier determines it; "
    "the standard deviation depends on all rewards."
)
def range_() -> WrongAnswers:
    yield lambda r: (r - _mean(r)) / (_range(r) + EPS)
    yield lambda r: (r - r.amin(dim=1, keepdim=True)) / (_range(r) + EPS)


@advantages.mistake(
    "All your advantages are a little too small. The epsilon added to the standard deviation "
    "should matter only where that is 0: a thousandth of a reward is already too much."
)
def eps_too_large() -> WrongAnswers:
    yield from (
        lambda r, eps=eps: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + eps)
        for eps in (1e-2, 1e-1, 1.0)
    )
