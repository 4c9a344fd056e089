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
    "Your signs are flipped: arms that pay less than the mean would become more likely. An arm "
    "that is better than J should gain, so its difference from J is positive."
)
def sign() -> WrongAnswers:
    yield _gradient(lambda p, q: p * ((p * q).sum() - q))


@exact_gradient.mistake(
    "You computed how much better each arm is than J, and left out how often it is chosen. An arm "
    "that is hardly ever chosen hardly changes J."
)
def probability_forgotten() -> WrongAnswers:
    yield _gradient(lambda p, q: q - (p * q).sum())


@exact_gradient.mistake(
    "Nothing in your gradient is negative, so every logit would increase, even when all arms pay "
    "the same. The logits share one softmax: the probability that one arm gains, the others lose. "
    "That is where -J comes from."
)
def nothing_subtracted() -> WrongAnswers:
    yield _gradient(lambda p, q: p * q)
    yield _gradient(lambda p, q: q)


@exact_gradient.mistake(
    "You compared with the plain mean of the values. The expected reward is the mean over the "
    "policy's choices, so each value is weighted by the probability of its arm."
)
def plain_mean() -> WrongAnswers:
    yield _gradient(lambda p, q: p * (q - q.mean()))
    yield _gradient(lambda p, q: q - q.mean())


@exact_gradient.mistake(
    "Your J is too small: it is the mean over arms of probability times value. The probabilities "
    "are already the weights of a mean and sum to 1, so take a sum."
)
def averaged_twice() -> WrongAnswers:
    yield _gradient(lambda p, q: p * (q - (p * q).mean()))


@exact_gradient.mistake(
    "You multiplied before you subtracted: you subtract all of J from every number, even for an "
    "arm that is hardly ever chosen. First compute how much better an arm is than J, then "
    "multiply by how often it is chosen."
)
def brackets() -> WrongAnswers:
    yield _gradient(lambda p, q: p * q - (p * q).sum())


@exact_gradient.mistake(
    "You differentiated each arm's own probability and forgot that its logit moves the others' "
    "too: p(1 - p) q is the first term of a sum over all arms."
)
def diagonal_only() -> WrongAnswers:
    yield _gradient(lambda p, q: p * (1 - p) * q)


@exact_gradient.mistake(
    "You used the logits as if they were probabilities. They may be negative and do not sum to 1; "
    "a softmax turns them into probabilities."
)
def scores_for_probabilities() -> WrongAnswers:
    yield lambda logits, q: logits * (q - (logits * q).sum())
    yield lambda logits, q: torch.softmax(logits, 0) * (q - (logits * q).sum())
    yield lambda logits, q: logits / logits.sum() * (q - (logits * q).sum() / logits.sum())


@exact_gradient.mistake(
    "You compared with the best arm, or moved towards it alone. In practice it is unknown; "
    "subtract J, the mean over the policy's choices."
)
def best_arm() -> WrongAnswers:
    yield _gradient(lambda p, q: p * (q - q.max()))
    yield _gradient(lambda p, q: one_hot(q.argmax(), len(q)) - p)


@exact_gradient.mistake(
    "You multiplied by the *logarithm* of the probability. That is below 0 for every arm, so all "
    "signs are wrong; how often an arm is chosen is its probability."
)
def logarithms() -> WrongAnswers:
    yield _gradient(lambda p, q: p.log() * (q - (p * q).sum()))
