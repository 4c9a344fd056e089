"""The mistakes that learners make, each as code that makes it, with the hint that mends it.

A check recognises a mistake by its outcome, so each needs nothing but functions that make it.
Hints say what was seen, why it is wrong, and where to look; never the line to write.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

EPS = 1e-4


@dataclass(frozen=True)
class Mistake:
    """A mistake: its name, what the learner is told, and one or more functions that make it."""

    name: str
    hint: str
    functions: tuple[Callable[..., Tensor], ...]


# --- notebook 00, exercise 1: advantages ----------------------------------------------------------


def _mean(r: Tensor) -> Tensor:
    return r.mean(dim=1, keepdim=True)


def _std(r: Tensor) -> Tensor:
    return r.std(dim=1, keepdim=True) + EPS


def _without_eps(r: Tensor) -> Tensor:
    """Every tied group gives 0 / 0, as it would if the mean were exact."""
    tied = r.amax(dim=1, keepdim=True) == r.amin(dim=1, keepdim=True)
    return ((r - _mean(r)) / _std(r)).masked_fill(tied, float("nan"))


ADVANTAGES = (
    Mistake(
        "sign",
        "Your signs are flipped: the best completion has the lowest advantage, so training would "
        "make it rarer. An advantage is the reward minus what was to be expected.",
        (lambda r: (_mean(r) - r) / _std(r),),
    ),
    Mistake(
        "population_std",
        "Your numbers are a little too large: by 15% for a group of 4. That is sqrt(G / (G - 1)), "
        "so you divided by the standard deviation of a population (ddof 0). GRPO's papers do not "
        "say which one; TRL and this kit take the sample's, with G - 1 (ddof 1). It is torch's "
        "default and not numpy's.",
        (lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True, correction=0) + EPS),),
    ),
    Mistake(
        "whole_batch",
        "You compared every completion with the whole batch. A completion competes with the "
        "others of its own prompt only; otherwise an easy prompt makes all of its completions "
        "look good. Each row is a group: take the mean along the row (dim=1).",
        (
            lambda r: (r - r.mean()) / (r.std() + EPS),
            lambda r: (r - r.mean()) / _std(r),
            lambda r: r - r.mean(),
        ),
    ),
    Mistake(
        "wrong_axis",
        "You averaged down the columns. Each row is a group, so the mean and the standard "
        "deviation run along the row: dim=1.",
        (
            lambda r: (r - r.mean(dim=0)) / (r.std(dim=0) + EPS),
            lambda r: (r - r.mean(dim=0)) / r.std(dim=0),
            lambda r: r - r.mean(dim=0),
        ),
    ),
    Mistake(
        "batch_std",
        "Your means are right, but you divided by the standard deviation of the whole batch. "
        'That is a method of its own (scale_rewards="batch" in TRL). GRPO divides each group by '
        "the group's own.",
        (lambda r: (r - _mean(r)) / (r.std() + EPS),),
    ),
    Mistake(
        "not_divided",
        "You subtracted the mean and stopped there. That is Dr. GRPO's advantage "
        '(scale_rewards="none"), and a good one; GRPO goes on and divides by the standard '
        "deviation of the group.",
        (lambda r: r - _mean(r),),
    ),
    Mistake(
        "not_centered",
        "You divided by the standard deviation but did not subtract the mean. Then no completion "
        "is ever worse than its group, and all are pushed up.",
        (lambda r: r / _std(r),),
    ),
    Mistake(
        "variance",
        "You divided by the variance. The standard deviation is its square root: then advantages "
        "do not depend on the unit that rewards are counted in.",
        (lambda r: (r - _mean(r)) / (r.var(dim=1, keepdim=True) + EPS),),
    ),
    Mistake(
        "nan_on_ties",
        "Right, except for a group whose rewards are all the same: its standard deviation is 0, "
        "and 0 / 0 is NaN, which one update would spread to every weight. A tied group has "
        "nothing to teach; its advantage is 0. A small number beside the standard deviation, "
        "such as 1e-4, sees to that.",
        (_without_eps,),
    ),
    Mistake(
        "noise_on_ties",
        "Right, except for a group whose rewards are all 0.7. In float32 the mean of sixteen "
        "times 0.7 is 0.69999994; the difference is 6e-8, and dividing it by something as small "
        "gives an advantage of 0.83 out of nothing. Take a larger number beside the standard "
        "deviation (TRL: 1e-4), or set tied groups to 0.",
        (
            lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True) + 1e-8),
            lambda r: (r - _mean(r)) / r.std(dim=1, keepdim=True),
        ),
    ),
)


# --- notebook 00, exercise 2: the clipped loss ----------------------------------------------------

Combine = Callable[[Tensor, Tensor, Tensor], Tensor]
Average = Callable[[Tensor, Tensor], Tensor]


def _pessimist(ratio: Tensor, clipped: Tensor, a: Tensor) -> Tensor:
    return torch.minimum(ratio * a, clipped * a)


def _token_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum()


def _sequence_mean(values: Tensor, mask: Tensor) -> Tensor:
    return ((values * mask).sum(dim=1) / mask.sum(dim=1)).mean()


def _loss(
    combine: Combine = _pessimist,
    average: Average = _token_mean,
    ratio_of: Callable[[Tensor, Tensor], Tensor] = lambda new, old: (new - old.detach()).exp(),
    sign: float = -1.0,
) -> Callable[..., Tensor]:
    """A loss that is right but for the part that is passed in."""

    def loss(
        logprobs: Tensor,
        old_logprobs: Tensor,
        advantages: Tensor,
        mask: Tensor,
        epsilon: float = 0.2,
    ) -> Tensor:
        ratio = ratio_of(logprobs, old_logprobs)
        clipped = ratio.clamp(1 - epsilon, 1 + epsilon)
        return sign * average(combine(ratio, clipped, advantages.unsqueeze(1)), mask)

    return loss


right_loss = _loss()

CLIPPED_LOSS = (
    Mistake(
        "sign",
        "The sign is flipped. The surrogate is to be made large, and an optimizer makes its loss "
        "small: as it stands, every good completion becomes rarer.",
        (_loss(sign=1.0),),
    ),
    Mistake(
        "no_mask",
        "Padding is counted: the positions after the end of a completion are no tokens, and they "
        "must neither add to the sum nor to the number you divide by. Use the mask.",
        (_loss(average=lambda v, m: v.mean()),),
    ),
    Mistake(
        "mask_in_numerator_only",
        "You masked the sum, but divided by all positions, padding included. The same completions "
        "in a wider tensor would give another loss. Divide by the number of tokens, mask.sum().",
        (_loss(average=lambda v, m: (v * m).mean()),),
    ),
    Mistake(
        "mask_in_denominator_only",
        "You divided by the number of tokens, but padding is still in the sum. Multiply by the "
        "mask before you add up.",
        (_loss(average=lambda v, m: v.sum() / m.sum()),),
    ),
    Mistake(
        "no_detach",
        "The value is right, but on the first update the gradient is 0: there old_logprobs is the "
        "same tensor as logprobs, both move together, and the ratio stays 1. The old policy is a "
        "constant. Detach it.",
        (_loss(ratio_of=lambda new, old: (new - old).exp()),),
    ),
    Mistake(
        "max",
        "You took the larger of the two where PPO takes the smaller. The minimum is the cautious "
        "one: it stops a token that has moved far enough the right way, and never one that moved "
        "the wrong way. With the maximum it is the other way round.",
        (_loss(combine=lambda r, c, a: torch.maximum(r * a, c * a)),),
    ),
    Mistake(
        "min_of_ratios",
        "You took the minimum of the two ratios, and multiplied by the advantage afterwards. For "
        "a negative advantage the smaller ratio gives the larger product. Multiply first, then "
        "take the minimum.",
        (_loss(combine=lambda r, c, a: torch.minimum(r, c) * a),),
    ),
    Mistake(
        "no_clip",
        "There is no clip: this is ratio times advantage. Without it nothing stops a token from "
        "moving further on every update of the same batch.",
        (_loss(combine=lambda r, c, a: r * a),),
    ),
    Mistake(
        "clip_without_min",
        "You used the clipped ratio alone. Then a token that moved the wrong way by more than "
        "epsilon has no gradient, and can never come back. Take the minimum of the clipped and "
        "the unclipped product.",
        (_loss(combine=lambda r, c, a: c * a),),
    ),
    Mistake(
        "sequence_mean",
        "You averaged within each completion and then over completions. That is the first GRPO "
        'paper\'s way (loss_type="grpo"); asked for here is one mean over all tokens of the batch '
        '(loss_type="dapo"), in which every token counts the same, however long its completion.',
        (_loss(average=_sequence_mean),),
    ),
    Mistake(
        "sum",
        "You added up the tokens and did not divide by their number. Then a longer batch takes a "
        "larger step.",
        (_loss(average=lambda v, m: (v * m).sum()),),
    ),
    Mistake(
        "ratio_upside_down",
        "The ratio is upside down: it is the new probability over the old one, "
        "exp(logprobs - old_logprobs).",
        (_loss(ratio_of=lambda new, old: (old.detach() - new).exp()),),
    ),
    Mistake(
        "no_exp",
        "A difference of log-probabilities is the logarithm of the ratio. Take its exponential: "
        "before the first update the ratio is 1, not 0.",
        (_loss(ratio_of=lambda new, old: new - old.detach()),),
    ),
    Mistake(
        "no_gradient",
        "The value is right, but it does not depend on logprobs any more, so nothing would be "
        "learned. Only the old log-probabilities are detached, and a loss stays a tensor "
        "(no .item(), no float()).",
        (_loss(ratio_of=lambda new, old: (new - old).detach().exp()),),
    ),
)
