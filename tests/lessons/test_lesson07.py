"""Lesson 07: every planted mistake meets its own hint and no other; right attempts pass."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor

from grpo_core.algorithm.aggregation import BatchSize, token_mean
from grpo_core.algorithm.kl import k1, k3
from grpo_core.algorithm.logprobs import completion_mask, token_logprobs
from grpo_core.algorithm.methods.clip import clip
from grpo_core.lessons import lesson07 as check
from grpo_core.lessons import loop
from grpo_core.lessons.exercise import Exercise


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
            -((check.my_surrogate(new, old, a[:, None], 0.2, 0.2) - b * k3(new, ref)) * m).sum() / n
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
            ((b * k3(new, ref) - check.my_surrogate(old, new, a, 0.2, 0.2)) * m).sum() / n
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
        with_gain(lambda new, old, a: check.my_surrogate(new, old, a[:, 0], 0.8, 1.2)),
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

END = 4
SHORT, CUT, FULL = [7, END, END, END], [7, 8, 7, 8], [7, 8, 7, END]


def wants(rows: list[list[int]], masks: list[list[int]]) -> Callable[[loop.Mask], bool]:
    """A test by one example: the rows, and what their masks ought to be."""
    return lambda mask_of: mask_of(torch.tensor(rows), END).int().tolist() == masks


def asserts(mask_of: loop.Mask) -> bool:
    got = mask_of(torch.tensor([SHORT, CUT, FULL]), END)
    assert got.int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    return True


def sums(mask_of: loop.Mask) -> bool:
    return mask_of(torch.tensor([SHORT, [8, 7, END, END]]), END).sum(1).tolist() == [2, 3]


MASKS: list[Attempt] = [
    (None, wants([SHORT, CUT, FULL], [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]])),
    (None, asserts),
    (
        None,
        lambda f: torch.equal(
            f(t := torch.randint(0, 5, (40, 6)), 4).bool(), completion_mask(t, 4)
        ),
    ),
    ("passes_everything", lambda f: f(torch.tensor([SHORT]), END).dim() == 2),
    ("fails_everything", wants([SHORT], [[1, 1, 1, 1], [0, 0, 0, 0]])),
    ("upside_down", lambda f: not asserts_quietly(f)),
    ("expects_no_end", wants([SHORT, CUT], [[1, 0, 0, 0], [1, 1, 1, 1]])),
    ("counted_only", sums),
    ("counted_only", lambda f: int(f(torch.tensor([SHORT, CUT, FULL]), END).sum()) == 10),
    ("counted_only", lambda f: f(torch.tensor([SHORT, CUT]), END).sum(1).tolist() == [2, 4]),
    ("one_place", lambda f: f(torch.tensor([SHORT, CUT]), END)[:, 0].all()),
    ("one_place", lambda f: not f(torch.tensor([SHORT]), END)[0, 3]),
    ("no_end_in_it", wants([CUT], [[1, 1, 1, 1]])),
    ("all_end", wants([SHORT], [[1, 1, 0, 0]])),
    ("all_end", wants([SHORT, FULL, [7, 8, END, END]], [[1, 1, 0, 0], [1] * 4, [1, 1, 1, 0]])),
    ("nothing_behind_it", wants([FULL], [[1, 1, 1, 1]])),
    ("padding_of_its_own", wants([[7, END, 0, 0], CUT], [[1, 1, 0, 0], [1, 1, 1, 1]])),
    ("only_behind", lambda f: not f(torch.tensor([[7, 8, END, END, END]]), END)[:, 3:].any()),
    ("only_the_end", lambda f: f(torch.tensor([[7, 8, END, END]]), END)[0, 2]),
    ("shape", lambda f: f(torch.tensor([SHORT]), END)),
    ("raised", lambda f: f(END)),
    ("unfinished", lambda f: None),
]


def asserts_quietly(mask_of: loop.Mask) -> bool:
    try:
        return asserts(mask_of)
    except AssertionError:
        return False


def on_mask(test: Callable[[Tensor, Tensor], Any]) -> Callable[..., bool]:
    return lambda new, sampled, mask: bool(test(new[mask], sampled[mask]))


RATIOS: list[Attempt] = [
    (None, on_mask(lambda x, y: torch.allclose(x, y, atol=1e-3, rtol=0))),
    (None, on_mask(lambda x, y: ((x - y).exp() - 1).abs().max() < 0.01)),
    (None, lambda x, y, m: bool((((x - y).exp() - 1).abs() * m).max() < 1e-2)),
    ("passes_everything", lambda x, y, m: x.shape == y.shape),
    ("fails_everything", lambda x, y, m: x is y),
    ("upside_down", on_mask(lambda x, y: not torch.allclose(x, y, atol=1e-3, rtol=0))),
    ("to_the_last_bit", on_mask(torch.equal)),
    ("padding_too", lambda x, y, m: torch.allclose(x, y, atol=1e-2)),
    ("bit_and_padding", lambda x, y, m: not (x != y).any()),
    ("one_sided", on_mask(lambda x, y: ((x - y) < 1e-3).all())),
    ("one_sided", on_mask(lambda x, y: ((x - y).exp() > 0.99).all())),
    ("mean_log", on_mask(lambda x, y: abs(x.mean() - y.mean()) < 1e-3)),
    ("mean_ratio", on_mask(lambda x, y: abs((x - y).exp().mean() - 1) < 1e-2)),
    ("mean_of_errors", on_mask(lambda x, y: (x - y).abs().mean() < 0.04)),
    ("mean_of_errors", on_mask(lambda x, y: torch.nn.functional.l1_loss(x, y) < 1e-3)),
    ("some_are_enough", on_mask(lambda x, y: torch.isclose(x, y, atol=1e-3).any())),
    ("some_are_enough", lambda x, y, m: bool(((x - y)[:, 0].abs() < 1e-3).all())),
    ("some_are_enough", on_mask(lambda x, y: torch.median((x - y).abs()) < 1e-2)),
    ("probabilities", on_mask(lambda x, y: (x.exp() - y.exp()).abs().max() < 1e-3)),
    ("quotient", on_mask(lambda x, y: ((x / y) - 1).abs().max() < 0.01)),
    ("too_lenient", on_mask(lambda x, y: (x - y).abs().max() < 0.05)),
    ("too_lenient", on_mask(lambda x, y: ((x - y).exp() - 1).abs().max() < 0.2)),
    ("raised", lambda x, y, m: (x - y)[m].missing()),
    ("unfinished", lambda x, y, m: None),
    ("shape", lambda x, y, m: (x - y).abs() < 1e-3),
]  # fmt: skip


def given(
    look: Callable[[Tensor, Tensor], Any], beta: float = 0.3, needs: bool = True
) -> Callable[[Callable[..., Tensor]], Any]:
    """A test on two groups of three, longer completions and other rewards than the lesson's."""

    def test(advantages_of: Callable[..., Tensor]) -> Any:
        torch.manual_seed(3)
        new = torch.randn(6, 9, requires_grad=needs)
        rewards = torch.tensor([[1.0, 0.0, 0.5], [0.0, 0.0, 1.0]])
        mask = torch.arange(9) < torch.tensor([9, 4, 6, 7, 2, 8])[:, None]
        return look(advantages_of(rewards, new, torch.randn(6, 9), mask, beta), new)

    return test


