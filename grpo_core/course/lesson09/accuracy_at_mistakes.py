"""The mistakes that the exercise `accuracy_at` of lesson 09 recognises."""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson09.accuracy_at_exercise import TOKENS, accuracy_at


def _reached(budget: int) -> int:
    """How many whole steps a budget pays for."""
    return max(step for step, spent in enumerate(_spent()) if spent <= budget)


def _nearest_in_steps(order: Callable[[list[int]], list[int]]) -> Callable[..., float]:
    """The accuracy at the evaluated step that is nearest to the one reached; of two, the first."""

    def at(budget: int, tokens: Sequence[int], accuracy: dict[int, float]) -> float:
        steps = order(sorted(accuracy))
        return accuracy[min(steps, key=lambda step: abs(step - _reached(budget)))]

    return at


def _spent() -> list[int]:
    return [0, *accumulate(TOKENS)]


def _between(budget: int, tokens: Sequence[int], accuracy: dict[int, float]) -> float:
    """A straight line between the evaluations on both sides."""
    spent = [0, *accumulate(tokens)]
    points = [(spent[step], value) for step, value in accuracy.items()]
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= budget <= x1:
            return y0 + (y1 - y0) * (budget - x0) / (x1 - x0)
    return points[-1][1]


def _between_steps(budget: int, tokens: Sequence[int], accuracy: dict[int, float]) -> float:
    """The same, at the whole number of steps that the budget pays for."""
    spent = [0, *accumulate(tokens)]
    reached = max(step for step in range(len(spent)) if spent[step] <= budget)
    return _between(spent[reached], tokens, accuracy)


def _last(keep: Callable[[int, int], bool]) -> Callable[..., float]:
    """The accuracy at the last step that `keep(step, budget)` keeps, or at the first."""

    def at(budget: int, tokens: Sequence[int], accuracy: dict[int, float]) -> float:
        return accuracy[max([step for step in accuracy if keep(step, budget)] or [0])]

    return at


@accuracy_at.mistake(
    "You took the best accuracy within the budget. Choosing the best evaluation means looking at "
    "the answers: use the accuracy at the moment when the budget was used up."
)
def best() -> WrongAnswers:
    yield lambda b, t, a: max(v for s, v in a.items() if [0, *accumulate(t)][s] <= b)


@accuracy_at.mistake(
    "You compare the budget with the tokens of one step. The budget is for the whole run: sum them."
)
def not_added_up() -> WrongAnswers:
    yield _last(lambda s, b: s == 0 or TOKENS[s - 1] <= b)
    yield _last(lambda s, b: TOKENS[min(s, 4)] <= b)


@accuracy_at.mistake(
    "You are off by one step: tokens[0] are those of step 1, and after 0 steps nothing has been "
    "spent."
)
def one_step_off() -> WrongAnswers:
    yield _last(lambda s, b: [*accumulate(TOKENS), 10**9][s] <= b)
    yield _last(lambda s, b: sum(TOKENS[: s + 1]) <= b)
    yield _last(lambda s, b: [0, 0, *accumulate(TOKENS)][s] <= b)
    yield _last(lambda s, b: s == 0 or _spent()[s - 1] < b)


@accuracy_at.mistake(
    "You took the first evaluation *after* the budget was used up: it cost more than the budget."
)
def too_late() -> WrongAnswers:
    yield lambda b, t, a: next((v for s, v in a.items() if _spent()[s] >= b), list(a.values())[-1])


@accuracy_at.mistake(
    "You always return the last evaluation, whatever the budget is. If you compare the budget "
    "with a step number: the budget is in tokens. A step of one run may be five times as long as "
    "one of another, which is why tokens are compared."
)
def steps() -> WrongAnswers:
    yield _last(lambda s, b: s <= b)
    yield lambda b, t, a: list(a.values())[-1]


@accuracy_at.mistake(
    "Right, except where the budget is used up exactly: that evaluation is within it."
)
def strictly_below() -> WrongAnswers:
    yield _last(lambda s, b: _spent()[s] < b)


@accuracy_at.mistake(
    "You interpolated between two evaluations. That is possible if one says so; this exercise "
    "asks for a measured value."
)
def interpolated() -> WrongAnswers:
    yield _between
    yield _between_steps


@accuracy_at.mistake(
    "You took the nearest evaluation, in tokens or in steps. If that is a later one, it cost more "
    "than the budget: take the last one within the budget."
)
def nearest() -> WrongAnswers:
    yield lambda b, t, a: a[min(a, key=lambda s: abs(_spent()[s] - b))]
    yield _nearest_in_steps(lambda steps: steps)
    yield _nearest_in_steps(lambda steps: steps[::-1])


@accuracy_at.mistake(
    "You assumed that all steps are equally long, and divided the budget by the length of one. "
    "They are not: a policy that learns to search writes more. Sum them."
)
def average_step() -> WrongAnswers:
    yield _last(lambda s, b: s * sum(TOKENS) / len(TOKENS) <= b)
    yield _last(lambda s, b: s * TOKENS[0] <= b)


@accuracy_at.mistake(
    "You returned the step that was reached, or its cost. Return the accuracy there: look it up."
)
def step_or_tokens_returned() -> WrongAnswers:
    yield lambda b, t, a: float(max(s for s in a if _spent()[s] <= b))
    yield lambda b, t, a: float(_reached(b))
    yield lambda b, t, a: float(max(_spent()[s] for s in a if _spent()[s] <= b))


@accuracy_at.mistake(
    "You averaged over the evaluations within the budget. Use the accuracy at the moment when the "
    "budget was used up."
)
def mean_so_far() -> WrongAnswers:
    yield (
        lambda b, t, a: (
            sum(v for s, v in a.items() if _spent()[s] <= b) / sum(_spent()[s] <= b for s in a)
        )
    )


@accuracy_at.mistake(
    "If the step that was reached was not evaluated, you return 0. Use the last evaluation before "
    "it."
)
def not_evaluated_is_0() -> WrongAnswers:
    yield lambda b, t, a: a.get(max(s for s in range(6) if _spent()[s] <= b), 0.0)


@accuracy_at.mistake(
    "Right, except if the budget is larger than the whole run: then the last step counts too, but "
    "your loop ends before it."
)
def last_step_lost() -> WrongAnswers:
    yield _last(lambda s, b: _spent()[s] <= b and s < len(TOKENS))


@accuracy_at.mistake(
    "You took the first evaluation within the budget. That is always the untrained base."
)
def first() -> WrongAnswers:
    yield lambda b, t, a: next(iter(a.values()))
