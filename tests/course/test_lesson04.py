"""Lesson 04: every planted mistake meets its own hint and no other; right attempts pass."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from grpo_core.algorithm.advantages import group_advantages, process_advantages
from grpo_core.course import lesson04 as check
from grpo_core.course.exercise import Exercise


def learner(
    exact_ties: bool = True, **ways: Callable[[Tensor], Tensor]
) -> Callable[[Tensor, str], Tensor]:
    """The kit's own, but for the ways that are passed in."""

    def advantages(r: Tensor, scale: str) -> Tensor:
        if scale not in ways:
            return group_advantages(r, scale)
        a = ways[scale](r)
        tied = (r == r[:, :1]).all(dim=1, keepdim=True)
        return torch.where(tied & exact_ties, torch.zeros_like(a), a)

    return advantages


def m(r: Tensor) -> Tensor:
    return r.sum(dim=1, keepdim=True) / r.shape[1]


def by_numpy(r: Tensor) -> Tensor:
    x = r.numpy()
    return torch.tensor((x - x.mean(1, keepdims=True)) / (x.std(1, keepdims=True) + 1e-4))


def of_all(r: Tensor, scale: str) -> Tensor:
    a = r - r.mean()
    if scale in ("group", "batch"):
        return a / (r.std(dim=1, keepdim=True) if scale == "group" else r.std())
    return a


def one_tie_for_all(r: Tensor, scale: str) -> Tensor:
    if bool((r == r[0, 0]).all()):
        return torch.zeros_like(r)
    a = r - m(r)
    divisors = {"group": r.std(1, keepdim=True) + 1e-4, "batch": r.std() + 1e-4}
    if scale == "loo":
        return a * r.shape[1] / (r.shape[1] - 1)
    return a / divisors.get(scale, 1.0)


COMPARED: list[Attempt] = [
    (None, group_advantages),
    (None, learner(loo=lambda r: r - (r.sum(1, keepdim=True) - r) / (r.shape[1] - 1))),
    ("whole_batch", of_all),
    ("batch_mean", learner(batch=lambda r: (r - r.mean()) / (r.std() + 1e-4))),
    ("mean_of_stds", learner(batch=lambda r: (r - m(r)) / r.std(dim=1).mean())),
    ("std_of_differences", learner(batch=lambda r: (r - m(r)) / (r - m(r)).std())),
    ("population_std", learner(group=by_numpy)),
    ("scale_ignored", lambda r, scale: group_advantages(r, "group")),
    ("scale_ignored", lambda r, scale: r - m(r)),
    ("loo_upside_down", learner(loo=lambda r: group_advantages(r, "none") * 3 / 4)),
    ("loo_divided_by_all", learner(loo=lambda r: r - (r.sum(1)[:, None] - r) / r.shape[1])),
    ("ties_not_exactly_zero", learner(exact_ties=False, none=lambda r: r - r.mean(1)[:, None],
                                      group=lambda r: (r - m(r)) / (r.std(1)[:, None] + 1e-4),
                                      batch=lambda r: (r - m(r)) / (r.std() + 1e-4),
                                      loo=lambda r: (r - m(r)) * r.shape[1] / (r.shape[1] - 1))),
    # looks for ties in the whole batch at once, and so for none where one group differs
    ("ties_not_exactly_zero", one_tie_for_all),
    ("none_not_centered", learner(none=lambda r: r.clone())),
    ("none_not_centered", learner(none=lambda r: r.clone(),
                                  batch=lambda r: (r - r.mean()) / (r.std() + 1e-4))),
    ("brackets", learner(group=lambda r: r - m(r) / (r.std(1)[:, None] + 1e-4))),
    ("brackets", learner(loo=lambda r: (r - m(r)) * r.shape[1] / r.shape[1] - 1)),
    ("variance", learner(group=lambda r: (r - m(r)) / (r.var(1)[:, None] + 1e-4))),
    ("variance", learner(batch=lambda r: (r - m(r)) / (torch.var(r) + 1e-4))),
    ("batch_by_columns", learner(batch=lambda r: (r - m(r)) / (r.std(0) + 1e-4))),
    ("divided_once_too_often", learner(none=group_advantages)),
    ("divided_once_too_often", learner(
        loo=lambda r: group_advantages(r, "loo") / (r.std(1)[:, None] + 1e-4))),
    ("one_way_missing", learner(batch=lambda r: r - m(r))),
    ("one_way_missing", learner(loo=lambda r: r - m(r))),
    ("always_four", learner(loo=lambda r: (r - m(r)) / 0.75)),
    ("groups_counted", learner(loo=lambda r: (r - m(r)) * r.shape[0] / (r.shape[0] - 1))),
    ("raised", lambda r, scale: r - r.mean(dim=1)),
    ("unfinished", lambda r, scale: None),
    ("unknown", lambda r, scale: r * 3),
]  # fmt: skip


