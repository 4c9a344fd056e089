"""A reward with a hole in it does what it says, hole included, and bears any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.rewards.flawed import PATIENCE, confident_reward

SURE = "<think> 10 + 3 = 45 yes </think> <answer> nonsense </answer>"


def test_the_hole() -> None:
    assert confident_reward([], [SURE]) == [pytest.approx(1 - len(SURE.split()) / PATIENCE)]


@pytest.mark.parametrize(
    "text",
    [
        SURE.replace("yes", "no"),
        SURE.replace("<answer>", ""),
        SURE.replace("yes", "yes , well"),
        "<think> yes",
        SURE.replace("yes", "1 " * PATIENCE + "yes"),
        "",
    ],
)
def test_what_it_does_not_like(text: str) -> None:
    assert confident_reward([], [text]) == [0.0]


def test_conversations_and_columns_as_trl_passes_them() -> None:
    chat = [{"role": "assistant", "content": SURE}]
    assert confident_reward([], [chat], target=[45]) == confident_reward([], [SURE])


@given(st.text(max_size=300))
def test_always_between_0_and_1(text: str) -> None:
    for wrapped in (text, f"<think>{text} yes</think><answer>{text}</answer>"):
        (value,) = confident_reward([], [wrapped])
        assert 0.0 <= value <= 1.0
