"""The accuracy reward hands the right answer and columns to the right task's verifier."""

from collections.abc import Iterator
from typing import Any

import pytest

from grpo_core import tasks
from grpo_core.core.errors import LabError
from grpo_core.rewards.accuracy import accuracy_reward


class Echo:
    """A toy task: the answer must be the column `wanted`."""

    name = "echo"

    def problems(self, split: str) -> list[tasks.Problem]:
        return []

    def verify(self, answer: str, *, wanted: str, **columns: Any) -> bool:
        assert set(columns) <= {"comment"}, columns
        if wanted == "bug":
            raise KeyError("oops")
        return answer == wanted

    def backtracks(self, completion: str) -> int:
        return 0


@pytest.fixture(autouse=True)
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(tasks.TASKS, "echo", f"{__name__}:Echo")
    tasks._build.cache_clear()
    yield
    tasks._build.cache_clear()


def reward(completions: list[Any], wanted: list[str], **more: Any) -> list[float]:
    n = len(completions)
    return accuracy_reward(["p"] * n, completions, task=["echo"] * n, wanted=wanted, **more)


def test_right_wrong_missing_and_quoted_answers() -> None:
    completions = [
        "<think> a </think> <answer> 7 </answer>",
        "<answer>\n7\n</answer>",
        "<think> a </think> <answer> 8 </answer>",
        "7",
        "<think> <answer> 7 </answer> </think>",
    ]
    assert reward(completions, ["7"] * 5) == [1.0, 1.0, 0.0, 0.0, 0.0]


def test_each_completion_meets_its_own_columns() -> None:
    assert reward(["<answer> 7 </answer>"] * 2, ["7", "8"], comment=["x", "y"]) == [1.0, 0.0]


def test_what_trl_passes_beside_the_columns_is_ignored() -> None:
    values = reward(
        [[{"role": "assistant", "content": "<answer> 7 </answer>"}]],
        ["7"],
        completion_ids=[[1, 2, 3]],
        trainer_state=object(),
        log_extra=lambda *_: None,
        log_metric=lambda *_: None,
        environments=[None],
        odd=[1, 2, 3],
        scalar="x",
    )
    assert values == [1.0]


def test_no_completions() -> None:
    assert accuracy_reward([], [], task=[]) == []


@pytest.mark.parametrize("task", ["echo", ["echo", "echo"], []])
def test_a_task_column_of_the_wrong_length_is_refused(task: Any) -> None:
    with pytest.raises(LabError, match="one task name for each completion"):
        accuracy_reward(["p"], ["<answer> 7 </answer>"], task=task)


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(LabError, match=r"no task called 'ecko'. Did you mean 'echo'"):
        accuracy_reward(["p"], ["<answer> 7 </answer>"], task=["ecko"])


def test_a_verifier_that_raises_is_named_with_the_answer() -> None:
    with pytest.raises(
        LabError, match=r"verifier of task 'echo'.*'7' it raised KeyError.*test_accuracy.py, line"
    ):
        reward(["<answer> 7 </answer>"], ["bug"])
