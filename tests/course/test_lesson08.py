"""Lesson 08, its rewards and advantages: every planted mistake meets its own hint and no other."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor

from grpo_core.algorithm import critic
from grpo_core.course import lesson08 as check
from grpo_core.course.exercise import Exercise


def paid(where: Callable[[Tensor, Tensor], Tensor], sign: float = -1.0) -> Callable[..., Tensor]:
    """Token by token: `where` of the scores and the mask, and the KL with this sign."""

    def rewards(s: Tensor, kl: Tensor, m: Tensor, beta: float) -> Tensor:
        return torch.where(m, sign * beta * kl, torch.zeros(())) + where(s, m)

    return rewards


def at(column: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The score in one column of each row, by the mask's sums; nowhere where there is none."""

    def place(s: Tensor, m: Tensor) -> Tensor:
        here = torch.arange(m.shape[1]) == column(m.sum(1)).unsqueeze(1)
        return here * s.unsqueeze(1)

    return place


ended = at(lambda n: n - 1)


def assigned(s: Tensor, kl: Tensor, m: Tensor, beta: float) -> Tensor:
    rewards = -beta * kl * m
    rewards[torch.arange(len(s)), m.sum(1) - 1] = s
    return rewards


def index_behind_the_end(s: Tensor, kl: Tensor, m: Tensor, beta: float) -> Tensor:
    rewards = -beta * kl * m
    rewards[torch.arange(len(s)), m.sum(1)] += s
    return rewards


def minus_one(s: Tensor, kl: Tensor, m: Tensor, beta: float) -> Tensor:
    rewards = -beta * kl * m
    rewards[:, -1] += s
    return rewards


def on_columns(s: Tensor, kl: Tensor, m: Tensor, beta: float) -> Tensor:
    rewards = -beta * kl * m
    rewards[:, m.sum(1) - 1] += s
    return rewards


TOKEN_REWARDS: list[Attempt] = [
    (None, critic.token_rewards),
    (None, paid(ended)),
    ("last_column", minus_one),
    ("last_column", lambda s, kl, m, beta: minus_one(s, kl, m, beta) * m),
    ("rows_times_columns", lambda s, kl, m, beta: on_columns(s[:, None], kl, m, beta)),
    ("rows_times_columns", on_columns),
    ("before_the_end", paid(at(lambda n: (n - 2) % 4))),
    ("score_times_beta", lambda s, kl, m, beta: -beta * (ended(s, m) + kl * m)),
    ("score_times_beta", lambda s, kl, m, beta: beta * (ended(s, m) - kl * m)),
    ("behind_the_end", paid(at(lambda n: n))),
    ("behind_the_end", index_behind_the_end),
    ("first_token", paid(at(lambda n: 0 * n))),
    ("every_token", paid(lambda s, m: m * s[:, None])),
    ("every_token", lambda s, kl, m, beta: s[:, None] - beta * kl * m),
    ("spread", paid(lambda s, m: m * (s / m.sum(1))[:, None])),
    ("kl_added", paid(ended, sign=1.0)),
    ("kl_on_padding", lambda s, kl, m, beta: ended(s, m) - beta * kl),
    ("kl_forgotten", lambda s, kl, m, beta: ended(s, m)),
    ("beta_forgotten", lambda s, kl, m, beta: ended(s, m) - kl * m),
    ("score_instead_of_kl", assigned),
    (
        "kl_at_the_end",
        lambda s, kl, m, beta: ended(s - beta * torch.where(m, kl, torch.zeros(())).sum(1), m),
    ),
    (
        "kl_twice",
        lambda s, kl, m, beta: (
            torch.where(m, -beta * kl, torch.zeros(())) + ended(s - beta * (kl * m).sum(1), m)
        ),
    ),
    (
        "kl_averaged",
        lambda s, kl, m, beta: ended(s, m) - beta * m * ((kl * m).sum(1) / m.sum(1)).unsqueeze(1),
    ),
    (
        "added_up_already",
        lambda s, kl, m, beta: (
            torch.stack([paid(ended)(s, kl, m, beta)[:, t:].sum(1) for t in range(4)], dim=1) * m
        ),
    ),
    ("kl_absolute", lambda s, kl, m, beta: paid(ended)(s, kl.abs(), m, beta)),
    ("kl_absolute", lambda s, kl, m, beta: paid(ended)(s, torch.relu(kl), m, beta)),
    ("beta_upside_down", lambda s, kl, m, beta: paid(ended)(s, kl, m, 1 / beta)),
    ("beta_upside_down", lambda s, kl, m, beta: paid(ended)(s, kl, m, 1 - beta)),
    ("shape", lambda s, kl, m, beta: s),
    ("raised", lambda s, kl, m, beta: s + kl),
    ("unfinished", lambda s, kl, m, beta: None),
    ("unknown", lambda s, kl, m, beta: 5 * kl),
]


