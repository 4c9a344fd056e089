"""The mistakes that the exercise `token_rewards` of lesson 08 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson08.token_rewards_exercise import my_token_rewards, token_rewards


def put_at(scores: Tensor, mask: Tensor) -> Tensor:
    """The score on the last token."""
    ends = mask & (mask.flip(1).cumsum(dim=1).flip(1) == 1)
    return ends * scores.unsqueeze(1)


def _shifted(scores: Tensor, mask: Tensor) -> Tensor:
    """The score on the first position behind the end."""
    return torch.nn.functional.pad(put_at(scores, mask), (1, 0))[:, :-1]


def _on_last_column(scores: Tensor, mask: Tensor) -> Tensor:
    return torch.nn.functional.pad(scores.unsqueeze(1), (mask.shape[1] - 1, 0))


def _rewarded(
    place: Callable[[Tensor, Tensor], Tensor] = put_at,
    price: Callable[[Tensor, Tensor, float], Tensor] = lambda kl, mask, beta: -beta * kl * mask,
    weight: Callable[[float], float] = lambda beta: 1.0,
) -> Callable[..., Tensor]:
    """Token rewards, right but for what is passed in.

    Where the score goes, what the KL costs, and what the score is multiplied by.
    """
    return lambda s, kl, m, beta: weight(beta) * place(s, m) + price(kl, m, beta)


def _on_all_ends(scores: Tensor, kl: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Each row's own score, wherever some row ends."""
    rewards = -beta * kl * mask
    rewards[:, mask.sum(dim=1) - 1] += scores.unsqueeze(1)
    return rewards


def _added_on_all_ends(scores: Tensor, kl: Tensor, mask: Tensor, beta: float) -> Tensor:
    """The score of the row that ends there, in all rows."""
    rewards = -beta * kl * mask
    rewards[:, mask.sum(dim=1) - 1] += scores
    return rewards


def _one_too_early(scores: Tensor, kl: Tensor, mask: Tensor, beta: float) -> Tensor:
    rewards = -beta * kl * mask
    rewards[torch.arange(len(scores)), mask.sum(dim=1) - 2] += scores
    return rewards


@token_rewards.mistake(
    "You put the reward in the last column of every row. That is the last token of only the "
    "longest completion; in the others it is padding, which is ignored, so their reward is lost. "
    "Where does each row end?"
)
def last_column() -> WrongAnswers:
    yield _rewarded(_on_last_column)
    yield lambda s, kl, m, beta: _rewarded(_on_last_column)(s, kl, m, beta) * m


@token_rewards.mistake(
    "Every row has the reward at the last position of *every* row. `x[:, columns]` selects all "
    "these columns in all rows; for one element per row, index the rows too."
)
def rows_times_columns() -> WrongAnswers:
    yield _on_all_ends
    yield _added_on_all_ends


@token_rewards.mistake(
    "The reward is one position too early: a completion of 3 tokens has positions 0, 1 and 2."
)
def before_the_end() -> WrongAnswers:
    yield _one_too_early


@token_rewards.mistake(
    "You multiplied the reward by beta (or by -beta). Beta multiplies only the KL; the reward "
    "stays as it is."
)
def score_times_beta() -> WrongAnswers:
    yield _rewarded(price=lambda kl, m, beta: -beta * kl * m, weight=lambda beta: -beta)
    yield _rewarded(price=lambda kl, m, beta: -beta * kl * m, weight=lambda beta: beta)


@token_rewards.mistake(
    "The reward is one position too late, on the first padding position. Positions count from 0: "
    "a completion of 3 tokens ends at position 2."
)
def behind_the_end() -> WrongAnswers:
    yield _rewarded(_shifted)


@token_rewards.mistake(
    "The reward is on the first token. It is known when the completion is over, so it belongs to "
    "the last one."
)
def first_token() -> WrongAnswers:
    yield _rewarded(lambda s, m: torch.nn.functional.pad(s.unsqueeze(1), (0, m.shape[1] - 1)))


