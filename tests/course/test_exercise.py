"""The machinery of checks, on an exercise of its own: add two numbers."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.course import progress
from grpo_core.course.exercise import WIDTH, Case, Exercise, WrongAnswers
from grpo_core.course.outcomes import number, same, shown, tensor


def add(a: float, b: float) -> float:
    """Two numbers -> their sum."""
    return a + b


def exercise() -> Exercise:
    found = Exercise(
        "99",
        "add",
        solution_function=add,
        cases=[
            Case("For 2 and 2", lambda f: number(f(2, 2))),
            Case("For 3 and 1", lambda f: number(f(3, 1))),
            Case("For 0 and 5", lambda f: number(f(0, 5))),
        ],
        hints=["Think of apples.", "Count on from the first."],
        well_done="your sum is right.",
    )

    @found.mistake("You multiplied.")
    def times() -> WrongAnswers:
        yield lambda a, b: a * b

    @found.mistake("You took a power.")
    def power() -> WrongAnswers:
        yield lambda a, b: a**b

    @found.mistake("You subtracted.")
    def minus() -> WrongAnswers:
        yield lambda a, b: a - b
        yield lambda a, b: b - a

    return found


@pytest.mark.parametrize(
    ("function", "mistake"),
    [
        (lambda a, b: b + a, None),
        (lambda a, b: a * b, "times"),  # right for 2 and 2
        (lambda a, b: [2 + 2, 3, 0][[2, 3, 0].index(a)], "times"),
        (lambda a, b: b - a, "minus"),
        (lambda a, b: a - b if a == b else 9, "minus"),
        (lambda a, b: 77, "unknown"),
        (lambda a, b: None, "unfinished"),
        (lambda a, b: ..., "unfinished"),
        (lambda a, b: torch.zeros(2), "shape"),
        (lambda a, b: 1 / 0, "raised"),
        (lambda a, b: a + b if a else 1 / 0, "raised"),  # the first two are right
        (lambda a, b: a * b if a else 1 / 0, "times"),  # the second is wrong before that
        (lambda a: a, "raised"),
        (lambda a, b: "four", "raised"),
    ],
)
def test_what_an_attempt_is_told(function: Any, mistake: str | None) -> None:
    assert exercise()(function).mistake == mistake


def test_the_mistake_that_fits_longest_is_named() -> None:
    # "times" and "power" agree up to the first wrong case (3 and 1); the third tells them apart.
    result = exercise()(lambda a, b: {2: 4, 3: 3, 0: 0}[a])
    assert result.mistake == "times" and "multiplied" in result.message


def test_a_mistake_that_speaks_of_all_cases_has_to_agree_in_all() -> None:
    sevens = replace(exercise())  # the same exercise, without its mistakes

    @sevens.mistake("It is 7 whatever comes in.", entirely=True)
    def always() -> WrongAnswers:
        yield lambda a, b: 7

    assert sevens(lambda a, b: 7).mistake == "always"
    assert sevens(lambda a, b: 7 if a else 5).mistake == "unknown"


def test_a_mistake_has_the_name_of_its_function_and_every_answer_that_it_yields() -> None:
    found = two_cases()

    @found.mistake("You added up.", entirely=True)
    def sum_() -> WrongAnswers:
        yield from (lambda n, k=k: n + k for k in (3, 4))

    assert sum_ is found.mistakes[-1]
    assert (sum_.name, sum_.hint, sum_.entirely) == ("sum", "You added up.", True)
    assert [function(1) for function in sum_.functions] == [4, 5]
    assert found(lambda n: n + 4).mistake == "sum"
    assert "sum" not in [mistake.name for mistake in two_cases().mistakes]


def test_an_unknown_mistake_is_told_with_the_numbers() -> None:
    message = exercise()(lambda a, b: 4 if a == b else 77).message
    assert message.startswith("For 3 and 1, I expected 4 and got 77.")


def test_an_unknown_mistake_is_told_how_its_numbers_are_related() -> None:
    right = torch.tensor([1.0, -2.0, 3.0])
    case = Case("For nothing", lambda f: [tensor(1.0), tensor(f())])
    of_three = Exercise("97", "three", lambda: right, [case], ["?", "!"], "your row is right.")
    message = of_three(lambda: 3 * right).message
    assert message.startswith("For nothing, I expected 1 and [1, -2, 3] and got 1 and [3, -6, 9].")
    assert "Yours is 3 times the right value everywhere. I do not know this mistake" in message


def two_cases() -> Exercise:
    cases = [Case(f"For {n}", lambda f, n=n: number(f(n))) for n in (1, 2)]
    found = Exercise("98", "same", lambda n: n, cases, ["?", "!"], "your number is.")

    @found.mistake("Once is enough.")
    def doubled() -> WrongAnswers:
        yield lambda n: 2 * n

    return found


def test_nothing_is_told_from_nothing_for_one_of_the_cases() -> None:
    result = two_cases()(lambda n: n if n == 1 else None)
    assert result.mistake == "unfinished"
    assert result.message.startswith("For 2, your function does not return anything yet")
    assert two_cases()(lambda n: None).message.startswith("Nothing to check yet")


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        (lambda: torch.ones(3, 2) - torch.ones(3), "keepdim=True"),
        (lambda: torch.ones(3, 4)[torch.ones(3, 1) == 1], "a column (N, 1)"),
        (lambda: 1 if torch.ones(3) > 0 else 2, "one True or False"),
        (
            lambda: torch.ones(2, 2).max(dim=1) == torch.ones(2, 2).min(dim=1),
            "values *and* indices",
        ),
        (lambda: torch.min(torch.ones(2), 0.5), ".clamp("),
        (lambda: 1 / 0, "divide by something that is 0"),
    ],
)
def test_what_is_raised_is_explained(body: Any, meaning: str) -> None:
    result = exercise()(lambda a, b: body())
    assert result.mistake == "raised" and meaning in result.message
    assert len(result.message) < 500  # torch's own message may fill a page


def test_a_tuple_of_tensors_is_a_tensor() -> None:
    assert torch.equal(tensor((torch.ones(2), torch.zeros(2))), torch.tensor([[1.0, 1], [0, 0]]))
    assert torch.equal(tensor([torch.tensor(1.0), torch.tensor(2.0)]), torch.tensor([1.0, 2.0]))


def test_every_further_failing_call_gives_the_next_hint() -> None:
    add = exercise()
    messages = [add(lambda a, b: 77).message for _ in range(5)]
    assert "Hint" not in messages[0] and "apples" not in messages[0]
    assert "Hint 1 of 2: Think of apples." in messages[1]
    assert "Hint 2 of 2: Count on" in messages[2] and "apples" not in messages[2]
    assert "check.add.solution()" in messages[3] and messages[3] == messages[4]


def test_the_ladder_goes_on_after_a_restart() -> None:
    for _ in range(2):
        exercise()(lambda a, b: 77)
    assert "Hint 2 of 2" in exercise()(lambda a, b: 77).message


def test_an_empty_stub_climbs_no_ladder(capsys: pytest.CaptureFixture[str]) -> None:
    add = exercise()
    for _ in range(4):
        assert "Hint" not in add(lambda a, b: None).message
    assert capsys.readouterr().out.count("… Nothing to check yet") == 4
    assert progress.read() == {}


def test_the_solution_comes_last(capsys: pytest.CaptureFixture[str]) -> None:
    add = exercise()
    add.solution()
    assert "2 hints" in capsys.readouterr().out
    add.hint()
    assert "Hint 1 of 2: Think of apples." in capsys.readouterr().out
    add.solution()
    assert "one hint" in capsys.readouterr().out
    add.hint()
    capsys.readouterr()
    add.solution()
    assert capsys.readouterr().out.splitlines()[-1] == "    return a + b"
    add.hint()
    assert "All hints have been given" in capsys.readouterr().out


def test_who_has_passed_may_see_the_solution(capsys: pytest.CaptureFixture[str]) -> None:
    add = exercise()
    add(lambda a, b: b + a)
    add.solution()
    assert "return a + b" in capsys.readouterr().out


def test_lines_fit_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    add = exercise()
    add(lambda a, b: 1 / 0)
    add(lambda a, b: torch.zeros(3) + torch.zeros(2))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4 and all(len(line) <= WIDTH for line in lines)
    assert all(line[:2] in ("✗ ", "  ") for line in lines)


def test_a_result_is_not_repeated_by_the_notebook() -> None:
    assert exercise()(add)._ipython_display_() is None


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
)


@given(plain)
def test_everything_is_the_same_as_itself(value: Any) -> None:
    assert same(value, value)
    assert len(shown(value)) <= 100


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1.0, 1.01),
        ("1", 1),
        (None, 0),
        ([1, 2], [1]),
        ({"a": 1}, {"b": 1}),
        (torch.zeros(2), torch.zeros(3)),
        (torch.zeros(2), [0.0, 0.0]),
        (torch.tensor(float("nan")), torch.tensor(0.0)),
    ],
)
def test_what_differs_is_not_the_same(one: Any, other: Any) -> None:
    assert not same(one, other)
    assert not same(other, one)


def test_what_is_the_same() -> None:
    assert same(True, 1.0) and same(1, 1.0005) and same((1, 2), [1.0, 2.0])
    assert same(torch.tensor([float("nan")]), torch.tensor([float("nan")]))
    assert same(tensor([1, 2]), tensor(torch.tensor([1, 2])))