def weighted(
    surprises: Callable[[Tensor, Tensor], Tensor], weight: Callable[[int, int, float], float]
) -> Callable[..., Tensor]:
    """A sum over pairs of positions, no recursion: `weight` of (here, there, lambda)."""

    def advantages(r: Tensor, v: Tensor, m: Tensor, lam: float) -> Tensor:
        r, v = r.masked_fill(~m, 0.0), v.masked_fill(~m, 0.0)
        d = surprises(r, v)
        n = v.shape[1]
        matrix = torch.tensor([[weight(i, j, lam) for j in range(n)] for i in range(n)])
        return (d @ matrix.T) * m

    return advantages


def delta(r: Tensor, v: Tensor) -> Tensor:
    return r + torch.cat([v[:, 1:], torch.zeros(len(v), 1)], dim=1) - v


def standard(a: Tensor, m: Tensor) -> Tensor:
    return (a - a[m].mean()) / a[m].std()


def later(i: int, j: int, lam: float) -> float:
    return lam ** (j - i) if j >= i else 0.0


def loop(body: Callable[..., Any]) -> Callable[..., Tensor]:
    """A learner's loop from the end; `body` of what is at t, and what is carried along."""

    def advantages(r: Tensor, v: Tensor, m: Tensor, lam: float) -> Tensor:
        out = torch.zeros_like(v)
        a, v_next = torch.zeros(len(v)), torch.zeros(len(v))
        for t in range(v.shape[1] - 1, -1, -1):
            a, v_next = body(r[:, t], v[:, t], m[:, t], lam, a, v_next)
            out[:, t] = a
        return out

    return advantages


def last_value_again(r: Tensor, v: Tensor, m: Tensor, lam: float) -> Tensor:
    """The common way: the value of the last column stands for the one behind it."""
    out, a = torch.zeros_like(v), torch.zeros(len(v))
    v = v * m
    v_next = v[:, -1]
    for t in range(v.shape[1] - 1, -1, -1):
        a = (r[:, t] + v_next - v[:, t] + lam * a) * m[:, t]
        v_next = v[:, t]
        out[:, t] = a
    return out


def unmasked(r: Tensor, v_next: Tensor, lam: float, behind: Tensor, v: Tensor) -> Tensor:
    """A loop over whole rows; `behind` is the value behind the last column."""
    out, a = torch.zeros_like(v), torch.zeros(len(v))
    for t in range(v.shape[1] - 1, -1, -1):
        a = r[:, t] + behind - v[:, t] + lam * a
        behind = v_next[:, t]
        out[:, t] = a
    return out


