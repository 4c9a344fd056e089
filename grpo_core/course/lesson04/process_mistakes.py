"""The mistakes that the exercise `process` of lesson 04 recognises."""

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson04.compare_mistakes import EPS, mean
from grpo_core.course.lesson04.process_exercise import my_process, process


def _pooled(r: Tensor, ends: Tensor, correction: int = 1) -> Tensor:
    pool = r[ends]
    out = torch.zeros_like(r)
    out[ends] = (pool - pool.mean()) / (pool.std(correction=correction) + EPS)
    return out


def _to_come(x: Tensor) -> Tensor:
    """At each token the sum over what stands there and later."""
    return x.flip(1).cumsum(1).flip(1)


def _strictly_later(x: Tensor) -> Tensor:
    return _to_come(x) - x


def _by_row(r: Tensor, ends: Tensor) -> Tensor:
    """Scaled within each completion; a completion of one step has nothing to compare."""
    out = torch.zeros_like(r)
    for row, end, to in zip(r, ends, out, strict=True):
        pool = row[end]
        std = pool.std() if len(pool) > 1 else torch.tensor(0.0)
        to[end] = (pool - pool.mean()) / (std + EPS)
    return out


def _normal(x: Tensor, over: Tensor) -> Tensor:
    return (x - over.mean()) / (over.std() + EPS)


def _mean_to_come(r: Tensor, ends: Tensor) -> Tensor:
    count = _to_come(ends.to(r.dtype)).clamp(min=1)
    return _to_come(_pooled(r, ends)) / count


@process.mistake(
    "You added up the steps *before* each token. A token cannot affect what came before it, only "
    "what follows: the steps that end with it or after it."
)
def looks_back() -> WrongAnswers:
    yield lambda r, e: _pooled(r, e).cumsum(1)


@process.mistake(
    "The last token of a step gets no credit for it: you counted only steps that end later. This "
    "token ends the step, so it belongs to the step too."
)
def own_step_left_out() -> WrongAnswers:
    yield lambda r, e: _strictly_later(_pooled(r, e))


@process.mistake(
    "Only the tokens on which a step ends have an advantage. All tokens that led to it should get "
    "credit: sum what is still to come."
)
def last_token_only() -> WrongAnswers:
    yield _pooled


@process.mistake(
    "You compared the steps within each completion. Then a completion of bad steps is as good as "
    "one of good steps. Pool all steps of all completions."
)
def each_for_itself() -> WrongAnswers:
    yield lambda r, e: _to_come(_by_row(r, e))
    yield lambda r, e: _to_come(
        (r * e - mean(r * e)) / ((r * e).std(dim=1, keepdim=True) + EPS) * e
    )


@process.mistake(
    "You gave every token of a completion the same, the sum of all its steps. A token gets credit "
    "only for steps that end with it or after it: after the first step, that step no longer "
    "counts."
)
def same_for_all() -> WrongAnswers:
    yield lambda r, e: _pooled(r, e).sum(dim=1, keepdim=True).expand_as(r)


@process.mistake("You added up over completions, down the columns. Tokens are along dim=1.")
def wrong_axis() -> WrongAnswers:
    yield lambda r, e: _pooled(r, e).flip(0).cumsum(0).flip(0)


@process.mistake(
    "Your mean and standard deviation are over all positions, including those where no step ends "
    "and the values are arbitrary. Only positions that `step_ends` marks are rewards."
)
def everything_pooled() -> WrongAnswers:
    yield lambda r, e: _to_come(_normal(r, r) * e)
    yield lambda r, e: _to_come(_normal(r * e, r * e) * e)
    yield lambda r, e: _to_come(_normal(r, r))


@process.mistake(
    "You added rewards up first and normalised afterwards. Each step is compared with the other "
    "steps first; then sum the normalised rewards for each token."
)
def added_first() -> WrongAnswers:
    yield lambda r, e: _normal(_to_come(r * e), _to_come(r * e))
    yield lambda r, e: _normal(_to_come(r * e), _to_come(r * e)[:, 0])


@process.mistake(
    "You added up the rewards as they are. Without subtracting the mean of all steps, no step is "
    "ever worse than another, and every true step makes everything before it more likely."
)
def not_normalised() -> WrongAnswers:
    yield lambda r, e: _to_come(r * e)


@process.mistake(
    "You subtracted the mean and did not divide by the standard deviation of the pool."
)
def not_divided() -> WrongAnswers:
    yield lambda r, e: _to_come((r - r[e].mean()) * e)


@process.mistake(
    "Your numbers are a little too large: that is the population standard deviation (ddof 0). Use "
    "the sample's, as everywhere in this kit."
)
def population_std() -> WrongAnswers:
    yield lambda r, e: _to_come(_pooled(r, e, correction=0))


@process.mistake(
    "You took the mean over the steps to come, where the paper takes their sum. (With the mean, "
    "many true steps would be worth no more than one. Remember that for the next section.)"
)
def averaged() -> WrongAnswers:
    yield _mean_to_come


@process.mistake(
    "The numbers are right but in reverse order: you flipped the row to sum from its end, and did "
    "not flip it back."
)
def turned_round() -> WrongAnswers:
    yield lambda r, e: _pooled(r, e).flip(1).cumsum(1)


@process.mistake(
    "You divided by the standard deviation of the pool and did not subtract its mean. Then hardly "
    "any step counts as worse than another."
)
def not_centered() -> WrongAnswers:
    yield lambda r, e: _to_come(r / (r[e].std() + EPS) * e)
    yield lambda r, e: _to_come((r - r[e].mean() / (r[e].std() + EPS)) * e)


@process.mistake(
    "You normalised the sums once more afterwards. The steps have already been compared; the sum "
    "for a token is its advantage."
)
def centered_twice() -> WrongAnswers:
    yield lambda r, e: _normal(my_process(r, e), my_process(r, e))
    yield lambda r, e: my_process(r, e) - my_process(r, e).mean(dim=0)
    yield lambda r, e: my_process(r, e) - mean(my_process(r, e))
