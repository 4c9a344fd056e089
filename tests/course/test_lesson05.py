"""Lesson 05: every planted mistake meets its own hint and no other; right attempts pass."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor

from grpo_core.algorithm.methods.cispo import cispo
from grpo_core.algorithm.methods.clip import clip
from grpo_core.course import lesson05 as check
from grpo_core.course.exercise import Exercise


def by_autograd(r: Tensor, a: Tensor, low: float, high: float) -> Tensor:
    lp = r.log().requires_grad_()
    value = clip(lp.exp(), a, epsilon=low, epsilon_high=high)
    return torch.autograd.grad(value.sum(), lp)[0]


def where(stop: Callable[..., Tensor], w: Callable[..., Tensor] = lambda r, a: r * a) -> Any:
    return lambda r, a, lo, hi: torch.where(stop(r, a, lo, hi), torch.zeros(()), w(r, a))


def done(r: Tensor, a: Tensor, lo: float, hi: float) -> Tensor:
    return torch.where(a > 0, r > 1 + hi, r < 1 - lo)


WEIGHTS: list[Attempt] = [
    (None, by_autograd),
    (None, where(done)),
    ("both_sides", where(lambda r, a, lo, hi: (r < 1 - lo) | (r > 1 + hi))),
    ("wrong_corners", where(lambda r, a, lo, hi: torch.where(a < 0, r > 1 + hi, r < 1 - lo))),
    ("nothing_inside", where(lambda r, a, lo, hi: ~((r * a) < r.clip(1 - lo, 1 + hi) * a))),
    ("bounds_as_they_are", where(lambda r, a, lo, hi: torch.where(a > 0, r > hi, r < lo))),
    ("value", lambda r, a, lo, hi: clip(r, a, epsilon=lo, epsilon_high=hi)),
    ("slope_by_ratio", where(done, lambda r, a: a + 0 * r)),
    ("only_above", where(lambda r, a, lo, hi: (r > 1 + hi) & (a > 0))),
    ("only_below", where(lambda r, a, lo, hi: (r < 1 - lo) & (a < 0))),
    ("one_epsilon", where(lambda r, a, lo, hi: done(r, a, lo, lo))),
    ("bounds_swapped", where(lambda r, a, lo, hi: done(r, a, hi, lo))),
    ("never_stops", lambda r, a, lo, hi: r * a),
    ("sign_forgotten", where(done, lambda r, a: r)),
    ("sign_forgotten", where(done, lambda r, a: 0 * r + 1)),
    ("bounds_ignored", where(lambda r, a, lo, hi: done(r, a, 0.2, 0.3))),
    ("only_the_stopped", where(lambda r, a, lo, hi: ~done(r, a, lo, hi))),
    ("bad_tokens_silent", where(lambda r, a, lo, hi: done(r, a, lo, hi) | (a < 0))),
    ("bad_tokens_silent", where(done, lambda r, a: r * a.clamp(min=0))),
    ("always_positive", where(done, lambda r, a: r * a.abs())),
    ("shape", lambda r, a, lo, hi: (r * a).sum(1)),
    ("raised", lambda r, a, lo, hi: r @ a),
    ("unfinished", lambda r, a, lo, hi: None),
    ("unknown", lambda r, a, lo, hi: r * 0 + 9),
]


def ppo(body: Callable[..., Tensor], detach: bool = True) -> Any:
    """`body` of ratio, advantages (B, 1) and the bounds."""

    def surrogate(new: Tensor, old: Tensor, a: Tensor, lo: float, hi: float) -> Tensor:
        old = old.detach() if detach else old
        return body(torch.exp(new - old), a[:, None], lo, hi)

    return surrogate


def least(x: Tensor, y: Tensor) -> Tensor:
    return torch.where(x < y, x, y)


def weighed(new: Tensor, old: Tensor, a: Tensor, lo: float, hi: float) -> Tensor:
    r = torch.exp(new - old).detach()
    return (r * a[:, None] * ~done(r, a[:, None], lo, hi)) * new


SURROGATES: list[Attempt] = [
    (None, ppo(lambda r, a, lo, hi: clip(r, a, epsilon=lo, epsilon_high=hi))),
    (None, ppo(lambda r, a, lo, hi: a * torch.where(a > 0, r.clamp(max=1 + hi), r.clamp(1 - lo)))),
    ("max", ppo(lambda r, a, lo, hi: torch.maximum(r * a, r.clamp(1 - lo, 1 + hi) * a))),
    ("min_of_ratios", ppo(lambda r, a, lo, hi: least(r, r.clamp(1 - lo, 1 + hi)) * a)),
    ("clip_without_min", ppo(lambda r, a, lo, hi: r.clamp(1 - lo, 1 + hi) * a)),
    ("no_clip", ppo(lambda r, a, lo, hi: r * a)),
    ("product_clipped", ppo(lambda r, a, lo, hi: least(r * a, (a * r).clip(1 - lo, 1 + hi)))),
    ("product_clipped", ppo(lambda r, a, lo, hi: torch.clip(a * r, 1 - lo, 1 + hi))),
    ("outside_is_zero", ppo(lambda r, a, lo, hi: r * a * ((r > 1 - lo) & (r < 1 + hi)))),
    ("outside_is_zero", ppo(lambda r, a, lo, hi: r * a * ~done(r, a, lo, hi))),
    ("weight_times_log", weighed),
    ("no_lower_bound", ppo(lambda r, a, lo, hi: least(r * a, r.clamp(max=1 + hi) * a))),
    ("no_upper_bound", ppo(lambda r, a, lo, hi: least(r * a, r.clamp(min=1 - lo) * a))),
    ("one_epsilon", ppo(lambda r, a, lo, hi: clip(r, a, epsilon=lo, epsilon_high=lo))),
    ("bounds_swapped", ppo(lambda r, a, lo, hi: clip(r, a, epsilon=hi, epsilon_high=lo))),
    ("bounds_as_they_are", ppo(lambda r, a, lo, hi: least(r * a, r.clamp(lo, hi) * a))),
    ("logarithm_clipped", ppo(lambda r, a, lo, hi: least(r * a, r.log().clamp(-lo, hi).exp() * a))),
    ("no_detach", ppo(lambda r, a, lo, hi: clip(r, a, epsilon=lo, epsilon_high=hi), False)),
    ("no_gradient", ppo(lambda r, a, lo, hi: clip(r.detach(), a, epsilon=lo, epsilon_high=hi))),
    ("upside_down", ppo(lambda r, a, lo, hi: clip(1 / r, a, epsilon=lo, epsilon_high=hi))),
    ("sign", ppo(lambda r, a, lo, hi: -clip(r, a, epsilon=lo, epsilon_high=hi))),
    ("bounds_ignored", ppo(lambda r, a, lo, hi: least(r * a, r.clamp(0.8, 1.3) * a))),
    ("no_ratio", lambda new, old, a, lo, hi: new * a[:, None]),
    ("no_ratio", lambda new, old, a, lo, hi: torch.exp(new) * a[:, None]),
    ("no_ratio", lambda new, old, a, lo, hi: clip(
        new.exp(), a[:, None], epsilon=lo, epsilon_high=hi)),
    ("no_exponential", ppo(lambda r, a, lo, hi: clip(
        r.log(), a, epsilon=lo, epsilon_high=hi))),
    ("no_exponential", ppo(lambda r, a, lo, hi: least(r.log() * a, r.log().clamp(-lo, hi) * a))),
    ("no_exponential", ppo(lambda r, a, lo, hi: r.log() * a)),
    ("logs_divided", lambda new, old, a, lo, hi: clip(
        new / old.detach(), a[:, None], epsilon=lo, epsilon_high=hi)),
    ("no_advantage", ppo(lambda r, a, lo, hi: least(r, r.clamp(1 - lo, 1 + hi)))),
    ("no_advantage", ppo(lambda r, a, lo, hi: clip(r, a.abs(), epsilon=lo, epsilon_high=hi))),
    ("bounds_in_the_wrong_direction", ppo(
        lambda r, a, lo, hi: least(r * a, torch.clip(r, 1 + lo, 1 - hi) * a))),
    ("clipped_detached", ppo(
        lambda r, a, lo, hi: torch.min(r * a, (r.clamp(1 - lo, 1 + hi) * a).detach()))),
    ("shape", ppo(lambda r, a, lo, hi: clip(r, a, epsilon=lo, epsilon_high=hi).mean())),
    ("raised", lambda new, old, a, lo, hi: torch.exp(new - old) * a),
    ("unfinished", lambda new, old, a, lo, hi: ...),
    ("unknown", ppo(lambda r, a, lo, hi: 3 * r * a)),
]  # fmt: skip


def capped(body: Callable[..., Tensor]) -> Any:
    """`body` of ratio, advantages (B, 1), log-probs and the cap."""
    return lambda new, old, a, cap: body(torch.exp(new - old), a[:, None], new, cap)


CISPO: list[Attempt] = [
    (None, capped(lambda r, a, lp, cap: cispo(r, a, logprobs=lp, epsilon_high=cap))),
    (None, capped(lambda r, a, lp, cap: least(r, cap * torch.ones_like(r)).detach() * a * lp)),
    ("weight_not_detached", capped(lambda r, a, lp, cap: r.clamp(max=cap) * a * lp)),
    ("no_log", capped(lambda r, a, lp, cap: r.clamp(max=cap) * a)),
    ("no_log", capped(lambda r, a, lp, cap: r.clamp(max=cap).detach() * a)),
    ("log_detached", capped(lambda r, a, lp, cap: r.clamp(max=cap) * a * lp.detach())),
    ("all_detached", capped(lambda r, a, lp, cap: (r.clamp(max=cap) * a * lp).detach())),
    ("product_capped", capped(lambda r, a, lp, cap: (r * a).clip(max=cap).detach() * lp)),
    ("log_of_the_ratio", lambda new, old, a, cap: (
        torch.exp(new - old).clip(max=cap).detach() * a[:, None] * (new - old.detach()))),
    ("no_logarithm", capped(lambda r, a, lp, cap: r.clip(max=cap).detach() * a * torch.exp(lp))),
    ("cap_above_one", capped(lambda r, a, lp, cap: r.clamp(max=1 + cap).detach() * a * lp)),
    ("no_cap", capped(lambda r, a, lp, cap: r.detach() * a * lp)),
    ("no_weight", capped(lambda r, a, lp, cap: a * lp)),
    ("ratio_floored", capped(lambda r, a, lp, cap: r.clamp(1 / cap, cap).detach() * a * lp)),
    ("ratio_floored", capped(lambda r, a, lp, cap: r.clamp(2 - cap, cap).detach() * a * lp)),
    ("stopped_like_ppo", capped(lambda r, a, lp, cap: (r * (r <= cap)).detach() * a * lp)),
    ("sign", capped(lambda r, a, lp, cap: -cispo(r, a, logprobs=lp, epsilon_high=cap))),
    ("no_advantage", capped(lambda r, a, lp, cap: r.clip(max=cap).detach() * lp)),
    ("cap_ignored", capped(lambda r, a, lp, cap: r.clamp(max=1.2).detach() * a * lp)),
    ("floor_for_cap", capped(lambda r, a, lp, cap: r.clip(min=cap).detach() * a * lp)),
    ("upside_down", capped(lambda r, a, lp, cap: r.pow(-1).clip(max=cap).detach() * a * lp)),
    ("old_log_prob", lambda new, old, a, cap: (
        torch.exp(new - old).clip(max=cap).detach() * a[:, None] * old)),
    ("ratio_for_log", lambda new, old, a, cap: torch.exp(new - old).clip(max=cap).detach()
        * torch.exp(new - old.detach()) * a[:, None]),
    ("shape", capped(lambda r, a, lp, cap: cispo(r, a, logprobs=lp, epsilon_high=cap).sum())),
    ("raised", lambda new, old, a, cap: new * a),
    ("unfinished", lambda new, old, a, cap: None),
    ("unknown", capped(lambda r, a, lp, cap: 5 * a * lp)),
]  # fmt: skip

ATTEMPTS = {check.weight: WEIGHTS, check.surrogate: SURROGATES, check.cispo: CISPO}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])