GAE: list[Attempt] = [
    (None, lambda r, v, m, lam: critic.gae(r, v, m, lam=lam)[0]),
    (None, weighted(delta, later)),
    ("forward", weighted(delta, lambda i, j, lam: lam ** (i - j) if i >= j else 0.0)),
    ("bootstrapped", last_value_again),
    ("padding_read", loop(lambda r, v, m, lam, a, n: (r + n - v + lam * a, v))),
    ("padding_read", loop(lambda r, v, m, lam, a, n: ((r + n - v + lam * a) * m, v))),
    ("padding_read", lambda r, v, m, lam: unmasked(r, v * m, lam, torch.zeros(len(v)), v)),
    ("rolled", lambda r, v, m, lam: unmasked(r * m, v * m, lam, v[:, 0] * m[:, 0], v * m)),
    (
        "one_later_td_error",
        weighted(delta, lambda i, j, lam: {0: 1.0, 1: lam}.get(j - i, 0.0)),
    ),
    ("faded_here_too", loop(lambda r, v, m, lam, a, n: (lam * (r + n - v + a) * m, v * m))),
    ("faded_from_the_front", weighted(delta, lambda i, j, lam: lam**j if j >= i else 0.0)),
    ("values_swapped", loop(lambda r, v, m, lam, a, n: ((r + v - n + lam * a) * m, v * m))),
    ("last_token_left_out", weighted(delta, lambda i, j, lam: lam ** (j - i) * (i <= j < 3))),
    ("lambda_forgotten", weighted(delta, lambda i, j, lam: float(j >= i))),
    ("only_delta", weighted(delta, lambda i, j, lam: float(j == i))),
    ("lambda_as_gamma", loop(lambda r, v, m, lam, a, n: ((r + lam * n - v + a) * m, v * m))),
    (
        "discounted_reward",  # the values in between cancel
        loop(lambda r, v, m, lam, a, n: ((r + lam * n - v + lam * a) * m, v * m)),
    ),
    ("value_not_subtracted", loop(lambda r, v, m, lam, a, n: ((r + n + lam * a) * m, v * m))),
    ("next_value_forgotten", loop(lambda r, v, m, lam, a, n: ((r - v + lam * a) * m, v * m))),
    (
        "discounted_reward",
        lambda r, v, m, lam: weighted(lambda r, v: r, later)(r, v, m, lam) - v * m,
    ),
    (
        "value_before",
        weighted(lambda r, v: r + torch.cat([0 * v[:, :1], v[:, :-1]], dim=1) - v, later),
    ),
    (
        "value_before",
        weighted(lambda r, v: r + torch.roll(v, 1, dims=1) - v, later),
    ),
    (
        "td_error_of_the_one_before",
        weighted(lambda r, v: r + v - torch.cat([0 * v[:, :1], v[:, :-1]], dim=1), later),
    ),
    ("td_error_of_the_one_before", weighted(lambda r, v: r + v - torch.roll(v, 1, 1), later)),
    ("reward_forgotten", loop(lambda r, v, m, lam, a, n: ((n - v + lam * a) * m, v * m))),
    ("one_minus_lambda", loop(lambda r, v, m, lam, a, n: ((r + n - v + (1 - lam) * a) * m, v * m))),
    ("turned_round", lambda r, v, m, lam: torch.flip(critic.gae(r, v, m, lam=lam)[0], [1])),
    ("normalised", lambda r, v, m, lam: standard(critic.gae(r, v, m, lam=lam)[0], m)),
    ("normalised", lambda r, v, m, lam: critic.gae(r, v, m, lam=lam)[0] / m.sum(1)[:, None]),
    ("returns", lambda r, v, m, lam: critic.gae(r, v, m, lam=lam)[1]),
    ("sign", lambda r, v, m, lam: -critic.gae(r, v, m, lam=lam)[0]),
    ("shape", lambda r, v, m, lam: critic.gae(r, v, m, lam=lam)[0].sum(1)),
    ("raised", lambda r, v, m, lam: r @ v),
    ("unfinished", lambda r, v, m, lam: ...),
    ("unknown", lambda r, v, m, lam: 7 * r),
]


ATTEMPTS = {check.token_rewards: TOKEN_REWARDS, check.gae: GAE}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])
