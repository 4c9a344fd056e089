"""Invariants 4, 5 and 6: the ratio and the clip, by value and by gradient."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.algorithm.levels import LEVELS, importance_ratio
from grpo_core.algorithm.methods.cispo import capped_tokens, cispo
from grpo_core.algorithm.methods.clip import clip, clipped_tokens
from grpo_core.algorithm.methods.gmpo import gmpo
from grpo_core.algorithm.methods.plain import plain
from grpo_core.algorithm.methods.sapo import sapo
from grpo_core.algorithm.methods.vespo import vespo
from grpo_core.core.errors import LabError

ONE = torch.ones(1, 1, dtype=torch.bool)


def test_on_policy_the_ratio_is_one_and_its_gradient_is_not_zero() -> None:
    logprobs = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    for level in LEVELS:
        ratio = importance_ratio(logprobs, logprobs.detach(), ONE.expand(1, 2), level)
        assert ratio.eq(1).all()
        (gradient,) = torch.autograd.grad(ratio.sum(), logprobs)
        assert gradient.eq(0.5 if level == "sequence" else 1).all()


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


def test_levels_that_there_are_not_are_refused_clearly() -> None:
    lp = torch.zeros(1, 1)
    with pytest.raises(
        LabError, match=r"no choice called 'sequences' yet. Did you mean 'sequence'"
    ):
        importance_ratio(lp, lp, ONE, "sequences")


def test_the_ratios_of_a_whole_completion() -> None:
    log_ratio = torch.tensor([[3.0, 1.5, 9.0], [2.0, 4.0, 7.0]]).log()
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    both = {name: importance_ratio(log_ratio, torch.zeros(2, 3), mask, name) for name in LEVELS}
    torch.testing.assert_close(both["sequence_sum"], torch.tensor([[4.5], [2.0]]))
    torch.testing.assert_close(both["sequence"], torch.tensor([[4.5**0.5], [2.0]]))
    torch.testing.assert_close(both["sequence_token"], both["sequence"].expand(2, 3))


def test_the_ratio_by_tokens_has_the_gradient_of_the_token_alone() -> None:
    log_ratio = torch.tensor([[0.3, -0.1]], requires_grad=True)
    ratio = importance_ratio(log_ratio, torch.zeros(1, 2), ONE.expand(1, 2), "sequence_token")
    (gradient,) = torch.autograd.grad(ratio[0, 0], log_ratio)
    torch.testing.assert_close(gradient, torch.tensor([[0.1]]).exp() * torch.tensor([[1.0, 0.0]]))


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
    value = clip(ratio, advantages, epsilon=0.2, epsilon_high=0.3)
    (gradient,) = torch.autograd.grad(value.sum(), ratio)
    assert gradient.item() == (advantage if has_gradient else 0.0)
    low, high = clipped_tokens(ratio, advantages, 0.2, 0.3)
    assert (low | high).item() is not has_gradient
    assert low.item() is (advantage < 0 and rho < 0.8)
    assert high.item() is (advantage > 0 and rho > 1.3)


@pytest.mark.parametrize(("advantage", "rho", "has_gradient"), TRUTH_TABLE)
def test_delta_bounds_the_bad_tokens_too(advantage: float, rho: float, has_gradient: bool) -> None:
    ratio = torch.tensor([[rho]], requires_grad=True)
    value = clip(ratio, torch.tensor([[advantage]]), epsilon_high=0.3, delta=1.4)
    (gradient,) = torch.autograd.grad(value.sum(), ratio)
    stopped = advantage < 0 and rho > 1.4
    assert gradient.item() == (advantage if has_gradient and not stopped else 0.0)


@given(st.sampled_from([-2.0, 0.5]), st.floats(-4, 4), st.floats(1, 5))
def test_cispo_never_stops_a_token(advantage: float, log_ratio: float, cap: float) -> None:
    lp = torch.tensor([[log_ratio]], dtype=torch.float64, requires_grad=True)
    a = torch.tensor([[advantage]], dtype=torch.float64)
    value = cispo(lp.exp(), a, logprobs=lp, epsilon_high=cap)
    (gradient,) = torch.autograd.grad(value.sum(), lp)
    assert gradient.item() == pytest.approx(min(math.exp(log_ratio), cap) * advantage)
    capped = capped_tokens(lp.exp(), a, cap).item()
    assert capped is (advantage > 0 and math.exp(log_ratio) > cap)


@given(st.sampled_from([-2.0, 0.5]), st.floats(-2, 2))
def test_sapo_fades_on_both_sides(advantage: float, log_ratio: float) -> None:
    rho = torch.tensor([[log_ratio]], dtype=torch.float64).exp().requires_grad_()
    a = torch.tensor([[advantage]], dtype=torch.float64)
    (gradient,) = torch.autograd.grad(sapo(rho, a).sum(), rho)
    tau = 1.0 if advantage > 0 else 1.05
    gate = 1 / (1 + math.exp(-tau * (rho.item() - 1)))
    assert gradient.item() == pytest.approx(4 * gate * (1 - gate) * advantage)
    assert 0 < gradient.item() / advantage <= 1


@given(st.sampled_from([-2.0, 0.5]), st.floats(-2, 2))
def test_vespo_weighs_the_whole_completion(advantage: float, log_ratio: float) -> None:
    lp = torch.tensor([[log_ratio, 0.1]], dtype=torch.float64, requires_grad=True)
    a = torch.tensor([[advantage]], dtype=torch.float64)
    value = vespo(lp.exp(), a, logprobs=lp, log_ratio=lp)
    (gradient,) = torch.autograd.grad(value.sum(), lp)
    k, rate = (2.0, 3.0) if advantage > 0 else (3.0, 2.0)
    w = math.exp(log_ratio + 0.1)
    phi = w**k * math.exp(rate * (1 - w))
    assert gradient.flatten().tolist() == pytest.approx([phi * advantage] * 2)


@given(
    st.sampled_from([-2.0, 0.5]),
    st.lists(st.floats(-1, 1).filter(lambda x: abs(abs(x) - 0.4) > 1e-3), min_size=1, max_size=5),
)
def test_gmpo_is_a_product_of_clipped_ratios(advantage: float, log_ratios: list[float]) -> None:
    wide = [*log_ratios, 0.0]  # a masked position, log-ratio 0 as the objective has it
    lp = torch.tensor([wide], dtype=torch.float64, requires_grad=True)
    a = torch.tensor([[advantage]], dtype=torch.float64)
    mask = torch.arange(len(wide)).unsqueeze(0) < len(log_ratios)
    value = gmpo(lp.exp(), a, log_ratio=lp, mask=mask)
    # the paper's product: min for A > 0, max for A < 0, of each ratio and its clipped self
    pick = min if advantage > 0 else max
    low, high = math.exp(-0.4), math.exp(0.4)
    ratios = [math.exp(x) for x in log_ratios]
    clipped = [pick(r, min(max(r, low), high)) for r in ratios]
    mean = math.prod(clipped) ** (1 / len(clipped))
    assert value.shape == (1, 1) and value.item() == pytest.approx(mean * advantage)
    (gradient,) = torch.autograd.grad(value.sum(), lp)
    free = [r == c for r, c in zip(ratios, clipped, strict=True)]
    each = mean * advantage / len(clipped)
    assert gradient[0].tolist() == pytest.approx([each * f for f in free] + [0.0])


def test_the_plain_policy_gradient_asks_for_no_ratio() -> None:
    lp = torch.tensor([[-1.0, -2.0]])
    assert plain(torch.zeros(1, 2), torch.tensor([[3.0]]), logprobs=lp).tolist() == [[-3.0, -6.0]]


@given(st.floats(-3, 3), st.floats(0.01, 5), st.floats(0, 0.9), st.floats(0, 2))
def test_the_clip_is_a_lower_bound_of_the_unclipped_objective(
    advantage: float, rho: float, low: float, high: float
) -> None:
    ratio, advantages = torch.tensor([[rho]]), torch.tensor([[advantage]])
    value = clip(ratio, advantages, epsilon=low, epsilon_high=high)
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
