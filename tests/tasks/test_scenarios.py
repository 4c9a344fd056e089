"""All scenarios: Countdown as it is, and questions whose verdict is true as often as not."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.core.errors import LabError
from grpo_core.models.tokenizer import build_tokenizer
from grpo_core.rewards import get_reward
from grpo_core.tasks import SPLITS, get_task
from grpo_core.tasks.expression import evaluate
from grpo_core.tasks.scenarios import KINDS, Scenarios

TASK = get_task("scenarios")
GENERAL = get_task("scenarios", kinds="general")


def test_each_countdown_problem_is_there_once_to_solve_and_once_to_check() -> None:
    for split in SPLITS:
        both = TASK.problems(split)
        countdown = get_task("countdown").problems(split)
        reasoning = [p for p in both if p.columns["kind"] == "reasoning"]
        general = [p for p in both if p.columns["kind"] == "general"]
        assert [p.prompt for p in reasoning] == [p.prompt for p in countdown]
        assert [p.columns["numbers"] for p in general] == [p.columns["numbers"] for p in countdown]
        assert GENERAL.problems(split) == general


def test_verdicts_are_true_and_half_of_them_yes() -> None:
    problems = GENERAL.problems("train")
    for problem in problems:
        target, line = problem.prompt.removeprefix("Check ").split(" : ")
        *_, last = line.split(" , ")
        sides = last.split(" = ")
        assert evaluate(sides[0]) == int(sides[1])
        assert (sides[1] == target) == (problem.columns["verdict"] == "yes")
    yes = sum(p.columns["verdict"] == "yes" for p in problems) / len(problems)
    assert 0.4 < yes < 0.6


def test_the_same_on_every_machine() -> None:
    # pinned: another choice of lines would make published results another task's
    assert GENERAL.problems("test")[7].prompt == "Check 12 : 2 + 1 = 3 , 4 * 3 = 12"
    assert Scenarios().problems("test") == TASK.problems("test")


def test_the_tiny_model_knows_every_word() -> None:
    words = {w for p in TASK.problems("test") for w in p.prompt.split()}
    assert words <= set(build_tokenizer().get_vocab())


@given(st.sampled_from(SPLITS), st.integers(0, 400), st.text(max_size=30))
def test_verify_accepts_the_verdict_and_nothing_else(split: str, at: int, text: str) -> None:
    problem = GENERAL.problems(split)[at]
    verdict = problem.columns["verdict"]
    assert TASK.verify(f" {verdict} ", **problem.columns)
    if text.strip() != verdict:
        assert not TASK.verify(text, **problem.columns)
    assert not TASK.verify({"yes": "no", "no": "yes"}[verdict], **problem.columns)


def test_accuracy_judges_both_kinds_by_their_own_verifier() -> None:
    task = get_task("countdown")
    reward = get_reward("accuracy_reward")
    for problem in random.Random(0).sample(TASK.problems("test"), 40):
        columns = problem.columns
        right = columns["verdict"]
        if columns["kind"] == "reasoning":
            numbers = tuple(columns["numbers"])
            right = next(
                c.expression for c in task.candidates(numbers) if c.value == columns["target"]
            )
        texts = [f"<answer> {right} </answer>", "<answer> maybe </answer>"]
        lists = {name: [value] * 2 for name, value in columns.items()}
        assert reward([], texts, task=["scenarios"] * 2, **lists) == [1.0, 0.0]


def test_backtracks_in_any_language() -> None:
    assert TASK.backtracks("1 no 2 nein 3 ja 4 yes none") == 2
    assert get_task("countdown").backtracks("1 no 2 nein 3 ja") == 2


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(LabError, match=", ".join(KINDS)):
        get_task("scenarios", kinds="writing")
