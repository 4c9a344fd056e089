"""The mistakes that the exercise `dapo` of lesson 11 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson11.dapo_exercise import dapo, my_dapo
from grpo_core.course.lesson11.ratio_exercise import my_ratio


def _dapo(
    total: Callable[[Tensor, Tensor, int], Tensor] = lambda s, m, tokens: (s * m).sum() / tokens,
    clamp: Callable[[Tensor, float, float], Tensor] = lambda r, lo, hi: r.clamp(1 - lo, 1 + hi),
    pick: Callable[[Tensor, Tensor], Tensor] = torch.minimum,
    sign: float = -1.0,
    moved: Callable[[Tensor, Tensor], Tensor] = lambda new, old: (new - old.detach()).exp(),
) -> Callable[..., Tensor]:
    """DAPO's loss, right but for what is passed in."""

    def loss(
        new: Tensor, old: Tensor, a: Tensor, m: Tensor, lo: float, hi: float, tokens: int
    ) -> Tensor:
        r, a = moved(new, old), a.unsqueeze(1)
        return sign * total(pick(r * a, clamp(r, lo, hi) * a), m, tokens)

    return loss


def _shared_ratio(
    new: Tensor, old: Tensor, a: Tensor, m: Tensor, lo: float, hi: float, tokens: int
) -> Tensor:
    shared = my_ratio(new, old, m).unsqueeze(1).log().expand_as(new)
    return my_dapo(shared, torch.zeros_like(new), a, m, lo, hi, tokens)


def _product_clipped(
    new: Tensor, old: Tensor, a: Tensor, m: Tensor, lo: float, hi: float, tokens: int
) -> Tensor:
    product = (new - old.detach()).exp() * a.unsqueeze(1)
    return -(torch.minimum(product, product.clamp(1 - lo, 1 + hi)) * m).sum() / tokens


def _min_of_ratios(
    new: Tensor, old: Tensor, a: Tensor, m: Tensor, lo: float, hi: float, tokens: int
) -> Tensor:
    r = (new - old.detach()).exp()
    return -(torch.minimum(r, r.clamp(1 - lo, 1 + hi)) * a.unsqueeze(1) * m).sum() / tokens


@dapo.mistake(
    "You divided each micro-batch by its own tokens. Then the tokens of a small one count for "
    'more, and training depends on how the batch was split. (TRL calls this "bnpo".) Divide by '
    "the argument `tokens`, the count of the whole batch."
)
def micro_batch_mean() -> WrongAnswers:
    yield _dapo(lambda s, m, tokens: (s * m).sum() / m.sum())
    yield _dapo(lambda s, m, tokens: (s * m).sum() / m.sum() / 2)


@dapo.mistake(
    "You averaged within each completion first: that is the GRPO paper's way, which DAPO changed. "
    "Every token of the batch has the same weight."
)
def sequence_mean() -> WrongAnswers:
    yield _dapo(lambda s, m, tokens: ((s * m).sum(1) / m.sum(1)).sum() / 3)
    yield _dapo(lambda s, m, tokens: ((s * m).sum(1) / m.sum(1)).mean())
    yield _dapo(lambda s, m, tokens: ((s * m).sum(1) / m.sum(1)).sum() / tokens)


@dapo.mistake(
    "You divided by the number of completions, alone or in addition. Divide only by `tokens`, the "
    "count of the whole batch."
)
def divided_by_completions() -> WrongAnswers:
    yield _dapo(lambda s, m, tokens: (s * m).sum() / len(m))
    yield _dapo(lambda s, m, tokens: (s * m).sum() / tokens / len(m))


@dapo.mistake(
    "You clipped the ratio to between the two epsilons. They are distances from 1: the bounds are "
    "1 - low and 1 + high."
)
def epsilons_as_bounds() -> WrongAnswers:
    yield _dapo(clamp=lambda r, lo, hi: r.clamp(lo, hi))


@dapo.mistake("Your ratio is upside down: it is the new policy over the old one.")
def upside_down() -> WrongAnswers:
    yield _dapo(moved=lambda new, old: (old.detach() - new).exp())


@dapo.mistake(
    "Your tokens share one ratio per completion, as in exercise 2. That is GSPO; in DAPO every "
    "token has its own."
)
def ratio_of_the_completion() -> WrongAnswers:
    yield _shared_ratio


@dapo.mistake(
    "You clipped the product of ratio and advantage. The bounds apply only to the ratio; multiply "
    "by the advantage afterwards."
)
def product_clipped() -> WrongAnswers:
    yield _product_clipped


@dapo.mistake(
    "The loss is right, but no gradient reaches logprobs: detach only the old log-probabilities."
)
def no_gradient() -> WrongAnswers:
    yield _dapo(moved=lambda new, old: (new - old).detach().exp())


@dapo.mistake("Your loss includes the values on padding. Multiply by the mask before you sum.")
def padding_added() -> WrongAnswers:
    yield _dapo(lambda s, m, tokens: s.sum() / tokens)
    yield _dapo(lambda s, m, tokens: s.mean())


