"""Lesson 08, GRPO against PPO: its checks, its mistakes, its quiz."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.lessons.exercise import Case, Exercise, Mistake, WrongShape, number, tensor
from grpo_core.lessons.quiz import Option, Question, Quiz


def _mask(*lengths: int) -> Tensor:
    """(B, 4) bool: so many tokens a row, the rest padding."""
    return torch.arange(4) < torch.tensor(lengths).unsqueeze(1)


# --- exercise 1: a reward for every token ---------------------------------------------------------


def my_token_rewards(scores: Tensor, kl: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Scores (B,), KL and mask (B, T) -> every token's reward (B, T)."""
    rewards = -beta * kl * mask
    last = mask.sum(dim=1) - 1
    rows = torch.arange(len(scores))
    rewards[rows, last] += scores
    return rewards


def _place(scores: Tensor, mask: Tensor) -> Tensor:
    """The score on the last token."""
    ends = mask & (mask.flip(1).cumsum(dim=1).flip(1) == 1)
    return ends * scores.unsqueeze(1)


def _shifted(scores: Tensor, mask: Tensor) -> Tensor:
    """The score on the first position behind the end."""
    return torch.nn.functional.pad(_place(scores, mask), (1, 0))[:, :-1]


def _on_last_column(scores: Tensor, mask: Tensor) -> Tensor:
    return torch.nn.functional.pad(scores.unsqueeze(1), (mask.shape[1] - 1, 0))


