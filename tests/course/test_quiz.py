"""A quiz explains wrong answers without telling the right one, and never raises."""

import pytest

from grpo_core.course import progress
from grpo_core.course.exercise import WIDTH
from grpo_core.course.quiz import Option, Question, Quiz

QUIZ = Quiz(
    "99",
    Question(
        "sum",
        "What is one and one, said in as many words as it takes to fill more than a line of text?",
        [
            Option("one", "That is where you started."),
            Option("two", "Count your thumbs.", right=True),
            Option("three", "One too many."),
        ],
    ),
    Question("sky", "Is it blue?", [Option("no", "Look up."), Option("yes", "Fine.", right=True)]),
)


def said(capsys: pytest.CaptureFixture[str], **answers: str) -> str:
    QUIZ(**answers)
    return capsys.readouterr().out


def test_an_open_question_is_asked_and_nothing_is_given_away(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = said(capsys, sum="", sky="")
    assert out == said(capsys)
    assert "a) one" in out and out.count("… your answer:") == 2
    assert "thumbs" not in out and "✓" not in out and "✗" not in out
    assert all(len(line) <= WIDTH for line in out.splitlines())
    assert progress.read() == {}


def test_a_wrong_answer_is_explained_and_the_right_one_is_not_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = said(capsys, sum="c")
    assert "✗ c: One too many." in out and "thumbs" not in out and "started" not in out


def test_a_right_answer_explains_the_others_too(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, sum=" B ")
    assert "✓ b: Count your thumbs." in out
    assert "not a: That is where" in out and "not c: One too many" in out


@pytest.mark.parametrize("answer", ["z", "two", "bb", 3, None, ["b"]])
def test_what_is_no_letter_stays_open(answer: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, sum=answer).count("…") == 2


def test_a_question_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert "There is no question 'sun'. The questions are: sum, sky." in said(capsys, sun="a")


def test_the_first_answer_is_kept_beside_the_last() -> None:
    QUIZ(sum="a")
    QUIZ(sum="b")
    entry = progress.find(progress.read(), "99", "sum", "quiz")
    assert entry == {"first": "a", "last": "b", "right": True}