@dapo.mistake("You divided by all positions of the tensor, padding included.")
def padding_counted() -> WrongAnswers:
    yield _dapo(lambda s, m, tokens: (s * m).sum() / m.numel())
    yield _dapo(lambda s, m, tokens: (s * m).mean() / 2)


@dapo.mistake(
    "You summed all tokens without dividing: the longer the completions, the larger the step."
)
def not_divided() -> WrongAnswers:
    yield _dapo(lambda s, m, tokens: (s * m).sum())


@dapo.mistake(
    "You used one epsilon on both sides. DAPO's point is that they differ: a good token may rise "
    "further than a bad one may fall."
)
def one_epsilon() -> WrongAnswers:
    yield _dapo(clamp=lambda r, lo, hi: r.clamp(1 - lo, 1 + lo))
    yield _dapo(clamp=lambda r, lo, hi: r.clamp(1 - hi, 1 + hi))


@dapo.mistake("Your epsilons are swapped: `low` belongs to 1 - low, `high` to 1 + high.")
def bounds_swapped() -> WrongAnswers:
    yield _dapo(clamp=lambda r, lo, hi: r.clamp(1 - hi, 1 + lo))


@dapo.mistake(
    "You used only the clipped ratio. Without the comparison a token that moved in the wrong "
    "direction cannot come back (notebook 05)."
)
def clip_without_min() -> WrongAnswers:
    yield _dapo(pick=lambda plain, clipped: clipped)


@dapo.mistake("You took the larger of the two products. The smaller one is the cautious choice.")
def max_() -> WrongAnswers:
    yield _dapo(pick=torch.maximum)


@dapo.mistake("Nothing is clipped: this is ratio times advantage.")
def no_clip() -> WrongAnswers:
    yield _dapo(pick=lambda plain, clipped: plain)


@dapo.mistake("The sign is flipped: an optimizer *minimises* a loss.")
def sign() -> WrongAnswers:
    yield _dapo(sign=1.0)


@dapo.mistake(
    "Right, except on the first update, where old_logprobs is the same tensor as logprobs: then "
    "both move together, and nothing is learned. Detach the old ones."
)
def no_detach() -> WrongAnswers:
    yield _dapo(moved=lambda new, old: (new - old).exp())


@dapo.mistake("Right for 0.2 and 0.28. Both are arguments, and may have other values.")
def epsilons_ignored() -> WrongAnswers:
    yield _dapo(clamp=lambda r, lo, hi: r.clamp(0.8, 1.28))


@dapo.mistake(
    "You clipped the logarithm of the ratio, and exp(-0.2) is 0.82, not 0.8. The bounds apply to "
    "the ratio."
)
def logarithm_clipped() -> WrongAnswers:
    yield _dapo(clamp=lambda r, lo, hi: r.log().clamp(-lo, hi).exp())


@dapo.mistake(
    "Your ratio is bounded only on one side. A good token must stop above 1 + high, and a bad one "
    "below 1 - low."
)
def one_bound() -> WrongAnswers:
    yield _dapo(clamp=lambda r, lo, hi: r.clamp(max=1 + hi))
    yield _dapo(clamp=lambda r, lo, hi: r.clamp(min=1 - lo))


@dapo.mistake(
    "You took the smaller ratio and then multiplied. For a negative advantage the smaller ratio "
    "gives the larger product: multiply first, then compare."
)
def min_of_ratios() -> WrongAnswers:
    yield _min_of_ratios


@dapo.mistake("You do not use the advantages: every token becomes more likely.")
def no_advantage() -> WrongAnswers:
    yield lambda new, old, a, m, lo, hi, tokens: my_dapo(
        new, old, torch.ones_like(a), m, lo, hi, tokens
    )


@dapo.mistake(
    "You subtracted the micro-batch's mean from the advantages. They have already been compared, "
    "each in its own group; which completions share a micro-batch is arbitrary."
)
def compared_again() -> WrongAnswers:
    yield lambda new, old, a, m, lo, hi, tokens: my_dapo(new, old, a - a.mean(), m, lo, hi, tokens)


@dapo.mistake(
    "Yours has no ratio: it is the log-probability (or the probability, or the change in "
    "log-probability) times the advantage. With several updates per batch that is another "
    "objective, and nothing in it says how far a token has moved."
)
def no_ratio() -> WrongAnswers:
    yield _dapo(pick=lambda plain, clipped: plain, moved=lambda new, old: new)
    yield _dapo(pick=lambda plain, clipped: plain, moved=lambda new, old: new.exp())
    yield _dapo(moved=lambda new, old: new - old.detach())
    yield _dapo(pick=lambda plain, clipped: plain, moved=lambda new, old: new - old.detach())


@dapo.mistake(
    "You divided one log-probability by the other. The logarithm of a ratio is a *difference* of "
    "logarithms."
)
def logs_divided() -> WrongAnswers:
    yield _dapo(moved=lambda new, old: new / old.detach())
    yield _dapo(moved=lambda new, old: (new / old.detach()).exp())
