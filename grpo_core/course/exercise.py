"""Check a function that the learner writes, and name the mistake when it is wrong.

An exercise calls the learner's function on a few small cases. If an outcome is wrong, all outcomes
are compared with those of functions that make known mistakes; the mistake that matches is named,
with a hint that teaches. An exercise prints and never raises, whatever the learner's function does:
a notebook whose exercises are still empty runs from top to bottom.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from grpo_core.course import progress
from grpo_core.course.difference import describe_difference
from grpo_core.course.error_hints import explain
from grpo_core.course.outcomes import Unfinished, WrongShape, same, shown

WIDTH = 76  # characters of a printed line: some editors do not wrap the outputs of a cell


WrongAnswers = Iterator[Callable[..., Any]]
"""Functions that make a mistake; each takes the same arguments as the learner's function."""


@dataclass(frozen=True)
class Mistake:
    """A mistake that learners make.

    Attributes:
        name: one to three words joined by underscores, as shown in tests and in a teacher's table.
        hint: what was seen, why it is wrong and where to look; never the line to write.
        functions: one or more functions that make it. An attempt is recognised by its outcomes.
        entirely: whether all outcomes must match, for a hint that speaks of every case.
    """

    name: str
    hint: str
    functions: tuple[Callable[..., Any], ...]
    entirely: bool = False


@dataclass(frozen=True)
class Case:
    """One input, or set of inputs, on which the learner's function is tried.

    Attributes:
        text: the beginning of a sentence about it, such as "For the rewards [1, 0]".
        run: calls the given function on the inputs of this case and returns the outcome: a tensor,
            a number, a string, or a list or dict of these.
    """

    text: str
    run: Callable[[Callable[..., Any]], Any]


@dataclass(frozen=True)
class Result:
    """The result of a check; its message has already been printed.

    Attributes:
        passed: whether every outcome is right.
        mistake: the name of the mistake, or "unfinished", "raised", "shape", "unknown"; None when
            passed.
        message: the text that was printed.
    """

    passed: bool
    mistake: str | None
    message: str

    def _ipython_display_(self) -> None:
        """Show nothing: a notebook would otherwise repeat the message as the value of the cell."""