def _rewarded(
    place: Callable[[Tensor, Tensor], Tensor] = _place,
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


_KL = torch.tensor([[0.2, 0.6, 0.4, 7.0], [0.5, 0.1, 7.0, 7.0], [0.3, 7.0, 7.0, 7.0]])


# an estimate from one token may be below 0
_KL_BELOW = torch.tensor([[0.2, -0.6, 0.4, 0.9], [0.5, 0.1, 7.0, 7.0], [0.3, -0.2, 0.8, 7.0]])


def _paid(
    *lengths: int, kl: Tensor = _KL, beta: float = 0.5
) -> Callable[[Callable[..., Any]], Any]:
    def run(function: Callable[..., Any]) -> Tensor:
        scores = torch.tensor([1.3, 0.3, 1.0])
        got = tensor(function(scores, kl.clone(), _mask(*lengths), beta))
        if got.shape != _KL.shape:
            raise WrongShape(
                f"One reward a token is wanted, so the shape (3, 4); yours has {tuple(got.shape)}."
            )
        return got

    return run


token_rewards = Exercise(
    "08",
    "token_rewards",
    solution_function=my_token_rewards,
    cases=[
        Case("For three completions of 3, 2 and 1 tokens, in rows of four", _paid(3, 2, 1)),
        Case("For three completions of 4, 2 and 3 tokens", _paid(4, 2, 3)),
        Case("For the same, with a beta of 0.2", _paid(4, 2, 3, kl=_KL_BELOW, beta=0.2)),
    ],
    mistakes=[
        Mistake(
            "last_column",
            "The score is in the last column of every row. That is the last token of the longest "
            "completion only; behind the others it is padding, which nobody reads: their score is "
            "lost. Where does each row end?",
            (
                _rewarded(_on_last_column),
                lambda s, kl, m, beta: _rewarded(_on_last_column)(s, kl, m, beta) * m,
            ),
        ),
        Mistake(
            "rows_times_columns",
            "Every row has the score at the last position of *every* row. `x[:, columns]` takes "
            "all these columns of all rows; for one element a row, the rows are numbered too.",
            (_on_all_ends, _added_on_all_ends),
        ),
        Mistake(
            "before_the_end",
            "The score is one position too early: a completion of 3 tokens has positions 0, 1 "
            "and 2.",
            (_one_too_early,),
        ),
        Mistake(
            "score_times_beta",
            "Your score is multiplied by beta (and by its minus, perhaps). Beta is the price of "
            "the KL; the score comes as it is.",
            (
                _rewarded(price=lambda kl, m, beta: -beta * kl * m, weight=lambda beta: -beta),
                _rewarded(price=lambda kl, m, beta: -beta * kl * m, weight=lambda beta: beta),
            ),
        ),
        Mistake(
            "behind_the_end",
            "The score is one position too late, on the first padding. Positions count from 0: a "
            "completion of 3 tokens ends at position 2.",
            (_rewarded(_shifted),),
        ),
        Mistake(
            "first_token",
            "The score is on the first token. It is known when the completion is over, so it comes "
            "with the last one.",
            (_rewarded(lambda s, m: torch.nn.functional.pad(s.unsqueeze(1), (0, m.shape[1] - 1))),),
        ),
        Mistake(
            "every_token",
            "Every token gets the whole score. Added up over the completion, a right answer of 90 "
            "tokens would be worth 90: being long would pay.",
            (
                _rewarded(lambda s, m: s.unsqueeze(1) * m),
                _rewarded(lambda s, m: s.unsqueeze(1).expand(m.shape)),
            ),
        ),
        Mistake(
            "spread",
            "The score is spread over the tokens. It is paid once, at the end; to find out who "
            "earned it is the work of the advantages.",
            (_rewarded(lambda s, m: s.unsqueeze(1) * m / m.sum(dim=1, keepdim=True)),),
        ),
        Mistake(
            "kl_added",
            "You *pay* for being far from the reference. The KL is a cost.",
            (_rewarded(price=lambda kl, m, beta: beta * kl * m),),
        ),
        Mistake(
            "kl_on_padding",
            "Padding has a price in yours: what stands behind the end is no token, and its KL is "
            "not a KL of anything.",
            (_rewarded(price=lambda kl, m, beta: -beta * kl),),
        ),
        Mistake(
            "kl_forgotten",
            "The score is where it belongs, and the KL costs nothing.",
            (_rewarded(price=lambda kl, m, beta: 0.0 * kl),),
        ),
        Mistake(
            "beta_forgotten",
            "The coefficient beta is missing.",
            (_rewarded(price=lambda kl, m, beta: -kl * m),),
        ),
        Mistake(
            "score_instead_of_kl",
            "On the last token your score stands *in place of* the KL. That token may have strayed "
            "like any other: it gets both.",
            (_rewarded(price=lambda kl, m, beta: -beta * kl * m * ~_place(m.any(1), m)),),
        ),
        Mistake(
            "kl_at_the_end",
            "You put the whole completion's KL on its last token. That is how a method without "
            "token rewards has it (RLOO). Here each token pays for itself, on the spot.",
            (
                _rewarded(
                    price=lambda kl, m, beta: -beta * _place((kl * m).sum(dim=1), m),
                ),
            ),
        ),
        Mistake(
            "kl_twice",
            "Every token pays its KL, and the last one pays that of the whole completion once "
            "more. Each pays for itself, and that is all.",
            (
                _rewarded(
                    price=lambda kl, m, beta: -beta * (kl * m + _place((kl * m).sum(dim=1), m)),
                ),
            ),
        ),
        Mistake(
            "kl_averaged",
            "All tokens of a completion pay the same in yours, the mean of its KL. Each pays for "
            "itself: that is how it can be told which one has strayed.",
            (
                _rewarded(
                    price=lambda kl, m, beta: (
                        -beta * m * (kl * m).sum(dim=1, keepdim=True) / m.sum(dim=1, keepdim=True)
                    )
                ),
            ),
        ),
        Mistake(
            "added_up_already",
            "In yours a token's reward is all that is still to come: that is its *return*. A "
            "reward is what comes with this very token; adding up is what the next exercise does.",
            (lambda *x: my_token_rewards(*x).flip(1).cumsum(1).flip(1) * x[2],),
        ),
        Mistake(
            "kl_absolute",
            "Right, except where a token's KL is below 0: you took its size, or cut it off. It is "
            "an estimate from one token and may be below 0; only its mean is not.",
            (
                _rewarded(price=lambda kl, m, beta: -beta * kl.abs() * m),
                _rewarded(price=lambda kl, m, beta: -beta * kl.clamp(min=0) * m),
            ),
        ),
        Mistake(
            "beta_upside_down",
            "A larger beta makes the KL cheaper in yours. It is the price: it multiplies.",
            (
                _rewarded(price=lambda kl, m, beta: -kl * m / beta),
                _rewarded(price=lambda kl, m, beta: -(1 - beta) * kl * m),
            ),
        ),
    ],
    hints=[
        "Two parts that are added: a price on every token, and a score on one token of each row.",
        "How many tokens a row has is the sum of its mask. Which position is the last one, then?",
        "Two index tensors pick one element a row: `x[rows, columns]`. You may add to that.",
    ],
    well_done="your rewards are right: each token pays its KL, and the last one brings the score.",
)  # fmt: skip


# --- exercise 2: generalized advantage estimation -------------------------------------------------


def my_gae(rewards: Tensor, values: Tensor, mask: Tensor, lam: float) -> Tensor:
    """Rewards, values and mask (B, T) -> advantages (B, T), gamma 1."""
    advantages = torch.zeros_like(values)
    later_advantage = later_value = torch.zeros(len(values))
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + later_value - values[:, t]
        later_advantage = (delta + lam * later_advantage) * mask[:, t]
        later_value = values[:, t] * mask[:, t]
        advantages[:, t] = later_advantage
    return advantages


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
    ends = _place(torch.ones(len(mask)), mask)
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


_GAE_REWARDS = torch.tensor([[-0.1, 0.0, 0.2, 1.0], [0.1, -0.2, 1.0, 5.0], [0.3, 0.4, 5.0, 5.0]])
_GAE_VALUES = torch.tensor([[0.4, 0.1, 0.6, 0.7], [0.2, 0.9, 0.3, 8.0], [0.5, 0.3, 8.0, 8.0]])


def _credited(lam: float, *lengths: int) -> Callable[[Callable[..., Any]], Any]:
    def run(function: Callable[..., Any]) -> Tensor:
        rows = len(lengths)
        mask = _mask(*lengths)
        got = tensor(function(_GAE_REWARDS[:rows].clone(), _GAE_VALUES[:rows].clone(), mask, lam))
        if got.shape != mask.shape:
            raise WrongShape(
                f"One advantage a token is wanted, so the shape {tuple(mask.shape)}; yours has "
                f"{tuple(got.shape)}."
            )
        return got * mask  # what stands on padding is not looked at

    return run


gae = Exercise(
    "08",
    "gae",
    solution_function=my_gae,
    cases=[
        Case("For one completion of 4 tokens at lambda 0.5", _credited(0.5, 4)),
        Case("For completions of 4, 3 and 2 tokens at lambda 0.9", _credited(0.9, 4, 3, 2)),
        Case("At lambda 1", _credited(1.0, 4, 3, 2)),
        Case("At lambda 0", _credited(0.0, 4, 3, 2)),
    ],
    mistakes=[
        Mistake(
            "forward",
            "Your recursion runs from the front: every token is credited with the surprises "
            "*before* it. A token can only have caused what comes after it.",
            (_estimate(total=_forward_sum),),
        ),
        Mistake(
            "bootstrapped",
            "Behind the last token you expect something: its own value again. The completion is "
            "over there, the reward has been paid, and there is nothing more to come.",
            (_estimate(_bootstrapped), _estimate(_bootstrapped_by_column)),
        ),
        Mistake(
            "padding_read",
            "Completions that fill their row are right. In a shorter one, what the critic says "
            "about padding has got into the advantages: behind the end of *that row* there is "
            "nothing to expect.",
            (
                _estimate(_with_padding),
                lambda r, v, m, lam: _sum_up(_with_padding(r, v, m), torch.ones_like(m), lam),
                lambda r, v, m, lam: _sum_up(_deltas(r, v, m) + (r - v) * ~m, m | ~m, lam),
            ),
        ),
        Mistake(
            "rolled",
            "Behind the last token you have the value of the *first*: `roll` brings round to the "
            "end what falls out in front. Behind the last token there is nothing to expect.",
            (
                _estimate(lambda r, v, m: (r + (v * m).roll(-1, 1) - v) * m),
                lambda r, v, m, lam: _sum_up(r * m + (v * m).roll(-1, 1) - v * m, m | ~m, lam),
            ),
        ),
        Mistake(
            "one_later_surprise",
            "You added the next surprise and no more. There are all the later ones: lambda times "
            "the next *advantage*, which holds the rest already.",
            (
                _estimate(
                    total=lambda d, m, lam: d + lam * torch.nn.functional.pad(d, (0, 1))[:, 1:]
                ),
            ),
        ),
        Mistake(
            "faded_here_too",
            "Your token's own surprise is faded by lambda as well. It counts in full; the first "
            "that is faded is the next one.",
            (_estimate(total=lambda d, m, lam: lam * _sum_up(d, m, lam)),),
        ),
        Mistake(
            "faded_from_the_front",
            "Your powers of lambda count from the start of the completion. They count from the "
            "token whose advantage it is: the next surprise is one step away from every token.",
            (
                _estimate(
                    total=lambda d, m, lam: _sum_up(d * lam ** torch.arange(d.shape[1]), m, 1.0)
                ),
            ),
        ),
        Mistake(
            "values_swapped",
            "A surprise is the new opinion less the old one: the value behind the token counts "
            "with plus, the value before it with minus.",
            (_estimate(lambda r, v, m: 2 * r * m - _deltas(r, v, m)),),
        ),
        Mistake(
            "last_token_left_out",
            "Your loop begins at the last token but one. The last token has a surprise as well: "
            "behind it the value is 0.",
            (_estimate(lambda r, v, m: _without_last_column(_deltas(r, v, m))),),
        ),
        Mistake(
            "lambda_forgotten",
            "Every later surprise counts in full: lambda is missing.",
            (_estimate(total=lambda d, m, lam: _sum_up(d, m, 1.0)),),
        ),
        Mistake(
            "only_delta",
            "That is delta alone. What the tokens after it found out is left out; at lambda 0 that "
            "would be meant.",
            (_estimate(total=lambda d, m, lam: d),),
        ),
        Mistake(
            "lambda_as_gamma",
            "You multiplied the next *value* by lambda, and not the later surprises. Lambda fades "
            "surprises; what discounts a value is gamma, and that is 1 here.",
            (_lam_as_gamma,),
        ),
        Mistake(
            "value_not_subtracted",
            "You did not subtract what was expected before the token. Then everything that goes "
            "well is a good surprise, however certain it was.",
            (_estimate(lambda r, v, m: _deltas(r, v, m) + v * m),),
        ),
        Mistake(
            "next_value_forgotten",
            "You subtract what was expected before the token and never add what is expected after "
            "it. A token that leads to a promising place brings no reward yet, and it is good.",
            (_estimate(lambda r, v, m: (r - v) * m),),
        ),
        Mistake(
            "discounted_reward",
            "That comes to the *rewards* faded by lambda, less the value here. (If you have lambda "
            "twice, at the next value as well, the values in between cancel, and this is what is "
            "left.) What is faded in GAE are the surprises, each with its values in full.",
            (_discounted,),
        ),
        Mistake(
            "value_before",
            "You took the value of the token before where that of the one after it belongs. To "
            "have the next value stand at each place, a row is moved to the *left*.",
            (
                _estimate(_before),
                _estimate(lambda r, v, m: (r + (v * m).roll(1, 1) - v) * m),
            ),
        ),
        Mistake(
            "surprise_of_the_one_before",
            "Your difference is this value less the one before it: what the *last* token changed. "
            "The value stands before its token, so what this token changes is seen in the next.",
            (
                _estimate(lambda r, v, m: (r + v - _moved_right(v)) * m),
                _estimate(lambda r, v, m: (r + v - v.roll(1, 1)) * m),
            ),
        ),
        Mistake(
            "reward_forgotten",
            "There is no reward in your surprises: what the critic expected is compared with what "
            "it expects next, and never with what came.",
            (_estimate(lambda r, v, m: _deltas(0 * r, v, m)),),
        ),
        Mistake(
            "one_minus_lambda",
            "Yours fades by 1 - lambda. At lambda 1 later surprises are to count in full, at 0 "
            "not at all.",
            (
                _estimate(total=lambda d, m, lam: _sum_up(d, m, 1 - lam)),
                _estimate(total=lambda d, m, lam: (1 - lam) * _sum_up(d, m, lam)),
            ),
        ),
        Mistake(
            "turned_round",
            "Right numbers, in reverse: a loop from the end puts the last token's advantage first "
            "into a list. Turn it round, or write each to its place.",
            (lambda r, v, m, lam: my_gae(r, v, m, lam).flip(1),),
        ),
        Mistake(
            "normalised",
            "You have subtracted the mean, or divided by the spread. Many trainers do that "
            "afterwards; what is asked for are the advantages as they are.",
            (
                lambda r, v, m, lam: _whitened(my_gae(r, v, m, lam), m),
                lambda r, v, m, lam: my_gae(r, v, m, lam) - my_gae(r, v, m, lam)[m].mean(),
                lambda r, v, m, lam: my_gae(r, v, m, lam) / m.sum(dim=1, keepdim=True),
            ),
        ),
        Mistake(
            "returns",
            "You added the values again: these are the returns, the critic's target. Wanted are "
            "the advantages.",
            (lambda r, v, m, lam: my_gae(r, v, m, lam) + v,),
        ),
        Mistake(
            "sign",
            "The signs are flipped: a reward that nobody expected is a *good* surprise.",
            (lambda r, v, m, lam: -my_gae(r, v, m, lam),),
        ),
    ],
    hints=[
        "Start at the last position and walk to the front; carry two things along: the advantage "
        "and the value of the position behind.",
        "At each position first delta: the reward, plus the value behind, minus the value here. "
        "Then the advantage: delta plus lambda times the advantage behind.",
        "Both things that you carry must be 0 when a row ends. Multiplying them by the mask of "
        "the position does it.",
    ],
    well_done="your GAE is right, at every lambda and for rows that end early.",
)


# --- exercise 3: the critic's loss ----------------------------------------------------------------


def my_critic_loss(
    values: Tensor, old_values: Tensor, advantages: Tensor, mask: Tensor, clip: float
) -> Tensor:
    """Values now and then, advantages, mask, each (B, T) -> the loss."""
    returns = advantages + old_values
    clipped = old_values + (values - old_values).clamp(-clip, clip)
    errors = torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)
    return 0.5 * (errors * mask).sum() / mask.sum()


