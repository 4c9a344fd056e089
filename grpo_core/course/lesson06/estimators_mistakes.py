"""The mistakes that the exercise `estimators` of lesson 06 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson06.estimators_exercise import estimators, my_estimators


def _estimators(
    k1: Callable[[Tensor], Tensor] = lambda d: d,
    k2: Callable[[Tensor], Tensor] = lambda d: d**2 / 2,
    k3: Callable[[Tensor], Tensor] = lambda d: (-d).exp() + d - 1,
) -> Callable[[Tensor, Tensor], Tensor]:
    """All three, right but for what is passed in; d as it should be."""
    return lambda a, b: torch.stack([k1(a - b), k2(a - b), k3(a - b)])


@estimators.mistake(
    "Your d is the other way round: it is the policy's log-probability minus the reference's. k2 "
    "is unaffected, but the other two then estimate something else."
)
def reversed_() -> WrongAnswers:
    yield lambda a, b: my_estimators(b, a)


@estimators.mistake(
    "k1 and k2 are right. k3 contains the exponential of minus d, the reference's probability "
    "over the policy's. With exp(d) its mean is no longer the KL."
)
def k3_exponent() -> WrongAnswers:
    yield _estimators(k3=lambda d: d.exp() - d - 1)
    yield _estimators(k3=lambda d: d.exp() + d - 1)


@estimators.mistake(
    "k1 and k2 are right. Your k3 is 1 too large: a token on which both agree (d = 0) must give 0."
)
def k3_one_forgotten() -> WrongAnswers:
    yield _estimators(k3=lambda d: (-d).exp() + d)


@estimators.mistake(
    "k1 and k2 are right. Your k3 is the part that is 0 on average. It is added to d to reduce "
    "its variance; it does not replace d."
)
def k3_without_d() -> WrongAnswers:
    yield _estimators(k3=lambda d: (-d).exp() - 1)
    yield _estimators(k3=lambda d: 1 - (-d).exp())


@estimators.mistake(
    "k1 and k2 are right. Your k3 can be negative: the sign of d or of the exponential is wrong."
)
def k3_sign() -> WrongAnswers:
    yield _estimators(k3=lambda d: (-d).exp() - d - 1)
    yield _estimators(k3=lambda d: d - (-d).exp() + 1)


@estimators.mistake("k2 is half of the square.")
def half_forgotten() -> WrongAnswers:
    yield _estimators(k2=lambda d: d**2)


@estimators.mistake(
    "You made k1 positive. It is the plain difference and may be negative: only then is it right "
    "on average."
)
def absolute() -> WrongAnswers:
    yield _estimators(k1=lambda d: d.abs())
    yield _estimators(k1=lambda d: d.clamp(min=0))


@estimators.mistake(
    "You multiplied by the probabilities. These tokens were sampled: a likely one already appears "
    "more often, and would be counted twice."
)
def weighted() -> WrongAnswers:
    yield lambda a, b: a.exp() * my_estimators(a, b)
    yield lambda a, b: torch.stack([a.exp() * (a - b), *my_estimators(a, b)[1:]])


@estimators.mistake(
    "k2 and k3 are right. Your k1 is the reference minus the policy: its mean would be minus the "
    "KL."
)
def k1_sign() -> WrongAnswers:
    yield _estimators(k1=lambda d: -d)


@estimators.mistake("The three are right, but in another order: k1 on top, then k2, then k3.")
def another_order() -> WrongAnswers:
    yield lambda a, b: my_estimators(a, b).flip(0)
    yield lambda a, b: my_estimators(a, b)[[0, 2, 1]]
    yield lambda a, b: my_estimators(a, b)[[1, 0, 2]]


@estimators.mistake(
    "In your k2 the half is squared too, which gives a quarter. `d**2 / 2` squares first, `(d / "
    "2)**2` does not."
)
def half_inside_the_square() -> WrongAnswers:
    yield _estimators(k2=lambda d: (d / 2) ** 2)
    yield _estimators(k2=lambda d: d**2 / 4)


@estimators.mistake(
    "Your k1 is a quotient. The *difference* of two log-probabilities says how many times more "
    "likely a token is; its exponential is the ratio."
)
def ratio_for_difference() -> WrongAnswers:
    yield _estimators(k1=lambda d: d.exp())
    yield lambda a, b: torch.stack([a / b, *my_estimators(a, b)[1:]])
    yield _estimators(k1=lambda d: (-d).exp())


@estimators.mistake(
    "You took the exponential before the difference. Subtract the log-probabilities as they are."
)
def probabilities_subtracted() -> WrongAnswers:
    yield lambda a, b: torch.stack([a.exp() - b.exp(), *my_estimators(a, b)[1:]])
    yield lambda a, b: my_estimators(a.exp(), b.exp())
    yield lambda a, b: torch.stack(
        [a.exp() - b.exp(), (a.exp() - b.exp()) ** 2 / 2, my_estimators(a, b)[2]]
    )


@estimators.mistake("k1 and k2 are right. Your k3 is 2 too large: the 1 is subtracted.")
def k3_two_too_large() -> WrongAnswers:
    yield _estimators(k3=lambda d: (-d).exp() + d + 1)
