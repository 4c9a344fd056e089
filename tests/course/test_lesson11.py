"""Lesson 11: every planted mistake meets its own hint and no other; right attempts pass."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor

from grpo_core.algorithm import aggregation
from grpo_core.algorithm.levels import importance_ratio
from grpo_core.algorithm.methods.clip import clip
from grpo_core.algorithm.objective import grpo_objective
from grpo_core.algorithm.variant import Variant
from grpo_core.course import lesson11 as check
from grpo_core.course.exercise import Exercise
from grpo_core.course.recordings import method_comparison


def by_autograd(mask: Tensor, how: str, limit: int) -> Tensor:
    leaf = torch.zeros(mask.shape, requires_grad=True)
    size = aggregation.BatchSize.of(mask, limit)
    loss = aggregation.AGGREGATIONS[how](leaf, mask, size)
    return torch.autograd.grad(loss, leaf)[0]


def ways(
    first: Callable[..., Any] = lambda m, n: m / (len(m) * n),
    second: Callable[..., Any] = lambda m, n: m / n.sum(),
    third: Callable[..., Any] = lambda m, n, limit: m / (len(m) * limit),
) -> Any:
    """A function of the mask, the lengths (B, 1), and for the third the limit."""

    def weights(mask: Tensor, how: str, limit: int) -> Any:
        m, n = mask.float(), mask.float().sum(1)[:, None]
        if how == "sequence_mean":
            return first(m, n)
        return second(m, n) if how == "token_mean" else third(m, n, limit)

    return weights


WEIGHTS: list[Attempt] = [
    (None, by_autograd),
    (None, ways()),
    ("padding_weighted", ways(first=lambda m, n: (1 / (3 * n)).expand(m.shape))),
    ("padding_weighted", ways(second=lambda m, n: (1 / n.sum()).expand(m.shape))),
    ("padding_weighted", ways(third=lambda m, n, limit: torch.ones_like(m) / (3 * limit))),
    ("down_the_columns", ways(first=lambda m, n: m / m.sum(0).clamp(min=1) / 3)),
    ("tokens_for_completions", ways(first=lambda m, n: m / n.sum())),
    ("brackets", ways(third=lambda m, n, limit: m / len(m) * limit)),
    ("width_for_length", ways(first=lambda m, n: m / 18)),
    ("width_for_length", ways(first=lambda m, n: m / 6)),
    ("completions_added", ways(first=lambda m, n: m / n)),
    ("length_for_all", ways(second=lambda m, n: m / n / len(m))),
    ("length_for_all", ways(second=lambda m, n: m / n)),
    ("padding_counted", ways(second=lambda m, n: m / (3 * 6))),
    ("one_completion_forgotten", ways(second=lambda m, n: m / n.sum() / len(m))),
    ("longest_for_limit", ways(third=lambda m, n, limit: m / (len(m) * n.max()))),
    ("longest_for_limit", ways(third=lambda m, n, limit: m / (len(m) * m.shape[1]))),
    ("constant_is_not", ways(third=lambda m, n, limit: m / n / len(m))),
    ("constant_is_not", ways(third=lambda m, n, limit: m / n.sum())),
    ("constant_is_not", ways(third=lambda m, n, limit: m / n / limit)),
    ("limit_alone", ways(third=lambda m, n, limit: m / limit)),
    (
        "ways_swapped",
        lambda m, how, limit: by_autograd(
            m, {"constant": "token_mean", "token_mean": "constant"}.get(how, how), limit
        ),
    ),
    (
        "ways_swapped",
        lambda m, how, limit: by_autograd(
            m, {"sequence_mean": "token_mean", "token_mean": "sequence_mean"}.get(how, how), limit
        ),
    ),
    ("not_divided_by_completions", ways(second=lambda m, n: m * len(m) / n.sum())),
    ("limit_of_something_else", ways(third=lambda m, n, limit: m / (n.sum() * limit))),
    ("limit_of_something_else", ways(third=lambda m, n, limit: m / limit / m.shape[1])),
    ("long_ones_count_more", ways(first=lambda m, n: m * n / n.sum())),
    ("shape", ways(first=lambda m, n: 1 / n.flatten())),
    ("raised", ways(first=lambda m, n: m / n.flatten())),
    ("unfinished", ways(first=lambda m, n: None)),
    ("unknown", ways(second=lambda m, n: 7 * m)),
]


def whole(combine: Callable[..., Any], old: Callable[[Tensor], Tensor] = Tensor.detach) -> Any:
    """`combine` of the log-ratios, the mask as 0 and 1, and the lengths (B,)."""
    return lambda new, before, m: combine(new - old(before), m.float(), m.sum(1))


def geometric(d: Tensor, m: Tensor, n: Tensor) -> Tensor:
    return torch.prod(torch.where(m > 0, d.exp(), torch.ones(())), 1) ** (1 / n)


RATIOS: list[Attempt] = [
    (None, lambda new, old, m: importance_ratio(new, old.detach(), m, "sequence")),
    (None, whole(geometric)),
    ("sum", whole(lambda d, m, n: torch.prod(torch.where(m > 0, d.exp(), torch.ones(())), 1))),
    ("padding_counted", whole(lambda d, m, n: (d * m).mean(1).exp())),
    ("padding_added", whole(lambda d, m, n: d.mean(dim=1).exp())),
    ("padding_added", whole(lambda d, m, n: torch.exp(d.sum(dim=1) / n))),
    ("padding_added", whole(lambda d, m, n: torch.exp(d.sum(dim=1)))),
    ("mean_of_ratios", whole(lambda d, m, n: (torch.exp(d) * m).sum(1) / n)),
    ("no_exponential", whole(lambda d, m, n: (d * m).sum(1) / n)),
    ("whole_batch", whole(lambda d, m, n: ((d * m).sum() / n.sum()).exp().repeat(3))),
    ("upside_down", whole(lambda d, m, n: 1 / geometric(d, m, n))),
    ("logs_divided", lambda new, old, m: ((new / old.detach() * m).sum(1) / m.sum(1)).exp()),
    ("logs_divided", lambda new, old, m: geometric((new / old.detach()).log(), m, m.sum(1))),
    ("no_detach", whole(lambda d, m, n: ((d * m).sum(1) / n).exp(), old=lambda x: x)),
    ("no_gradient", whole(lambda d, m, n: geometric(d.detach(), m, n))),
    ("clipped", whole(lambda d, m, n: geometric(d, m, n).clip(0.8, 1.2))),
    ("root_of_the_length", whole(lambda d, m, n: torch.exp((d * m).sum(1) / n**0.5))),
    ("one_token", whole(lambda d, m, n: torch.exp(d[range(3), n - 1]))),
    ("one_token", whole(lambda d, m, n: (torch.exp(d) * m).max(dim=1).values)),
    ("down_the_columns", whole(lambda d, m, n: ((d * m).sum(0) / m.sum(0)).exp()[:3])),
    (
        "probabilities_added",
        lambda new, old, m: torch.exp(new).mul(m).sum(1) / torch.exp(old.detach()).mul(m).sum(1),
    ),
    ("one_plus", whole(lambda d, m, n: geometric(d, m, n).log() + 1)),
    ("shape", whole(lambda d, m, n: torch.exp(d))),
    ("raised", whole(lambda d, m, n: (d * m) / n)),
    ("unfinished", whole(lambda d, m, n: ...)),
    ("unknown", whole(lambda d, m, n: geometric(d, m, n) * 9)),
]


def kits(new: Tensor, old: Tensor, a: Tensor, m: Tensor, lo: float, hi: float, tokens: int) -> Any:
    variant = Variant(epsilon=lo, epsilon_high=hi)
    size = aggregation.BatchSize(3, tokens)
    return grpo_objective(new, old, None, a, m, variant, size)[0]


def loss_of(
    total: Callable[..., Any] = lambda s, m, tokens: s[m].sum() / tokens,
    surrogate: Callable[..., Any] = lambda r, a, lo, hi: clip(r, a, epsilon=lo, epsilon_high=hi),
    old: Callable[[Tensor], Tensor] = Tensor.detach,
) -> Any:
    """`total` of surrogate (B, T), mask and the batch's tokens."""

    def loss(
        new: Tensor, before: Tensor, a: Tensor, m: Tensor, lo: float, hi: float, tokens: int
    ) -> Any:
        s = surrogate(torch.exp(new - old(before)), a[:, None], lo, hi)
        return -total(s, m, tokens)

    return loss


