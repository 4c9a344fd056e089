"""Lesson 08, the critic's loss and the bytes: every planted mistake meets its own hint."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor

from grpo_core.algorithm import critic
from grpo_core.course import lesson08 as check
from grpo_core.course.exercise import Exercise


def learned(
    per_token: Callable[..., Tensor] = critic.value_loss,
    target: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda v, old, a: old + a,
    mean: Callable[[Tensor, Tensor], Tensor] = lambda e, m: e[m].mean(),
) -> Callable[..., Tensor]:
    """The kit's loss, right but for what is passed in."""
    return lambda v, old, a, m, c: mean(per_token(v, old, target(v, old, a), c), m)


def half_square(error: Tensor) -> Tensor:
    return error.pow(2) / 2


def held(v: Tensor, old: Tensor, c: float) -> Tensor:
    return torch.clamp(v, old - c, old + c)


CRITIC: list[Attempt] = [
    (None, learned()),
    (None, learned(mean=lambda e, m: torch.where(m, e, torch.zeros(())).sum() / m.sum())),
    (
        None,
        learned(lambda v, o, r, c: torch.max(half_square(v - r), half_square(held(v, o, c) - r))),
    ),
    ("moving_target", learned(target=lambda v, old, a: v + a)),
    ("moving_target", learned(target=lambda v, old, a: (v + a).detach())),
    ("value_taken_off_twice", learned(target=lambda v, old, a: a - old)),
    ("value_taken_off_twice", learned(target=lambda v, old, a: old - a)),
    ("old_values_as_target", learned(target=lambda v, old, a: old)),
    ("not_clipped", lambda v, old, a, m, c: torch.nn.functional.mse_loss(v[m], (old + a)[m])),
    (
        "larger_of_the_means",
        lambda v, o, a, m, c: torch.max(
            half_square(v - a - o)[m].mean(), half_square(held(v, o, c) - a - o)[m].mean()
        ),
    ),
    (
        "clipped_the_wrong_way",
        learned(lambda v, o, r, c: torch.max(half_square(v - r), half_square(held(o, v, c) - r))),
    ),
    (
        "clipped_the_wrong_way",
        learned(
            lambda v, o, r, c: torch.max(
                half_square(v - r), half_square(o - torch.clip(v - o, -c, c) - r)
            )
        ),
    ),
    (
        "clipped_detached",
        learned(
            lambda v, o, r, c: torch.max(
                half_square(v - r), half_square(held(v, o, c) - r).detach()
            )
        ),
    ),
    ("advantages_as_target", learned(target=lambda v, old, a: a)),
    (
        "min",
        learned(lambda v, o, r, c: torch.min(half_square(v - r), half_square(held(v, o, c) - r))),
    ),
    ("not_clipped", learned(lambda v, o, r, c: half_square(v - r))),
    ("clip_without_max", learned(lambda v, o, r, c: half_square(held(v, o, c) - r))),
    (
        "clipped_around_zero",
        learned(lambda v, o, r, c: torch.max(half_square(v - r), half_square(v.clamp(-c, c) - r))),
    ),
    (
        "clipped_like_a_ratio",
        learned(
            lambda v, o, r, c: torch.max(
                half_square(v - r), half_square(o * torch.clamp(v / o, 1 - c, 1 + c) - r)
            )
        ),
    ),
    (
        "clipped_around_zero",
        learned(
            lambda v, o, r, c: torch.max(half_square(v - r), half_square(v.clamp(1 - c, 1 + c) - r))
        ),
    ),
    (
        "only_the_move",
        learned(
            lambda v, o, r, c: torch.max(
                half_square(v - r), half_square(torch.clip(v - o, -c, c) - r)
            )
        ),
    ),
    (
        "clipped_above_only",
        learned(
            lambda v, o, r, c: torch.max(half_square(v - r), half_square(v.clamp(max=o + c) - r))
        ),
    ),
    ("always_two_tenths", lambda v, old, a, m, c: learned()(v, old, a, m, 0.2)),
    ("sum", learned(mean=lambda e, m: e[m].sum())),
    ("sum", learned(mean=lambda e, m: (e * m).sum(1).mean())),
    ("sign", lambda *x: -learned()(*x)),
    (
        "larger_before_squared",
        learned(lambda v, o, r, c: half_square(torch.max(v - r, held(v, o, c) - r))),
    ),
    (
        "both_errors",
        learned(lambda v, o, r, c: half_square(v - r) + half_square(held(v, o, c) - r)),
    ),
    ("half_forgotten", learned(lambda *x: 2 * critic.value_loss(*x))),
    ("padding_counted", learned(mean=lambda e, m: e.mean())),
    ("padding_in_the_count", learned(mean=lambda e, m: (e * m).mean())),
    ("mean_of_means", learned(mean=lambda e, m: ((e * m).sum(1) / m.sum(1)).mean())),
    (
        "absolute",
        learned(lambda v, o, r, c: torch.max((v - r).abs(), (held(v, o, c) - r).abs()) / 2),
    ),
    ("no_gradient", lambda v, old, a, m, c: learned()(v.detach(), old, a, m, c)),
    ("no_gradient", lambda v, old, a, m, c: learned()(v, old, a, m, c).item()),
    ("shape", learned(mean=lambda e, m: e * m)),
    ("raised", lambda v, old, a, m, c: v @ old),
    ("unfinished", lambda v, old, a, m, c: None),
    ("unknown", lambda v, old, a, m, c: (v * m).sum()),
]