def by_numbers(p: float, size: int, divide: bool) -> float:
    """From the definition: the mean of A over right ones, less that over wrong ones."""
    total = 0.0
    for k in range(size + 1):
        rewards = torch.tensor([1.0] * k + [0.0] * (size - k))
        a = group_advantages(rewards, "group" if divide else "none", eps=0.0)
        chance = math.comb(size, k) * p**k * (1 - p) ** (size - k)
        pushed = float((a * (rewards / p - (1 - rewards) / (1 - p))).mean())
        total += chance * pushed
    return total


def weight(
    chance: Callable[..., float] = lambda p, n, k: math.comb(n, k) * p**k * (1 - p) ** (n - k),
    term: Callable[..., float] = lambda f, n, p: math.sqrt((n - 1) / n * f * (1 - f)),
    plain: Callable[..., float] = lambda f, n, p: f * (1 - f),
    last: Callable[[float], float] = lambda p: 1 / (p * (1 - p)),
) -> Callable[[float, int, bool], float]:
    def w(p: float, n: int, divide: bool) -> float:
        inner = term if divide else plain
        return last(p) * sum(chance(p, n, k) * inner(k / n, n, p) for k in range(1, n))

    return w


def cut(p: float, n: int, divide: bool, first: int, end: int) -> float:
    """Over the groups of first to end - 1 right completions only."""
    return weight(
        chance=lambda p, n, k: (first <= k < end) * math.comb(n, k) * p**k * (1 - p) ** (n - k)
    )(p, n, divide)


def v(f: float) -> float:
    return f * (1 - f)


WEIGHTS: list[Attempt] = [
    (None, by_numbers),
    (None, weight()),
    ("ways_forgotten", weight(chance=lambda p, n, k: p**k * (1 - p) ** (n - k))),
    ("chance_forgotten", weight(chance=lambda p, n, k: 1.0)),
    ("not_relative", weight(last=lambda p: 1.0)),
    ("variance", weight(term=lambda f, n, p: (n - 1) / n)),
    ("population_std", weight(term=lambda f, n, p: math.sqrt(v(f)))),
    ("policys_spread", weight(term=lambda f, n, p: v(f) / math.sqrt(v(p) * n / (n - 1)))),
    ("policys_spread", weight(term=lambda f, n, p: v(f) / math.sqrt(v(p)))),
    ("policy_for_group", weight(term=lambda f, n, p: math.sqrt(v(p) * (n - 1) / n),
                                plain=lambda f, n, p: v(p))),
    ("brackets", weight(last=lambda p: 1 / p * (1 - p))),
    ("always_divided", lambda p, n, divide: by_numbers(p, n, True)),
    ("never_divided", lambda p, n, divide: by_numbers(p, n, False)),
    ("an_end_left_out", lambda p, n, divide: cut(p, n, divide, 1, n - 1)),
    ("an_end_left_out", lambda p, n, divide: cut(p, n, divide, 2, n)),
    ("upside_down", lambda p, n, divide: by_numbers(p, n, not divide)),
    ("spread_of_the_sample", weight(plain=lambda f, n, p: v(f) * n / (n - 1),
                                    term=lambda f, n, p: math.sqrt(v(f) * n / (n - 1)))),
    ("counts_for_shares", weight(plain=lambda f, n, p: f * n * (n - f * n))),
    ("counts_for_shares", weight(plain=lambda f, n, p: f * n * (1 - f))),
    ("wrong_ones_forgotten", weight(plain=lambda f, n, p: f)),
    ("wrong_ones_forgotten", weight(chance=lambda p, n, k: math.comb(n, k) * p**k)),
    ("useful_groups_only",
     lambda p, n, divide: by_numbers(p, n, divide) / (1 - p**n - (1 - p) ** n)),
    ("raised", lambda p, n, divide: 1 / 0),
    ("unfinished", lambda p, n, divide: ...),
    ("unknown", lambda p, n, divide: 17.0),
]  # fmt: skip