DAPO: list[Attempt] = [
    (None, kits),
    (None, loss_of()),
    ("micro_batch_mean", loss_of(lambda s, m, tokens: s[m].mean())),
    ("micro_batch_mean", loss_of(lambda s, m, tokens: s[m].mean() / 2)),
    ("sequence_mean", loss_of(lambda s, m, tokens: ((s * m).sum(1) / m.sum(1)).mean())),
    ("sequence_mean", loss_of(lambda s, m, tokens: ((s * m).sum(1) / m.sum(1)).sum() / 3)),
    ("sequence_mean", loss_of(lambda s, m, tokens: ((s * m).sum(1) / m.sum(1)).sum() / tokens)),
    ("divided_by_completions", loss_of(lambda s, m, tokens: (s * m).sum(1).mean())),
    ("divided_by_completions", loss_of(lambda s, m, tokens: (s * m).sum(1).mean() / tokens)),
    (
        "epsilons_as_bounds",
        loss_of(surrogate=lambda r, a, lo, hi: torch.minimum(r * a, r.clip(lo, hi) * a)),
    ),
    (
        "upside_down",
        loss_of(surrogate=lambda r, a, lo, hi: clip(1 / r, a, epsilon=lo, epsilon_high=hi)),
    ),
    (
        "ratio_of_the_completion",
        lambda new, old, a, m, lo, hi, tokens: (
            -(
                clip(
                    importance_ratio(new, old.detach(), m, "sequence").view(-1, 1),
                    a[:, None],
                    epsilon=lo,
                    epsilon_high=hi,
                )
                * m
            ).sum()
            / tokens
        ),
    ),
    (
        "product_clipped",
        loss_of(surrogate=lambda r, a, lo, hi: (r * a).minimum((r * a).clip(1 - lo, 1 + hi))),
    ),
    (
        "no_gradient",
        loss_of(surrogate=lambda r, a, lo, hi: clip(r.detach(), a, epsilon=lo, epsilon_high=hi)),
    ),
    ("padding_added", loss_of(lambda s, m, tokens: s.sum() / tokens)),
    ("padding_added", loss_of(lambda s, m, tokens: s.mean())),
    ("padding_counted", loss_of(lambda s, m, tokens: (s * m).mean())),
    ("not_divided", loss_of(lambda s, m, tokens: s[m].sum())),
    ("one_epsilon", loss_of(surrogate=lambda r, a, lo, hi: clip(r, a, epsilon_high=lo))),
    (
        "one_epsilon",
        loss_of(surrogate=lambda r, a, lo, hi: clip(r, a, epsilon=hi, epsilon_high=hi)),
    ),
    (
        "bounds_swapped",
        loss_of(surrogate=lambda r, a, lo, hi: clip(r, a, epsilon=hi, epsilon_high=lo)),
    ),
    ("clip_without_min", loss_of(surrogate=lambda r, a, lo, hi: r.clip(1 - lo, 1 + hi) * a)),
    (
        "max",
        loss_of(surrogate=lambda r, a, lo, hi: torch.max(r * a, r.clip(1 - lo, 1 + hi) * a)),
    ),
    ("no_clip", loss_of(surrogate=lambda r, a, lo, hi: r * a)),
    ("sign", loss_of(lambda s, m, tokens: -s[m].sum() / tokens)),
    ("no_detach", loss_of(old=lambda x: x)),
    (
        "epsilons_ignored",
        loss_of(surrogate=lambda r, a, lo, hi: clip(r, a, epsilon=0.2, epsilon_high=0.28)),
    ),
    (
        "logarithm_clipped",
        loss_of(surrogate=lambda r, a, lo, hi: torch.min(r * a, r.log().clip(-lo, hi).exp() * a)),
    ),
    ("one_bound", loss_of(surrogate=lambda r, a, lo, hi: torch.min(r * a, r.clip(max=1 + hi) * a))),
    ("one_bound", loss_of(surrogate=lambda r, a, lo, hi: torch.min(r * a, r.clip(min=1 - lo) * a))),
    (
        "min_of_ratios",
        loss_of(surrogate=lambda r, a, lo, hi: torch.min(r, r.clip(1 - lo, 1 + hi)) * a),
    ),
    ("no_advantage", loss_of(surrogate=lambda r, a, lo, hi: torch.min(r, r.clip(1 - lo, 1 + hi)))),
    ("compared_again", lambda new, old, a, *rest: kits(new, old.detach(), a - a.mean(), *rest)),
    ("no_ratio", lambda new, old, a, m, lo, hi, n: -(new * a[:, None])[m].sum() / n),
    ("no_ratio", lambda new, old, a, m, lo, hi, n: -(torch.exp(new) * a[:, None])[m].sum() / n),
    ("no_ratio", loss_of(surrogate=lambda r, a, lo, hi: r.log() * a)),
    (
        "logs_divided",
        lambda new, old, a, m, lo, hi, n: (
            -clip(new / old.detach(), a[:, None], epsilon=lo, epsilon_high=hi)[m].sum() / n
        ),
    ),
    ("shape", loss_of(lambda s, m, tokens: s * m / tokens)),
    ("raised", loss_of(lambda s, m, tokens: s @ s)),
    ("unfinished", lambda *_: None),
    ("unknown", loss_of(lambda s, m, tokens: s[m].sum() ** 2)),
]

