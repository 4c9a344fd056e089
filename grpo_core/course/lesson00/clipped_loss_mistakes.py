"""The mistakes that the exercise `clipped_loss` of lesson 00 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson00.clipped_loss_exercise import clipped_loss, my_loss

Combine = Callable[[Tensor, Tensor, Tensor], Tensor]
Average = Callable[[Tensor, Tensor], Tensor]


def _pessimist(ratio: Tensor, clipped: Tensor, a: Tensor) -> Tensor:
    return torch.minimum(ratio * a, clipped * a)


def _token_mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum()


def _sequence_mean(values: Tensor, mask: Tensor) -> Tensor:
    return ((values * mask).sum(dim=1) / mask.sum(dim=1)).mean()


def _one_sided(
    low: float = float("-inf"), high: float = float("inf")
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A combination in which the ratio has one bound only."""
    return lambda r, c, a: torch.minimum(r * a, r.clamp(low, high) * a)


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


@clipped_loss.mistake(
    "The sign is flipped. The surrogate should be maximised, and an optimizer minimises its loss: "
    "as it stands, every good completion becomes less likely."
)
def sign() -> WrongAnswers:
    yield _loss(sign=1.0)


@clipped_loss.mistake(
    "Padding is counted: the positions after the end of a completion are not its tokens, and must "
    "add neither to the sum nor to the number you divide by. Use the mask."
)
def no_mask() -> WrongAnswers:
    yield _loss(average=lambda v, m: v.mean())


@clipped_loss.mistake(
    "You masked the sum, but divided by all positions, padding included. The same completions in "
    "a wider tensor would give another loss. Divide by the number of tokens, mask.sum()."
)
def mask_in_numerator_only() -> WrongAnswers:
    yield _loss(average=lambda v, m: (v * m).mean())


@clipped_loss.mistake(
    "You divided by the number of tokens, but padding is still in the sum. Multiply by the mask "
    "before you add up."
)
def mask_in_denominator_only() -> WrongAnswers:
    yield _loss(average=lambda v, m: v.sum() / m.sum())


@clipped_loss.mistake(
    "The value is right, but on the first update the gradient is 0: there old_logprobs is the "
    "same tensor as logprobs, both move together, and the ratio stays 1. The old policy is a "
    "constant. Detach it."
)
def no_detach() -> WrongAnswers:
    yield _loss(ratio_of=lambda new, old: (new - old).exp())


@clipped_loss.mistake(
    "You took the larger of the two where PPO takes the smaller. The minimum is the cautious "
    "choice: it stops a token that has moved far enough in the right direction, and never one "
    "that moved in the wrong direction. The maximum does the opposite."
)
def max_() -> WrongAnswers:
    yield _loss(combine=lambda r, c, a: torch.maximum(r * a, c * a))


@clipped_loss.mistake(
    "You took the minimum of the two ratios, and multiplied by the advantage afterwards. For a "
    "negative advantage the smaller ratio gives the larger product. Multiply first, then take the "
    "minimum."
)
def min_of_ratios() -> WrongAnswers:
    yield _loss(combine=lambda r, c, a: torch.minimum(r, c) * a)


@clipped_loss.mistake(
    "There is no clip: this is ratio times advantage. Without it nothing stops a token from "
    "moving further on every update of the same batch."
)
def no_clip() -> WrongAnswers:
    yield _loss(combine=lambda r, c, a: r * a)


@clipped_loss.mistake(
    "You clipped the product of ratio and advantage. The bounds apply to the ratio, which says "
    "how far the token has moved; its advantage has nothing to do with them. Clip the ratio, then "
    "multiply."
)
def product_clipped() -> WrongAnswers:
    yield _loss(combine=lambda r, c, a: torch.minimum(r * a, (r * a).clamp(0.8, 1.2)))
    yield _loss(combine=lambda r, c, a: (r * a).clamp(0.8, 1.2))


