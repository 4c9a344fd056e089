"""What holds for every lesson: its exercises, its mistakes, its hints and its quiz."""

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest

from grpo_core.course.build import edition
from grpo_core.course.catalogue import lessons
from grpo_core.course.exercise import Exercise, Mistake
from grpo_core.course.quiz import Question
from grpo_core.course.sources import notebook_sources

EXERCISES = [
    pytest.param(value, id=f"{number}-{value.name}")
    for number, lesson in lessons().items()
    for value in lesson.exercises
]
MISTAKES = [
    pytest.param(case.values[0], mistake, id=f"{case.id}-{mistake.name}")
    for case in EXERCISES
    for mistake in case.values[0].mistakes
]
QUESTIONS = [
    pytest.param(question, id=f"{number}-{name}")
    for number, lesson in lessons().items()
    for name, question in lesson.quiz.questions.items()
]
EVERY_EXERCISE = pytest.mark.parametrize("exercise", EXERCISES)


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES)
def test_a_mistake_is_told_from_all_others(exercise: Exercise, mistake: Mistake) -> None:
    for function in mistake.functions:
        result = exercise(function)
        assert result.mistake == mistake.name, result.message
        told = {known.name for known in exercise.mistakes if known.hint in result.message}
        assert told == {mistake.name}


@EVERY_EXERCISE
def test_the_solution_passes(exercise: Exercise) -> None:
    assert exercise(exercise.solution_function).passed


@EVERY_EXERCISE
def test_an_exercise_has_enough_to_say(exercise: Exercise) -> None:
    names = [mistake.name for mistake in exercise.mistakes]
    assert len(set(names)) == len(names) >= 4
    assert not {"unfinished", "raised", "shape", "unknown", "passed"} & set(names)
    assert 2 <= len(exercise.hints) <= 4
    assert exercise.well_done.startswith("your ") and exercise.well_done.endswith(".")
    assert not any(case.text.endswith((",", ".")) for case in exercise.cases)


@EVERY_EXERCISE
def test_no_hint_gives_a_line_away(exercise: Exercise) -> None:
    source = inspect.getsource(exercise.solution_function)
    lines = [line.strip() for line in source.splitlines() if len(line.strip()) > 12]
    for hint in [*exercise.hints, *(mistake.hint for mistake in exercise.mistakes)]:
        assert not [line for line in lines if line in hint]


@EVERY_EXERCISE
def test_it_is_called_by_its_name_in_its_lesson(exercise: Exercise) -> None:
    assert getattr(lessons()[exercise.lesson].check, exercise.name) is exercise


@EVERY_EXERCISE
def test_the_notebooks_solution_is_the_one_that_is_shown(exercise: Exercise) -> None:
    cells = [cell.source for cell in edition(notebook(exercise.lesson), solved=True).cells]
    (cell,) = [cell for cell in cells if f"check.{exercise.name}(" in cell]
    shown = ast.parse(inspect.getsource(exercise.solution_function)).body[0]
    assert body(shown) in [body(n) for n in ast.parse(cell).body if isinstance(n, ast.FunctionDef)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_has_one_right_answer_and_says_why_of_each(question: Question) -> None:
    assert len(question.options) >= 3
    assert sum(option.right for option in question.options) == 1
    assert len({option.why for option in question.options}) == len(question.options)
    assert all(len(option.why) > 15 for option in question.options)


@pytest.mark.parametrize("number", lessons())
def test_a_quiz_is_no_game_of_longest_answers(number: str) -> None:
    questions = lessons()[number].quiz.questions.values()
    assert len(questions) >= 3
    right = ["abcd"[[o.right for o in q.options].index(True)] for q in questions]
    assert len(set(right)) > 1, "the right answer is always the same letter"
    longest = [max(q.options, key=lambda option: len(option.text)).right for q in questions]
    assert not all(longest), "the right answer is always the longest"


def test_every_notebook_has_its_lesson() -> None:
    assert [source.stem[:2] for source in notebook_sources()] == list(lessons())


def notebook(number: str) -> Path:
    return notebook_sources([number])[0]


def body(function: Any) -> list[str]:
    """What a function does, without its docstring."""
    return [ast.dump(s) for s in function.body if not isinstance(s, ast.Expr)]
