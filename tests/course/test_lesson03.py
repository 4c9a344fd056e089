"""Lesson 03: every planted mistake meets its own hint and no other; right attempts pass."""

import math
from collections.abc import Callable
from itertools import combinations, product
from typing import Any

import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from grpo_core.course import lesson03 as check
from grpo_core.course.exercise import Exercise


def by_hand(logits: Tensor, temperature: float) -> Tensor:
    if not temperature:
        return torch.eye(len(logits))[logits.argmax()]
    e = torch.exp((logits - logits.max()) / temperature)
    return e / e.sum()


def except_at_zero(at_zero: Callable[[Tensor], Tensor]) -> Callable[[Tensor, float], Tensor]:
    return lambda z, t: at_zero(z) if t == 0 else by_hand(z, t)


def elsewhere(formula: Callable[[Tensor, float], Tensor]) -> Callable[[Tensor, float], Tensor]:
    return lambda z, t: by_hand(z, 0) if t == 0 else formula(z, t)


PROBABILITIES: list[Attempt] = [
    (None, by_hand),
    (None, lambda z, t: torch.softmax(z.double() / max(t, 1e-4), 0)),
    (None, lambda z, t: by_hand(z, t).tolist()),
    ("multiplied", lambda z, t: torch.softmax(t * z, dim=0)),
    ("multiplied", elsewhere(lambda z, t: by_hand(z, 1) ** t / (by_hand(z, 1) ** t).sum())),
    ("after_the_softmax", lambda z, t: torch.softmax(z, 0) / t),
    ("not_normalised", elsewhere(lambda z, t: torch.pow(by_hand(z, 1), 1 / t))),
    ("not_normalised", elsewhere(lambda z, t: torch.exp(z / t))),
    ("not_normalised", lambda z, t: torch.exp(z) / t),
    ("softmax_twice", elsewhere(lambda z, t: torch.softmax(by_hand(z, 1) / t, 0))),
    ("temperature_ignored", lambda z, t: torch.softmax(z, 0)),
    ("scores_returned", lambda z, t: z / t),
    ("logarithms", elsewhere(lambda z, t: by_hand(z, t).log())),
    ("nan_at_zero", lambda z, t: torch.exp(z / t) / torch.exp(z / t).sum()),
    ("score_at_zero", except_at_zero(torch.argmax)),
    ("score_at_zero", except_at_zero(lambda z: torch.zeros(len(z)))),
    ("not_the_likeliest_at_zero", except_at_zero(lambda z: by_hand(z, 1))),
    ("not_the_likeliest_at_zero", except_at_zero(lambda z: torch.full((len(z),), 1 / len(z)))),
    ("not_the_likeliest_at_zero", except_at_zero(lambda z: torch.eye(len(z))[z.argmin()])),
    (
        "no_exponential",
        elsewhere(lambda z, t: torch.nn.functional.normalize(z, p=1, dim=0) * 7 / 5),
    ),
    ("no_exponential", lambda z, t: torch.sigmoid(z / t)),
    ("no_exponential", elsewhere(lambda z, t: torch.exp2(z / t) / torch.exp2(z / t).sum())),
    ("unfinished", lambda z, t: None),
    ("raised", lambda z, t: z / "t"),
    ("unknown", lambda z, t: z * 0 + 0.25),
]


def counted(n: int, c: int, k: int) -> float:
    samples = [True] * c + [False] * (n - c)
    picks = list(combinations(samples, k))
    return sum(map(any, picks)) / len(picks)


def product_form(n: int, c: int, k: int) -> float:
    return 1.0 - math.prod(1 - k / i for i in range(n - c + 1, n + 1))


