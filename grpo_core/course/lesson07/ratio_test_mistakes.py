"""The mistakes that the exercise `ratio_test` of lesson 07 recognises."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson07.ratio_test_exercise import ratio_test


def _apart(test: Callable[[Tensor], Any]) -> Callable[..., bool]:
    """A test of the differences on the tokens that count."""
    return lambda new, sampled, mask: bool(test((new - sampled)[mask]))


@ratio_test.mistake("Your test accepts all log-probabilities.", entirely=True)
def passes_everything() -> WrongAnswers:
    yield lambda new, sampled, mask: True


@ratio_test.mistake(
    "Your test rejects all log-probabilities, even those that were recorded at sampling.",
    entirely=True,
)
def fails_everything() -> WrongAnswers:
    yield lambda new, sampled, mask: False


@ratio_test.mistake(
    "Your answers are the opposite of the right ones: True means that the log-probabilities are "
    "right."
)
def upside_down() -> WrongAnswers:
    yield _apart(lambda d: d.abs().max() > 1e-3)


@ratio_test.mistake(
    "You require the two to be equal to the last bit. Sampling goes token by token, the loss "
    "reads a whole completion at once, and their sums are rounded differently: a difference of "
    "0.00001 is not a bug. Leave some tolerance."
)
def to_the_last_bit() -> WrongAnswers:
    yield _apart(lambda d: (d == 0).all())
    yield lambda new, sampled, mask: torch.equal(new[mask], sampled[mask])
    yield _apart(lambda d: d.abs().max() < 1e-7)


@ratio_test.mistake(
    "You compare padding as well. It was never sampled, and its values are arbitrary."
)
def padding_too() -> WrongAnswers:
    yield lambda new, sampled, mask: bool((new - sampled).abs().max() < 1e-3)
    yield lambda new, sampled, mask: torch.allclose(new, sampled, atol=1e-3)


@ratio_test.mistake(
    "You require all positions to be equal to the last bit: padding counts, and so does a "
    "rounding error of 0.00001. Look only where the mask is True, and leave some tolerance."
)
def bit_and_padding() -> WrongAnswers:
    yield lambda new, sampled, mask: torch.equal(new, sampled)
    yield lambda new, sampled, mask: bool((new == sampled).all())


@ratio_test.mistake(
    "You look in one direction only. Log-probabilities may be too small as well as too large."
)
def one_sided() -> WrongAnswers:
    yield _apart(lambda d: d.max() < 1e-3)
    yield _apart(lambda d: d.min() > -1e-3)


@ratio_test.mistake(
    "You look at the mean difference, where errors up and down cancel. In a real batch they do: "
    "some tokens become more likely, others less."
)
def mean_log() -> WrongAnswers:
    yield _apart(lambda d: d.mean().abs() < 1e-3)
    yield _apart(lambda d: d.sum().abs() < 1e-3)


@ratio_test.mistake("You look at the mean ratio. It can be exactly 1 while no single ratio is.")
def mean_ratio() -> WrongAnswers:
    yield _apart(lambda d: (d.exp().mean() - 1).abs() < 1e-3)


@ratio_test.mistake(
    "The mean error is small where one token in many is far off. One is enough for a bug: take "
    "the worst."
)
def mean_of_errors() -> WrongAnswers:
    yield _apart(lambda d: d.abs().mean() < 0.05)
    yield _apart(lambda d: (d.exp() - 1).abs().mean() < 0.05)
    yield _apart(lambda d: d.abs().mean() < 1e-3)


@ratio_test.mistake(
    "You accept it when *some* tokens agree: any of them, the median, or the first. One wrong "
    "token is a bug, wherever it is: take the worst."
)
def some_are_enough() -> WrongAnswers:
    yield _apart(lambda d: (d.abs() < 1e-3).any())
    yield _apart(lambda d: d.abs().median() < 1e-3)
    yield _apart(lambda d: d.abs().min() < 1e-3)


@ratio_test.mistake(
    "You compare probabilities. A token with a probability of one in ten thousand can become "
    "twice as likely with hardly any difference: compare log-probabilities, or look at the ratio."
)
def probabilities() -> WrongAnswers:
    yield lambda new, s, mask: bool((new.exp() - s.exp())[mask].abs().max() < 1e-3)
    yield lambda new, s, mask: torch.allclose(new[mask].exp(), s[mask].exp(), atol=1e-3)


@ratio_test.mistake(
    "You divide one log-probability by the other. Where a token is almost certain both are almost "
    "0, and rounding makes 0 / 0 arbitrary. The *difference* says how many times more likely it "
    "is."
)
def quotient() -> WrongAnswers:
    yield lambda new, s, mask: bool((new / s - 1)[mask].abs().max() < 1e-3)
    yield lambda new, s, mask: torch.allclose(new[mask], s[mask], atol=0.0, rtol=1e-3)


@ratio_test.mistake(
    "You accept errors that are inside the clip's bounds, or nearly. Rounding errors are about a "
    "hundred-thousandth; even 2% is a bug."
)
def too_lenient() -> WrongAnswers:
    yield _apart(lambda d: (d.exp() - 1).abs().max() < 0.2)
    yield _apart(lambda d: d.abs().max() < 0.1)
    yield _apart(lambda d: d.abs().max() < 0.05)
