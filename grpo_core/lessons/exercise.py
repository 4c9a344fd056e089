"""An exercise: it says what is right, and which mistake it is when something is not.

An exercise calls the learner's function on a few small cases. Where one comes out wrong, the
outcomes are compared with those of functions that make the mistakes learners make; the one that
fits is named, with a hint that teaches. An exercise prints and never raises, whatever the
learner's function does: a notebook whose exercises are still empty runs from top to bottom.
"""

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from grpo_core.lessons import progress
from grpo_core.lessons.relation import relation

TOLERANCE = 1e-3  # so that no choice of a small epsilon decides
WIDTH = 76  # characters of a printed line: some editors do not wrap the outputs of a cell


@dataclass(frozen=True)
class Mistake:
    """A mistake that learners make.

    Attributes:
        name: a word or two, as in tests and in a teacher's table.
        hint: what was seen, why it is wrong and where to look; never the line to write.
        functions: one or more functions that make it. An attempt is recognised by its outcomes.
        entirely: recognise it only where all outcomes agree, for a hint that speaks of all.
    """

    name: str
    hint: str
    functions: tuple[Callable[..., Any], ...]
    entirely: bool = False


@dataclass(frozen=True)
class Case:
    """One thing that is tried with the learner's function.

    Attributes:
        text: how a sentence about it begins, such as "For the rewards [1, 0]".
        run: takes the function, calls it on inputs of its own, gives the outcome: a tensor, a
            number, a text, or a list or dict of these.
    """

    text: str
    run: Callable[[Callable[..., Any]], Any]


@dataclass(frozen=True)
class Result:
    """What a check found out; the message has been printed already.

    Attributes:
        passed: whether everything is right.
        mistake: the name of the mistake, or "unfinished", "raised", "shape", "unknown"; None when
            passed.
        message: what the learner was told.
    """

    passed: bool
    mistake: str | None
    message: str

    def _ipython_display_(self) -> None:
        """Nothing: a notebook would otherwise repeat the message as the value of the cell."""


class Unfinished(Exception):
    """The learner's function returned nothing: its body is still `...` or `pass`."""


class WrongShape(Exception):
    """It returned something that cannot be compared; the message says what is expected."""


@dataclass(eq=False)  # an exercise is itself, and may be the key of a dict
class Exercise:
    """A check for one function that the learner writes.

        advantages = Exercise("00", "advantages", solution=..., cases=[...], ...)
        advantages(my_advantages)

    Each further failing call gives one more hint of the ladder; `hint()` asks for the next
    without an attempt, and `solution()` shows one when there is no hint left.

    Attributes:
        lesson: the number of the lesson, two digits.
        name: the exercise's, unique in its lesson.
        solution_function: a right answer, short enough to be shown; what others are held against.
        cases: what is tried, the most telling first.
        mistakes: what is recognised.
        hints: the ladder, from a nudge to nearly everything; none gives the line away.
        well_done: what is right about a right answer; a sentence that starts with "your".
    """

    lesson: str
    name: str
    solution_function: Callable[..., Any]
    cases: Sequence[Case]
    mistakes: Sequence[Mistake]
    hints: Sequence[str]
    well_done: str
    _expected: list[Any] = field(default_factory=list, init=False, repr=False)

    def __call__(self, function: Callable[..., Any]) -> Result:
        """Try the learner's function, print what was found, and remember it."""
        mistake, message = self._judge(function)
        if mistake is None:
            progress.passed(self.lesson, self.name)
        elif mistake != "unfinished":
            given = progress.failed(self.lesson, self.name, mistake, len(self.hints))
            message += self._rung(given)
        mark = {None: "✓", "unfinished": "…"}.get(mistake, "✗")
        say(f"{mark} {message}")
        return Result(mistake is None, mistake, message)

    def hint(self) -> None:
        """Print the next hint of the ladder."""
        given = progress.climb(self.lesson, self.name, len(self.hints))
        say(self._rung(given).lstrip("\n"))

    def solution(self) -> None:
        """Print one solution, when every hint of the ladder has been given."""
        left = len(self.hints) - progress.hints_given(self.lesson, self.name)
        if left > 0 and not progress.has_passed(self.lesson, self.name):
            hints = "is still one hint" if left == 1 else f"are still {left} hints"
            say(f"There {hints} for you: check.{self.name}.hint()")
            return
        progress.looked_up(self.lesson, self.name)
        print(textwrap.dedent(inspect.getsource(self.solution_function)).rstrip())

    def _rung(self, given: int) -> str:
        """What the ladder says where so many hints have been given; before the first, nothing."""
        if given < 1:
            return ""
        if given > len(self.hints):
            return (
                "\nAll hints are given. Compare yours with one that is right: "
                f"check.{self.name}.solution()"
            )
        return f"\nHint {given} of {len(self.hints)}: {self.hints[given - 1]}"

    def _judge(self, function: Callable[..., Any]) -> tuple[str | None, str]:
        """The name of the mistake and what to say; None where there is none."""
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
        seen = relation(got[here], self._expected[here])
        return "unknown", (
            f"{self.cases[here].text}, I expected {shown(self._expected[here])} and got "
            f"{shown(got[here])}. {seen}{' ' if seen else ''}This is no mistake that I know; "
            "compare with the text above, step by step."
        )

    def _outcomes(
        self, function: Callable[..., Any]
    ) -> tuple[list[Any], tuple[str | None, str] | None]:
        """What the function gives on the cases, up to one it cannot finish, and why it cannot."""
        got: list[Any] = []
        for case in self.cases:
            try:
                got.append(case.run(function))
            except (NotImplementedError, Unfinished):
                return got, ("unfinished", f"{case.text}, {_NOTHING}" if got else _UNFINISHED)
            except WrongShape as error:
                return got, ("shape", str(error))
            except Exception as error:  # whatever a learner's code may raise
                return got, ("raised", f"{case.text}, {_explain(error)}")
        return got, None

    def _recognise(self, got: list[Any], here: int) -> Mistake | None:
        """The mistake whose outcomes agree longest with these, and at least through `here`."""
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
    "Nothing to check yet: write the function, and let it return something, then run its cell "
    "again."
)
_NOTHING = "your function returned nothing yet; before that, all was right."


