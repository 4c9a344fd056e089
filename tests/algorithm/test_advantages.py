"""Invariants 1, 2, 3, 9 of the GRPO family: what group-relative advantages must be."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.algorithm.advantages import ADVANTAGES, group_advantages
from grpo_core.errors import LabError

EVERY_SCALE = pytest.mark.parametrize("scale", list(ADVANTAGES))

values = st.floats(-10, 10, allow_nan=False).map(lambda x: round(x, 3))


@st.composite
def batches(draw: st.DrawFn, untied: bool = False) -> torch.Tensor:
    """(N, G) float64 rewards; with `untied` every group has two rewards 0.1 or more apart."""
    g = draw(st.integers(2, 8))
    row = st.lists(values, min_size=g, max_size=g)
    if untied:
        row = row.filter(lambda r: max(r) - min(r) >= 0.1)
    return torch.tensor(draw(st.lists(row, min_size=1, max_size=4)), dtype=torch.float64)


def test_the_textbook_group() -> None:
    # The sample's standard deviation (ddof 1) is 0.577; the population's (ddof 0) would give 1.0.
    rewards = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    expected = torch.tensor([[0.866, 0.866, -0.866, -0.866]])
    torch.testing.assert_close(group_advantages(rewards), expected, atol=2e-4, rtol=0)


def test_the_three_scales_on_two_groups() -> None:
    rewards = torch.tensor([[1.0, 0.0], [3.0, 0.0]], dtype=torch.float64)
    none = torch.tensor([[0.5, -0.5], [1.5, -1.5]], dtype=torch.float64)
    own = torch.tensor([[0.5**0.5], [4.5**0.5]], dtype=torch.float64)
    everything = torch.tensor(2.0, dtype=torch.float64).sqrt()
    torch.testing.assert_close(group_advantages(rewards, "none"), none)
    torch.testing.assert_close(group_advantages(rewards, "group", eps=0), none / own)
    torch.testing.assert_close(group_advantages(rewards, "batch", eps=0), none / everything)


@EVERY_SCALE
@given(value=values, g=st.integers(2, 16), n=st.integers(1, 3))
def test_a_tied_group_has_advantage_exactly_zero(scale: str, value: float, g: int, n: int) -> None:
    rewards = torch.full((n, g), value, dtype=torch.float32)
    assert group_advantages(rewards, scale, eps=1e-8).eq(0).all()


@EVERY_SCALE
def test_a_tie_at_a_value_that_float32_cannot_hold(scale: str) -> None:
    # On most machines the float32 mean of sixteen times 0.7 is 6e-8 off, so that the arithmetic
    # alone would make 0.83 of it.
    tied, other = torch.full((1, 16), 0.7), torch.tensor([[0.0, 1.0] * 8])
    advantages = group_advantages(torch.cat([tied, other]), scale, eps=1e-8)
    assert advantages[0].eq(0).all()
    assert advantages[1].ne(0).all()


@given(batches(untied=True))
def test_group_advantages_sum_to_zero_and_their_squares_to_g_minus_one(
    rewards: torch.Tensor,
) -> None:
    g = rewards.shape[1]
    advantages = group_advantages(rewards)
    torch.testing.assert_close(
        advantages.sum(dim=1), torch.zeros(len(rewards)).double(), atol=1e-8, rtol=0
    )
    # The 1e-4 beside the standard deviation takes a little off the g - 1.
    shrink = (rewards.std(dim=1) / (rewards.std(dim=1) + 1e-4)) ** 2
    torch.testing.assert_close(advantages.square().sum(dim=1), (g - 1) * shrink)


@pytest.mark.parametrize("g", [2, 4, 16])
def test_one_success_in_g(g: int) -> None:
    rewards = torch.zeros(1, g, dtype=torch.float64)
    rewards[0, 0] = 1
    advantage = group_advantages(rewards, eps=0)[0, 0]
    assert advantage.item() == pytest.approx((g - 1) / g**0.5)


@given(batches(untied=True), st.floats(0.1, 10), st.floats(-5, 5), st.sampled_from([1, -1]))
def test_scale_and_shift_of_the_rewards_do_not_matter(
    rewards: torch.Tensor, a: float, b: float, sign: int
) -> None:
    for scale in ("group", "batch"):
        before = group_advantages(rewards, scale, eps=0)
        after = group_advantages(sign * a * rewards + b, scale, eps=0)
        torch.testing.assert_close(after, sign * before, atol=1e-8, rtol=1e-6)


@EVERY_SCALE
@given(rewards=batches(), data=st.data())
def test_order_does_not_matter_inside_or_across_groups(
    scale: str, rewards: torch.Tensor, data: st.DataObject
) -> None:
    rows = data.draw(st.permutations(range(rewards.shape[0])))
    columns = data.draw(st.permutations(range(rewards.shape[1])))
    shuffled = group_advantages(rewards[rows][:, columns], scale)
    torch.testing.assert_close(shuffled, group_advantages(rewards, scale)[rows][:, columns])


@pytest.mark.parametrize("scale", ["group", "none", "loo"])
@given(rewards=batches())
def test_groups_never_mix(scale: str, rewards: torch.Tensor) -> None:
    # The same prompt drawn twice stays two groups: each row is on its own.
    alone = torch.stack([group_advantages(row, scale) for row in rewards])
    torch.testing.assert_close(group_advantages(rewards, scale), alone)


@given(batches())
def test_leave_one_out_compares_with_the_others(rewards: torch.Tensor) -> None:
    g = rewards.shape[1]
    others = (rewards.sum(dim=1, keepdim=True) - rewards) / (g - 1)
    loo = group_advantages(rewards, "loo")
    torch.testing.assert_close(loo, rewards - others, atol=1e-12, rtol=1e-9)
    torch.testing.assert_close(loo, g / (g - 1) * group_advantages(rewards, "none"))


def test_dtype_and_shape_are_kept() -> None:
    for dtype in (torch.float32, torch.float64):
        advantages = group_advantages(torch.tensor([1.0, 0.0, 0.0], dtype=dtype))
        assert advantages.dtype == dtype
        assert advantages.shape == (3,)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_rewards_that_are_no_numbers_are_refused(bad: float) -> None:
    with pytest.raises(LabError, match="NaN or infinite"):
        group_advantages(torch.tensor([[1.0, bad]]))


@pytest.mark.parametrize("shape", [(), (1,), (3, 1), (2, 0)])
def test_a_group_of_one_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(LabError, match="2 or more completions"):
        group_advantages(torch.zeros(shape))


def test_an_unknown_scale_gets_a_hint() -> None:
    with pytest.raises(LabError, match="Did you mean 'group'"):
        group_advantages(torch.tensor([[1.0, 0.0]]), "groups")