@token_rewards.mistake(
    "Every token gets the whole reward. Summed over the completion, a right answer of 90 tokens "
    "would be worth 90: length would pay."
)
def every_token() -> WrongAnswers:
    yield _rewarded(lambda s, m: s.unsqueeze(1) * m)
    yield _rewarded(lambda s, m: s.unsqueeze(1).expand(m.shape))


@token_rewards.mistake(
    "The reward is spread over the tokens. It is paid once, at the end; the advantages then work "
    "out which tokens earned it."
)
def spread() -> WrongAnswers:
    yield _rewarded(lambda s, m: s.unsqueeze(1) * m / m.sum(dim=1, keepdim=True))


@token_rewards.mistake("You *reward* being far from the reference. The KL is a cost.")
def kl_added() -> WrongAnswers:
    yield _rewarded(price=lambda kl, m, beta: beta * kl * m)


@token_rewards.mistake(
    "You charge padding too: positions after the end are not tokens of the completion, and their "
    "KL has no meaning."
)
def kl_on_padding() -> WrongAnswers:
    yield _rewarded(price=lambda kl, m, beta: -beta * kl)


@token_rewards.mistake("The reward is in the right place, but the KL costs nothing.")
def kl_forgotten() -> WrongAnswers:
    yield _rewarded(price=lambda kl, m, beta: 0.0 * kl)


@token_rewards.mistake("The coefficient beta is missing.")
def beta_forgotten() -> WrongAnswers:
    yield _rewarded(price=lambda kl, m, beta: -kl * m)


@token_rewards.mistake(
    "On the last token your reward *replaces* the KL. That token may have strayed like any other: "
    "it gets both."
)
def score_instead_of_kl() -> WrongAnswers:
    yield _rewarded(price=lambda kl, m, beta: -beta * kl * m * ~put_at(m.any(1), m))


@token_rewards.mistake(
    "You put the whole completion's KL on its last token. That is how a method without token "
    "rewards does it (RLOO). Here each token pays for itself."
)
def kl_at_the_end() -> WrongAnswers:
    yield _rewarded(
        price=lambda kl, m, beta: -beta * put_at((kl * m).sum(dim=1), m),
    )


@token_rewards.mistake(
    "Every token pays its KL, but the last one also pays that of the whole completion. Each token "
    "pays only for itself."
)
def kl_twice() -> WrongAnswers:
    yield _rewarded(
        price=lambda kl, m, beta: -beta * (kl * m + put_at((kl * m).sum(dim=1), m)),
    )


@token_rewards.mistake(
    "All your tokens of a completion pay the same, the mean of its KL. Each pays for itself, so "
    "that one can tell which token has strayed."
)
def kl_averaged() -> WrongAnswers:
    yield _rewarded(
        price=lambda kl, m, beta: (
            -beta * m * (kl * m).sum(dim=1, keepdim=True) / m.sum(dim=1, keepdim=True)
        )
    )


@token_rewards.mistake(
    "You gave each token everything that is still to come: that is its *return*. A reward comes "
    "with this token only; the next exercise sums them."
)
def added_up_already() -> WrongAnswers:
    yield lambda *x: my_token_rewards(*x).flip(1).cumsum(1).flip(1) * x[2]


@token_rewards.mistake(
    "Right, except where a token's KL is below 0: you took its absolute value, or cut it off at "
    "0. It is an estimate from one token and may be negative; only its mean is not."
)
def kl_absolute() -> WrongAnswers:
    yield _rewarded(price=lambda kl, m, beta: -beta * kl.abs() * m)
    yield _rewarded(price=lambda kl, m, beta: -beta * kl.clamp(min=0) * m)


@token_rewards.mistake("With yours, a larger beta makes the KL cheaper. Multiply by it.")
def beta_upside_down() -> WrongAnswers:
    yield _rewarded(price=lambda kl, m, beta: -kl * m / beta)
    yield _rewarded(price=lambda kl, m, beta: -(1 - beta) * kl * m)
