"""Lesson 07, its tests of a loop: every planted mistake meets its own hint and no other."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from attempts import Attempt, assert_all_planted, assert_meets_its_own_hint, every
from torch import Tensor

from grpo_core.algorithm.logprobs import completion_mask
from grpo_core.course import lesson07 as check
from grpo_core.course.exercise import Exercise
from grpo_core.course.toys import loop_variants

END = 4
SHORT, CUT, FULL = [7, END, END, END], [7, 8, 7, 8], [7, 8, 7, END]


def wants(rows: list[list[int]], masks: list[list[int]]) -> Callable[[loop_variants.Mask], bool]:
    """A test by one example: the rows, and what their masks ought to be."""
    return lambda mask_of: mask_of(torch.tensor(rows), END).int().tolist() == masks


def asserts(mask_of: loop_variants.Mask) -> bool:
    got = mask_of(torch.tensor([SHORT, CUT, FULL]), END)
    assert got.int().tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    return True


def sums(mask_of: loop_variants.Mask) -> bool:
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


def asserts_quietly(mask_of: loop_variants.Mask) -> bool:
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
    for name, one in loop_variants.LOOPS.items():
        assert check.my_mask_test(one.mask) is (name not in ("B", "D"))
        assert check.my_constant_test(one.advantages) is (name != "A")
