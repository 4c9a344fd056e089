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
    "it rarer. An advantage is the reward minus what was to be expected."
)
def sign() -> WrongAnswers:
    yield lambda r: (_mean(r) - r) / _std(r)


@advantages.mistake(
    "Your numbers are a little too large: by 15% for a group of 4. That is sqrt(G / (G - 1)), so "
    "you divided by the standard deviation of a population (ddof 0). GRPO's papers do not say "
    "which one; TRL and this kit take the sample's, with G - 1 (ddof 1). It is torch's default "
    "and not numpy's."
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
    '(scale_rewards="none"), and a good one; GRPO goes on and divides by the standard deviation '
    "of the group."
)
def not_divided() -> WrongAnswers:
    yield lambda r: r - _mean(r)


@advantages.mistake(
    "You divided by the standard deviation but did not subtract the mean. Then no completion is "
    "ever worse than its group, and all are pushed up."
)
def not_centered() -> WrongAnswers:
    yield lambda r: r / _std(r)


@advantages.mistake(
    "You divided by the variance. The standard deviation is its square root: then advantages do "
    "not depend on the unit that rewards are counted in."
)
def variance() -> WrongAnswers:
    yield lambda r: (r - _mean(r)) / (r.var(dim=1, keepdim=True) + EPS)


@advantages.mistake(
    "You divided by the length of the differences: the root of the *sum* of their squares. A "
    "standard deviation is the root of their mean (over G - 1); yours would make advantages "
    "smaller, the larger the group is."
)
def squares_not_averaged() -> WrongAnswers:
    yield lambda r: (r - _mean(r)) / ((r - _mean(r)).norm(dim=1, keepdim=True) + EPS)
    yield lambda r: (r - _mean(r)) / (r - _mean(r)).norm(dim=1, keepdim=True)


@advantages.mistake(
    "Right, except for a group whose rewards are all the same: its standard deviation is 0, and 0 "
    "/ 0 is NaN, which one update would spread to every weight. A tied group has nothing to "
    "teach; its advantage is 0. A small number beside the standard deviation, such as 1e-4, sees "
    "to that."
)
def nan_on_ties() -> WrongAnswers:
    yield _without_eps


@advantages.mistake(
    "Right, except for a group whose rewards are all 0.7. In float32 the mean of sixteen times "
    "0.7 is 0.69999994; the difference is 6e-8, and dividing it by something as small makes an "
    "advantage out of nothing, with 1e-8 one as large as a right answer's. Take a larger number "
    "beside the standard deviation (TRL: 1e-4), or set tied groups to 0."
)
def noise_on_ties() -> WrongAnswers:
    yield lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-8)
    yield lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-7)
    yield lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-6)
    yield lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-5)
    yield lambda r: (r - _mean(r)) / r.std(dim=1, keepdim=True)
    yield lambda r: ((r - _mean(r)) / r.std(dim=1, keepdim=True)).nan_to_num()


@advantages.mistake(
    "You divided the mean alone: division comes before subtraction. The difference belongs in "
    "brackets, or on a line of its own, and is then divided."
)
def brackets() -> WrongAnswers:
    yield lambda r: r - _mean(r) / _std(r)


@advantages.mistake(
    "You compared with the median, the middle one of the rewards. What was to be expected is the "
    "mean: only differences to the mean add up to 0 in every group."
)
def median() -> WrongAnswers:
    yield lambda r: (r - r.median(dim=1, keepdim=True).values) / _std(r)


@advantages.mistake(
    "You divided by the range, the best reward less the worst. One completion that is far off "
    "decides it alone; the standard deviation asks all of them."
)
def range_() -> WrongAnswers:
    yield lambda r: (r - _mean(r)) / (_range(r) + EPS)
    yield lambda r: (r - r.amin(dim=1, keepdim=True)) / (_range(r) + EPS)


@advantages.mistake(
    "All of yours are a little too small. What stands beside the standard deviation is to matter "
    "where that is 0, and nowhere else: a thousandth of a reward is too much already."
)
def eps_too_large() -> WrongAnswers:
    yield from (
        lambda r, eps=eps: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + eps)
        for eps in (1e-2, 1e-1, 1.0)
    )
