"""The mistakes that the exercise `exact_gradient` of lesson 01 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson01.exact_gradient_exercise import exact_gradient


def _gradient(formula: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A wrong gradient: a formula of the probabilities and the values."""
    return lambda logits, values: formula(torch.softmax(logits, dim=0), values)


@exact_gradient.mistake(
    "Your signs are flipped: arms that pay less than the mean would become likelier. What is to "
    "grow is better than J, so its difference to J is above 0."
)
def sign() -> WrongAnswers:
    yield _gradient(lambda p, q: p * ((p * q).sum() - q))


@exact_gradient.mistake(
    "You have how much better each arm is than J, and left out how often it is tried. An arm that "
    "is hardly ever chosen changes J by hardly anything."
)
def probability_forgotten() -> WrongAnswers:
    yield _gradient(lambda p, q: q - (p * q).sum())


@exact_gradient.mistake(
    "Nothing is below 0 in your gradient, so every score would go up, also when all arms pay the "
    "same. Scores share one softmax: what one gains in probability the others lose. That is where "
    "-J comes from."
)
def nothing_subtracted() -> WrongAnswers:
    yield _gradient(lambda p, q: p * q)
    yield _gradient(lambda p, q: q)


@exact_gradient.mistake(
    "You compared with the plain mean of the values. The expected reward is the mean over what "
    "the policy does, so a value counts as often as its arm is chosen."
)
def plain_mean() -> WrongAnswers:
    yield _gradient(lambda p, q: p * (q - q.mean()))
    yield _gradient(lambda p, q: q - q.mean())


@exact_gradient.mistake(
    "Your J is too small: it is the mean over arms of probability times value. The probabilities "
    "are the weights of a mean already and sum to 1, so here one adds up."
)
def averaged_twice() -> WrongAnswers:
    yield _gradient(lambda p, q: p * (q - (p * q).mean()))


@exact_gradient.mistake(
    "You multiplied before you subtracted: J itself is subtracted from every number, also for an "
    "arm that is hardly ever tried. How much better an arm is than J comes first, and that is "
    "multiplied by how often it is tried."
)
def brackets() -> WrongAnswers:
    yield _gradient(lambda p, q: p * q - (p * q).sum())


@exact_gradient.mistake(
    "You differentiated each arm's own probability and forgot that its score moves the others' "
    "too: p(1 - p) q is the first term of a sum over all arms."
)
def diagonal_only() -> WrongAnswers:
    yield _gradient(lambda p, q: p * (1 - p) * q)


@exact_gradient.mistake(
    "You used the scores as if they were probabilities. They may be below 0 and do not sum to 1; "
    "a softmax makes probabilities of them."
)
def scores_for_probabilities() -> WrongAnswers:
    yield lambda logits, q: logits * (q - (logits * q).sum())
    yield lambda logits, q: torch.softmax(logits, 0) * (q - (logits * q).sum())
    yield lambda logits, q: logits / logits.sum() * (q - (logits * q).sum() / logits.sum())


@exact_gradient.mistake(
    "You compared with the best arm, or pushed towards it alone. Nobody knows which it is; what "
    "is subtracted is J, the mean over what the policy does."
)
def best_arm() -> WrongAnswers:
    yield _gradient(lambda p, q: p * (q - q.max()))
    yield _gradient(lambda p, q: one_hot(q.argmax(), len(q)) - p)


@exact_gradient.mistake(
    "You multiplied by the *logarithm* of the probability. That is below 0 for every arm, so all "
    "signs are wrong; how often an arm is tried is its probability."
)
def logarithms() -> WrongAnswers:
    yield _gradient(lambda p, q: p.log() * (q - (p * q).sum()))
