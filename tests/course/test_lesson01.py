"""Lesson 01: every planted mistake meets its own hint and no other; right attempts pass."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.course import lesson01 as check
from grpo_core.course.exercise import Exercise
from grpo_core.course.toys.bandit import estimates


def by_autograd(logits: Tensor, values: Tensor) -> Tensor:
    logits = logits.requires_grad_()
    (torch.softmax(logits, 0) @ values).backward()
    assert logits.grad is not None
    return logits.grad


def softmax(logits: Tensor) -> Tensor:
    e = torch.exp(logits - logits.max())
    return e / e.sum()


def learner_gradient(formula: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Any:
    def gradient(logits: Tensor, values: Tensor) -> Tensor:
        p = softmax(logits)
        return formula(p, values, (p * values).sum())

    return gradient


GRADIENTS: list[Attempt] = [
    (None, by_autograd),
    (None, learner_gradient(lambda p, q, j: p * q - p * j)),
    (None, lambda lo, q: (torch.diag(softmax(lo)) - torch.outer(softmax(lo), softmax(lo))) @ q),
    ("sign", lambda lo, q: -by_autograd(lo, q)),
    ("probability_forgotten", learner_gradient(lambda p, q, j: q - j)),
    ("nothing_subtracted", learner_gradient(lambda p, q, j: p * q)),
    ("nothing_subtracted", learner_gradient(lambda p, q, j: q)),
    ("plain_mean", learner_gradient(lambda p, q, j: p * (q - torch.mean(q)))),
    ("averaged_twice", lambda lo, q: softmax(lo) * (q - torch.mean(softmax(lo) * q))),
    ("brackets", learner_gradient(lambda p, q, j: p * q - j)),
    ("diagonal_only", learner_gradient(lambda p, q, j: q * p - q * p * p)),
    ("scores_for_probabilities", lambda lo, q: lo * (q - lo @ q)),
    ("scores_for_probabilities", lambda lo, q: lo / lo.sum() * (q - lo / lo.sum() @ q)),
    ("best_arm", learner_gradient(lambda p, q, j: p * (q - torch.max(q)))),
    ("best_arm", learner_gradient(lambda p, q, j: (q == q.max()) * 1.0 - p)),
    ("logarithms", learner_gradient(lambda p, q, j: torch.log(p) * (q - j))),
    ("shape", lambda lo, q: softmax(lo) @ q),
    ("raised", lambda lo, q: lo @ torch.zeros(9)),
    ("unfinished", lambda lo, q: None),
    ("unknown", lambda lo, q: lo * 0 + 7),
]


def loop(logits: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
    total = torch.zeros_like(logits)
    for action, a in zip(actions, advantages, strict=True):
        row = -torch.softmax(logits, 0)
        row[action] += 1
        total += a * row
    return total / len(actions)


def loss_of(logits: Tensor, actions: Tensor, advantages: Tensor, sign: float = 1.0) -> Tensor:
    logits = logits.requires_grad_()
    (sign * (advantages * torch.log_softmax(logits, 0)[actions]).mean()).backward()
    assert logits.grad is not None
    return logits.grad


def hot(actions: Tensor, k: int = 4) -> Tensor:
    return torch.eye(k)[actions]


ESTIMATES: list[Attempt] = [
    (None, loop),
    (None, loss_of),
    (None, lambda lo, a, w: estimates(lo, a[None], w[None])[0]),
    ("sign", lambda lo, a, w: loss_of(lo, a, w, sign=-1.0)),
    ("score_without_probabilities", lambda lo, a, w: (w[:, None] * hot(a, len(lo))).mean(0)),
    ("summed", lambda lo, a, w: loop(lo, a, w) * len(a)),
    ("averaged_over_arms", lambda lo, a, w: (w[:, None] * (hot(a, len(lo)) - softmax(lo))).mean(1)),
    ("averaged_over_arms", lambda lo, a, w: (w[:, None] * (hot(a, len(lo)) - softmax(lo))).mean()),
    ("weights_ignored", lambda lo, a, w: loop(lo, a, torch.ones(len(a)))),
    (
        "sampled_arm_only",
        lambda lo, a, w: (w[:, None] * hot(a, len(lo)) * (1 - softmax(lo))).mean(0),
    ),
    (
        "divided_by_probability",
        lambda lo, a, w: (w[:, None] * hot(a, len(lo)) / softmax(lo)).mean(0),
    ),
    ("scores_for_probabilities", lambda lo, a, w: (w[:, None] * (hot(a, len(lo)) - lo)).mean(0)),
    (
        "scores_for_probabilities",
        lambda lo, a, w: (w[:, None] * (hot(a, len(lo)) - torch.log_softmax(lo, 0))).mean(0),
    ),
    ("always_four", lambda lo, a, w: (w[:, None] * (hot(a) - softmax(lo[:4]))).mean(0)),
    ("centred", lambda lo, a, w: loop(lo, a, w - torch.mean(w))),
    ("weighted_twice", lambda lo, a, w: softmax(lo) * loop(lo, a, w)),
    ("weighted_twice", lambda lo, a, w: loss_of(lo, a, w * softmax(lo.detach())[a])),
    ("divided_by_weights", lambda lo, a, w: (hot(a, len(lo)) - softmax(lo)).T @ w / w.sum()),
    ("raised", lambda lo, a, w: (w * (hot(a, len(lo)) - softmax(lo))).mean(0)),
    ("unfinished", lambda lo, a, w: ...),
    ("unknown", lambda lo, a, w: lo),
]


def leave_out_by_loop(r: Tensor) -> Tensor:
    a = r.clone()
    for i in range(r.shape[1]):
        others = torch.cat([r[:, :i], r[:, i + 1 :]], dim=1)
        a[:, i] -= others.mean(dim=1)
    return a


def g(r: Tensor) -> int:
    return r.shape[1]


LEFT_OUT: list[Attempt] = [
    (None, leave_out_by_loop),
    (None, lambda r: group_advantages(r, "loo")),
    (None, lambda r: (g(r) * r - r.sum(1, keepdim=True)) / (g(r) - 1)),
    ("own_reward_included", lambda r: group_advantages(r, "none")),
    ("divided_by_all", lambda r: r - (r.sum(1)[:, None] - r) / g(r)),
    ("sum_of_all_over_others", lambda r: r - r.sum(1)[:, None] / (g(r) - 1)),
    ("groups_counted", lambda r: r - (r.sum(1)[:, None] - r) / (r.shape[0] - 1)),
    ("groups_counted", lambda r: r - (r.sum(1)[:, None] - r) / r.shape[0]),
    ("not_averaged", lambda r: 2 * r - r.sum(1)[:, None]),
    ("baseline_returned", lambda r: r - leave_out_by_loop(r)),
    ("sign", lambda r: -leave_out_by_loop(r)),
    ("factor_upside_down", lambda r: group_advantages(r, "none") * (g(r) - 1) / g(r)),
    ("whole_batch", lambda r: r - (r.sum() - r) / (r.numel() - 1)),
    ("whole_batch", lambda r: g(r) / (g(r) - 1) * (r - torch.mean(r))),
    ("whole_batch", lambda r: r - torch.mean(r)),
    ("divided_by_spread", lambda r: leave_out_by_loop(r) / (r.std(1, keepdim=True) + 1e-4)),
    ("divided_by_spread", group_advantages),
    (
        "best_of_the_others",
        lambda r: torch.stack(
            [r[:, i] - torch.cat([r[:, :i], r[:, i + 1 :]], 1).amax(1) for i in range(g(r))], 1
        ),
    ),
    ("one_neighbour", lambda r: r - torch.cat([r[:, -1:], r[:, :-1]], 1)),
    ("one_neighbour", lambda r: r - torch.cat([r[:, 1:], r[:, :1]], 1)),
    (
        "one_neighbour",
        lambda r: torch.stack(
            [r[:, i] - r[:, i + 1 :].sum(1) / (g(r) - 1) for i in range(g(r))], 1
        ),
    ),
    ("wrong_axis", lambda r: r - (r.sum(0) - r) / (g(r) - 1)),
    ("wrong_axis", lambda r: r - (r.sum(0) - r) / max(r.shape[0] - 1, 1)),
    ("raised", lambda r: r - (r.sum(1) - r) / (g(r) - 1)),
    ("unfinished", lambda r: None),
    ("unknown", lambda r: r * 3),
]

ATTEMPTS = {
    check.exact_gradient: GRADIENTS,
    check.estimate: ESTIMATES,
    check.leave_one_out: LEFT_OUT,
}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])
