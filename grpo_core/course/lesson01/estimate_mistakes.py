"""The mistakes that the exercise `estimate` of lesson 01 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson01.estimate_exercise import estimate, my_estimate

Estimate = Callable[[Tensor, Tensor, Tensor], Tensor]


def _estimate(
    score: Callable[[Tensor, Tensor], Tensor] = lambda hot, p: hot - p,
    average: Callable[[Tensor], Tensor] = lambda x: x.mean(dim=0),
    weighted: bool = True,
) -> Estimate:
    """An estimate that is right but for the part that is passed in."""

    def estimate(logits: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
        rows = score(one_hot(actions, len(logits)).float(), torch.softmax(logits, dim=0))
        return average(advantages.unsqueeze(1) * rows if weighted else rows)

    return estimate


def _of_four_arms(logits: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
    score = one_hot(actions, 4) - torch.softmax(logits[:4], dim=0)
    return (advantages.unsqueeze(1) * score).mean(dim=0)


@estimate.mistake(
    "Your signs are flipped: a sampled arm with a positive weight must become more likely. (A "
    "loss would have this sign, since an optimizer minimises it; this exercise asks for the "
    "gradient of J.)"
)
def sign() -> WrongAnswers:
    yield _estimate(score=lambda hot, p: p - hot)


@estimate.mistake(
    "You increased the sampled arm's logit and left the others alone. In a softmax the others "
    "lose what one gains: the gradient of log pi(a) is not just the indicator, it has a second "
    "term."
)
def score_without_probabilities() -> WrongAnswers:
    yield _estimate(score=lambda hot, p: hot)


@estimate.mistake(
    "You summed over the samples: for five samples that is five times too much. The estimate of "
    "the gradient is their mean, or a larger group would take a larger step."
)
def summed() -> WrongAnswers:
    yield _estimate(average=lambda x: x.sum(dim=0))


@estimate.mistake(
    "You averaged over the arms and not over the samples. Return one number per arm; the samples "
    "are rows (dim=0)."
)
def averaged_over_arms() -> WrongAnswers:
    yield _estimate(average=lambda x: x.mean(dim=1))
    yield _estimate(average=lambda x: x.mean())


@estimate.mistake(
    "Your estimate does not use the rewards: every sampled arm counts the same. Multiply each "
    "sample's score by its weight."
)
def weights_ignored() -> WrongAnswers:
    yield _estimate(weighted=False)


@estimate.mistake(
    "The sampled arm's number is right, and all others are 0. The sampled arm gets 1 - pi, and "
    "every other arm gets minus its own pi."
)
def sampled_arm_only() -> WrongAnswers:
    yield _estimate(score=lambda hot, p: hot * (1 - p))


@estimate.mistake(
    "You took the gradient with respect to the probabilities, 1 / pi(a). The policy's parameters "
    "are the logits."
)
def divided_by_probability() -> WrongAnswers:
    yield _estimate(score=lambda hot, p: hot / p)


@estimate.mistake(
    "You subtracted the logits (or their log-softmax) from the indicator. Subtract the "
    "probabilities: they sum to 1, so each row sums to 0."
)
def scores_for_probabilities() -> WrongAnswers:
    yield lambda lo, a, w: (w.unsqueeze(1) * (one_hot(a, len(lo)) - lo)).mean(dim=0)
    yield _estimate(score=lambda hot, p: hot - p.log())


@estimate.mistake("Right for four arms. The number of arms is the length of `logits`.")
def always_four() -> WrongAnswers:
    yield _of_four_arms


@estimate.mistake(
    "You subtracted the mean from the weights first. A baseline may or may not have been "
    "subtracted from them already: use them as they are."
)
def centred() -> WrongAnswers:
    yield lambda lo, a, w: my_estimate(lo, a, w - w.mean())


@estimate.mistake(
    "You multiplied by the probabilities a second time. The samples were drawn from them, so a "
    "likely arm already appears more often."
)
def weighted_twice() -> WrongAnswers:
    yield _estimate(score=lambda hot, p: p * (hot - p))
    yield lambda lo, a, w: my_estimate(lo, a, w * torch.softmax(lo, dim=0)[a])


@estimate.mistake(
    "You divided by the sum of the weights. Then only their proportions would count: a group with "
    "small advantages would take as large a step as one with large ones. Divide by the number of "
    "samples."
)
def divided_by_weights() -> WrongAnswers:
    yield lambda lo, a, w: my_estimate(lo, a, w) * len(w) / w.sum()
