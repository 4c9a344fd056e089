"""Invariants 4, 5 and 6: the ratio and the clip, by value and by gradient."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.algorithm.surrogates import LEVELS, clip, clipped_tokens, importance_ratio
from grpo_core.errors import LabError

ONE = torch.ones(1, 1, dtype=torch.bool)


def test_on_policy_the_ratio_is_one_and_its_gradient_is_not_zero() -> None:
    logprobs = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    for level in LEVELS:
        ratio = importance_ratio(logprobs, logprobs.detach(), ONE.expand(1, 2), level)
        assert ratio.eq(1).all()
        (gradient,) = torch.autograd.grad(ratio.sum(), logprobs)
        assert gradient.eq(1).all()


@given(st.floats(-3, 3), st.floats(-5, 0))
def test_on_policy_the_ratio_has_the_gradient_of_the_log_prob(
    advantage: float, logprob: float
) -> None:
    lp = torch.tensor([[logprob]], dtype=torch.float64, requires_grad=True)
    ratio = importance_ratio(lp, lp.detach(), ONE)
    (with_ratio,) = torch.autograd.grad((ratio * advantage).sum(), lp)
    (policy_gradient,) = torch.autograd.grad((lp * advantage).sum(), lp)
    torch.testing.assert_close(with_ratio, policy_gradient)


def test_the_ratio_of_probabilities() -> None:
    new, old = torch.tensor([[0.6]]).log(), torch.tensor([[0.3]]).log()
    assert importance_ratio(new, old, ONE).item() == pytest.approx(2.0)


def test_levels_that_are_still_to_come_are_refused_clearly() -> None:
    lp = torch.zeros(1, 1)
    with pytest.raises(LabError, match=r"no choice called 'sequence' yet. Known: token"):
        importance_ratio(lp, lp, ONE, "sequence")


# A, rho, whether the clip (0.8, 1.3) leaves a gradient
TRUTH_TABLE = [
    (+1.0, 0.5, True),  # a good token that became rarer: back up
    (+1.0, 1.0, True),
    (+1.0, 1.25, True),  # within 1 + 0.3
    (+1.0, 1.5, False),  # a good token that is already much likelier
    (-1.0, 0.5, False),  # a bad token that is already much rarer
    (-1.0, 0.9, True),
    (-1.0, 1.0, True),
    (-1.0, 1.5, True),  # a bad token that became likelier: back down
]


@pytest.mark.parametrize(("advantage", "rho", "has_gradient"), TRUTH_TABLE)
def test_the_truth_table_of_the_clip(advantage: float, rho: float, has_gradient: bool) -> None:
    ratio = torch.tensor([[rho]], requires_grad=True)
    advantages = torch.tensor([[advantage]])
    value = clip(ratio, advantages, epsilon_low=0.2, epsilon_high=0.3)
    (gradient,) = torch.autograd.grad(value.sum(), ratio)
    assert gradient.item() == (advantage if has_gradient else 0.0)
    low, high = clipped_tokens(ratio, advantages, 0.2, 0.3)
    assert (low | high).item() is not has_gradient
    assert low.item() is (advantage < 0 and rho < 0.8)
    assert high.item() is (advantage > 0 and rho > 1.3)


@given(st.floats(-3, 3), st.floats(0.01, 5), st.floats(0, 0.9), st.floats(0, 2))
def test_the_clip_is_a_lower_bound_of_the_unclipped_objective(
    advantage: float, rho: float, low: float, high: float
) -> None:
    ratio, advantages = torch.tensor([[rho]]), torch.tensor([[advantage]])
    value = clip(ratio, advantages, epsilon_low=low, epsilon_high=high)
    assert value <= ratio * advantages
    if 1 - low <= rho <= 1 + high:
        torch.testing.assert_close(value, ratio * advantages)


def test_an_advantage_of_zero_is_never_called_clipped() -> None:
    for rho in (0.1, 1.0, 9.0):
        low, high = clipped_tokens(torch.tensor([[rho]]), torch.zeros(1, 1))
        assert not (low | high).any()


def test_one_advantage_a_completion_is_spread_over_its_tokens() -> None:
    ratio = torch.tensor([[0.5, 1.0, 1.5], [0.5, 1.0, 1.5]])
    value = clip(ratio, torch.tensor([[1.0], [-1.0]]))
    expected = torch.tensor([[0.5, 1.0, 1.2], [-0.8, -1.0, -1.5]])
    torch.testing.assert_close(value, expected)
    for row, column in itertools.product(range(2), range(3)):
        single = clip(ratio[row, column], torch.tensor([1.0, -1.0])[row])
        torch.testing.assert_close(single, expected[row, column])