def _error(
    returns: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda v, old, a: a + old,
    clipped: Callable[[Tensor, Tensor, Tensor, float], Tensor] = lambda v, old, r, c: (
        old + (v - old).clamp(-c, c)
    ),
    choose: Callable[[Tensor, Tensor], Tensor] = torch.maximum,
    measure: Callable[[Tensor], Tensor] = torch.square,
    average: Callable[[Tensor, Tensor], Tensor] = lambda e, m: 0.5 * (e * m).sum() / m.sum(),
) -> Callable[..., Tensor]:
    """The critic's loss, right but for what is passed in."""

    def loss(v: Tensor, old: Tensor, a: Tensor, m: Tensor, c: float) -> Tensor:
        target = returns(v, old, a)
        near = clipped(v, old, target, c)
        return average(choose(measure(v - target), measure(near - target)), m)

    return loss


def _first(plain: Tensor, clipped: Tensor) -> Tensor:
    return plain


def _second(plain: Tensor, clipped: Tensor) -> Tensor:
    return clipped


def _larger_of_means(v: Tensor, old: Tensor, a: Tensor, m: Tensor, c: float) -> Tensor:
    means = [_error(choose=choose)(v, old, a, m, c) for choose in (_first, _second)]
    return torch.maximum(*means)


_OLD_VALUES = torch.tensor([[0.5, 0.5, 0.5, 0.2], [0.3, 0.8, 9.0, 9.0]])
_NEW_VALUES = torch.tensor([[0.9, 0.2, 0.6, 0.1], [0.7, 0.5, 4.0, 4.0]])
# no value moves by exactly a clip: there two right ways of clipping have other gradients
_FALLEN_VALUES = torch.tensor([[0.9, 0.2, 0.1, 0.05], [0.0, 0.5, 4.0, 4.0]])
_GOOD_VALUES = torch.tensor([[1.0, 0.2, 0.1, 0.9], [0.05, 0.95, 4.0, 4.0]])
_ADVANTAGES = torch.tensor([[0.5, 0.6, -0.5, 0.8], [-0.3, 0.2, 6.0, 6.0]])


