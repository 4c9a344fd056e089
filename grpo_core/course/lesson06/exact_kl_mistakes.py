"""The mistakes that the exercise `exact_kl` of lesson 06 recognises."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson06.exact_kl_exercise import exact_kl


def _exact(
    terms: Callable[[Tensor, Tensor], Tensor] = lambda p, q: p.exp() * (p - q),
    total: Callable[[Tensor], Tensor] = lambda x: x.sum(dim=1),
) -> Callable[[Tensor, Tensor], Tensor]:
    """The exact KL, right but for what is passed in; p and q are log-probs."""
    return lambda a, b: total(terms(torch.log_softmax(a, 1), torch.log_softmax(b, 1)))


@exact_kl.mistake(
    "That is KL(reference, policy), the forward KL: your mean is over what the *reference* would "
    "write. This exercise asks for the mean over what the *policy* writes."
)
def reversed_() -> WrongAnswers:
    yield _exact(lambda p, q: q.exp() * (q - p))


@exact_kl.mistake(
    "Your difference is right, but you average it with the reference's probabilities. The policy "
    "does the sampling."
)
def weights_of_the_reference() -> WrongAnswers:
    yield _exact(lambda p, q: q.exp() * (p - q))


@exact_kl.mistake(
    "Your numbers are negative, and a KL never is. Look at the order in the difference."
)
def sign() -> WrongAnswers:
    yield _exact(lambda p, q: p.exp() * (q - p))


@exact_kl.mistake(
    "You averaged over the vocabulary with equal weights. A mean over what the policy samples "
    "weights each token by its probability."
)
def plain_mean() -> WrongAnswers:
    yield _exact(lambda p, q: p - q, lambda x: x.mean(dim=1))
    yield _exact(lambda p, q: p - q)


@exact_kl.mistake(
    "Each term is already weighted by its probability, and you also divided by the size of the "
    "vocabulary. The weighted mean is a sum here: the weights add up to 1."
)
def averaged() -> WrongAnswers:
    yield _exact(total=lambda x: x.mean(dim=1))


@exact_kl.mistake(
    "You used logits instead of log-probabilities. Two policies with the same probabilities may "
    "have logits that differ by any constant."
)
def scores_for_log_probs() -> WrongAnswers:
    yield lambda a, b: (torch.softmax(a, 1) * (a - b)).sum(dim=1)
    yield lambda a, b: (a.exp() * (a - b)).sum(dim=1)


@exact_kl.mistake(
    "You took the difference of the probabilities. The KL uses the difference of their "
    "logarithms: how many times more likely, not by how much."
)
def difference_of_probabilities() -> WrongAnswers:
    yield _exact(lambda p, q: p.exp() * (p.exp() - q.exp()))
    yield _exact(lambda p, q: (p.exp() - q.exp()).abs())


@exact_kl.mistake(
    "That is the cross-entropy, how surprised the reference is by the policy. For a policy that "
    "is its own reference it is not 0: subtract the policy's own entropy."
)
def cross_entropy() -> WrongAnswers:
    yield _exact(lambda p, q: -p.exp() * q)


@exact_kl.mistake("Your numbers are in bits. Everything here is in nats: the natural logarithm.")
def bits() -> WrongAnswers:
    yield _exact(lambda p, q: p.exp() * (p - q) / math.log(2))


@exact_kl.mistake(
    "You went down the columns, in the sum or in the softmax. Each row is a policy: everything "
    "runs along its tokens, dim=1."
)
def wrong_axis() -> WrongAnswers:
    yield _exact(total=lambda x: x.sum(dim=0))
    yield lambda a, b: (
        torch.softmax(a, 0) * (torch.log_softmax(a, 0) - torch.log_softmax(b, 0))
    ).sum(dim=1)


@exact_kl.mistake(
    "You took the absolute value of each difference. Where the policy gives a token less "
    "probability than the reference, the term must be negative: only the sum is never below 0."
)
def absolute() -> WrongAnswers:
    yield _exact(lambda p, q: p.exp() * (p - q).abs())
    yield _exact(lambda p, q: p.exp() * (p - q) ** 2)
    yield _exact(lambda p, q: (p.exp() * (p - q)).clamp(min=0))


@exact_kl.mistake(
    "You averaged the ratio of the probabilities, but the KL averages its *logarithm*. For a "
    "policy that is its own reference the ratio is 1 everywhere, and the KL 0."
)
def no_logarithm() -> WrongAnswers:
    yield _exact(lambda p, q: p.exp() * (p - q).exp())
    yield _exact(lambda p, q: p.exp() * ((p - q).exp() - 1))


@exact_kl.mistake(
    "You took the mean (or the sum) of both directions. That is symmetric; this exercise asks for "
    "the one whose mean is over what the *policy* would write."
)
def both_directions() -> WrongAnswers:
    yield _exact(lambda p, q: (p.exp() - q.exp()) * (p - q) / 2)
    yield _exact(lambda p, q: (p.exp() - q.exp()) * (p - q))


@exact_kl.mistake("That is the entropy of the policy: it does not depend on the reference.")
def entropy() -> WrongAnswers:
    yield _exact(lambda p, q: -p.exp() * p)
    yield _exact(lambda p, q: p.exp() * p)


@exact_kl.mistake(
    "You took the logarithm of the *logits*. They may be negative, where there is no logarithm; "
    "turn them into probabilities first, or take the log-softmax directly."
)
def log_of_scores() -> WrongAnswers:
    yield lambda a, b: (torch.softmax(a, 1) * (torch.log_softmax(a, 1) - b.log())).sum(dim=1)
    yield lambda a, b: (torch.softmax(a, 1) * (a.log() - b.log())).sum(dim=1)
    yield lambda a, b: (a * (a.log() - b.log())).sum(dim=1)
