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
    "You subtracted the mean of the whole batch. All four ways compare a completion with its own "
    "group; only the divisor differs."
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
    'Three ways are right, but for "batch" you also took the mean of the batch. Only the divisor '
    "comes from the batch: with its mean, all completions of an easy prompt would look good."
)
def batch_mean() -> WrongAnswers:
    yield _ways(batch=lambda r: (r - r.mean()) / (r.std() + EPS))


@compare.mistake(
    'For "batch" you averaged the standard deviations of the groups. Use one standard deviation '
    "over all rewards of the batch as they are; it includes the differences between prompts."
)
def mean_of_stds() -> WrongAnswers:
    yield _ways(batch=lambda r: (r - mean(r)) / (r.std(dim=1).mean() + EPS))


@compare.mistake(
    'For "batch" you took the standard deviation after subtracting the means. TRL takes that of '
    "the rewards as they are, so it includes the differences between prompts."
)
def std_of_differences() -> WrongAnswers:
    yield _ways(batch=lambda r: (r - mean(r)) / ((r - mean(r)).std() + EPS))


@compare.mistake(
    "Your numbers are too large by sqrt(G / (G - 1)), 15% for a group of 4: that is the "
    "population standard deviation (ddof 0). TRL and this kit divide by G - 1, which is torch's "
    "default but not numpy's."
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
    'For "none" you returned the rewards as they are. Only the division is left out; all four '
    "ways subtract the mean of the group."
)
def none_not_centered() -> WrongAnswers:
    yield _ways(none=lambda r: r)
    yield _ways(none=lambda r: r, batch=lambda r: (r - r.mean()) / (r.std() + EPS))


@compare.mistake(
    "Leaving the own reward out of the mean makes differences larger: the factor is greater than "
    "1. Yours is its inverse."
)
def loo_upside_down() -> WrongAnswers:
    yield _ways(loo=lambda r: (r - mean(r)) * (r.shape[1] - 1) / r.shape[1])


@compare.mistake(
    "You left a completion's own reward out of the sum and then divided by G. There are only G - "
    "1 others."
)
def loo_divided_by_all() -> WrongAnswers:
    yield _ways(loo=lambda r: r - (r.sum(dim=1, keepdim=True) - r) / r.shape[1])


@compare.mistake(
    "Right to four digits. But where all rewards are 0.7 your advantages are not exactly 0: in "
    "float32 the mean of sixteen times 0.7 is 0.69999994. Whether an epsilon added to the "
    "standard deviation hides that depends on its size. A tie must be detected before the "
    "arithmetic, in each group separately: the best reward of the group equals the worst one."
)
def ties_not_exactly_zero() -> WrongAnswers:
    yield _ways(exact_ties=False)
    yield _ways(group=lambda r: (r - mean(r)) / r.std(1, keepdim=True), exact_ties=False)


@compare.mistake(
    "The operations run in another order than you meant: `r - mean / std` divides only the mean, "
    "and `a * G / G - 1` subtracts 1 at the end. Add parentheses."
)
def brackets() -> WrongAnswers:
    yield _ways(group=lambda r: r - mean(r) / (r.std(dim=1, keepdim=True) + EPS))
    yield _ways(loo=lambda r: (r - mean(r)) * r.shape[1] / r.shape[1] - 1)
    yield _ways(batch=lambda r: r - mean(r) / (r.std() + EPS))


@compare.mistake(
    "You divided by a variance. Divide by its square root, which has the unit of the rewards."
)
def variance() -> WrongAnswers:
    yield _ways(group=lambda r: (r - mean(r)) / (r.var(dim=1, keepdim=True) + EPS))
    yield _ways(batch=lambda r: (r - mean(r)) / (r.var() + EPS))


@compare.mistake(
    'For "batch" you took a standard deviation down each column. A column, such as the third '
    "completion of every prompt, means nothing. Use one number over all rewards of the batch."
)
def batch_by_columns() -> WrongAnswers:
    yield _ways(batch=lambda r: (r - mean(r)) / (r.std(dim=0, keepdim=True) + EPS))


@compare.mistake(
    'Only "group" and "batch" divide by a standard deviation. Your function also divides for '
    '"none" or "loo".'
)
def divided_once_too_often() -> WrongAnswers:
    yield _ways(none=_group)
    yield _ways(none=_batch)
    yield _ways(loo=lambda r: _loo(r) / (r.std(dim=1, keepdim=True) + EPS))
    yield _ways(loo=lambda r: _loo(r) / (r.std() + EPS))
    yield _ways(loo=_group)


@compare.mistake(
    "One of the four ways is missing: for it you return the result of another one. Is each name "
    "spelled as in the table, and is every `if` reached?"
)
def one_way_missing() -> WrongAnswers:
    yield _ways(batch=_none)
    yield _ways(batch=_group)
    yield _ways(loo=_none)


@compare.mistake('Right for groups of four. For "loo" the factor depends on the size of the group.')
def always_four() -> WrongAnswers:
    yield _ways(loo=lambda r: (r - mean(r)) * 4 / 3)


@compare.mistake(
    'For "loo" you counted groups, not completions: the length of the tensor is the number of its '
    "rows. The size of a group is the length of a row."
)
def groups_counted() -> WrongAnswers:
    yield _ways(loo=lambda r: (r - mean(r)) * len(r) / (len(r) - 1))
    yield _ways(loo=lambda r: (r - mean(r)) * r.numel() / (r.numel() - 1))