ERRORS: list[Attempt] = [
    (None, lambda f: method_comparison.standard_error(f.numpy())),
    (None, lambda f: math.sqrt(2 * np.var(f.numpy(), axis=1, ddof=1).mean() / f.shape[1])),
    ("all_together", lambda f: math.sqrt(2 * f.std() ** 2 / f.shape[1])),
    ("between_methods", lambda f: f.mean(1).std()),
    ("between_methods", lambda f: f.mean(1).std() * math.sqrt(2)),
    ("across_seeds", lambda f: (2 * f.var(0).mean() / f.shape[1]).sqrt()),
    ("population", lambda f: math.sqrt(2 * np.var(f.numpy(), axis=1).mean() / f.shape[1])),
    ("variances_added", lambda f: (2 * f.var(1).sum() / f.shape[1]).sqrt()),
    ("variances_added", lambda f: (sum(row.var() for row in f) / f.shape[1]) ** 0.5),
    ("seeds_outside_the_root", lambda f: (2 * f.var(1).mean()).sqrt() / f.shape[1]),
    ("one_less_twice", lambda f: (2 * f.var(1).mean() / (f.shape[1] - 1)).sqrt()),
    ("one_mean", lambda f: (f.var(1).mean() / f.shape[1]).sqrt()),
    ("one_run", lambda f: (2 * f.var(1).mean()).sqrt()),
    ("one_run", lambda f: f.var(1).mean() ** 0.5),
    ("all_runs_counted", lambda f: (2 * f.var(1).mean() / f.numel()).sqrt()),
    ("mean_of_stds", lambda f: f.std(1).mean() * math.sqrt(2 / f.shape[1])),
    ("no_root", lambda f: f.var(1).mean() * 2 / f.shape[1]),
    ("deviations_added", lambda f: 2 * (f.var(1).mean() / f.shape[1]).sqrt()),
    ("one_method_for_all", lambda f: (2 * f.var(1).max() / f.shape[1]).sqrt()),
    ("one_method_for_all", lambda f: ((f[0].var() + f[1].var()) / f.shape[1]).sqrt()),
    ("always_five", lambda f: math.sqrt(2 * f.var(1).mean() / 5)),
    ("range", lambda f: torch.mean(f.max(1).values - f.min(1).values)),
    ("difference_of_means", lambda f: abs(f[0].mean() - f[1].mean())),
    ("difference_of_means", lambda f: f.mean(1).max() - f.mean(1).min()),
    ("two_standard_errors", lambda f: 1.96 * method_comparison.standard_error(f.numpy())),
    ("shape", lambda f: (2 * f.var(1) / f.shape[1]).sqrt()),
    ("raised", lambda f: f @ f),
    ("unfinished", lambda f: None),
    ("unknown", lambda f: 0.5),
]

ATTEMPTS = {
    check.weights: WEIGHTS,
    check.ratio: RATIOS,
    check.dapo: DAPO,
    check.error: ERRORS,
}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])
