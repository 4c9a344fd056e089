"""Lesson 06: every planted mistake meets its own hint and no other; right attempts pass."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor
from torch.nn import functional

from grpo_core.algorithm import kl
from grpo_core.course import lesson06 as check
from grpo_core.course.exercise import Exercise


def lp(scores: Tensor) -> Tensor:
    return scores - torch.logsumexp(scores, dim=1, keepdim=True)


def by_torch(a: Tensor, b: Tensor) -> Tensor:
    return functional.kl_div(lp(b), lp(a), log_target=True, reduction="none").sum(1)


def row(terms: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda a, b: terms(lp(a), lp(b)).sum(1)


EXACT: list[Attempt] = [
    (None, by_torch),
    (None, row(lambda p, q: p.exp() * p - p.exp() * q)),
    ("reversed", lambda a, b: by_torch(b, a)),
    ("weights_of_the_reference", lambda a, b: -by_torch(b, a)),
    ("sign", lambda a, b: -by_torch(a, b)),
    ("plain_mean", lambda a, b: (lp(a) - lp(b)).mean(1)),
    ("averaged", lambda a, b: by_torch(a, b) / a.shape[1]),
    ("scores_for_log_probs", lambda a, b: (lp(a).exp() * (a - b)).sum(1)),
    ("difference_of_probabilities", row(lambda p, q: (p.exp() - q.exp()).abs())),
    ("cross_entropy", row(lambda p, q: -p.exp() * q)),
    ("bits", lambda a, b: by_torch(a, b) / math.log(2)),
    ("wrong_axis", lambda a, b: (a.softmax(0) * (a.softmax(0) / b.softmax(0)).log()).sum(1)),
    ("wrong_axis", lambda a, b: (lp(a).exp() * (lp(a) - lp(b))).sum(0)),
    ("absolute", row(lambda p, q: p.exp() * (p - q).abs())),
    ("absolute", row(lambda p, q: p.exp() * (q - p).square())),
    ("no_logarithm", row(lambda p, q: p.exp() * p.exp() / q.exp())),
    ("both_directions", lambda a, b: (by_torch(a, b) + by_torch(b, a)) / 2),
    ("both_directions", lambda a, b: by_torch(a, b) + by_torch(b, a)),
    ("entropy", row(lambda p, q: -p.exp() * p)),
    ("log_of_scores", lambda a, b: (a.softmax(1) * (a.softmax(1).log() - torch.log(b))).sum(1)),
    ("log_of_scores", lambda a, b: (a * torch.log(a / b)).sum(1)),
    ("shape", lambda a, b: by_torch(a, b).mean()),
    ("raised", lambda a, b: a @ b),
    ("unfinished", lambda a, b: None),
    ("unknown", lambda a, b: a[:, 0]),
]


def three(k1: Any = kl.k1, k2: Any = kl.k2, k3: Any = kl.k3) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda a, b: torch.stack([k1(a, b), k2(a, b), k3(a, b)])


ESTIMATORS: list[Attempt] = [
    (None, three()),
    (None, lambda a, b: (kl.k1(a, b), kl.k2(a, b), kl.k3(a, b))),
    (None, three(k3=lambda a, b: torch.exp(b) / torch.exp(a) - 1 - (b - a))),
    ("reversed", lambda a, b: three()(b, a)),
    ("k3_exponent", three(k3=lambda a, b: torch.exp(a - b) - (a - b) - 1)),
    ("k3_exponent", three(k3=lambda a, b: torch.exp(a - b) + (a - b) - 1)),
    ("k3_one_forgotten", three(k3=lambda a, b: kl.k3(a, b) + 1)),
    ("k3_without_d", three(k3=lambda a, b: torch.exp(b - a) - 1)),
    ("k3_sign", three(k3=lambda a, b: torch.exp(b - a) - (a - b) - 1)),
    ("half_forgotten", three(k2=lambda a, b: (a - b) ** 2)),
    ("absolute", three(k1=lambda a, b: (a - b).abs())),
    ("weighted", lambda a, b: a.exp() * three()(a, b)),
    ("k1_sign", three(k1=lambda a, b: b - a)),
    ("another_order", lambda a, b: (kl.k3(a, b), kl.k2(a, b), kl.k1(a, b))),
    ("another_order", lambda a, b: (kl.k1(a, b), kl.k3(a, b), kl.k2(a, b))),
    ("half_inside_the_square", three(k2=lambda a, b: (0.5 * (a - b)) ** 2)),
    ("ratio_for_difference", three(k1=lambda a, b: a / b)),
    ("ratio_for_difference", three(k1=lambda a, b: torch.exp(a) / torch.exp(b))),
    ("probabilities_subtracted", three(k1=lambda a, b: a.exp() - b.exp())),
    ("probabilities_subtracted", lambda a, b: three()(torch.exp(a), torch.exp(b))),
    ("k3_two_too_large", three(k3=lambda a, b: torch.exp(b - a) + a - b + 1)),
    ("shape", lambda a, b: three()(a, b).mean(1)),
    ("raised", lambda a, b: torch.stack([a, b[:2]])),
    ("unfinished", lambda a, b: ...),
    ("unknown", lambda a, b: three()(a, b) * 3),
]


def rho(new: Tensor, old: Tensor) -> Tensor:
    return new.exp() / old.exp().detach()


PENALTIES: list[Attempt] = [
    (None, lambda new, old, ref: kl.k2(new, ref)),
    (None, lambda new, old, ref: rho(new, old) * kl.k3(new, ref)),
    (None, lambda new, old, ref: rho(new, old) * kl.k1(new, ref)),
    (None, lambda new, old, ref: kl.k1(new, ref).detach() * new),
    ("k1", lambda new, old, ref: kl.k1(new, ref)),
    ("k1", lambda new, old, ref: kl.k1(ref, new)),
    ("forward", lambda new, old, ref: kl.k3(new, ref)),
    ("forward", lambda new, old, ref: rho(new, old).detach() * kl.k3(new, ref)),
    ("no_gradient", lambda new, old, ref: kl.k3(new.detach(), ref)),
    ("sign", lambda new, old, ref: -rho(new, old) * kl.k1(new, ref)),
    ("half_forgotten", lambda new, old, ref: (ref - new).square()),
    ("reversed", lambda new, old, ref: kl.k3(ref, new)),
    ("absolute", lambda new, old, ref: (ref - new).abs()),
    ("weighted_twice", lambda new, old, ref: new.exp() * kl.k1(new, ref)),
    ("k3_as_a_reward", lambda new, old, ref: rho(new, old) * kl.k3(new.detach(), ref)),
    ("k2_weighted", lambda new, old, ref: rho(new, old) * kl.k2(new, ref)),
    ("ratio_to_the_reference", lambda new, old, ref: rho(new, ref) * kl.k3(new, ref)),
    ("ratio_upside_down", lambda new, old, ref: kl.k3(new, ref) / rho(new, old)),
    ("shape", lambda new, old, ref: kl.k2(new, ref).mean()),
    ("raised", lambda new, old, ref: new @ torch.zeros(9)),
    ("unfinished", lambda new, old, ref: None),
    ("unknown", lambda new, old, ref: 3 * new * ref),
]


def less(body: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`body` of d, detached, the mask, and beta is what is added to the rewards."""
    return lambda r, new, ref, mask, beta: r + body((new - ref).detach(), mask, beta)


