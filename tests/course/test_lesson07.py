"""Lesson 07, its log-probabilities and its loss: every planted mistake meets its own hint."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor

from grpo_core.algorithm.aggregation import BatchSize, token_mean
from grpo_core.algorithm.kl import k1, k3
from grpo_core.algorithm.logprobs import token_logprobs
from grpo_core.algorithm.methods.clip import clip
from grpo_core.course import lesson07 as check
from grpo_core.course.exercise import Exercise
from grpo_core.course.lesson05 import my_surrogate


def kits(z: Tensor, ids: Tensor, p: int, t: float) -> Tensor:
    return token_logprobs(z[:, p - 1 : -1], ids[:, p:], t)[0]


def by_loop(z: Tensor, ids: Tensor, p: int, t: float) -> Tensor:
    rows = []
    for row in range(len(ids)):
        found = []
        for place in range(p, ids.shape[1]):
            chances = torch.softmax(z[row, place - 1] / t, dim=0)
            found.append(chances[ids[row, place]].log())
        rows.append(torch.stack(found))
    return torch.stack(rows)


def taken(z: Tensor, ids: Tensor) -> Tensor:
    return z.gather(-1, ids[..., None]).squeeze(-1)


LOGPROBS: list[Attempt] = [
    (None, kits),
    (None, by_loop),
    ("not_shifted", lambda z, i, p, t: taken((z / t).log_softmax(-1)[:, p:], i[:, p:])),
    ("shifted_too_far", lambda z, i, p, t: taken((z / t).log_softmax(-1)[:, p - 2 : -2], i[:, p:])),
    ("no_temperature", lambda z, i, p, t: kits(z, i, p, 1.0)),
    ("multiplied", lambda z, i, p, t: kits(z * t * t, i, p, t)),
    ("temperature_too_late", lambda z, i, p, t: kits(z, i, p, 1.0) / t),
    ("softmax_divided", lambda z, i, p, t: taken(
        (z[:, p - 1 : -1].softmax(-1) / t).log(), i[:, p:])),
    ("temperature_too_late", lambda z, i, p, t: taken(
        z[:, p - 1 : -1].softmax(-1) ** (1 / t), i[:, p:]).log()),
    ("always_three", lambda z, i, p, t: kits(z, i, 3, t)),
    ("other_base", lambda z, i, p, t: torch.log2(kits(z, i, p, t).exp())),
    ("other_base", lambda z, i, p, t: torch.log10(kits(z, i, p, t).exp())),
    ("probabilities", lambda z, i, p, t: kits(z, i, p, t).exp()),
    ("scores", lambda z, i, p, t: taken(z[:, p - 1 : -1] / t, i[:, p:])),
    ("likeliest", lambda z, i, p, t: (z / t).log_softmax(-1)[:, p - 1 : -1].amax(-1)),
    ("over_positions", lambda z, i, p, t: taken((z[:, p - 1 : -1] / t).log_softmax(1), i[:, p:])),
    ("over_positions", lambda z, i, p, t: taken((z / t).log_softmax(1)[:, p - 1 : -1], i[:, p:])),
    ("minus_forgotten", lambda z, i, p, t: torch.nn.functional.cross_entropy(
        z[:, p - 1 : -1].mT / t, i[:, p:], reduction="none")),
    ("cut_too_late", lambda z, i, p, t: taken((z / t).log_softmax(-1), i)[:, p - 1 : -1]),
    ("prompt_too", lambda z, i, p, t: taken((z / t).log_softmax(-1)[:, :-1], i[:, 1:])),
    ("shape", lambda z, i, p, t: kits(z, i, p, t).sum(1)),
    ("raised", lambda z, i, p, t: z.gather(2, i)),
    ("unfinished", lambda z, i, p, t: None),
    ("unknown", lambda z, i, p, t: kits(z, i, p, t) * 7),
]  # fmt: skip


def whole(
    each: Callable[..., Tensor] = lambda s, kl, a, beta: s - beta * kl,
    kl: Callable[[Tensor, Tensor], Tensor] = k3,
) -> Callable[..., Tensor]:
    """A loss by the kit's own pieces."""

    def loss(
        new: Tensor, old: Tensor, ref: Tensor, a: Tensor, mask: Tensor, beta: float, n: int
    ) -> Tensor:
        s = clip(torch.exp(new - old), a[:, None], epsilon=0.2, epsilon_high=0.2)
        return -token_mean(each(s, kl(new, ref), a[:, None], beta), mask, BatchSize(0, n))

    return loss


