"""The mistakes that the exercise `pass_at_k` of lesson 03 recognises."""

import math

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson03.pass_at_k_exercise import pass_at_k


@pass_at_k.mistake(
    "That is the formula for drawing with replacement, 1 - (1 - c/n)^k. It is too small, since it "
    "allows the same wrong sample to be picked twice. The k samples are distinct."
)
def with_replacement() -> WrongAnswers:
    yield lambda n, c, k: 1 - (1 - c / n) ** k


@pass_at_k.mistake(
    "That is the probability that all k are wrong. pass@k is the probability that at least one is "
    "right."
)
def complement() -> WrongAnswers:
    yield lambda n, c, k: math.comb(n - c, k) / math.comb(n, k)


@pass_at_k.mistake(
    "That is the probability that all k are right, known as pass^k: a measure of reliability. "
    "pass@k asks for at least one."
)
def all_right() -> WrongAnswers:
    yield lambda n, c, k: math.comb(c, k) / math.comb(n, k)


@pass_at_k.mistake(
    "That is the probability of exactly one right sample. Two are as good: pass@k asks for at "
    "least one. Counting the sets without any right sample is easier."
)
def exactly_one() -> WrongAnswers:
    yield lambda n, c, k: c * math.comb(n - c, k - 1) / math.comb(n, k)


@pass_at_k.mistake("That is the fraction of right samples, pass@1. It does not depend on k.")
def k_ignored() -> WrongAnswers:
    yield lambda n, c, k: c / n


@pass_at_k.mistake(
    "k times the fraction counts every set with two right samples twice. It is close for small "
    "fractions, and then exceeds 1."
)
def k_times_share() -> WrongAnswers:
    yield lambda n, c, k: k * c / n
    yield lambda n, c, k: min(1.0, k * c / n)


@pass_at_k.mistake(
    "You counted sets of right samples; count sets of wrong ones: a set without a right sample is "
    "picked from the n - c others."
)
def right_from_wrong() -> WrongAnswers:
    yield lambda n, c, k: 1 - math.comb(c, k) / math.comb(n, k)


@pass_at_k.mistake(
    "Your quotient is inverted, or a product: divide the number of ways without a right sample by "
    "the number of all ways."
)
def upside_down() -> WrongAnswers:
    yield lambda n, c, k: 1 - math.comb(n, k) / max(math.comb(n - c, k), 1)
    yield lambda n, c, k: 1 - math.comb(n - c, k) * math.comb(n, k)


@pass_at_k.mistake(
    "You leave one place for a right sample and count the ways to fill the others with wrong "
    "ones. A set without a right sample has *all* its k from the wrong ones."
)
def one_less() -> WrongAnswers:
    yield lambda n, c, k: 1 - math.comb(n - c, k - 1) / math.comb(n, k)
    yield lambda n, c, k: 1 - math.comb(n - c, k - 1) / math.comb(n, k - 1)
    yield lambda n, c, k: math.comb(n - c, k - 1) / math.comb(n, k)


@pass_at_k.mistake(
    "Your result is 1, or almost 1, as soon as one of the n is right. But k samples can miss it. "
    "(`//` rounds the fraction of ways that miss down to 0, and a quotient of factorials does not "
    "depend on k.)"
)
def certain() -> WrongAnswers:
    yield lambda n, c, k: 1 - math.comb(n - c, k) // math.comb(n, k)
    yield lambda n, c, k: 1 - math.factorial(n - c) / math.factorial(n)
    yield lambda n, c, k: float(c > 0)
