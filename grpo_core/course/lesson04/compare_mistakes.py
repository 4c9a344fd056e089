"""The mistakes that the exercise `compare` of lesson 04 recognises."""

from collections.abc import Callable

from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson04.compare_exercise import compare, tied

EPS = 1e-4


def mean(r: Tensor) -> Tensor:
    return r.mean(dim=1, keepdim=True)


Way = Callable[[Tensor], Tensor]


def _group(r: Tensor) -> Tensor:
    return (r - mean(r)) / (r.std(dim=1, keepdim=True) + EPS)


def _batch(r: Tensor) -> Tensor:
    return (r - mean(r)) / (r.std() + EPS)


def _none(r: Tensor) -> Tensor:
    return r - mean(r)


def _loo(r: Tensor) -> Tensor:
    return (r - mean(r)) * r.shape[1] / (r.shape[1] - 1)


def _ways(
    group: Way = _group,
    batch: Way = _batch,
    none: Way = _none,
    loo: Way = _loo,
    *,
    exact_ties: bool = True,
) -> Callable[[Tensor, str], Tensor]:
    """All four ways, right but for what is passed in."""
    ways = {"group": group, "batch": batch, "none": none, "loo": loo}

    def advantages(r: Tensor, scale: str) -> Tensor:
        a = ways[scale](r)
        return a.masked_fill(tied(r), 0.0) if exact_ties else a

    return advantages


@compare.mistake(
    "You subtracted the mean of the whole batch. What a completion is measured against is its own "
    "group, in all four ways; only what it is divided by differs."
)
def whole_batch() -> WrongAnswers:
    yield _ways(*[lambda r: r - r.mean()] * 4)
    yield _ways(none=lambda r: r - r.mean(), group=lambda r: (r - r.mean()) / (r.std()))
    yield _ways(
        group=lambda r: (r - r.mean()) / (r.std(dim=1, keepdim=True) + EPS),
        batch=lambda r: (r - r.mean()) / (r.std() + EPS),
        none=lambda r: r - r.mean(),
    )


@compare.mistake(
    'Three ways are right, and for "batch" you took the mean of the batch as well. Only the '
    "divisor is the batch's: with its mean, all completions of an easy prompt would look good."
)
def batch_mean() -> WrongAnswers:
    yield _ways(batch=lambda r: (r - r.mean()) / (r.std() + EPS))


@compare.mistake(
    'For "batch" you averaged the standard deviations of the groups. What is wanted is one '
    "standard deviation over all rewards of the batch as they are; differences between prompts "
    "count in it too."
)
def mean_of_stds() -> WrongAnswers:
    yield _ways(batch=lambda r: (r - mean(r)) / (r.std(dim=1).mean() + EPS))


@compare.mistake(
    'For "batch" you took the standard deviation after subtracting the means. TRL takes that of '
    "the rewards as they came in, so differences between prompts are part of it."
)
def std_of_differences() -> WrongAnswers:
    yield _ways(batch=lambda r: (r - mean(r)) / ((r - mean(r)).std() + EPS))


@compare.mistake(
    "Your numbers are too large by sqrt(G / (G - 1)), 15% for a group of 4: that is the standard "
    "deviation of a population (ddof 0). TRL and this kit divide by G - 1, which is torch's "
    "default and not numpy's."
)
def population_std() -> WrongAnswers:
    yield _ways(
        group=lambda r: (r - mean(r)) / (r.std(dim=1, keepdim=True, correction=0)),
        batch=lambda r: (r - mean(r)) / (r.std(correction=0) + EPS),
    )


@compare.mistake("You return the same numbers whatever `scale` says. It chooses one of four ways.")
def scale_ignored() -> WrongAnswers:
    yield _ways(*[_none] * 4)
    yield _ways(_group, _group, _group, _group)


@compare.mistake(
    'For "none" you returned the rewards as they are. It is the division that is left out; the '
    "mean of the group is subtracted in all four ways."
)
def none_not_centered() -> WrongAnswers:
    yield _ways(none=lambda r: r)
    yield _ways(none=lambda r: r, batch=lambda r: (r - r.mean()) / (r.std() + EPS))