def _learned(
    values: Tensor, *lengths: int, clip: float = 0.2
) -> Callable[[Callable[..., Any]], Any]:
    """The loss, and behind it its gradient by every value."""

    def run(function: Callable[..., Any]) -> Tensor:
        now = values.clone().requires_grad_()
        mask = _mask(*lengths)
        got = tensor(function(now, _OLD_VALUES.clone(), _ADVANTAGES.clone(), mask, clip))
        if got.numel() != 1:
            raise WrongShape(
                f"One number is wanted, the mean over tokens; yours has the shape "
                f"{tuple(got.shape)}."
            )
        gradient = torch.zeros_like(now)
        if got.requires_grad:
            gradient = torch.autograd.grad(got.sum(), now, allow_unused=True)[0]
            gradient = torch.zeros_like(now) if gradient is None else gradient
        return torch.cat([got.detach().reshape(1), gradient.flatten()])

    return run


critic_loss = Exercise(
    "08",
    "critic_loss",
    solution_function=my_critic_loss,
    cases=[
        Case("For full rows, and then its gradient", _learned(_NEW_VALUES, 4, 4)),
        Case("For completions of 4 and 2 tokens", _learned(_NEW_VALUES, 4, 2)),
        Case("On the first update, where nothing has moved", _learned(_OLD_VALUES, 4, 2)),
        Case("Where some values have fallen far", _learned(_FALLEN_VALUES, 4, 2)),
        Case("With a clip of 0.15", _learned(_NEW_VALUES, 4, 2, clip=0.15)),
        Case("Where most values are nearly right", _learned(_GOOD_VALUES, 4, 2)),
    ],
    mistakes=[
        Mistake(
            "moving_target",
            "Your target moves along with the critic: returns are advantages plus the values that "
            "those advantages were *computed from*. With today's values the error is minus the "
            "advantage, whatever the critic says, and there is nothing left to learn.",
            (
                _error(returns=lambda v, old, a: a + v),
                _error(returns=lambda v, old, a: a + v.detach()),
            ),
        ),
        Mistake(
            "advantages_as_target",
            "Your critic learns the *advantages*, so what was left over when its expectation was "
            "taken off. It is to learn what really came: the returns.",
            (_error(returns=lambda v, old, a: a),),
        ),
        Mistake(
            "value_taken_off_twice",
            "You took the old value *off* the advantage. It has been taken off already: an "
            "advantage is what came less what was expected. Put it back, and you have what came.",
            (
                _error(returns=lambda v, old, a: a - old),
                _error(returns=lambda v, old, a: old - a),
            ),
        ),
        Mistake(
            "old_values_as_target",
            "Your critic learns what it said before. It is to learn what really came.",
            (_error(returns=lambda v, old, a: old),),
        ),
        Mistake(
            "min",
            "You took the smaller of the two errors. Then a value that has moved far enough is "
            "pushed on, and one that has gone astray is left there. The larger one counts.",
            (_error(choose=torch.minimum),),
        ),
        Mistake(
            "not_clipped",
            "Nothing holds the critic back: this is the plain squared error.",
            (
                _error(choose=_first),
                _error(choose=_first, average=lambda e, m: (e * m).sum() / m.sum()),
            ),
        ),
        Mistake(
            "larger_of_the_means",
            "You took the mean of each error first and then the larger of the two. The larger "
            "one is taken token by token: some values have moved too far, and others have not.",
            (_larger_of_means,),
        ),
        Mistake(
            "clipped_the_wrong_way",
            "Your clipped value lies on the wrong side: it starts at today's value, or goes from "
            "the old one *away* from today's. It is the old one, and a step towards today's of at "
            "most `clip`.",
            (
                _error(clipped=lambda v, old, r, c: v + (old - v).clamp(-c, c)),
                _error(clipped=lambda v, old, r, c: old - (v - old).clamp(-c, c)),
            ),
        ),
        Mistake(
            "clipped_detached",
            "The value is right, and where nothing is held back half of the gradient is missing: "
            "you detached the clipped error. Today's values are in it too.",
            (_error(clipped=lambda v, old, r, c: (old + (v - old).clamp(-c, c)).detach()),),
        ),
        Mistake(
            "clip_without_max",
            "Only the clipped error counts in yours. A value that moved too far the *wrong* way "
            "gets no gradient, and cannot come back.",
            (_error(choose=_second),),
        ),
        Mistake(
            "clipped_around_zero",
            "You clipped the value itself. What is held within the range is how far it has "
            "*moved*: its difference to the old value.",
            (
                _error(clipped=lambda v, old, r, c: v.clamp(-c, c)),
                _error(clipped=lambda v, old, r, c: v.clamp(1 - c, 1 + c)),
            ),
        ),
        Mistake(
            "only_the_move",
            "What you clipped is how far the value has moved, and that is right; but a move is no "
            "value. It goes on top of the old one.",
            (_error(clipped=lambda v, old, r, c: (v - old).clamp(-c, c)),),
        ),
        Mistake(
            "clipped_above_only",
            "You hold values back that rise. One that falls too far is to be held as well.",
            (_error(clipped=lambda v, old, r, c: torch.minimum(v, old + c)),),
        ),
        Mistake(
            "always_two_tenths",
            "Right for a clip of 0.2. How far it may move is handed in, as `clip`.",
            (lambda v, old, a, m, c: my_critic_loss(v, old, a, m, 0.2),),
        ),
        Mistake(
            "clipped_like_a_ratio",
            "You clipped the quotient of new and old, as for the policy. Values are no "
            "probabilities: here it is the difference.",
            (_error(clipped=lambda v, old, r, c: old * (v / old).clamp(1 - c, 1 + c)),),
        ),
        Mistake(
            "half_forgotten",
            "Twice as much as it should be: the half in front is missing.",
            (_error(average=lambda e, m: (e * m).sum() / m.sum()),),
        ),
        Mistake(
            "sum",
            "That is the sum over the tokens, or that over completions; wanted is the mean over "
            "tokens.",
            (
                _error(average=lambda e, m: 0.5 * (e * m).sum() / len(m)),
                _error(average=lambda e, m: 0.5 * (e * m).sum()),
                _error(average=lambda e, m: (e * m).sum()),
            ),
        ),
        Mistake(
            "sign",
            "There is a minus too many. An error is to become small as it is; it is a gain that "
            "needs a minus.",
            (lambda *x: -my_critic_loss(*x),),
        ),
        Mistake(
            "larger_before_squared",
            "You took the larger of the two differences and squared it: of -1 and 0.1 that is "
            "0.1. Square first, then take the larger.",
            (_error(measure=lambda x: x, average=lambda e, m: 0.5 * (e**2 * m).sum() / m.sum()),),
        ),
        Mistake(
            "both_errors",
            "You added the two errors. Only the larger one counts, token by token.",
            (_error(choose=torch.add),),
        ),
        Mistake(
            "padding_counted",
            "Padding is in your mean: what the critic says behind the end of a completion is "
            "compared with nothing.",
            (
                _error(average=lambda e, m: 0.5 * e.mean()),
                _error(average=lambda e, m: 0.5 * e.sum() / m.sum()),
            ),
        ),
        Mistake(
            "padding_in_the_count",
            "Padding adds no error, and it is counted in the denominator all the same: a batch "
            "with much padding would teach less.",
            (_error(average=lambda e, m: 0.5 * (e * m).mean()),),
        ),
        Mistake(
            "mean_of_means",
            "You averaged each completion and then the completions. Here every token counts alike, "
            "so a long completion counts more.",
            (_error(average=lambda e, m: 0.5 * ((e * m).sum(dim=1) / m.sum(dim=1)).mean()),),
        ),
        Mistake(
            "absolute",
            "You took absolute errors. What minimises those is the median, and of rewards that are "
            "0 or 1 that is 0 or 1. The mean, which is wanted, minimises squares.",
            (_error(measure=torch.abs),),
        ),
        Mistake(
            "no_gradient",
            "The number is right, and no gradient comes of it: today's values must stay "
            "differentiable.",
            (lambda v, old, a, m, c: my_critic_loss(v.detach(), old, a, m, c),),
        ),
    ],
    hints=[
        "First the target: what did the advantages leave over from? Then two errors, then a mean.",
        "The clipped value is the old one plus the difference, and the difference is held between "
        "-clip and clip.",
        "`torch.maximum` of two squared errors, token by token; only tokens of completions count, "
        "and all of them alike.",
    ],
    well_done="your critic's loss is right: the value and the gradient.",
)


