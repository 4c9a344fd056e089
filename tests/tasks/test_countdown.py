"""Countdown: the problems, the splits, and what the verifier accepts."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.core.errors import LabError
from grpo_core.tasks import SPLITS, get_task
from grpo_core.tasks.countdown import Countdown
from grpo_core.tasks.expression import evaluate, literals

TASK = Countdown()


def test_every_problem_is_solvable_and_solved_by_its_candidates() -> None:
    for split in SPLITS:
        for problem in random.Random(0).sample(TASK.problems(split), 100):
            numbers = tuple(problem.columns["numbers"])
            hits = [c for c in TASK.candidates(numbers) if c.value == problem.columns["target"]]
            assert hits
            for hit in hits:
                assert TASK.verify(hit.expression, **problem.columns)


def test_no_held_out_set_of_numbers_occurs_in_another_split() -> None:
    sets = {
        split: {tuple(sorted(p.columns["numbers"])) for p in TASK.problems(split)}
        for split in SPLITS
    }
    assert not sets["test"] & (sets["train"] | sets["pretrain"])
    keys = {
        split: {(*sorted(p.columns["numbers"]), p.columns["target"]) for p in TASK.problems(split)}
        for split in SPLITS
    }
    assert not keys["train"] & keys["pretrain"]
    assert sum(map(len, keys.values())) == len(TASK.solvable)
    assert 0.05 < len(keys["test"]) / len(TASK.solvable) < 0.25


def test_splits_and_prompts_are_the_same_on_every_machine() -> None:
    # pinned: a change here silently leaks held-out problems into the shipped base model
    assert [len(TASK.problems(split)) for split in SPLITS] == [2231, 752, 553]
    assert TASK.problems("test")[7].prompt == "Use 2 , 4 , 1 to make 12 ."


@given(st.lists(st.integers(1, 13), min_size=3, max_size=3))
def test_candidates_are_true_mathematics_within_the_rules(numbers: list[int]) -> None:
    candidates = TASK.candidates(tuple(numbers))
    texts = [str(c) for c in candidates]
    assert len(texts) == len(set(texts))
    for candidate in candidates:
        assert sorted(literals(candidate.expression)) == sorted(numbers)
        assert evaluate(candidate.expression) == candidate.value == candidate.work[-1].result
        for line in candidate.work:
            assert evaluate(f"{line.left} {line.operator} {line.right}") == line.result
            assert line.left >= line.right and 0 <= line.result <= TASK.most


@given(st.permutations([2, 6, 9]))
def test_the_order_of_the_numbers_changes_nothing_but_the_order_of_tries(order: list[int]) -> None:
    assert {c.value for c in TASK.candidates(tuple(order))} == {
        c.value for c in TASK.candidates((2, 6, 9))
    }
    assert TASK.split_of(tuple(order), 12) == TASK.split_of((2, 6, 9), 12)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("( 10 - 3 ) + 5", True),
        ("5+(10-3)", True),
        ("10 - 3 + 5", True),
        ("( 10 - 3 ) + 5 = 12", False),
        ("12", False),
        ("10 + 5 - 3 + 0", False),
        ("( 10 - 3 ) + 5 + 3 - 3", False),
        ("10 * 5 - 38", False),
        ("9**9**9", False),
        ("__import__('os').system('true')", False),
        ("", False),
        ("( 10 - 3 ) + 5 # 12", False),
    ],
)
def test_the_verifier(answer: str, right: bool) -> None:
    assert TASK.verify(answer, numbers=[3, 5, 10], target=12, operators="+-*") is right


def test_an_operator_that_is_not_allowed_is_wrong_even_when_the_value_is_right() -> None:
    assert TASK.verify("6 / 3 + 2", numbers=[6, 3, 2], target=4, operators="+-*/")
    assert not TASK.verify("6 / 3 + 2", numbers=[6, 3, 2], target=4, operators="+-*")


@given(st.text(max_size=300))
def test_the_verifier_never_raises(answer: str) -> None:
    assert TASK.verify(answer, numbers=[3, 5, 10], target=12) in (True, False)


def test_backtracks_are_the_tries_that_were_discarded() -> None:
    assert TASK.backtracks("<think> 1 + 1 = 2 no 2 + 1 = 3 no not yes </think>") == 2


def test_other_numbers_ranges_and_operators() -> None:
    task = get_task("countdown", count=4, largest=5, operators="+-*/", target_max=30)
    problem = task.problems("train")[0]
    assert len(problem.columns["numbers"]) == 4
    assert problem.columns["operators"] == "+-*/"
    assert task is get_task("countdown", count=4, largest=5, operators="+-*/", target_max=30)


@pytest.mark.parametrize(
    "options",
    [
        {"count": 1},
        {"count": 6, "largest": 60},
        {"operators": "+^"},
        {"operators": ""},
        {"smallest": 9, "largest": 3},
        {"test_share": 0.0},
        {"count": 5},
        {"count": "three"},
        {"largest": 9.5},
        {"operators": {"plus": True}},
    ],
)
def test_options_that_cannot_work_are_refused(options: dict) -> None:
    with pytest.raises(LabError):
        get_task("countdown", **options)


def test_an_empty_split_is_refused() -> None:
    task = Countdown(smallest=1, largest=1, count=2)
    with pytest.raises(LabError, match="is empty"):
        for split in SPLITS:
            task.problems(split)


def test_an_unknown_task_names_the_closest() -> None:
    with pytest.raises(LabError, match="Did you mean 'countdown'"):
        get_task("countdwon")


def test_an_unknown_option_is_refused_in_a_sentence() -> None:
    with pytest.raises(LabError, match="cuont"):
        get_task("countdown", cuont=3)