@compare.mistake(
    "Leaving one's own reward out of the mean makes differences larger: the factor is above 1. "
    "Yours is its inverse."
)
def loo_upside_down() -> WrongAnswers:
    yield _ways(loo=lambda r: (r - mean(r)) * (r.shape[1] - 1) / r.shape[1])


@compare.mistake(
    "You took a completion's own reward out of the sum and then divided by G. There are only G - "
    "1 others."
)
def loo_divided_by_all() -> WrongAnswers:
    yield _ways(loo=lambda r: r - (r.sum(dim=1, keepdim=True) - r) / r.shape[1])


@compare.mistake(
    "Right to four digits. But where all rewards are 0.7 your advantages are not exactly 0: in "
    "float32 the mean of sixteen times 0.7 is 0.69999994. Whether a small number beside the "
    "standard deviation hides that depends on how small it is. A tie can be seen before any "
    "arithmetic, in each group for itself: the best reward of the group is the worst one."
)
def ties_not_exactly_zero() -> WrongAnswers:
    yield _ways(exact_ties=False)
    yield _ways(group=lambda r: (r - mean(r)) / r.std(1, keepdim=True), exact_ties=False)


@compare.mistake(
    "An operation comes before another that you meant to be first: `r - mean / std` divides the "
    "mean alone, and `a * G / G - 1` subtracts 1 at the end. Set brackets."
)
def brackets() -> WrongAnswers:
    yield _ways(group=lambda r: r - mean(r) / (r.std(dim=1, keepdim=True) + EPS))
    yield _ways(loo=lambda r: (r - mean(r)) * r.shape[1] / r.shape[1] - 1)
    yield _ways(batch=lambda r: r - mean(r) / (r.std() + EPS))


@compare.mistake(
    "You divided by a variance. Its square root is wanted, which has the unit of the rewards."
)
def variance() -> WrongAnswers:
    yield _ways(group=lambda r: (r - mean(r)) / (r.var(dim=1, keepdim=True) + EPS))
    yield _ways(batch=lambda r: (r - mean(r)) / (r.var() + EPS))


@compare.mistake(
    'For "batch" you took a standard deviation down each column. A column is no set of anything: '
    "the third completions of different prompts. One number over all rewards of the batch is "
    "wanted."
)
def batch_by_columns() -> WrongAnswers:
    yield _ways(batch=lambda r: (r - mean(r)) / (r.std(dim=0, keepdim=True) + EPS))


@compare.mistake(
    'Only "group" and "batch" divide by a standard deviation. In yours "none" or "loo" does so too.'
)
def divided_once_too_often() -> WrongAnswers:
    yield _ways(none=_group)
    yield _ways(none=_batch)
    yield _ways(loo=lambda r: _loo(r) / (r.std(dim=1, keepdim=True) + EPS))
    yield _ways(loo=lambda r: _loo(r) / (r.std() + EPS))
    yield _ways(loo=_group)


@compare.mistake(
    "One of the four ways is missing: for it you give what another one gives. Is each name "
    "spelled as in the table, and is every `if` reached?"
)
def one_way_missing() -> WrongAnswers:
    yield _ways(batch=_none)
    yield _ways(batch=_group)
    yield _ways(loo=_none)


@compare.mistake(
    'Right for groups of four. For "loo" the factor has the size of the group in it, and groups '
    "of another size have another one."
)
def always_four() -> WrongAnswers:
    yield _ways(loo=lambda r: (r - mean(r)) * 4 / 3)


@compare.mistake(
    'For "loo" you counted groups, not completions: the length of the tensor is the number of its '
    "rows. The size of a group is the length of a row."
)
def groups_counted() -> WrongAnswers:
    yield _ways(loo=lambda r: (r - mean(r)) * len(r) / (len(r) - 1))
    yield _ways(loo=lambda r: (r - mean(r)) * r.numel() / (r.numel() - 1))