# --- exercise 4: the bytes ------------------------------------------------------------------------


def my_bytes(weights: int, critic: int, reference: bool, itemsize: int) -> int:
    """How many bytes a method holds all through training, with AdamW."""
    trained = weights + critic
    frozen = weights if reference else 0
    return itemsize * (4 * trained + frozen)


def _held(
    policy: float = 4, critic: float = 4, reference: float = 1, per_weight: float | None = None
) -> Callable[[int, int, bool, int], float]:
    """Bytes, right but for the numbers passed in: how often each weight is there."""

    def held(weights: int, critics: int, has_reference: bool, itemsize: int) -> float:
        size = itemsize if per_weight is None else per_weight
        return size * (policy * weights + critic * critics + reference * weights * has_reference)

    return held


def _held_by(weights: int, critic: int, reference: bool, itemsize: int) -> Any:
    return lambda f: number(f(weights, critic, reference, itemsize))


bytes_held = Exercise(
    "08",
    "bytes_held",
    solution_function=my_bytes,
    cases=[
        Case("For PPO, 100 weights, a critic of 90, 4 bytes each", _held_by(100, 90, True, 4)),
        Case("For GRPO with a reference, 100 weights of 4 bytes", _held_by(100, 0, True, 4)),
        Case("For GRPO without one, 100 weights of 4 bytes", _held_by(100, 0, False, 4)),
        Case("For GRPO without one, 100 weights of 2 bytes", _held_by(100, 0, False, 2)),
    ],
    mistakes=[
        Mistake(
            "three_of_four",
            "A weight that is trained is there three times in yours. Itself, its gradient, and "
            "AdamW's *two* averages, one of the gradient and one of its square: which of the four "
            "is missing?",
            (_held(3, 3),),
        ),
        Mistake(
            "one_copy_too_many",
            "A weight that is trained is there five times in yours, or more. Itself, its "
            "gradient, and two averages: what did you count besides? (Activations come and go, and "
            "a clipped gradient is the same one, made shorter.)",
            (_held(5, 5), _held(6, 6), _held(8, 8)),
        ),
        Mistake(
            "reference_of_the_critics_size",
            "Your reference is as large as the critic, or is there only with one. It is a copy of "
            "the *policy*, and whether there is one is said by `reference`.",
            (
                lambda w, c, r, b: b * (4 * (w + c) + c * r),
                lambda w, c, r, b: b * (4 * (w + c) + (w if c else 0)),
                lambda w, c, r, b: b * (4 * (w + c) + c),
            ),
        ),
        Mistake(
            "float32_averages",
            "You let the optimizer keep its averages in 32 bits, whatever the weights have. Many "
            "large trainings do; here every number takes `itemsize` bytes.",
            (
                lambda w, c, r, b: b * (2 * (w + c) + w * r) + 8 * (w + c),
                lambda w, c, r, b: b * (2 * (w + c) + w * r) + 12 * (w + c),
            ),
        ),
        Mistake(
            "reference_is_one",
            "`reference` says whether there is one: True counts as 1 in a sum, and so your "
            "reference has one weight. It has as many as the policy.",
            (lambda w, c, r, b: b * (4 * (w + c) + r),),
        ),
        Mistake(
            "no_optimizer",
            "Weights and gradients are there. What does the optimizer remember from step to step?",
            (_held(2, 2),),
        ),
        Mistake(
            "critic_is_not_trained",
            "Your critic costs its weights and nothing more, like the reference. But it learns: "
            "it has gradients and an optimizer's state of its own.",
            (_held(4, 1),),
        ),
        Mistake(
            "critic_without_gradients",
            "Your critic has no gradients of its own (or the optimizer remembers only one average "
            "of them). It is trained like the policy, and costs what a trained weight costs.",
            (_held(4, 3),),
        ),
        Mistake(
            "critic_without_optimizer",
            "The optimizer's state of the critic is missing.",
            (_held(4, 2),),
        ),
        Mistake(
            "no_critic",
            "There is no critic in your sum.",
            (_held(4, 0),),
        ),
        Mistake(
            "weights_only",
            "You have the weights of every network. Two of them are trained, and for each of "
            "their weights there is more.",
            (_held(1, 1),),
        ),
        Mistake(
            "reference_of_the_critic",
            "Your reference has a critic as well. It is a copy of the policy alone: nobody asks it "
            "what is to be expected.",
            (lambda w, c, r, b: b * ((w + c) * (5 if r else 4)),),
        ),
        Mistake(
            "reference_is_trained",
            "Your reference costs as much as if it were trained. It is frozen: no gradient, no "
            "optimizer, only the weights.",
            (_held(reference=4), _held(reference=2)),
        ),
        Mistake(
            "no_reference",
            "The reference is missing: a frozen copy of the policy, where there is one.",
            (_held(reference=0),),
        ),
        Mistake(
            "always_a_reference",
            "You counted a reference where there is none: with beta 0 nobody asks for one.",
            (lambda w, c, r, b: b * (4 * (w + c) + w),),
        ),
        Mistake(
            "always_four_bytes",
            "Right for float32. Other numbers have other sizes: that is what itemsize is for.",
            (_held(per_weight=4),),
        ),
        Mistake(
            "numbers_not_bytes",
            "You counted numbers. Each takes itemsize bytes.",
            (_held(per_weight=1),),
        ),
        Mistake(
            "mebibytes",
            "Your unit is another one. Wanted are plain bytes.",
            (
                lambda w, c, r, b: my_bytes(w, c, r, b) / 2**20,
                lambda w, c, r, b: my_bytes(w, c, r, b) / 1e6,
            ),
        ),
    ],
    hints=[
        "Two kinds of weights: those that are trained, and those that are frozen.",
        "What is there for a weight that is trained? Itself, and three more numbers of its size.",
        "A critic is trained. A reference is not.",
    ],
    well_done="your bytes are right: four times what is trained, once what is frozen.",
)  # fmt: skip


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "08",
    Question(
        "fade",
        "A reward of 1 comes with token 200, the critic says 0 everywhere, lambda is 0.95. What is "
        "the advantage of token 1?",
        [
            Option(
                "1, as for every token: gamma is 1.",
                "Gamma does not fade the reward. Something else fades surprises, token by token.",
            ),
            Option(
                "About 0.00004: 0.95 to the power of 199.",
                "The only surprise is at the end, and it is faded by lambda at each of 199 tokens.",
                right=True,
            ),
            Option(
                "0.95.",
                "Lambda acts once a token, and there are 199 tokens between.",
            ),
        ],
    ),
    Question(
        "meet",
        "Lambda 1, no KL, and a critic that says the mean reward of the group at every token. What "
        "are the advantages?",
        [
            Option(
                "r minus the mean, the same for all tokens of a completion.",
                "At lambda 1 all values in between cancel, and only the one subtracted is left.",
                right=True,
            ),
            Option(
                "(r minus the mean) / std, exactly GRPO's.",
                "Is there a division anywhere in GAE? Whitening has one, over the whole batch.",
            ),
            Option(
                "0, since the critic has learned the group's mean.",
                "It knows the mean. A completion that is better than the mean is still better.",
            ),
        ],
    ),
    Question(
        "bytes",
        "A model of 7 billion weights, everything in float32, AdamW. What does PPO with a critic "
        "of its own hold beyond GRPO with a reference?",
        [
            Option(
                "28 GB: a second model.",
                "That is what its weights take. It is trained, too.",
            ),
            Option(
                "56 GB: a second model and its gradients.",
                "And what does the optimizer need, in order to train it?",
            ),
            Option(
                "112 GB: four times a second model.",
                "Weights, gradients, two averages: 4 times 28 GB, as for the policy itself.",
                right=True,
            ),
        ],
    ),
    Question(
        "head",
        "A critic that is only a linear layer on the policy's hidden states costs next to no "
        "bytes. What does it cost?",
        [
            Option(
                "Nothing: it is GRPO with better advantages.",
                "It must be asked before the update. And whose hidden states do its errors train?",
            ),
            Option(
                "Time, and its errors pull on the policy's weights.",
                "The values are wanted before the update, and its loss flows into the shared body.",
                right=True,
            ),
            Option(
                "As much as a critic of its own, since it is trained as well.",
                "It has as many weights as the hidden state has numbers, and one more.",
            ),
        ],
    ),
    Question(
        "dead",
        "All 16 completions of a prompt are wrong. Who learns something from them?",
        [
            Option(
                "Neither: where nothing differs there is nothing to learn.",
                "Nothing differs *in the group*. Does a critic look at the group?",
            ),
            Option(
                "PPO may: the critic expected more than 0 somewhere.",
                "Its measure is what it expected before each token, not what the others got.",
                right=True,
            ),
            Option(
                "GRPO does: it divides by the spread, which is very small.",
                "It is 0, and such a group's advantages are set to 0.",
            ),
        ],
    ),
)