def less_but_not_below_zero(r: Tensor, a: Tensor, b: Tensor, m: Tensor, beta: float) -> Tensor:
    return torch.relu(r - kl.sequence_penalty(kl.k1(a, b), m, beta).detach())


IN_REWARD: list[Attempt] = [
    (None, lambda r, a, b, m, beta: r - kl.sequence_penalty(kl.k1(a, b), m, beta)),
    (None, less(lambda d, m, beta: -beta * torch.where(m, d, torch.zeros(())).sum(1))),
    ("added", less(lambda d, m, beta: beta * (d * m).sum(1))),
    ("averaged", less(lambda d, m, beta: -beta * (d * m).sum(1) / m.sum(1))),
    ("averaged", less(lambda d, m, beta: -beta * (d * m).mean(1))),
    ("padding_counted", less(lambda d, m, beta: -beta * d.sum(1))),
    ("k3", less(lambda d, m, beta: -beta * (((-d).exp() + d - 1) * m).sum(1))),
    ("k2", less(lambda d, m, beta: -beta * (d * d * m).sum(1) / 2)),
    (
        "weighted",
        lambda r, a, b, m, beta: r - beta * (a.detach().exp() * (a - b).detach() * m).sum(1),
    ),
    ("beta_forgotten", less(lambda d, m, beta: -(d * m).sum(1))),
    ("not_detached", lambda r, a, b, m, beta: r - beta * ((a - b) * m).sum(1)),
    ("whole_batch", less(lambda d, m, beta: -beta * (d * m).sum())),
    ("never_below_zero", less_but_not_below_zero),
    ("beta_on_everything", lambda r, a, b, m, beta: beta * (r - ((a - b).detach() * m).sum(1))),
    ("divided_by_beta", less(lambda d, m, beta: -(d * m).sum(1) / beta)),
    ("last_token_only", less(lambda d, m, beta: -beta * d[range(3), m.sum(1) - 1])),
    ("last_token_only", less(lambda d, m, beta: -beta * d[:, -1])),
    ("ratios_or_sizes", less(lambda d, m, beta: -beta * (torch.exp(d) * m).sum(1))),
    ("ratios_or_sizes", less(lambda d, m, beta: -beta * (d.abs() * m).sum(1))),
    ("multiplied", lambda r, a, b, m, beta: r * (1 - beta * ((a - b).detach() * m).sum(1))),
    ("shape", lambda r, a, b, m, beta: r[:, None] - beta * (a - b) * m),
    ("raised", less(lambda d, m, beta: -beta * (d * m))),
    ("unfinished", lambda r, a, b, m, beta: None),
    ("unknown", lambda r, a, b, m, beta: r * 9),
]

ATTEMPTS = {
    check.exact_kl: EXACT,
    check.estimators: ESTIMATORS,
    check.penalty: PENALTIES,
    check.in_reward: IN_REWARD,
}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])