@clipped_loss.mistake(
    "You clipped the ratio to epsilon itself. Epsilon is a distance from 1, the value of a ratio "
    "when nothing has moved: the bounds are 1 - epsilon and 1 + epsilon."
)
def bounds_as_they_are() -> WrongAnswers:
    yield _loss(combine=lambda r, c, a: torch.minimum(r * a, r.clamp(-0.2, 0.2) * a))
    yield _loss(combine=lambda r, c, a: torch.minimum(r * a, r.clamp(0.2, 0.2) * a))


@clipped_loss.mistake(
    "You used only the clipped ratio. Then a token that moved in the wrong direction by more than "
    "epsilon has no gradient, and can never come back. Take the minimum of the clipped and the "
    "unclipped product."
)
def clip_without_min() -> WrongAnswers:
    yield _loss(combine=lambda r, c, a: c * a)


@clipped_loss.mistake(
    "You averaged within each completion and then over completions. That is how the first GRPO "
    'paper does it (loss_type="grpo"); this exercise asks for one mean over all tokens of the '
    'batch (loss_type="dapo"), in which every token counts the same, however long its completion.'
)
def sequence_mean() -> WrongAnswers:
    yield _loss(average=_sequence_mean)


@clipped_loss.mistake(
    "You summed over the tokens and did not divide by their number. Then a batch with long "
    "completions takes a larger step."
)
def sum_() -> WrongAnswers:
    yield _loss(average=lambda v, m: (v * m).sum())
    yield _loss(average=lambda v, m: (v * m).sum(dim=1).mean())


@clipped_loss.mistake(
    "The ratio is upside down: it is the new probability over the old one, exp(logprobs - "
    "old_logprobs)."
)
def ratio_upside_down() -> WrongAnswers:
    yield _loss(ratio_of=lambda new, old: (old.detach() - new).exp())


@clipped_loss.mistake(
    "A difference of log-probabilities is the logarithm of the ratio. Take its exponential: "
    "before the first update the ratio is 1, not 0."
)
def no_exp() -> WrongAnswers:
    yield _loss(ratio_of=lambda new, old: new - old.detach())


@clipped_loss.mistake(
    "The value is right, but it no longer depends on logprobs, so nothing would be learned. "
    "Detach only the old log-probabilities, and keep the loss a tensor (no .item(), no float())."
)
def no_gradient() -> WrongAnswers:
    yield _loss(ratio_of=lambda new, old: (new - old).detach().exp())


@clipped_loss.mistake(
    "Right for an epsilon of 0.2. When another value is passed, your bounds do not change."
)
def epsilon_ignored() -> WrongAnswers:
    yield lambda new, old, a, mask, epsilon=0.2: my_loss(new, old, a, mask, 0.2)


@clipped_loss.mistake(
    "Your ratio is bounded on one side only. The clip should stop a good token that has become "
    "much more likely, and a bad one that has become much less likely."
)
def one_bound() -> WrongAnswers:
    yield _loss(combine=_one_sided(low=0.8))
    yield _loss(combine=_one_sided(high=1.2))


@clipped_loss.mistake(
    "Your loss has no ratio: it is the new log-probability (or probability) times the advantage. "
    "On the first update that has the right direction; afterwards nothing says how far a token's "
    "probability has moved since it was sampled, and there is nothing to clip."
)
def no_ratio() -> WrongAnswers:
    yield _loss(combine=lambda r, c, a: r * a, ratio_of=lambda new, old: new)
    yield _loss(combine=lambda r, c, a: r * a, ratio_of=lambda new, old: new.exp())
    yield _loss(ratio_of=lambda new, old: new.exp())


@clipped_loss.mistake(
    "You divided one log-probability by the other. The logarithm of a quotient is a *difference* "
    "of logarithms."
)
def logs_divided() -> WrongAnswers:
    yield _loss(ratio_of=lambda new, old: new / old.detach())
    yield _loss(ratio_of=lambda new, old: (new / old.detach()).exp())


@clipped_loss.mistake(
    "Your loss does not use the advantages: it increases the probability of every token, whatever "
    "its completion's reward."
)
def no_advantage() -> WrongAnswers:
    yield _loss(combine=lambda r, c, a: torch.minimum(r, c))
    yield _loss(combine=lambda r, c, a: r)
