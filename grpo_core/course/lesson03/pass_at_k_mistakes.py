"""The mistakes that the exercise `pass_at_k` of lesson 03 recognises."""

import math

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson03.pass_at_k_exercise import pass_at_k


@pass_at_k.mistake(
    "That is the short cut with replacement, 1 - (1 - c/n)^k. It is too small, since the same "
    "wrong sample may be picked twice. The k samples are different ones of the n."
)
def with_replacement() -> WrongAnswers:
    yield lambda n, c, k: 1 - (1 - c / n) ** k


@pass_at_k.mistake(
    "That is the chance that all k are wrong. pass@k is the chance that they are not."
)
def complement() -> WrongAnswers:
    yield lambda n, c, k: math.comb(n - c, k) / math.comb(n, k)


@pass_at_k.mistake(
    "That is the chance that all k are right. Known as pass^k, and of use for a robot; pass@k "
    "asks for at least one."
)
def all_right() -> WrongAnswers:
    yield lambda n, c, k: math.comb(c, k) / math.comb(n, k)


@pass_at_k.mistake(
    "That is the chance of exactly one right sample. Two are as good: at least one is asked for. "
    "Counting the sets without any is easier."
)
def exactly_one() -> WrongAnswers:
    yield lambda n, c, k: c * math.comb(n - c, k - 1) / math.comb(n, k)


@pass_at_k.mistake("That is the share of right samples, pass@1. It does not depend on k.")
def k_ignored() -> WrongAnswers:
    yield lambda n, c, k: c / n


@pass_at_k.mistake(
    "k times the share counts every set with two right samples twice. It passes for small shares, "
    "and then goes beyond 1."
)
def k_times_share() -> WrongAnswers:
    yield lambda n, c, k: k * c / n
    yield lambda n, c, k: min(1.0, k * c / n)


@pass_at_k.mistake(
    "You counted the sets of right samples where those of wrong ones are wanted: a set without a "
    "right sample is picked from the n - c others."
)
def right_from_wrong() -> WrongAnswers:
    yield lambda n, c, k: 1 - math.comb(c, k) / math.comb(n, k)


@pass_at_k.mistake(
    "Your quotient is upside down, or a product: a share is the ways without a right sample, over "
    "all ways."
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
    "Yours is 1, or all but 1, as soon as one of the n is right. But k samples can miss it. (`//` "
    "rounds the share of ways that miss down to 0; and a quotient of factorials has no k in it.)"
)
def certain() -> WrongAnswers:
    yield lambda n, c, k: 1 - math.comb(n - c, k) // math.comb(n, k)
    yield lambda n, c, k: 1 - math.factorial(n - c) / math.factorial(n)
    yield lambda n, c, k: float(c > 0)