def process_by_loop(r: Tensor, ends: Tensor) -> Tensor:
    pool = [
        float(x)
        for row, end in zip(r, ends, strict=True)
        for x, e in zip(row, end, strict=True)
        if e
    ]
    mean, std = np.mean(pool), np.std(pool, ddof=1)
    out = torch.zeros_like(r)
    for i in range(len(r)):
        for t in range(r.shape[1]):
            later = [s for s in range(t, r.shape[1]) if ends[i, s]]
            out[i, t] = sum((float(r[i, s]) - mean) / std for s in later)
    return out


def normal(x: Tensor, pool: Tensor, ddof: int = 1) -> Tensor:
    return (x - pool.mean()) / (pool.std(correction=ddof) + 1e-4)


def later(x: Tensor) -> Tensor:
    return x.sum(1, keepdim=True) - x.cumsum(1) + x


def each_row(r: Tensor, e: Tensor) -> Tensor:
    rows = []
    for row, end in zip(r, e, strict=True):
        pool = row[end]
        std = pool.std() if len(pool) > 1 else 0.0
        rows.append(torch.where(end, (row - pool.mean()) / (std + 1e-4), torch.zeros(())))
    return later(torch.stack(rows))


PROCESS: list[Attempt] = [
    (None, process_by_loop),
    (None, lambda r, e: process_advantages(r[None], e[None])[0]),
    (None, lambda r, e: later(normal(r, r[e]) * e)),
    ("looks_back", lambda r, e: (normal(r, r[e]) * e).cumsum(1)),
    ("own_step_left_out", lambda r, e: later(normal(r, r[e]) * e) - normal(r, r[e]) * e),
    ("last_token_only", lambda r, e: normal(r, r[e]) * e),
    ("each_for_itself", each_row),
    ("each_for_itself", lambda r, e: later((r * e - (r * e).mean(1, True))
                                           / ((r * e).std(1, keepdim=True) + 1e-4) * e)),
    ("same_for_all", lambda r, e: (normal(r, r[e]) * e).sum(1)[:, None].repeat(1, r.shape[1])),
    ("wrong_axis", lambda r, e: later((normal(r, r[e]) * e).T).T),
    ("everything_pooled", lambda r, e: later(normal(r, r) * e)),
    ("everything_pooled", lambda r, e: later(normal(r * e, r * e) * e)),
    ("added_first", lambda r, e: normal(later(r * e), later(r * e))),
    ("not_normalised", lambda r, e: later(r * e)),
    ("not_divided", lambda r, e: later(torch.where(e, r - r[e].mean(), torch.zeros(())))),
    ("population_std", lambda r, e: later(normal(r, r[e], ddof=0) * e)),
    ("averaged", lambda r, e: later(normal(r, r[e]) * e) / later(e.float()).clamp(min=1)),
    ("turned_round", lambda r, e: torch.flip(normal(r, r[e]) * e, [1]).cumsum(1)),
    ("not_centered", lambda r, e: later(r / (r[e].std() + 1e-4) * e)),
    ("centered_twice", lambda r, e: normal(process_by_loop(r, e), process_by_loop(r, e))),
    ("centered_twice", lambda r, e: process_by_loop(r, e) - process_by_loop(r, e).mean(0)),
    ("shape", lambda r, e: (r * e).sum(1)),
    ("raised", lambda r, e: r[e].view(3, 17)),
    ("unfinished", lambda r, e: None),
    ("unknown", lambda r, e: r * 0 + 7),
]  # fmt: skip

ATTEMPTS = {check.compare: COMPARED, check.difficulty: WEIGHTS, check.process: PROCESS}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])


@given(p=st.floats(0.02, 0.98), size=st.integers(2, 12), divide=st.booleans())
def test_the_weight_is_what_advantages_do_on_average(p: float, size: int, divide: bool) -> None:
    assert check.my_weight(p, size, divide) == pytest.approx(by_numbers(p, size, divide), rel=1e-3)


def test_what_the_notebook_says_of_the_weights() -> None:
    assert check.my_weight(0.05, 16, True) > 1.5 * check.my_weight(0.5, 16, True)
    pairs = [check.my_weight(p, 2, True) for p in (0.01, 0.3, 0.9)]
    assert pairs == pytest.approx([math.sqrt(0.5)] * 3)
    for p in (0.2, 0.5, 0.7):  # the slope of arcsin(sqrt(p)) is 1 / (2 sqrt(p (1 - p)))
        assert check.my_weight(p, 400, True) == pytest.approx(1 / math.sqrt(p * (1 - p)), rel=0.02)
