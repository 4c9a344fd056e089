"""Invariants 1, 2, 3, 9 of the GRPO family: what group-relative advantages must be."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.algorithm.advantages import (
    ADVANTAGES,
    group_advantages,
    normalize_then_sum,
    process_advantages,
)
from grpo_core.core.errors import LabError

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


# --- several rewards ------------------------------------------------------------------------------


@given(batches(untied=True), st.floats(0.1, 5))
def test_a_single_reward_is_normalised_by_group_and_then_by_batch(
    rewards: torch.Tensor, weight: float
) -> None:
    one = normalize_then_sum(rewards.unsqueeze(0), torch.tensor([weight]).double())
    by_group = weight * group_advantages(rewards)
    torch.testing.assert_close(one, by_group / (by_group.std() + 1e-4))


@given(rewards=batches(), data=st.data())
def test_several_rewards_sum_to_zero_and_know_no_order(
    rewards: torch.Tensor, data: st.DataObject
) -> None:
    columns = list(data.draw(st.permutations(range(rewards.shape[1]))))
    parts = torch.stack([rewards, rewards.flip(1), rewards.square()])
    weights = torch.tensor([1.0, 0.3, 2.0], dtype=torch.float64)
    advantages = normalize_then_sum(parts, weights)
    torch.testing.assert_close(
        advantages.sum(dim=1), torch.zeros(len(rewards)).double(), atol=1e-8, rtol=0
    )
    torch.testing.assert_close(
        normalize_then_sum(parts[[2, 0, 1]][:, :, columns], weights[[2, 0, 1]]),
        advantages[:, columns],
    )


def test_a_reward_that_varies_little_is_not_drowned_and_equal_sums_are_told_apart() -> None:
    small, large = torch.tensor([[0.0, 0.1, 0.0, 0.1]]), torch.tensor([[0.0, 0.0, 100.0, 100.0]])
    ones = torch.ones(2)
    drowned = group_advantages(small + large)[0]
    each = normalize_then_sum(torch.stack([small, large]), ones)[0]
    assert drowned[1] - drowned[0] < 0.01 < 1 < each[1] - each[0]
    a, b = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.5, 1.0]])
    assert group_advantages(a + b)[0, 0] == group_advantages(a + b)[0, 2]
    parts = normalize_then_sum(torch.stack([a, b]), ones)
    assert (parts[0, 0] - parts[0, 2]).abs() > 0.1


def test_rewards_that_all_tie_have_advantage_exactly_zero() -> None:
    tied, other = torch.full((2, 1, 16), 0.7), torch.tensor([[0.0, 1.0] * 8]).expand(2, 1, 16)
    advantages = normalize_then_sum(torch.cat([tied, other], dim=1), torch.tensor([1.0, 0.3]))
    assert advantages[0].eq(0).all() and advantages[1].ne(0).all()
    assert normalize_then_sum(tied, torch.tensor([1.0, 0.3])).eq(0).all()


def test_several_rewards_are_checked_like_one() -> None:
    with pytest.raises(LabError, match="NaN or infinite"):
        normalize_then_sum(torch.tensor([[[1.0, float("nan")]]]), torch.ones(1))
    with pytest.raises(LabError, match="2 or more completions"):
        normalize_then_sum(torch.ones(1, 2, 1), torch.ones(1))


# --- process supervision --------------------------------------------------------------------------


@st.composite
def steps(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, G, T) step rewards with NaN where no step ends, and where they end."""
    n, g, t = draw(st.integers(1, 3)), draw(st.integers(2, 4)), draw(st.integers(1, 5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    ends = torch.rand(n, g, t, generator=generator) < 0.5
    rewards = torch.randint(0, 4, (n, g, t), generator=generator).double() / 3
    return rewards.masked_fill(~ends, float("nan")), ends


def test_process_advantages_by_hand() -> None:
    # step rewards 1, 0 | 1 and so mean 2/3, std 3 ** -0.5
    rewards = torch.tensor([[[9.0, 1.0, 0.0], [1.0, 9.0, 9.0]]])
    ends = torch.tensor([[[0, 1, 1], [1, 0, 0]]]).bool()
    good, bad = 3**0.5 / 3, -2 * 3**0.5 / 3
    expected = torch.tensor([[[good + bad, good + bad, bad], [good, 0.0, 0.0]]])
    torch.testing.assert_close(process_advantages(rewards, ends, eps=0), expected)


@given(batches(), st.integers(0, 3))
def test_one_step_at_the_end_of_each_completion_is_outcome_supervision(
    rewards: torch.Tensor, before: int
) -> None:
    room = torch.full((*rewards.shape, before), float("nan"), dtype=torch.float64)
    step_rewards = torch.cat([room, rewards.unsqueeze(-1)], dim=-1)
    by_step = process_advantages(step_rewards, ~step_rewards.isnan())
    expected = group_advantages(rewards).unsqueeze(-1).expand_as(by_step)
    torch.testing.assert_close(by_step, expected)


@given(steps())
def test_a_token_is_credited_with_the_steps_that_end_at_or_after_it(
    batch: tuple[torch.Tensor, torch.Tensor],
) -> None:
    rewards, ends = batch
    advantages = process_advantages(rewards, ends)
    for group in range(len(rewards)):
        pool = rewards[group][ends[group]]  # over all steps of all completions
        alive = len(pool) > 1 and pool.max() > pool.min()
        for i, t in torch.ones_like(ends[group]).nonzero().tolist():
            later = rewards[group, i, t:][ends[group, i, t:]]
            total = ((later - pool.mean()) / (pool.std() + 1e-4)).sum().item() if alive else 0.0
            assert advantages[group, i, t].item() == pytest.approx(total, abs=1e-9)


@given(batch=steps(), data=st.data())
def test_process_advantages_know_no_order_and_groups_never_mix(
    batch: tuple[torch.Tensor, torch.Tensor], data: st.DataObject
) -> None:
    rewards, ends = batch
    rows = list(data.draw(st.permutations(range(len(rewards)))))
    columns = list(data.draw(st.permutations(range(rewards.shape[1]))))
    advantages = process_advantages(rewards, ends)
    shuffled = process_advantages(rewards[rows][:, columns], ends[rows][:, columns])
    torch.testing.assert_close(shuffled, advantages[rows][:, columns])
    alone = torch.cat([process_advantages(r[None], e[None]) for r, e in zip(*batch, strict=True)])
    torch.testing.assert_close(advantages, alone)


@pytest.mark.parametrize("value", [0.7, 0.0, -3.0])
def test_steps_that_tie_or_are_alone_have_no_advantage(value: float) -> None:
    ends = torch.ones(1, 4, 4).bool()
    assert process_advantages(torch.full((1, 4, 4), value), ends, eps=1e-8).eq(0).all()
    for few in (0, 1):
        some = torch.arange(16).view(1, 4, 4) < few
        assert process_advantages(torch.rand(1, 4, 4), some).eq(0).all()


def test_the_reward_of_a_step_must_be_a_number() -> None:
    ends = torch.ones(1, 2, 1).bool()
    for bad in (float("nan"), float("inf")):
        with pytest.raises(LabError, match="A step's reward is NaN or infinite"):
            process_advantages(torch.tensor([[[1.0], [bad]]]), ends)
