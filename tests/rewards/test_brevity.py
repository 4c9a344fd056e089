"""The brevity reward: shorter is better on general prompts, and silence on the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.core.errors import LabError
from grpo_core.rewards import RewardSum
from grpo_core.rewards.brevity import LONG, brevity_reward


def thought(words: int) -> str:
    return f"<think> {'7 ' * words}</think> <answer> yes </answer>"


@given(st.integers(0, 3 * LONG), st.integers(0, 3 * LONG))
def test_a_longer_thought_never_earns_more(a: int, b: int) -> None:
    short, long = brevity_reward([], [thought(min(a, b)), thought(max(a, b))], ["general"] * 2)
    assert 0.0 <= long <= short <= 1.0
    assert (short > long) == (min(a, b) < min(max(a, b), LONG))


@given(st.lists(st.integers(0, 90), min_size=1))
def test_it_says_nothing_on_reasoning_prompts(lengths: list[int]) -> None:
    texts = [thought(n) for n in lengths]
    assert set(brevity_reward([], texts, ["reasoning"] * len(texts))) == {0.0}


def test_ends_and_the_missing_column() -> None:
    assert brevity_reward([], [thought(0), thought(LONG), "7 " * (LONG // 2)], ["general"] * 3) == [
        1.0,
        0.0,
        0.5,
    ]
    with pytest.raises(LabError, match="kind"):
        RewardSum(["brevity_reward"])(["p"], ["x"])
