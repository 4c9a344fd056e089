"""The bandit of lesson 01: what it calls exact is exact."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.course.lesson01 import my_gradient
from grpo_core.course.toys.bandit import draw, estimates, expected_estimate, learn

LOGITS = torch.tensor([0.8, -0.3, 0.1])
VALUES = torch.tensor([0.3, 0.9, 0.5])


@given(
    st.lists(st.floats(-2, 2), min_size=3, max_size=3),
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
    st.integers(2, 3),
)
def test_leave_one_out_is_unbiased_and_the_mean_of_all_is_short(
    scores: list[float], chances: list[float], size: int
) -> None:
    logits, values = torch.tensor(scores), torch.tensor(chances)
    exact = my_gradient(logits, values)
    loo = expected_estimate(logits, values, size, "loo")
    centered = expected_estimate(logits, values, size, "none")
    torch.testing.assert_close(loo, exact, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(centered, exact * (size - 1) / size, atol=1e-6, rtol=1e-4)


def test_samples_are_the_policys() -> None:
    groups = draw(LOGITS, VALUES, groups=20_000, size=4, seed=0)
    share = torch.bincount(groups.actions.flatten()) / groups.actions.numel()
    torch.testing.assert_close(share, torch.softmax(LOGITS, 0), atol=0.01, rtol=0)
    paid = torch.stack([groups.rewards[groups.actions == arm].mean() for arm in range(3)])
    torch.testing.assert_close(paid, VALUES, atol=0.01, rtol=0)
    mean = estimates(LOGITS, groups.actions, groups.rewards).mean(0)
    torch.testing.assert_close(mean, my_gradient(LOGITS, VALUES), atol=0.005, rtol=0)


def test_the_group_is_as_noisy_as_lesson_01_says() -> None:
    for size, most in ((16, 1.12), (64, 1.05)):
        groups = draw(LOGITS, VALUES, groups=40_000 // size * 4, size=size, seed=0)
        r = groups.rewards
        loo = (r - r.mean(1, keepdim=True)) * size / (size - 1)
        perfect = r - (torch.softmax(LOGITS, 0) * VALUES).sum()
        noise = [estimates(LOGITS, groups.actions, w).var(0).sum() for w in (loo, perfect)]
        assert 1.0 < noise[0] / noise[1] < most


def test_a_group_does_not_notice_an_offset_and_no_baseline_does() -> None:
    for baseline, notices in (("group", False), ("perfect critic", False), ("none", True)):
        plain, shifted = (
            learn(LOGITS, VALUES, baseline=baseline, offset=o, seed=1, steps=60) for o in (0.0, 3.0)
        )
        assert plain.shape == (200, 60)
        assert (plain.std(0)[-1] * 2 < shifted.std(0)[-1]) == notices
        if not notices:
            torch.testing.assert_close(plain, shifted, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("baseline", ["none", "learned critic", "perfect critic", "group"])
def test_it_learns(baseline: str) -> None:
    curve = learn(LOGITS, VALUES, baseline=baseline, offset=0.0, seed=1).mean(0)
    assert curve[-1] > curve[0] + 0.2
