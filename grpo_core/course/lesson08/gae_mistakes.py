"""The mistakes that the exercise `gae` of lesson 08 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson08.gae_exercise import gae, my_gae
from grpo_core.course.lesson08.token_rewards_mistakes import put_at


def _deltas(rewards: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """r_t + V_{t+1} - V_t, nothing behind the end."""
    values = values * mask
    return (rewards + torch.nn.functional.pad(values, (0, 1))[:, 1:] - values) * mask


def _sum_up(deltas: Tensor, mask: Tensor, lam: float) -> Tensor:
    """A_t = delta_t + lambda A_{t+1}, from the end on."""
    total, later = torch.zeros_like(deltas), torch.zeros(len(deltas))
    for t in reversed(range(deltas.shape[1])):
        later = (deltas[:, t] + lam * later) * mask[:, t]
        total[:, t] = later
    return total


def _estimate(
    deltas: Callable[[Tensor, Tensor, Tensor], Tensor] = _deltas,
    total: Callable[[Tensor, Tensor, float], Tensor] = _sum_up,
) -> Callable[..., Tensor]:
    """GAE, right but for what is passed in."""
    return lambda r, v, m, lam: total(deltas(r, v, m), m, lam)


def _forward_sum(deltas: Tensor, mask: Tensor, lam: float) -> Tensor:
    """The recursion from the front: every token is credited with what came before it."""
    return _sum_up(deltas.flip(1), mask.flip(1), lam).flip(1)


def _bootstrapped(rewards: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Behind the end, the last value once more."""
    ends = put_at(torch.ones(len(mask)), mask)
    return _deltas(rewards, values, mask) + ends * values


