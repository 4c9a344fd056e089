"""Overlong shaping: nothing, then a slope, then -1; as TRL's."""

import importlib.util

import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import require

from grpo_core.core.errors import LabError
from grpo_core.rewards import RewardSum
from grpo_core.rewards.overlong import soft_overlong_punishment


def of_lengths(lengths: list[int], most: int, cache: int) -> list[float]:
    function = soft_overlong_punishment(most, cache)
    texts, ids = ["x"] * len(lengths), [[1] * length for length in lengths]
    return function(prompts=texts, completions=texts, completion_ids=ids)


def test_the_slope_by_hand() -> None:
    assert of_lengths([0, 80, 85, 90, 100, 120], 100, 20) == [0, 0, -0.25, -0.5, -1, -1]


@given(st.integers(1, 300), st.data())
def test_it_never_rises_and_stays_between_0_and_minus_1(most: int, data: st.DataObject) -> None:
    cache = data.draw(st.integers(1, most))
    values = of_lengths(list(range(most + 5)), most, cache)
    assert values == sorted(values, reverse=True)
    assert values[most - cache] == 0 and values[most] == -1 == min(values)
    assert values[most - cache + 1] == pytest.approx(-1 / cache)


def test_it_is_trls() -> None:
    require(importlib.util.find_spec("trl"), "TRL: pip install 'grpo-lab[trl]'")
    from trl.rewards import get_soft_overlong_punishment

    for most, cache in [(100, 20), (256, 51), (10, 10), (7, 1)]:
        theirs = get_soft_overlong_punishment(max_completion_len=most, soft_punish_cache=cache)
        ids = [[0] * length for length in range(most + 3)]
        assert of_lengths(list(range(most + 3)), most, cache) == pytest.approx(
            theirs(completion_ids=ids)
        )
        assert soft_overlong_punishment(most, cache).__name__ == theirs.__name__


def test_it_needs_the_token_ids() -> None:
    rewards = RewardSum([soft_overlong_punishment(4, 2)])
    parts, totals = rewards(["p"], ["x"], completion_ids=[[1, 2, 3]])
    assert totals == [-0.5] and list(parts) == ["soft_overlong_punishment_reward"]
    with pytest.raises(LabError, match="'completion_ids'"):
        rewards(["p"], ["x"])
