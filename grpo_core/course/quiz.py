"""Ask questions in plain text, and explain why each wrong answer is wrong.

    quiz(baseline="b", clip="d")   # an answer is a letter; "" leaves a question unanswered

Plain text only, so that it looks the same in JupyterLab, VS Code, Colab and a saved notebook.
"""

import string
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from grpo_core.course import progress
from grpo_core.course.exercise import WIDTH


@dataclass(frozen=True)
class Option:
    """One of the answers to a question.

    Attributes:
        text: the answer.
        why: why it is right or wrong; for a wrong answer it must not reveal the right one.
        right: whether it is the right answer.
    """

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question with exactly one right answer.

    Attributes:
        name: the keyword under which the answer is given.
        text: the question.
        options: the possible answers, lettered a, b, c, ...
    """

    name: str
    text: str
    options: Sequence[Option]


class Quiz:
    """The questions of one lesson.

    Attributes:
        lesson: the number of the lesson.
        questions: each question under its name.
    """

    def __init__(self, lesson: str, *questions: Question) -> None:
        self.lesson = lesson
        self.questions = {question.name: question for question in questions}

    def __call__(self, **answers: str) -> None:
        """Print every question, judge the answers given, and explain those that are right.

        Args:
            **answers: a letter for each question's name; "" if it has no answer yet.
        """
        for name in answers.keys() - self.questions.keys():
            names = ", ".join(self.questions)
            print(f"✗ There is no question '{name}'. The questions are: {names}.\n")
        for name, question in self.questions.items():
            _print_question(question)
            self._judge(question, str(answers.get(name, "")).strip().lower())
            print()

    def _judge(self, question: Question, letter: str) -> None:
        """Print whether one answer is right, and why."""
        options = dict(zip(string.ascii_lowercase, question.options, strict=False))
        if letter not in options:
            wanted = f"your answer: {question.name}=" + '"a"'
            _print(f"… {wanted}, or another of {', '.join(options)}.")
            return
        chosen = options[letter]
        progress.answered(self.lesson, question.name, letter, chosen.right)
        _print(f"{'✓' if chosen.right else '✗'} {letter}: {chosen.why}")
        if chosen.right:
            for other, option in options.items():
                if not option.right:
                    _print(f"not {other}: {option.why}", "    ")


def _print_question(question: Question) -> None:
    _print(f"{question.name}: {question.text}", hanging="")
    for letter, option in zip(string.ascii_lowercase, question.options, strict=False):
        _print(f"{letter}) {option.text}", "  ", "     ")


def _print(text: str, indent: str = "", hanging: str | None = None) -> None:
    later = f"{indent}  " if hanging is None else hanging
    print(textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=later))