def gain(new: Tensor, old: Tensor, a: Tensor) -> Tensor:
    r = (new - old).exp()
    return torch.minimum(r * a[:, None], r.clamp(0.8, 1.2) * a[:, None])


def part(total: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A loss by its last line: `total` of the gain, beta times the KL, the mask and the tokens."""
    return lambda new, old, ref, a, m, b, n: total(gain(new, old, a), b * k3(new, ref), m, n)


def with_gain(one: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A loss with another gain, of new, old and the advantages as a column."""
    return lambda new, old, ref, a, m, b, n: (
        ((b * k3(new, ref) - one(new, old, a[:, None])) * m).sum() / n
    )


LOSSES: list[Attempt] = [
    (None, whole()),
    (
        None,
        lambda new, old, ref, a, m, b, n: ((b * k3(new, ref) - gain(new, old, a)) * m).sum() / n,
    ),
    ("kl_sign", whole(lambda s, kl, a, beta: s + beta * kl)),
    ("sign", lambda *x: -whole()(*x)),
    (
        "kl_over_padding",
        lambda new, old, ref, a, m, b, n: (
            -((gain(new, old, a) * m).sum() - b * k3(new, ref).sum()) / n
        ),
    ),
    (
        "no_mask",
        lambda new, old, ref, a, m, b, n: -(gain(new, old, a) - b * k3(new, ref)).sum() / n,
    ),
    ("own_tokens", lambda new, old, ref, a, m, b, n: whole()(new, old, ref, a, m, b, int(m.sum()))),
    (
        "padding_in_the_mean",
        lambda new, old, ref, a, m, b, n: whole()(new, old, ref, a, m, b, m.numel()),
    ),
    (
        "sequence_mean",
        lambda new, old, ref, a, m, b, n: (
            -(((gain(new, old, a) - b * k3(new, ref)) * m).sum(1) / m.sum(1)).sum() / 2
        ),
    ),
    ("no_kl", whole(lambda s, kl, a, beta: s)),
    ("beta_forgotten", whole(lambda s, kl, a, beta: s - kl)),
    ("kl_with_advantage", whole(lambda s, kl, a, beta: s - beta * kl * a)),
    ("kl_reversed", whole(kl=lambda new, ref: (new - ref).exp() + ref - new - 1)),
    ("k1", whole(kl=k1)),
    ("no_gradient", whole(kl=lambda new, ref: k3(new.detach(), ref))),
    ("only_a_number", lambda *x: whole()(*x).item()),
    (
        "gain_over_padding",
        lambda new, old, ref, a, m, b, n: -(gain(new, old, a) - b * k3(new, ref) * m).sum() / n,
    ),
    ("not_divided", lambda new, old, ref, a, m, b, n: whole()(new, old, ref, a, m, b, 1)),
    (
        "not_divided",  # a minus and a division that reach less far than was meant
        lambda new, old, ref, a, m, b, n: (
            -gain(new, old, a)[m].sum() + (b * k3(new, ref) * m).sum() / n
        ),
    ),
    (
        "not_divided",
        lambda new, old, ref, a, m, b, n: (
            -gain(new, old, a)[m].sum() / n + b * (k3(new, ref) * m).sum()
        ),
    ),
    ("divided_twice", lambda *x: whole()(*x) / x[4].sum()),
    ("kl_to_old", lambda new, old, ref, a, m, b, n: whole()(new, old, old, a, m, b, n)),
    (
        "stretched_twice",
        lambda new, old, ref, a, m, b, n: (
            -((my_surrogate(new, old, a[:, None], 0.2, 0.2) - b * k3(new, ref)) * m).sum() / n
        ),
    ),
    (
        "not_clipped",
        lambda new, old, ref, a, m, b, n: (
            -(((new - old).exp() * a[:, None] - b * k3(new, ref)) * m).sum() / n
        ),
    ),
    (
        "clip_without_min",
        lambda new, old, ref, a, m, b, n: (
            -(((new - old).exp().clamp(0.8, 1.2) * a[:, None] - b * k3(new, ref)) * m).sum() / n
        ),
    ),
    ("own_tokens", part(lambda s, kl, m, n: -(s * m).sum() / n + (kl * m).sum() / m.sum())),
    ("divided_by_completions", part(lambda s, kl, m, n: ((kl - s) * m).sum() / 2)),
    ("mask_upside_down", part(lambda s, kl, m, n: ((kl - s) * ~m).sum() / n)),
    ("k2", whole(kl=lambda new, ref: 0.5 * (ref - new).square())),
    (
        "kl_with_ratio",
        lambda new, old, ref, a, m, b, n: (
            ((b * torch.exp(new - old) * k3(new, ref) - gain(new, old, a)) * m).sum() / n
        ),
    ),
    (
        "kl_in_the_advantage",
        lambda new, old, ref, a, m, b, n: (
            -(gain(new, old, a - b * (k1(new, ref) * m).sum(1)) * m).sum() / n
        ),
    ),
    (
        "kl_in_the_advantage",
        lambda new, old, ref, a, m, b, n: (
            -(gain(new, old, a - b * (k3(new, ref) * m).sum(1)) * m).sum() / n
        ),
    ),
    (
        "upside_down",
        lambda new, old, ref, a, m, b, n: ((b * k3(new, ref) - gain(old, new, a)) * m).sum() / n,
    ),
    (
        "upside_down",
        lambda new, old, ref, a, m, b, n: (
            ((b * k3(new, ref) - my_surrogate(old, new, a, 0.2, 0.2)) * m).sum() / n
        ),
    ),
    ("no_ratio", with_gain(lambda new, old, a: a * new)),
    ("no_ratio", with_gain(lambda new, old, a: a * new.exp())),
    ("no_ratio", with_gain(lambda new, old, a: a * (new - old))),
    ("no_advantage", with_gain(lambda new, old, a: torch.exp(new - old))),
    ("no_advantage", with_gain(lambda new, old, a: gain(new, old, torch.ones(2)))),
    (
        "ratio_to_reference",
        lambda new, old, ref, a, m, b, n: ((b * k3(new, ref) - gain(new, ref, a)) * m).sum() / n,
    ),
    (
        "other_bounds",
        with_gain(lambda new, old, a: my_surrogate(new, old, a[:, 0], 0.8, 1.2)),
    ),
    (
        "other_bounds",
        with_gain(lambda new, old, a: clip((new - old).exp(), a, epsilon=0.2, epsilon_high=0.28)),
    ),
    ("product_clipped", with_gain(lambda new, old, a: torch.clip(a * (new - old).exp(), 0.8, 1.2))),
    ("gain_without_gradient", with_gain(lambda new, old, a: gain(new.detach(), old, a[:, 0]))),
    ("shape", lambda new, old, ref, a, m, b, n: gain(new, old, a)),
    ("raised", lambda new, old, ref, a, m, b, n: (new - old).exp() * a),
    ("unfinished", lambda *x: None),
    ("unknown", lambda *x: whole()(*x) * 9),
]

ATTEMPTS = {check.logprobs: LOGPROBS, check.loss: LOSSES}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])