@dataclass(eq=False)  # compared by identity, so that it can be the key of a dict
class Exercise:
    """A check for one function that the learner writes.

        advantages = Exercise("00", "advantages", solution=..., cases=[...], ...)
        advantages(my_advantages)

    Every failing call after the first gives one more hint; `hint()` gives the next one without an
    attempt, and `solution()` shows a solution when no hint is left.

    Attributes:
        lesson: the number of the lesson, two digits.
        name: the name of the exercise, unique in its lesson.
        solution_function: a right answer, short enough to be shown. Attempts are compared with it.
        cases: what the function is tried on, the most telling case first.
        hints: from a nudge to nearly everything, in the order in which they are given; none gives
            the line away.
        well_done: what is right about a right answer; a sentence that starts with "your".
        mistakes: the known mistakes; the decorator `mistake` adds one.
    """

    lesson: str
    name: str
    solution_function: Callable[..., Any]
    cases: Sequence[Case]
    hints: Sequence[str]
    well_done: str
    mistakes: list[Mistake] = field(default_factory=list, init=False)
    _expected: list[Any] = field(default_factory=list, init=False, repr=False)

    def __call__(self, function: Callable[..., Any]) -> Result:
        """Check the learner's function, print the result and record it."""
        mistake, message = self._judge(function)
        if mistake is None:
            progress.passed(self.lesson, self.name)
        elif mistake != "unfinished":
            given = progress.failed(self.lesson, self.name, mistake, len(self.hints))
            message += self._rung(given)
        mark = {None: "✓", "unfinished": "…"}.get(mistake, "✗")
        say(f"{mark} {message}")
        return Result(mistake is None, mistake, message)

    def mistake(
        self, hint: str, *, entirely: bool = False
    ) -> Callable[[Callable[[], WrongAnswers]], Mistake]:
        """Return a decorator that adds a mistake to those this exercise recognises.

            @advantages.mistake("You subtracted the mean and stopped there. ...")
            def not_divided() -> WrongAnswers:
                yield lambda rewards: rewards - rewards.mean(dim=1, keepdim=True)

        The decorated function yields one or more wrong answers: functions that make the mistake.
        The mistake takes the function's name, without the trailing underscore of names like `sum_`.

        Args:
            hint: the text that the learner reads.
            entirely: see `Mistake`.
        """

        def add(wrong_answers: Callable[[], WrongAnswers]) -> Mistake:
            name = wrong_answers.__name__.removesuffix("_")
            found = Mistake(name, hint, tuple(wrong_answers()), entirely)
            self.mistakes.append(found)
            return found

        return add

    def hint(self) -> None:
        """Print the next hint."""
        given = progress.climb(self.lesson, self.name, len(self.hints))
        say(self._rung(given).lstrip("\n"))

    def solution(self) -> None:
        """Print one solution, if every hint has been given or the exercise has been passed."""
        left = len(self.hints) - progress.hints_given(self.lesson, self.name)
        if left > 0 and not progress.has_passed(self.lesson, self.name):
            hints = "is still one hint" if left == 1 else f"are still {left} hints"
            say(f"There {hints} for you: check.{self.name}.hint()")
            return
        progress.looked_up(self.lesson, self.name)
        print(textwrap.dedent(inspect.getsource(self.solution_function)).rstrip())

    def _rung(self, given: int) -> str:
        """Return hint number `given` as a line; after the last hint, point to the solution."""
        if given < 1:
            return ""
        if given > len(self.hints):
            return (
                "\nAll hints have been given. Compare your function with a right one: "
                f"check.{self.name}.solution()"
            )
        return f"\nHint {given} of {len(self.hints)}: {self.hints[given - 1]}"

    def _judge(self, function: Callable[..., Any]) -> tuple[str | None, str]:
        """Return the name of the mistake (None if there is none) and the message."""
        got, trouble = self._outcomes(function)
        if not self._expected:
            self._expected, _ = self._outcomes(self.solution_function)
        pairs = enumerate(zip(got, self._expected, strict=False))
        here = next((i for i, pair in pairs if not same(*pair)), None)
        if here is None:
            return trouble or (None, self.well_done[0].upper() + self.well_done[1:])
        if (known := self._recognise(got, here)) is not None:
            return known.name, known.hint
        if shape := _wrong_shape(got[here], self._expected[here]):
            return "shape", shape
        seen = describe_difference(got[here], self._expected[here])
        return "unknown", (
            f"{self.cases[here].text}, I expected {shown(self._expected[here])} and got "
            f"{shown(got[here])}. {seen}{' ' if seen else ''}I do not know this mistake; "
            "compare your function with the text above, step by step."
        )

    def _outcomes(
        self, function: Callable[..., Any]
    ) -> tuple[list[Any], tuple[str | None, str] | None]:
        """Return the outcomes up to the first case that fails to give one, and why it fails."""
        got: list[Any] = []
        for case in self.cases:
            try:
                got.append(case.run(function))
            except (NotImplementedError, Unfinished):
                return got, ("unfinished", f"{case.text}, {_NOTHING}" if got else _UNFINISHED)
            except WrongShape as error:
                return got, ("shape", str(error))
            except Exception as error:  # whatever a learner's code may raise
                return got, ("raised", f"{case.text}, {explain(error)}")
        return got, None

    def _recognise(self, got: list[Any], here: int) -> Mistake | None:
        """Return the mistake whose outcomes match the longest, at least through case `here`."""
        best, longest = None, here
        for mistake in self.mistakes:
            for function in mistake.functions:
                wrong, _ = self._outcomes(function)
                agree = 0
                for g, w in zip(got, wrong, strict=False):
                    if not same(g, w):
                        break
                    agree += 1
                if mistake.entirely and not agree == len(got) == len(wrong):
                    continue
                if agree > longest:
                    best, longest = mistake, agree
        return best


_UNFINISHED = (
    "Nothing to check yet: write the function, let it return something, and run its cell again."
)
_NOTHING = "your function does not return anything yet; all earlier cases are right."


def _wrong_shape(got: Any, expected: Any) -> str:
    """Return what is wrong with the shape of a tensor; "" if it is right."""
    if isinstance(got, Tensor) and isinstance(expected, Tensor) and got.shape != expected.shape:
        shapes = f"{tuple(expected.shape)}; yours has {tuple(got.shape)}"
        return f"The result must have the shape {shapes}."
    return ""


def say(text: str) -> None:
    """Print a text in lines of at most `WIDTH` characters; all but the first are indented."""
    for i, line in enumerate(text.split("\n")):
        indent = "  " if i else ""
        print(textwrap.fill(line, WIDTH, initial_indent=indent, subsequent_indent="  "))
