"""The mistakes that the exercise `ratio` of lesson 11 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson11.ratio_exercise import ratio


def _ratio(
    combine: Callable[[Tensor, Tensor], Tensor] = lambda d, m: ((d * m).sum(1) / m.sum(1)).exp(),
    moved: Callable[[Tensor, Tensor], Tensor] = lambda new, old: new - old.detach(),
) -> Callable[..., Tensor]:
    """A ratio that is right but for what is passed in."""
    return lambda new, old, mask: combine(moved(new, old), mask)


@ratio.mistake(
    "You summed the log-ratios: pi(o) / pi_old(o), the ratio of the whole completion. RLOO uses "
    "it, and it grows with length: a hundred tokens that have risen by 1% each give 2.7. GSPO "
    "takes the mean, so that one pair of bounds fits all lengths."
)
def sum_() -> WrongAnswers:
    yield _ratio(lambda d, m: (d * m).sum(1).exp())


@ratio.mistake(
    "You divided by the width of the tensor. The mean is over the completion's own tokens: with "
    "more padding, a ratio would come closer to 1."
)
def padding_counted() -> WrongAnswers:
    yield _ratio(lambda d, m: ((d * m).sum(1) / m.shape[1]).exp())


@ratio.mistake("Your mean includes the values on padding. Multiply by the mask first.")
def padding_added() -> WrongAnswers:
    yield _ratio(lambda d, m: d.mean(1).exp())
    yield _ratio(lambda d, m: (d.sum(1) / m.sum(1)).exp())
    yield _ratio(lambda d, m: d.sum(1).exp())


@ratio.mistake(
    "You took the mean of the tokens' ratios, but GSPO takes the mean of their *logarithms*, then "
    "the exponential: a geometric mean. One token that has risen a thousandfold would dominate "
    "yours."
)
def mean_of_ratios() -> WrongAnswers:
    yield _ratio(lambda d, m: (d.exp() * m).sum(1) / m.sum(1))


@ratio.mistake("That is the logarithm of the ratio: 0 where nothing has moved, and it should be 1.")
def no_exponential() -> WrongAnswers:
    yield _ratio(lambda d, m: (d * m).sum(1) / m.sum(1))


@ratio.mistake("You took one mean over all completions. Each has a ratio of its own.")
def whole_batch() -> WrongAnswers:
    yield _ratio(lambda d, m: ((d * m).sum() / m.sum()).exp().expand(len(m)))


@ratio.mistake(
    "You divided one log-probability by the other. The logarithm of a ratio is a *difference* of "
    "logarithms."
)
def logs_divided() -> WrongAnswers:
    yield _ratio(moved=lambda new, old: new / old.detach())
    yield _ratio(moved=lambda new, old: (new / old.detach()).log())


@ratio.mistake("Your ratio is upside down: it is the new policy over the old one.")
def upside_down() -> WrongAnswers:
    yield _ratio(moved=lambda new, old: old.detach() - new)


@ratio.mistake(
    "Right, except on the first update, where old_logprobs is the same tensor as logprobs: then "
    "both move together, and the slope is 0. The old policy is a constant."
)
def no_detach() -> WrongAnswers:
    yield _ratio(moved=lambda new, old: new - old)


@ratio.mistake(
    "The ratios are right, but no gradient reaches logprobs: detach only the old log-probabilities."
)
def no_gradient() -> WrongAnswers:
    yield _ratio(moved=lambda new, old: (new - old).detach())


@ratio.mistake(
    "You clipped the ratio. The surrogate does that, and it needs the unclipped one as well; here "
    "return the ratio as it is."
)
def clipped() -> WrongAnswers:
    yield _ratio(lambda d, m: ((d * m).sum(1) / m.sum(1)).exp().clamp(0.8, 1.2))
    yield _ratio(lambda d, m: ((d * m).sum(1) / m.sum(1)).exp().clamp(0.8, 1.28))


@ratio.mistake(
    "You divided by the *root* of the length. The mean of the log-ratios is their sum over their "
    "number."
)
def root_of_the_length() -> WrongAnswers:
    yield _ratio(lambda d, m: ((d * m).sum(1) / m.sum(1).sqrt()).exp())


@ratio.mistake(
    "You used one token's ratio for the whole completion, the last or the largest. All tokens "
    "contribute."
)
def one_token() -> WrongAnswers:
    yield _ratio(lambda d, m: d.exp()[torch.arange(len(m)), m.sum(1) - 1])
    yield _ratio(lambda d, m: d.masked_fill(~m, float("-inf")).amax(1).exp())
    yield _ratio(lambda d, m: d.amax(1).exp())


@ratio.mistake("You summed down the columns, over completions. A row is a completion: dim=1.")
def down_the_columns() -> WrongAnswers:
    yield _ratio(lambda d, m: ((d * m).sum(0) / m.sum(0)).exp()[: len(m)])


@ratio.mistake(
    "You summed probabilities, and divided the sums. The probability of a completion is a "
    "product: sum the logarithms."
)
def probabilities_added() -> WrongAnswers:
    yield lambda new, old, mask: (new.exp() * mask).sum(1) / (old.detach().exp() * mask).sum(1)


@ratio.mistake(
    "You used 1 + x for exp(x). That is close if little has moved, and 0 or less if much has."
)
def one_plus() -> WrongAnswers:
    yield _ratio(lambda d, m: 1 + (d * m).sum(1) / m.sum(1))