def flows(a: Tensor, new: Tensor) -> bool:
    if not a.requires_grad:
        return False
    return bool(torch.autograd.grad(a[0], new)[0].any())


def sum_flows(a: Tensor, new: Tensor) -> bool:
    if not a.requires_grad:
        return False
    return bool(torch.autograd.grad(a.sum(), new)[0].abs().max() > 1e-3)


def rewards_need_it(advantages_of: Callable[..., Tensor]) -> bool:
    rewards = torch.rand(2, 3, requires_grad=True)
    new, ref, mask = torch.randn(6, 4), torch.randn(6, 4), torch.ones(6, 4).bool()
    return not advantages_of(rewards, new, ref, mask, 0.1).requires_grad


def same_again(advantages_of: Callable[..., Tensor]) -> bool:
    rewards, ref, mask = torch.rand(2, 3), torch.randn(6, 4), torch.ones(6, 4).bool()
    one, other = (advantages_of(rewards, torch.randn(6, 4), ref, mask, 0.1) for _ in range(2))
    return bool((one - other).abs().max() < 1e-4)


def reference_needs_it(advantages_of: Callable[..., Tensor]) -> bool:
    new, ref = torch.randn(6, 4), torch.randn(6, 4, requires_grad=True)
    mask = torch.ones(6, 4).bool()
    return not advantages_of(torch.rand(2, 3), new, ref, mask, 0.1).requires_grad


CONSTANTS: list[Attempt] = [
    (None, given(lambda a, new: not a.requires_grad)),
    (None, given(lambda a, new: a.grad_fn is None)),
    (None, given(lambda a, new: not flows(a, new))),
    ("passes_everything", given(lambda a, new: not a.requires_grad, needs=False)),
    ("passes_everything", given(lambda a, new: torch.allclose(a, a.detach()))),
    ("passes_everything", given(lambda a, new: not flows(a, new), beta=0.0)),
    ("fails_everything", given(lambda a, new: not new.requires_grad)),
    ("fails_everything", rewards_need_it),
    ("fails_everything", same_again),
    ("passes_everything", torch.no_grad()(given(lambda a, new: not a.requires_grad))),
    ("reference_only", reference_needs_it),
    ("upside_down", given(lambda a, new: bool(a.requires_grad))),
    ("sum_is_constant", given(lambda a, new: not sum_flows(a, new))),
    ("raised", given(lambda a, new: a.sum().backward())),
    ("unfinished", given(lambda a, new: None)),
    ("shape", given(lambda a, new: a == a.detach())),
]

ATTEMPTS = {
    check.logprobs: LOGPROBS,
    check.loss: LOSSES,
    check.mask_test: MASKS,
    check.ratio_test: RATIOS,
    check.constant_test: CONSTANTS,
}


@every(ATTEMPTS)
def test_each_attempt_meets_its_own_hint(
    exercise: Exercise, mistake: str | None, function: Callable[..., Any]
) -> None:
    assert_meets_its_own_hint(exercise, mistake, function)


@pytest.mark.parametrize("exercise", ATTEMPTS, ids=lambda exercise: exercise.name)
def test_every_known_mistake_is_planted_above(exercise: Exercise) -> None:
    assert_all_planted(exercise, ATTEMPTS[exercise])


def test_the_solutions_tests_tell_the_broken_loops_from_the_right_ones() -> None:
    for name, one in loop.LOOPS.items():
        assert check.my_mask_test(one.mask) is (name not in ("B", "D"))
        assert check.my_constant_test(one.advantages) is (name != "A")
