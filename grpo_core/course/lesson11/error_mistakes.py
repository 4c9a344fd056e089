"""The mistakes that the exercise `error` of lesson 11 recognises."""

from collections.abc import Callable

from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson11.error_exercise import error, my_error


def _error(
    spread: Callable[[Tensor], Tensor] = lambda f: f.var(dim=1).mean(),
    scale: Callable[[Tensor, Tensor], Tensor] = lambda v, f: (2 * v / f.shape[1]).sqrt(),
) -> Callable[[Tensor], float]:
    """A standard error that is right but for what is passed in."""
    return lambda f: float(scale(spread(f), f))


@error.mistake(
    "You took the variance of all runs together, so that differences between methods make it "
    "large and hide themselves. Take the variance within each method, then the mean of those."
)
def all_together() -> WrongAnswers:
    yield _error(lambda f: f.var())
    yield _error(lambda f: f.var(correction=0))


@error.mistake(
    "You took the variance of the methods' means. Those are to be judged; measure how far the "
    "seeds of *one* method vary."
)
def between_methods() -> WrongAnswers:
    yield _error(lambda f: f.mean(dim=1).var())
    yield _error(lambda f: f.mean(dim=1).var(correction=0))
    yield _error(lambda f: f.mean(dim=1).var(), lambda v, f: v.sqrt())
    yield _error(lambda f: f.mean(dim=1).var(), lambda v, f: (2 * v).sqrt())


@error.mistake(
    "You took the variance down the columns, over methods. A row is a method: its seeds lie along "
    "dim=1."
)
def across_seeds() -> WrongAnswers:
    yield _error(lambda f: f.var(dim=0).mean())
    yield _error(lambda f: f.var(dim=0).mean(), lambda v, f: (2 * v / f.shape[0]).sqrt())


@error.mistake(
    "You divided the squares by S. For a sample divide by S - 1, as torch does by default: the "
    "sample mean lies closer to the sample than the true mean does."
)
def population() -> WrongAnswers:
    yield _error(lambda f: f.var(dim=1, correction=0).mean())


@error.mistake(
    "You summed the variances of all methods. Average them, for a better estimate of how much "
    "*one* method varies; a difference contains two of those."
)
def variances_added() -> WrongAnswers:
    yield _error(lambda f: f.var(dim=1).sum())
    yield _error(lambda f: f.var(dim=1).sum(), lambda v, f: (v / f.shape[1]).sqrt())


@error.mistake(
    "You divided by S after the root. The *variance* of a mean is 1/S as large; its root is "
    "smaller by the root of S."
)
def seeds_outside_the_root() -> WrongAnswers:
    yield _error(scale=lambda v, f: (2 * v).sqrt() / f.shape[1])


@error.mistake(
    "You divided by S - 1 a second time. That belongs to the variance, and `var` has already done "
    "it; the mean is over S seeds."
)
def one_less_twice() -> WrongAnswers:
    yield _error(scale=lambda v, f: (2 * v / (f.shape[1] - 1)).sqrt())


@error.mistake(
    "That is the standard error of *one* method's mean. A difference contains two means, and both "
    "vary: variances add up."
)
def one_mean() -> WrongAnswers:
    yield _error(scale=lambda v, f: (v / f.shape[1]).sqrt())


@error.mistake(
    "You forgot that each mean is over S seeds: this is how far two single *runs* differ."
)
def one_run() -> WrongAnswers:
    yield _error(scale=lambda v, f: (2 * v).sqrt())
    yield _error(scale=lambda v, f: v.sqrt())


@error.mistake(
    "You divided by the number of all runs. Each mean is over the S seeds of its own method; the "
    "other methods help to estimate the variance, not the mean."
)
def all_runs_counted() -> WrongAnswers:
    yield _error(scale=lambda v, f: (2 * v / f.numel()).sqrt())
    yield _error(scale=lambda v, f: (2 * v / f.shape[0]).sqrt())


@error.mistake("You averaged standard deviations. Average the variances; the root comes last.")
def mean_of_stds() -> WrongAnswers:
    yield _error(lambda f: f.std(dim=1).mean() ** 2)


@error.mistake(
    "That is a variance, in squared units. The error has the unit of the numbers: take the root."
)
def no_root() -> WrongAnswers:
    yield _error(scale=lambda v, f: 2 * v / f.shape[1])


@error.mistake("You added the two standard errors. For independent errors, add the squares.")
def deviations_added() -> WrongAnswers:
    yield _error(scale=lambda v, f: 2 * (v / f.shape[1]).sqrt())


@error.mistake(
    "You took the variance of some of the methods: the first two, the largest, the median. Three "
    "seeds say little about a variance; the mean over all methods says more."
)
def one_method_for_all() -> WrongAnswers:
    yield _error(lambda f: f.var(dim=1).amax())
    yield _error(lambda f: f.var(dim=1).median())
    yield _error(lambda f: f.var(dim=1).amin())
    yield _error(lambda f: f[:2].var(dim=1).mean())


@error.mistake("Right for five seeds. The number of seeds is the number of columns.")
def always_five() -> WrongAnswers:
    yield _error(scale=lambda v, f: (2 * v / 5).sqrt())


@error.mistake(
    "You took the best run minus the worst. That grows with the number of runs, and one unlucky "
    "seed determines it; a standard error depends on all of them."
)
def range_() -> WrongAnswers:
    yield lambda f: float((f.amax(dim=1) - f.amin(dim=1)).mean())
    yield lambda f: float((f.amax(dim=1) - f.amin(dim=1)).mean() / f.shape[1] ** 0.5)


@error.mistake(
    "That is the difference between two methods, which is to be judged. Return by how much two "
    "means differ when the methods are the same."
)
def difference_of_means() -> WrongAnswers:
    yield lambda f: float((f.mean(dim=1)[0] - f.mean(dim=1)[1]).abs())
    yield lambda f: float(f.mean(dim=1).amax() - f.mean(dim=1).amin())


@error.mistake(
    "You multiplied by about 2 at the end, as for an interval. Return one standard error; the "
    "text explains afterwards how to use it."
)
def two_standard_errors() -> WrongAnswers:
    yield lambda f: 1.96 * my_error(f)