def say(text: str) -> None:
    """Print, with lines that fit the page; all but the first are indented."""
    for i, line in enumerate(text.split("\n")):
        indent = "  " if i else ""
        print(textwrap.fill(line, WIDTH, initial_indent=indent, subsequent_indent="  "))


def returned(value: Any) -> Any:
    """What a learner's function returned; a case passes everything through here.

    Raises:
        Unfinished: nothing was returned.
    """
    if value is None or value is Ellipsis:
        raise Unfinished
    return value


def tensor(value: Any) -> Tensor:
    """What a learner's function returned, as a tensor of numbers. Raises Unfinished."""
    value = returned(value)
    if isinstance(value, Tensor):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(v, Tensor) for v in value):
        return torch.stack(list(value))  # as `return k1, k2, k3`
    return torch.as_tensor(value, dtype=torch.float32)


def number(value: Any) -> float:
    """What a learner's function returned, as one number. Raises Unfinished and WrongShape."""
    value = tensor(value)
    if value.numel() != 1:
        raise WrongShape(f"One number is wanted; yours has the shape {tuple(value.shape)}.")
    return float(value.detach())  # a loss that needs a gradient is a number too


def same(got: Any, expected: Any) -> bool:
    """Equal, numbers within `TOLERANCE`; NaN equals NaN, True equals 1."""
    if isinstance(got, Tensor) and isinstance(expected, Tensor):
        return got.shape == expected.shape and torch.allclose(
            got.float(), expected.float(), atol=TOLERANCE, rtol=TOLERANCE, equal_nan=True
        )
    if isinstance(got, int | float) and isinstance(expected, int | float):
        return same(torch.tensor(float(got)), torch.tensor(float(expected)))
    if isinstance(got, list | tuple) and isinstance(expected, list | tuple):
        return len(got) == len(expected) and all(map(same, got, expected))
    if isinstance(got, dict) and isinstance(expected, dict):
        return got.keys() == expected.keys() and all(same(got[k], expected[k]) for k in got)
    return type(got) is type(expected) and bool(got == expected)


def shown(value: Any) -> str:
    """An outcome in a sentence: at most eight numbers, two or three decimals, no long text."""
    if isinstance(value, Tensor):
        flat = value.detach().flatten().tolist()
        numbers = ", ".join(f"{v:.3g}" for v in flat[:8])
        return f"[{numbers}{', …' if len(flat) > 8 else ''}]" if value.dim() else f"{flat[0]:.4g}"
    if isinstance(value, list | tuple) and any(isinstance(v, Tensor) for v in value):
        return " and ".join(map(shown, value))  # as a loss and its gradient
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = repr(value)
        return text if len(text) <= 100 else f"{text[:99]}…"
    return f"{value:.4g}"


def _wrong_shape(got: Any, expected: Any) -> str:
    """What is wrong with the shape of a tensor; nothing where it fits."""
    if isinstance(got, Tensor) and isinstance(expected, Tensor) and got.shape != expected.shape:
        shapes = f"{tuple(expected.shape)}; yours has {tuple(got.shape)}"
        return f"The result must have the shape {shapes}."
    return ""


def _explain(error: Exception) -> str:
    """What the learner's function raised, and what that usually means."""
    said = str(error).splitlines()[0] if str(error) else "no message"  # torch can fill a page
    text = f"your function raised {type(error).__name__}: {said}"
    meaning = next((means for words, means in _MEANINGS.items() if words in str(error)), "")
    return f"{text}\n{meaning}" if meaning else text


_SHAPES = (
    "The shapes do not fit. To combine one number a row with a whole row, keep its dimension: (N,) "
    "becomes (N, 1) by `keepdim=True` or `.unsqueeze(1)`."
)
# words of a message of torch or Python -> what it usually means
_MEANINGS = {
    "must match the size": _SHAPES,
    "broadcast": _SHAPES,
    "shape of the mask": (
        "Square brackets take a mask of the very shape of what they pick from: a column (N, 1) "
        "picks nothing out of (N, G). `torch.where` and `masked_fill` stretch it."
    ),
    "Boolean value of Tensor": (
        "A whole tensor was asked for one yes or no: by an `if`, or by comparing what "
        "`max(dim=1)` gives, which is values *and* places. For a choice at every place there are "
        "`torch.where` and `masked_fill`."
    ),
    "invalid combination of arguments": (
        "torch cannot use these arguments together. A bound that is a number goes into "
        "`.clamp(min=..., max=...)`."
    ),
    "division by zero": (
        "Something that you divide by is 0 for one of the inputs. What should come out there?"
    ),
}
