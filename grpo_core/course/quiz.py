"""A quiz in plain text: questions whose wrong answers are explained.

    quiz(baseline="b", clip="d")   # an answer is a letter; "" leaves a question open

Text and nothing else, so that it is the same in JupyterLab, VS Code, Colab and a saved notebook.
"""

import string
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from grpo_core.course import progress
from grpo_core.course.exercise import WIDTH


@dataclass(frozen=True)
class Option:
    """One answer to choose.

    Attributes:
        text: what it says.
        why: why it is right or wrong; a wrong one's must not tell which is right.
        right: whether it is the right one.
    """

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question with exactly one right answer.

    Attributes:
        name: a word, by which it is answered.
        text: the question.
        options: the answers, a, b, c, ...
    """

    name: str
    text: str
    options: Sequence[Option]


class Quiz:
    """The questions of one lesson.

    Attributes:
        lesson: its number.
        questions: name -> question.
    """

    def __init__(self, lesson: str, *questions: Question) -> None:
        self.lesson = lesson
        self.questions = {question.name: question for question in questions}

    def __call__(self, **answers: str) -> None:
        """Print every question; what was answered is judged, and what was right is explained.

        Args:
            **answers: the name of a question -> a letter, "" for none yet.
        """
        for name in answers.keys() - self.questions.keys():
            print(f"✗ There is no question '{name}': {', '.join(self.questions)}.\n")
        for name, question in self.questions.items():
            _print_question(question)
            self._judge(question, str(answers.get(name, "")).strip().lower())
            print()

    def _judge(self, question: Question, letter: str) -> None:
        """Print what is to be said about one answer."""
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