def added_up(*parts: str) -> Callable[[int, int, bool, int], int]:
    """A bill with these items: who ("policy", "critic", "reference") and what, one after another.

    An item is counted once each time it is named.
    """

    def bill(weights: int, critics: int, reference: bool, itemsize: int) -> int:
        size = {"policy": weights, "critic": critics, "reference": weights * reference}
        return sum(size[part] * itemsize for part in parts)

    return bill


RIGHT = ["policy", "critic"] * 4 + ["reference"]


def without(*items: str) -> Callable[[int, int, bool, int], int]:
    parts = list(RIGHT)
    for item in items:
        parts.remove(item)
    return added_up(*parts)


BYTES: list[Attempt] = [
    (None, added_up(*RIGHT)),
    (None, lambda w, c, r, b: b * ((5 if r else 4) * w + 4 * c)),
    ("three_of_four", without("policy", "critic")),
    ("no_optimizer", without("policy", "critic", "policy", "critic")),
    ("one_copy_too_many", added_up(*RIGHT, "policy", "critic")),
    ("one_copy_too_many", lambda w, c, r, b: b * (6 * (w + c) + w * r)),
    ("reference_of_the_critics_size", lambda w, c, r, b: b * (4 * (w + c) + r * c)),
    ("reference_of_the_critics_size", lambda w, c, r, b: b * (4 * w + 4 * c + w * bool(c))),
    ("float32_averages", lambda w, c, r, b: (w + c) * (b + b + 4 + 4) + r * w * b),
    ("reference_is_one", lambda w, c, r, b: b * (4 * w + 4 * c + r)),
    ("critic_is_not_trained", without(*["critic"] * 3)),
    ("critic_without_gradients", without("critic")),
    ("critic_without_optimizer", without("critic", "critic")),
    ("no_critic", without(*["critic"] * 4)),
    ("reference_is_trained", added_up(*RIGHT, *["reference"] * 3)),
    ("reference_is_trained", added_up(*RIGHT, "reference")),
    ("weights_only", added_up("policy", "critic", "reference")),
    ("reference_of_the_critic", lambda w, c, r, b: added_up(*RIGHT)(w, c, r, b) + b * c * r),
    ("no_reference", without("reference")),
    ("always_a_reference", lambda w, c, r, b: b * (5 * w + 4 * c)),
    ("always_four_bytes", lambda w, c, r, b: added_up(*RIGHT)(w, c, r, 4)),
    ("numbers_not_bytes", lambda w, c, r, b: added_up(*RIGHT)(w, c, r, 1)),
    ("mebibytes", lambda w, c, r, b: added_up(*RIGHT)(w, c, r, b) / 1024**2),
    ("mebibytes", lambda w, c, r, b: added_up(*RIGHT)(w, c, r, b) / 10**6),
    ("shape", lambda w, c, r, b: [w, c]),
    ("raised", lambda w, c, r, b: w / (b - 4)),
    ("unfinished", lambda w, c, r, b: None),
    ("unknown", lambda w, c, r, b: 1),
]

ATTEMPTS = {check.critic_loss: CRITIC, check.bytes_held: BYTES}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])
