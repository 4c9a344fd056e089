"""The registry of rewards and their weighted sum."""

import subprocess
import sys
from typing import Any

import pytest

from grpo_core.core.errors import LabError
from grpo_core.rewards import REWARDS, RewardSum, get_reward
from grpo_core.rewards.format import format_reward

GOOD = "<think> a </think> <answer> 7 </answer>"


def length_reward(prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
    return [float(len(completion)) for completion in completions]


def test_every_registered_reward_is_named_as_its_function() -> None:
    for name in REWARDS:
        assert get_reward(name).__name__ == name


def test_an_unknown_reward_gets_a_hint() -> None:
    with pytest.raises(LabError, match="Did you mean 'format_reward'"):
        RewardSum(["fromat_reward"])


def test_parts_are_unweighted_and_totals_weighted() -> None:
    rewards = RewardSum(["format_reward", length_reward], [0.5, 0.1])
    parts, totals = rewards(["p", "p"], [GOOD, "abc"])
    assert parts == {"format_reward": [1.0, 0.0], "length_reward": [float(len(GOOD)), 3.0]}
    assert totals == pytest.approx([0.5 + 0.1 * len(GOOD), 0.3])


def test_weights_default_to_one() -> None:
    assert RewardSum([format_reward])(["p"], [GOOD]) == ({"format_reward": [1.0]}, [1.0])


def test_columns_reach_every_function() -> None:
    def column_reward(prompts: Any, completions: Any, numbers: Any, **columns: Any) -> list[float]:
        return [float(sum(n)) for n in numbers]

    assert RewardSum([column_reward])(["p"], ["x"], numbers=[[1, 2]])[1] == [3.0]


@pytest.mark.parametrize(
    ("rewards", "weights", "sentence"),
    [
        ([], None, "at least one reward"),
        (["format_reward", format_reward], None, "same name"),
        (["format_reward"], [1.0, 2.0], "1 rewards need 1 weights, not 2"),
        (["format_reward"], [float("nan")], "weight of format_reward must be a finite number"),
        (["format_reward"], ["1"], "weight of format_reward must be a finite number, not '1'"),
    ],
)
def test_settings_that_cannot_work(rewards: Any, weights: Any, sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        RewardSum(rewards, weights)


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ([1.0], "broken_reward returned 1 values for 2 completions"),
        ([1.0, float("nan")], "broken_reward returned nan for completion 1"),
        ([float("-inf"), 1.0], "broken_reward returned -inf for completion 0"),
        ([1.0, None], "broken_reward must return a list of numbers"),
        (None, "broken_reward must return a list of numbers"),
        (0.5, "broken_reward must return a list of numbers"),
        (["x", "y"], "broken_reward must return a list of numbers"),
    ],
)
def test_a_function_that_misbehaves_is_named(returned: Any, sentence: str) -> None:
    def broken_reward(prompts: Any, completions: Any, **columns: Any) -> Any:
        return returned

    with pytest.raises(LabError, match=sentence):
        RewardSum(["format_reward", broken_reward])(["p", "p"], [GOOD, GOOD])


def test_a_function_that_raises_is_named() -> None:
    def broken_reward(prompts: Any, completions: Any, **columns: Any) -> list[float]:
        raise ZeroDivisionError("division by zero")

    with pytest.raises(
        LabError, match=r"broken_reward raised ZeroDivisionError: division by zero .*, line"
    ):
        RewardSum([broken_reward])(["p"], [GOOD])


def test_a_missing_column_is_told_as_python_tells_it() -> None:
    with pytest.raises(LabError, match=r"accuracy_reward raised TypeError: .*'task'"):
        RewardSum(["accuracy_reward"])(["p"], [GOOD])


def test_an_error_written_for_people_passes_unchanged() -> None:
    with pytest.raises(LabError, match=r"^There is no task called 'chess'"):
        RewardSum(["accuracy_reward"])(["p"], [GOOD], task=["chess"])


def test_rewards_and_the_verifier_need_no_torch() -> None:
    program = """
import sys
import grpo_core.rewards.accuracy, grpo_core.rewards.format, grpo_core.tasks.expression
assert "torch" not in sys.modules and "transformers" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
