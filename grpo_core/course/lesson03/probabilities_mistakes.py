"""The mistakes that the exercise `probabilities` of lesson 03 recognises."""

import torch

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson03.probabilities_exercise import (
    Formula,
    my_probabilities,
    probabilities,
)


def _greedy_or(formula: Formula) -> Formula:
    """A wrong formula that is right at temperature 0."""
    return lambda z, t: my_probabilities(z, 0) if t == 0 else formula(z, t)


@probabilities.mistake(
    "You multiplied by the temperature: your distribution gets sharper as the temperature rises. "
    "A low temperature must make the differences between logits larger."
)
def multiplied() -> WrongAnswers:
    yield from (wrap(lambda z, t: torch.softmax(z * t, 0)) for wrap in (_greedy_or, lambda f: f))


@probabilities.mistake(
    "You divided probabilities by the temperature, and they no longer sum to 1. Divide the "
    "logits, before the softmax."
)
def after_the_softmax() -> WrongAnswers:
    yield from (wrap(lambda z, t: torch.softmax(z, 0) / t) for wrap in (_greedy_or, lambda f: f))


@probabilities.mistake(
    "Your numbers are in the right order but do not sum to 1. Divide the exponentials, or powers "
    "of probabilities, by their sum."
)
def not_normalised() -> WrongAnswers:
    yield from (
        wrap(formula)
        for formula in (
            lambda z, t: torch.softmax(z, 0) ** (1 / t),
            lambda z, t: torch.exp(z / t),
            lambda z, t: torch.exp(z) / t,
        )
        for wrap in (_greedy_or, lambda f: f)
    )


@probabilities.mistake(
    "You took the softmax of probabilities. They lie between 0 and 1, so it makes them almost "
    "equal. Apply the softmax to the logits, once."
)
def softmax_twice() -> WrongAnswers:
    yield from (
        wrap(lambda z, t: torch.softmax(torch.softmax(z, 0) / t, 0))
        for wrap in (_greedy_or, lambda f: f)
    )


@probabilities.mistake("Your result is the same at every temperature.")
def temperature_ignored() -> WrongAnswers:
    yield from (wrap(lambda z, t: torch.softmax(z, 0)) for wrap in (_greedy_or, lambda f: f))


@probabilities.mistake(
    "These are logits divided by the temperature, not probabilities yet: some are above 1, some "
    "below 0."
)
def scores_returned() -> WrongAnswers:
    yield from (wrap(lambda z, t: z / t) for wrap in (_greedy_or, lambda f: f))


@probabilities.mistake(
    "These are the logarithms of the right probabilities. A loss needs those; this exercise asks "
    "for the probabilities."
)
def logarithms() -> WrongAnswers:
    yield from (
        wrap(lambda z, t: torch.log_softmax(z / t, 0)) for wrap in (_greedy_or, lambda f: f)
    )


@probabilities.mistake(
    "Right, except at temperature 0, where you divide by 0 and get NaN, from which nothing can be "
    "sampled. Return the limit: the most likely token has probability 1."
)
def nan_at_zero() -> WrongAnswers:
    yield lambda z, t: torch.softmax(z / t, 0)
    yield lambda z, t: torch.exp(z / t) / torch.exp(z / t).sum()


@probabilities.mistake(
    "Right, except at temperature 0: the most likely token must have all the probability, and "
    "yours do not sum to 1. What matters is the index of the largest logit, not its value."
)
def score_at_zero() -> WrongAnswers:
    yield lambda z, t: torch.softmax(z / t, 0) if t else z.argmax()
    yield lambda z, t: torch.softmax(z / t, 0) if t else (z == z.max()) * z
    yield lambda z, t: torch.softmax(z / t, 0) if t else torch.zeros_like(z)


@probabilities.mistake(
    "Right, except at temperature 0: your limit is a different one. The lower the temperature, "
    "the more of the probability goes to the token with the *largest* logit; at 0 it has all of "
    "it."
)
def not_the_likeliest_at_zero() -> WrongAnswers:
    yield lambda z, t: torch.softmax(z / t, 0) if t else torch.softmax(z, 0)
    yield lambda z, t: torch.softmax(z / t, 0) if t else torch.ones_like(z) / len(z)
    yield lambda z, t: torch.softmax(z / t, 0) if t else my_probabilities(-z, 0)


@probabilities.mistake(
    "Logits divided by their sum, or passed one by one through some function, are not a softmax: "
    "logits may be negative, and only their differences count. Exponentials turn differences into "
    "proportions."
)
def no_exponential() -> WrongAnswers:
    yield from (
        wrap(formula)
        for formula in (
            lambda z, t: z / z.sum(),
            lambda z, t: z / t / z.sum(),
            lambda z, t: torch.sigmoid(z / t),
            lambda z, t: 2 ** (z / t) / (2 ** (z / t)).sum(),
        )
        for wrap in (_greedy_or, lambda f: f)
    )
