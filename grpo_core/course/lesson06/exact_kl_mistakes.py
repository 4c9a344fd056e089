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
    "write. Asked for is how the two differ where the *policy* goes."
)
def reversed_() -> WrongAnswers:
    yield _exact(lambda p, q: q.exp() * (q - p))


@exact_kl.mistake(
    "Your difference is the right one, and its mean is taken with the reference's probabilities. "
    "It is the policy that samples."
)
def weights_of_the_reference() -> WrongAnswers:
    yield _exact(lambda p, q: q.exp() * (p - q))


@exact_kl.mistake(
    "Your numbers are below 0, and a KL never is. Look at the order in the difference."
)
def sign() -> WrongAnswers:
    yield _exact(lambda p, q: p.exp() * (q - p))


@exact_kl.mistake(
    "You averaged over the vocabulary, every token alike. A mean over what the policy samples "
    "counts each token by its probability."
)
def plain_mean() -> WrongAnswers:
    yield _exact(lambda p, q: p - q, lambda x: x.mean(dim=1))
    yield _exact(lambda p, q: p - q)


@exact_kl.mistake(
    "Each term has its probability already, and you divided by the size of the vocabulary on top "
    "of that. A weighted mean is a sum here: the weights add up to 1."
)
def averaged() -> WrongAnswers:
    yield _exact(total=lambda x: x.mean(dim=1))


@exact_kl.mistake(
    "You used the scores where log-probs belong. Two policies with the same probabilities may "
    "have scores that differ by any constant."
)
def scores_for_log_probs() -> WrongAnswers:
    yield lambda a, b: (torch.softmax(a, 1) * (a - b)).sum(dim=1)
    yield lambda a, b: (a.exp() * (a - b)).sum(dim=1)


@exact_kl.mistake(
    "You took the difference of the probabilities. The KL has a difference of their logarithms: "
    "how many times likelier, not by how much."
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
    "You took the size of each difference. Where the policy gives a token less than the reference "
    "does, the term is below 0, and it has to be: only the sum is 0 for equals."
)
def absolute() -> WrongAnswers:
    yield _exact(lambda p, q: p.exp() * (p - q).abs())
    yield _exact(lambda p, q: p.exp() * (p - q) ** 2)
    yield _exact(lambda p, q: (p.exp() * (p - q)).clamp(min=0))


@exact_kl.mistake(
    "You averaged the ratio of the probabilities, and the KL averages its *logarithm*. For a "
    "policy that is its own reference the ratio is 1 everywhere, and the KL 0."
)
def no_logarithm() -> WrongAnswers:
    yield _exact(lambda p, q: p.exp() * (p - q).exp())
    yield _exact(lambda p, q: p.exp() * ((p - q).exp() - 1))


@exact_kl.mistake(
    "You took the mean (or the sum) of both directions. That is symmetric, and asked for is the "
    "one whose mean is over what the *policy* would write."
)
def both_directions() -> WrongAnswers:
    yield _exact(lambda p, q: (p.exp() - q.exp()) * (p - q) / 2)
    yield _exact(lambda p, q: (p.exp() - q.exp()) * (p - q))


@exact_kl.mistake("That is the entropy of the policy: the reference has no part in it.")
def entropy() -> WrongAnswers:
    yield _exact(lambda p, q: -p.exp() * p)
    yield _exact(lambda p, q: p.exp() * p)


@exact_kl.mistake(
    "You took the logarithm of *scores*. They may be below 0, where there is no logarithm; first "
    "make probabilities of them, or take the log-softmax at once."
)
def log_of_scores() -> WrongAnswers:
    yield lambda a, b: (torch.softmax(a, 1) * (torch.log_softmax(a, 1) - b.log())).sum(dim=1)
    yield lambda a, b: (torch.softmax(a, 1) * (a.log() - b.log())).sum(dim=1)
    yield lambda a, b: (a * (a.log() - b.log())).sum(dim=1)
