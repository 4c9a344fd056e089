"""Step rewards: what counts as a line of work, and that hostile text costs nothing."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.rewards import STEP_REWARDS, get_step_reward
from grpo_core.rewards.steps import equations_true
from grpo_core.tasks.countdown import Countdown
from grpo_core.tasks.expression import evaluate


def judged(text: str) -> list[tuple[str, float]]:
    """Each step as (the text up to its end, cut from the end of the one before; its reward)."""
    (steps,) = equations_true(["p"], [text])
    ends = [0, *(end for end, _ in steps)]
    return [
        (text[start:end].strip(" ,.;"), reward)
        for start, end, (_, reward) in zip(ends[:-1], ends[1:], steps, strict=True)
    ]


def test_every_line_is_judged_for_itself() -> None:
    assert judged("9 * 3 = 27 , 27 - 13 = 15 , 8 / 2 = 4 , 8 / 3 = 2") == [
        ("9 * 3 = 27", 1.0),
        ("27 - 13 = 15", 0.0),
        ("8 / 2 = 4", 1.0),
        ("8 / 3 = 2", 0.0),
    ]


@pytest.mark.parametrize(
    ("text", "rewards"),
    [
        ("3+4=7", [1.0]),
        ("So 3 + 4 = 7.", [1.0]),  # the end of a sentence is no decimal point
        ("3 + 4 = 7.5", []),
        ("3.5 + 4 = 7", []),
        ("2 + 3 * 4 = 14", []),  # true, and its last three numbers alone would be false
        ("-3 + 5 = 2", []),
        ("- 3 + 5 = 2", []),
        ("3 + 4 = 7 * 1", []),
        ("( 2 + 3 ) * 4 = 20", []),
        ("5 / 0 = 0 , 0 / 5 = 0", [0.0, 1.0]),
        ("3 - 5 = -2", []),  # negative numbers are no steps
        ("12 + 30 = 42", [1.0]),
        ("1234567890123 + 1 = 2", []),
        ("٣ + ٤ = ٧", []),  # digits of other scripts
        ("3 + 4 == 7", []),
        ("", []),
        ("no work at all", []),
    ],
)
def test_what_a_step_is(text: str, rewards: list[float]) -> None:
    assert [reward for _, reward in judged(text)] == rewards


numbers = st.integers(0, 999)


@given(numbers, st.sampled_from("+-*/"), numbers, st.integers(-2, 2))
def test_a_step_is_true_if_its_arithmetic_is(a: int, operator: str, b: int, off: int) -> None:
    value = None if operator == "/" and b == 0 else evaluate(f"{a} {operator} {b}")
    said = max(int(value or 0) + off, 0)
    ((_, reward),) = judged(f"{a} {operator} {b} = {said}")
    assert reward == float(value == said)


def test_a_step_ends_where_the_text_says() -> None:
    text = "first 1 + 1 = 2 then 2 + 2 = 5 end"
    (steps,) = equations_true(["p"], [text])
    assert [text[:end][-1] for end, _ in steps] == ["2", "5"]
    assert [text[end:] for end, _ in steps] == [" then 2 + 2 = 5 end", " end"]


def test_a_worked_solution_of_the_task_is_all_true() -> None:
    problem = Countdown().problems("train")[0]
    text = "<think> 9 - 3 = 6 , 13 - 6 = 7 yes </think> <answer> 13 - ( 9 - 3 ) </answer>"
    assert problem.prompt and [reward for _, reward in judged(text)] == [1.0, 1.0]


def test_a_conversation_does_as_well_and_each_completion_has_its_list() -> None:
    said = [{"role": "assistant", "content": "1 + 1 = 2"}]
    assert equations_true(["p", "p"], [said, "x"], task=["countdown"] * 2) == [[(9, 1.0)], []]


@pytest.mark.parametrize("piece", ["1", "1 ", "1 + ", "1 + 1 = ", "1 + 1 = 2", "= ", "-"])
def test_hostile_text_is_read_in_linear_time(piece: str) -> None:
    started = time.process_time()  # others' work is not counted
    equations_true(["p"], [piece * 20_000])
    assert time.process_time() - started < 2


def test_the_registry() -> None:
    for name in STEP_REWARDS:
        assert get_step_reward(name).__name__ == name