def _bootstrapped_by_column(rewards: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """The same, for the last column only."""
    extra = torch.zeros_like(values)
    extra[:, -1] = values[:, -1] * mask[:, -1]
    return _deltas(rewards, values, mask) + extra


def _with_padding(rewards: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Values behind the end are read."""
    return rewards + torch.nn.functional.pad(values, (0, 1))[:, 1:] - values


def _without_last_column(deltas: Tensor) -> Tensor:
    return torch.nn.functional.pad(deltas[:, :-1], (0, 1))


def _before(rewards: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """The value before stands where the one after it belongs."""
    values = values * mask
    return (rewards + torch.nn.functional.pad(values, (1, 0))[:, :-1] - values) * mask


def _moved_right(values: Tensor) -> Tensor:
    """The value of the position before, 0 before the first."""
    return torch.nn.functional.pad(values, (1, 0))[:, :-1]


def _whitened(advantages: Tensor, mask: Tensor) -> Tensor:
    return (advantages - advantages[mask].mean()) / (advantages[mask].std() + 1e-8)


def _discounted(r: Tensor, v: Tensor, m: Tensor, lam: float) -> Tensor:
    """The rewards to come, discounted by lambda, less the value."""
    return (_sum_up(r * m, m, lam) - v) * m


def _lam_as_gamma(r: Tensor, v: Tensor, m: Tensor, lam: float) -> Tensor:
    later = torch.nn.functional.pad(v * m, (0, 1))[:, 1:]
    return _sum_up((r + lam * later - v) * m, m, 1.0)


@gae.mistake(
    "Your recursion runs from the front: every token is credited with the deltas *before* it. A "
    "token can only have caused what comes after it."
)
def forward() -> WrongAnswers:
    yield _estimate(total=_forward_sum)


@gae.mistake(
    "After the last token you use its own value again. The completion is over there, the reward "
    "has been paid, and the value is 0."
)
def bootstrapped() -> WrongAnswers:
    yield _estimate(_bootstrapped)
    yield _estimate(_bootstrapped_by_column)


@gae.mistake(
    "Completions that fill their row are right. In a shorter one, the critic's values on padding "
    "have entered the advantages: after the end of *that row* the value is 0."
)
def padding_read() -> WrongAnswers:
    yield _estimate(_with_padding)
    yield lambda r, v, m, lam: _sum_up(_with_padding(r, v, m), torch.ones_like(m), lam)
    yield lambda r, v, m, lam: _sum_up(_deltas(r, v, m) + (r - v) * ~m, m | ~m, lam)


@gae.mistake(
    "After the last token you use the value of the *first*: `roll` moves it from the front to the "
    "end. After the last token the value is 0."
)
def rolled() -> WrongAnswers:
    yield _estimate(lambda r, v, m: (r + (v * m).roll(-1, 1) - v) * m)
    yield lambda r, v, m, lam: _sum_up(r * m + (v * m).roll(-1, 1) - v * m, m | ~m, lam)


@gae.mistake(
    "You added only the next delta. Add all the later ones: lambda times the next *advantage*, "
    "which already contains the rest."
)
def one_later_td_error() -> WrongAnswers:
    yield _estimate(total=lambda d, m, lam: d + lam * torch.nn.functional.pad(d, (0, 1))[:, 1:])


@gae.mistake(
    "You multiplied the token's own delta by lambda as well. It counts in full; the first one "
    "multiplied by lambda is the next."
)
def faded_here_too() -> WrongAnswers:
    yield _estimate(total=lambda d, m, lam: lam * _sum_up(d, m, lam))


@gae.mistake(
    "Your powers of lambda count from the start of the completion. They must count from the token "
    "whose advantage it is: the next delta is one step away from every token."
)
def faded_from_the_front() -> WrongAnswers:
    yield _estimate(total=lambda d, m, lam: _sum_up(d * lam ** torch.arange(d.shape[1]), m, 1.0))


@gae.mistake(
    "A delta is the new value minus the old one: the value after the token has a plus, the value "
    "before it a minus."
)
def values_swapped() -> WrongAnswers:
    yield _estimate(lambda r, v, m: 2 * r * m - _deltas(r, v, m))


@gae.mistake(
    "Your loop begins at the second-to-last token. The last token has a delta as well: after it "
    "the value is 0."
)
def last_token_left_out() -> WrongAnswers:
    yield _estimate(lambda r, v, m: _without_last_column(_deltas(r, v, m)))


@gae.mistake("Every later delta counts in full: lambda is missing.")
def lambda_forgotten() -> WrongAnswers:
    yield _estimate(total=lambda d, m, lam: _sum_up(d, m, 1.0))


@gae.mistake(
    "That is delta alone, the advantage at lambda 0. It leaves out the deltas of the tokens after "
    "it."
)
def only_delta() -> WrongAnswers:
    yield _estimate(total=lambda d, m, lam: d)


@gae.mistake(
    "You multiplied the next *value* by lambda instead of the later deltas. Lambda discounts "
    "deltas; gamma, which is 1 here, discounts values."
)
def lambda_as_gamma() -> WrongAnswers:
    yield _lam_as_gamma


@gae.mistake(
    "You did not subtract the value before the token. Then every reward counts in full, however "
    "certain it was."
)
def value_not_subtracted() -> WrongAnswers:
    yield _estimate(lambda r, v, m: _deltas(r, v, m) + v * m)


@gae.mistake(
    "You subtract the value before the token and never add the value after it. A token that leads "
    "to a promising state brings no reward yet, but it is good."
)
def next_value_forgotten() -> WrongAnswers:
    yield _estimate(lambda r, v, m: (r - v) * m)


@gae.mistake(
    "That equals the *rewards* discounted by lambda, minus the value here. (If you use lambda "
    "twice, at the next value as well, the values in between cancel, and this is what is left.) "
    "GAE discounts the deltas, each with its values in full."
)
def discounted_reward() -> WrongAnswers:
    yield _discounted


@gae.mistake(
    "You used the previous token's value instead of the next token's. To place the next value at "
    "each position, shift the row to the *left*."
)
def value_before() -> WrongAnswers:
    yield _estimate(_before)
    yield _estimate(lambda r, v, m: (r + (v * m).roll(1, 1) - v) * m)


@gae.mistake(
    "Your difference is this value minus the previous one: what the *previous* token changed. A "
    "value is the prediction before its token, so this token's effect appears in the next value."
)
def td_error_of_the_one_before() -> WrongAnswers:
    yield _estimate(lambda r, v, m: (r + v - _moved_right(v)) * m)
    yield _estimate(lambda r, v, m: (r + v - v.roll(1, 1)) * m)


@gae.mistake(
    "There is no reward in your deltas: the critic's value is compared with its next value, and "
    "never with the reward."
)
def reward_forgotten() -> WrongAnswers:
    yield _estimate(lambda r, v, m: _deltas(0 * r, v, m))


@gae.mistake("You discount by 1 - lambda. At lambda 1 later deltas count in full, at 0 not at all.")
def one_minus_lambda() -> WrongAnswers:
    yield _estimate(total=lambda d, m, lam: _sum_up(d, m, 1 - lam))
    yield _estimate(total=lambda d, m, lam: (1 - lam) * _sum_up(d, m, lam))


@gae.mistake(
    "The numbers are right but reversed: a loop from the end puts the last token's advantage "
    "first into a list. Reverse it, or write each number to its position."
)
def turned_round() -> WrongAnswers:
    yield lambda r, v, m, lam: my_gae(r, v, m, lam).flip(1)


@gae.mistake(
    "You subtracted the mean, or divided by the standard deviation. Many trainers do that "
    "afterwards; this exercise asks for the advantages as they are."
)
def normalised() -> WrongAnswers:
    yield lambda r, v, m, lam: _whitened(my_gae(r, v, m, lam), m)
    yield lambda r, v, m, lam: my_gae(r, v, m, lam) - my_gae(r, v, m, lam)[m].mean()
    yield lambda r, v, m, lam: my_gae(r, v, m, lam) / m.sum(dim=1, keepdim=True)


@gae.mistake(
    "You added the values again: these are the returns, the critic's target. Return the advantages."
)
def returns() -> WrongAnswers:
    yield lambda r, v, m, lam: my_gae(r, v, m, lam) + v


@gae.mistake(
    "The signs are flipped: a reward that is larger than the value gives a *positive* delta."
)
def sign() -> WrongAnswers:
    yield lambda r, v, m, lam: -my_gae(r, v, m, lam)