PASSES: list[Attempt] = [
    (None, counted),
    (None, product_form),
    (None, lambda n, c, k: torch.tensor(counted(n, c, k))),
    ("with_replacement", lambda n, c, k: 1 - ((n - c) / n) ** k),
    ("complement", lambda n, c, k: 1 - counted(n, c, k)),
    ("all_right", lambda n, c, k: math.comb(c, k) / math.comb(n, k)),
    ("exactly_one", lambda n, c, k: math.comb(c, 1) * math.comb(n - c, k - 1) / math.comb(n, k)),
    ("k_ignored", lambda n, c, k: counted(n, c, 1)),
    ("k_times_share", lambda n, c, k: min(k * c / n, 1)),
    ("k_times_share", lambda n, c, k: k * (c / n)),
    ("right_from_wrong", lambda n, c, k: 1 - math.comb(c, k) / math.comb(n, k)),
    ("upside_down", lambda n, c, k: 1 - math.comb(n, k) / (math.comb(n - c, k) or 1)),
    ("upside_down", lambda n, c, k: 1 - math.comb(n, k) * math.comb(n - c, k)),
    ("one_less", lambda n, c, k: 1 - math.comb(n - c, k - 1) / math.comb(n, k)),
    ("certain", lambda n, c, k: 1 - math.comb(n - c, k) // math.comb(n, k)),
    ("certain", lambda n, c, k: 1.0 if c else 0.0),
    ("unfinished", lambda n, c, k: None),
    ("shape", lambda n, c, k: [0.5, 0.5]),
    ("unknown", lambda n, c, k: 0.5),
    ("certain", lambda n, c, k: 1 - math.factorial(n - c) / math.factorial(n)),
]


def enumerated(p: Tensor, size: int) -> Tensor:
    if size > 4:
        return 1 - p.double() ** size - (1 - p.double()) ** size
    total = torch.zeros_like(p)
    for group in product([True, False], repeat=size):
        if any(group) and not all(group):
            total += math.prod((p if right else 1 - p) for right in group)
    return total


USEFUL: list[Attempt] = [
    (None, enumerated),
    (None, lambda p, g: torch.tensor([1 - x**g - (1 - x) ** g for x in p.tolist()])),
    ("all_right_forgotten", lambda p, g: 1 - (1 - p).pow(g)),
    ("all_wrong_forgotten", lambda p, g: 1 - p.pow(g)),
    ("complement", lambda p, g: 1 - enumerated(p, g)),
    ("multiplied", lambda p, g: (1 - p.pow(g)) * (1 - (1 - p).pow(g))),
    ("exactly_one_right", lambda p, g: g * (1 - p) ** (g - 1) * p),
    ("pair", lambda p, g: enumerated(p, 2)),
    ("times_for_power", lambda p, g: 1 - g * p - g * (1 - p)),
    ("times_for_power", lambda p, g: 1 - p * g),
    ("both_at_once", lambda p, g: 1 - (p * (1 - p)) ** g),
    ("both_at_once", lambda p, g: p.pow(g) * (1 - p).pow(g)),
    ("brackets", lambda p, g: 1 - p.pow(g) + (1 - p).pow(g)),
    ("brackets", lambda p, g: 1 - p**g - 1 - p**g),
    ("one_less", lambda p, g: enumerated(p, g - 1) if g > 2 else 1 - p - (1 - p)),
    ("added_before_the_power", lambda p, g: 1 - (p + 1 - p) ** g),
    ("the_likelier_only", lambda p, g: 1 - torch.where(p > 0.5, p, 1 - p) ** g),
    ("unfinished", lambda p, g: ...),
    ("shape", lambda p, g: enumerated(p, g).mean()),
    ("unknown", lambda p, g: p),
]

ATTEMPTS = {
    check.probabilities: PROBABILITIES,
    check.pass_at_k: PASSES,
    check.useful: USEFUL,
}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])


@given(st.data())
def test_pass_at_k_is_what_counting_gives(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 8))
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    assert check.my_pass_at_k(n, c, k) == pytest.approx(counted(n, c, k))


@given(st.floats(0, 1), st.integers(2, 4))
def test_useful_is_what_enumeration_gives(p: float, size: int) -> None:
    chance = torch.tensor([p])
    torch.testing.assert_close(
        check.my_useful(chance, size), enumerated(chance, size), atol=1e-5, rtol=1e-4
    )
