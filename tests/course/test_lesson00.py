"""Lesson 00: every planted mistake meets its own hint and no other; right attempts pass."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.objective import grpo_objective
from grpo_core.algorithm.variant import Variant
from grpo_core.course import lesson00 as check
from grpo_core.course.exercise import Exercise


def numpy_default(r: Tensor) -> Any:
    r = r.numpy()
    return (r - r.mean(1, keepdims=True)) / (r.std(1, keepdims=True) + 1e-4)


def exact_ties(r: Tensor) -> Tensor:
    a = torch.zeros_like(r)
    for i, row in enumerate(r):
        if row.max() > row.min():
            a[i] = (row - row.mean()) / row.std()
    return a


def nan_ties(r: Tensor) -> Tensor:
    d = r.double()  # exact enough for the mean of 0.7 to be 0.7
    d = (d - d.mean(1, keepdim=True)).round(decimals=9)
    return d / d.std(1, keepdim=True)


def spread(r: Tensor) -> Tensor:
    return r.std(1, keepdim=True) + 1e-4


def squares_added(r: Tensor) -> Tensor:
    d = r - r.mean(1, keepdim=True)
    return d / ((d * d).sum(1, keepdim=True).sqrt() + 1e-4)


# Written as a learner would, and not copied from the lesson.
ADVANTAGES: list[Attempt] = [
    (None, group_advantages),
    (None, exact_ties),
    (None, lambda r: ((r.T - r.T.mean(0)) / (r.T.std(0) + 1e-4)).T),
    (None, lambda r: ((r - r.mean(1, keepdim=True)) / (r.std(1, keepdim=True) + 1e-4)).numpy()),
    ("population_std", numpy_default),
    ("whole_batch", lambda r: (r - r.mean()) / (r.std() + 1e-8)),
    ("whole_batch", lambda r: (r - torch.mean(r)) / (r.std(1, keepdim=True) + 1e-4)),
    ("wrong_axis", lambda r: (r - r.mean(0)) / (r.std(0) + 1e-4)),
    ("batch_std", lambda r: (r - r.mean(1, keepdim=True)) / (r.std() + 1e-4)),
    ("nan_on_ties", nan_ties),
    ("noise_on_ties", lambda r: (r - r.mean(1, keepdim=True)) / r.std(1, keepdim=True)),
    (
        "noise_on_ties",
        lambda r: (r - r.mean(-1, keepdim=True)) / (r.std(-1, keepdim=True) + 1e-8),
    ),
    (
        "noise_on_ties",
        lambda r: (r - r.mean(-1, keepdim=True)) / (r.std(-1, keepdim=True) + 1e-6),
    ),
    ("squares_not_averaged", lambda r: torch.nn.functional.normalize(r - r.mean(1, True), dim=1)),
    ("squares_not_averaged", squares_added),
    ("sign", lambda r: -group_advantages(r)),
    ("not_divided", lambda r: group_advantages(r, "none")),
    ("not_centered", lambda r: r / (r.std(1, keepdim=True) + 1e-4)),
    ("variance", lambda r: (r - r.mean(1, keepdim=True)) / (r.var(1, keepdim=True) + 1e-4)),
    ("noise_on_ties", lambda r: torch.nan_to_num((r - r.mean(1, True)) / r.std(1, keepdim=True))),
    ("brackets", lambda r: r - r.mean(1, keepdim=True) / (r.std(1, keepdim=True) + 1e-4)),
    ("median", lambda r: (r - r.quantile(0.5, 1, True, interpolation="lower")) / spread(r)),
    ("range", lambda r: (r - r.mean(1, True)) / (r.max(1, True)[0] - r.min(1, True)[0] + 1e-6)),
    ("range", lambda r: (r - r.min(1, True)[0]) / (r.max(1, True)[0] - r.min(1, True)[0] + 1e-4)),
    ("eps_too_large", lambda r: (r - r.mean(1, True)) / (r.std(1, keepdim=True) + 0.01)),
    ("eps_too_large", lambda r: (r - r.mean(1, True)) / (r.std(1, keepdim=True) + 1)),
    ("raised", lambda r: (r - r.mean(1)) / r.std(1)),
    ("raised", lambda r: r.nonsense),
    ("shape", lambda r: r.mean(1)),
    ("shape", lambda r: group_advantages(r).flatten()),
    ("unfinished", lambda r: None),
    ("unfinished", lambda r: ...),
    ("unknown", lambda r: torch.zeros_like(r) + 3),
]


def learner_loss(
    ratio: Callable[[Tensor, Tensor], Tensor] = lambda new, old: torch.exp(new - old.detach()),
    term: Callable[[Tensor, Tensor], Tensor] | None = None,
    mean: Callable[[Tensor, Tensor], Tensor] = lambda x, mask: x[mask].mean(),
) -> Callable[..., Any]:
    def loss(lp: Tensor, old: Tensor, a: Tensor, mask: Tensor, epsilon: float = 0.2) -> Any:
        rho, a = ratio(lp, old), a[:, None]
        if term is not None:
            return mean(-term(rho, a), mask)
        return mean(-torch.min(rho * a, torch.clip(rho, 1 - epsilon, 1 + epsilon) * a), mask)

    return loss


def kit_loss(lp: Tensor, old: Tensor, a: Tensor, mask: Tensor, epsilon: float = 0.2) -> Tensor:
    variant = Variant(epsilon=epsilon, epsilon_high=epsilon)
    return grpo_objective(lp, old, None, a, mask, variant)[0]


def row_mean(x: Tensor, mask: Tensor) -> Tensor:
    return torch.stack([row[m].mean() for row, m in zip(x, mask, strict=True)]).mean()


LOSSES: list[Attempt] = [
    (None, kit_loss),
    (None, learner_loss()),
    (None, learner_loss(ratio=lambda new, old: new.exp() / old.detach().exp())),
    ("sign", lambda *args: -kit_loss(*args)),
    ("no_mask", learner_loss(mean=lambda x, mask: x.mean())),
    ("mask_in_numerator_only", learner_loss(mean=lambda x, m: x.where(m, 0 * x).mean())),
    ("mask_in_denominator_only", learner_loss(mean=lambda x, mask: x.sum() / mask.sum())),
    ("no_detach", learner_loss(ratio=lambda new, old: torch.exp(new - old))),
    ("max", learner_loss(term=lambda r, a: torch.max(r * a, r.clip(0.8, 1.2) * a))),
    ("min_of_ratios", learner_loss(term=lambda r, a: torch.min(r, r.clip(0.8, 1.2)) * a)),
    ("no_clip", learner_loss(term=lambda r, a: r * a)),
    ("clip_without_min", learner_loss(term=lambda r, a: r.clip(0.8, 1.2) * a)),
    ("product_clipped", learner_loss(term=lambda r, a: torch.min(r * a, (a * r).clip(0.8, 1.2)))),
    ("product_clipped", learner_loss(term=lambda r, a: torch.clip(a * r, 0.8, 1.2))),
    ("bounds_as_they_are", learner_loss(term=lambda r, a: torch.min(r * a, r.clip(-0.2, 0.2) * a))),
    ("bounds_as_they_are", learner_loss(term=lambda r, a: torch.min(r * a, r.clip(0.2, 0.2) * a))),
    ("sequence_mean", learner_loss(mean=row_mean)),
    ("sum", learner_loss(mean=lambda x, mask: x[mask].sum())),
    ("sum", learner_loss(mean=lambda x, mask: x[mask].sum() / len(x))),
    ("ratio_upside_down", learner_loss(ratio=lambda new, old: torch.exp(old.detach() - new))),
    ("no_exp", learner_loss(ratio=lambda new, old: new - old.detach())),
    ("no_gradient", lambda *args: kit_loss(*args).item()),
    ("no_gradient", lambda *args: kit_loss(*args).detach()),
    ("no_gradient", learner_loss(ratio=lambda new, old: torch.exp(new.detach() - old.detach()))),
    ("epsilon_ignored", lambda lp, old, a, mask, epsilon=0.2: learner_loss()(lp, old, a, mask)),
    (
        "one_bound",
        learner_loss(term=lambda r, a: torch.min(r * a, r.clip(max=1.2) * a)),
    ),
    (
        "one_bound",
        learner_loss(term=lambda r, a: torch.min(r * a, r.clip(min=0.8) * a)),
    ),
    ("no_ratio", learner_loss(ratio=lambda new, old: new, term=lambda r, a: a * r)),
    ("no_ratio", learner_loss(ratio=lambda new, old: new.exp(), term=lambda r, a: a * r)),
    ("no_ratio", learner_loss(ratio=lambda new, old: torch.exp(new))),
    ("logs_divided", learner_loss(ratio=lambda new, old: new / old.detach())),
    ("logs_divided", learner_loss(ratio=lambda new, old: torch.exp(new / old.detach()))),
    ("no_advantage", learner_loss(term=lambda r, a: torch.min(r, r.clip(0.8, 1.2)))),
    ("no_advantage", learner_loss(term=lambda r, a: r)),
    ("raised", lambda lp, old, a, mask: (lp.exp() * a).sum()),
    ("shape", learner_loss(mean=lambda x, mask: x * mask)),
    ("unfinished", lambda lp, old, a, mask: None),
    ("unknown", learner_loss(term=lambda r, a: r.sqrt() * a)),
]

ATTEMPTS = {check.advantages: ADVANTAGES, check.clipped_loss: LOSSES}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])


@pytest.mark.parametrize("value", ["text", object(), [[1.0], [2.0, 3.0]], np.zeros((3, 4))])
def test_whatever_a_function_returns_the_check_does_not_raise(value: Any) -> None:
    assert not check.advantages(lambda r: value).passed
    assert not check.clipped_loss(lambda *args: value).passed


def test_a_shape_error_is_explained() -> None:
    assert "keepdim=True" in check.advantages(lambda r: r - r.mean(1)).message


def test_the_learners_function_cannot_spoil_the_inputs() -> None:
    def greedy(r: Tensor) -> Tensor:
        a = group_advantages(r)
        r.zero_()
        return a

    assert check.advantages(greedy).passed
    assert check.advantages(greedy).passed
