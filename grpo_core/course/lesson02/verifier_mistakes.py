"""The mistakes that the exercise `verifier` of lesson 02 recognises."""

import ast
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson02.verifier_exercise import OPERATORS, Verifier, verifier


def _verifier(
    number: Callable[[ast.Constant], bool] = lambda node: type(node.value) is int,
    apply: Callable[[ast.operator, Any, Any], Any] = lambda op, a, b: OPERATORS[type(op)](a, b),
    kind: Callable[[Any], Any] = Fraction,
    fits: Callable[[list[int], list[int]], bool] = lambda used, given: sorted(used) == given,
    equal: Callable[[Any, int], bool] = lambda result, target: bool(result == target),
    caught: tuple[type[Exception], ...] = (Exception,),
    longest: float = 200,
) -> Verifier:
    """A verifier that is right but for the part that is passed in."""

    def verify(answer: str, numbers: list[int], target: int) -> bool:
        used: list[int] = []

        def value(node: ast.expr) -> Any:
            if isinstance(node, ast.Constant) and number(node):
                used.append(node.value)  # type: ignore[arg-type]
                return kind(node.value)
            if isinstance(node, ast.BinOp):
                return apply(node.op, value(node.left), value(node.right))
            raise ValueError

        if len(answer) > longest:
            return False
        try:
            result = value(ast.parse(answer.strip(), mode="eval").body)
        except caught:
            return False
        return fits(used, sorted(numbers)) and equal(result, target)

    return verify


def _literals(answer: str, numbers: list[int], target: int) -> bool:
    try:
        return bool(ast.literal_eval(answer) == target)
    except Exception:
        return False


def _evaluated(
    allowed: str = "", safe: bool = False, tolerance: float = 0.0, doubled: bool = True
) -> Verifier:
    """A verifier that runs the answer. It is only ever given the attacks above.

    Args:
        allowed: characters, as in a pattern; all where empty.
        safe: say no where the answer raises.
        tolerance: how near is near enough.
        doubled: let ** and // through.
    """

    def verify(answer: str, numbers: list[int], target: int) -> bool:
        if allowed and not re.fullmatch(f"[{allowed}]+", answer):
            return False
        if not doubled and ("**" in answer or "//" in answer):
            return False
        if sorted(map(int, re.findall(r"\d+", answer))) != sorted(numbers):
            return False
        try:
            return bool(abs(eval(answer) - target) <= tolerance)
        except Exception:
            if safe:
                return False
            raise

    return verify


_Extra = dict[type[ast.operator], Callable[[Any, Any], Any]]
_POWER: _Extra = {ast.Pow: operator.pow}
_FLOOR: _Extra = {ast.FloorDiv: operator.floordiv}


def _with(extra: _Extra) -> Verifier:
    """A verifier that knows more operators than the task."""
    return _verifier(apply=lambda op, a, b: (OPERATORS | extra)[type(op)](a, b))


@verifier.mistake(
    "The target itself was accepted as an answer: you compare values and do not look at the "
    "numbers. A policy finds that out within one step."
)
def numbers_ignored() -> WrongAnswers:
    yield _verifier(fits=lambda used, given: True)
    yield _verifier(fits=lambda used, given: set(used) <= {*given, 45})


@verifier.mistake(
    "A number that was used twice passed: a set forgets how often. Every given number must be "
    "used exactly once, so compare sorted lists, or counts."
)
def numbers_as_a_set() -> WrongAnswers:
    yield _verifier(fits=lambda used, given: set(used) == set(given))
    yield _verifier(fits=lambda used, given: all(number in used for number in given))


@verifier.mistake(
    "Other numbers than the given ones passed: as many of them, or of the same sum, or the same "
    "ones with another one repeated. How many there are and what they sum to does not say which "
    "they are. Compare sorted lists, or counts."
)
def numbers_half_compared() -> WrongAnswers:
    yield _verifier(fits=lambda used, given: len(used) == len(given))
    yield _verifier(fits=lambda used, given: sum(used) == sum(given))
    yield _verifier(fits=lambda used, given: len(used) == len(given) and set(used) == set(given))
    yield _verifier(fits=lambda used, given: len(used) == len(given) and set(used) <= set(given))


@verifier.mistake(
    "You accept any value as long as the numbers are right. The value must equal the target."
)
def value_ignored() -> WrongAnswers:
    yield _verifier(equal=lambda result, target: True)


@verifier.mistake(
    "A right answer was refused because its numbers stand in another order than they were given "
    "in. Any order will do: sort both sides, or count."
)
def order_of_numbers() -> WrongAnswers:
    yield _verifier(fits=lambda used, given: used == given)
    yield _verifier(fits=lambda used, given: used == sorted(given, reverse=True))


@verifier.mistake(
    "7 / 2 passed for 3: somewhere a fraction is truncated to an integer. The value must equal "
    "the target exactly."
)
def rounded() -> WrongAnswers:
    yield _verifier(equal=lambda result, target: int(result) == target)
    yield _verifier(
        apply=lambda op, a, b: {**OPERATORS, ast.Div: operator.floordiv}[type(op)](a, b)
    )


@verifier.mistake(
    "A right answer was refused: as floats, 1 / 49 * 49 is 0.9999999999999999. With fractions it "
    "is 1."
)
def floats() -> WrongAnswers:
    yield _verifier(kind=float)
    yield _verifier(kind=int)


@verifier.mistake(
    "You accept values that are only close: 1 / 3000000000 passed for 0. Fractions are exact, so "
    "`==` is all you need."
)
def tolerance() -> WrongAnswers:
    yield _verifier(kind=float, equal=lambda result, target: abs(result - target) < 1e-6)
    yield _verifier(equal=lambda result, target: abs(result - target) < 1e-6)
    yield _verifier(
        kind=float,
        number=lambda node: isinstance(node.value, int),
        equal=lambda result, target: abs(result - target) < 1e-9,
    )
    yield _evaluated(allowed=r"\d+\-*/() ", safe=True, tolerance=1e-6, doubled=False)


@verifier.mistake(
    "You refuse every answer, right ones too. Something raises on each of them and is caught: "
    "print what your `except` catches. (`ast.parse` gives an `ast.Expression`; the tree of the "
    "sum is its `.body`.)"
)
def never_true() -> WrongAnswers:
    yield lambda answer, numbers, target: False


@verifier.mistake(
    "A right answer was refused. `ast.literal_eval` is safe because it reads only literal values, "
    "such as numbers and lists, and no sums. `ast.parse` reads sums too, and still runs nothing."
)
def literals_only() -> WrongAnswers:
    yield _literals
    yield lambda answer, numbers, target: ast.literal_eval(answer) == target


@verifier.mistake(
    "A function call inside the answer was executed. This one was harmless; the next may read "
    "your files or never return. `eval` runs whatever it is given, with or without builtins: "
    "every restriction has a way around it. Read the answer with `ast.parse`."
)
def runs_the_answer() -> WrongAnswers:
    yield _evaluated()
    yield _evaluated(safe=True)
    yield (
        lambda answer, numbers, target: (
            sorted(map(int, re.findall(r"\d+", answer))) == sorted(numbers)
            and abs(eval(answer) - target) < 1e-6
        )
    )


@verifier.mistake(
    "Only digits and operators reach `eval`, but that is still too much: ** and // are made of "
    "allowed characters, and 9**9**9 would never return. Check what is allowed in the tree, not "
    "in the text."
)
def letters_forbidden_then_run() -> WrongAnswers:
    yield _evaluated(allowed=r"\d+\-*/(). ")
    yield _evaluated(allowed=r"\d+\-*/(). ", safe=True)
    yield _evaluated(allowed=r"\d+\-*/() ")
    yield _evaluated(allowed=r"\d+\-*/() ", safe=True)
    yield (
        lambda answer, numbers, target: (
            bool(re.fullmatch(r"[\d+\-*/(). ]+", answer))
            and sorted(map(int, re.findall(r"\d+", answer))) == sorted(numbers)
            and abs(eval(answer) - target) < 1e-6
        )
    )


@verifier.mistake(
    "A power or a floor division passed. They are not operators of the task, and 9**9**9 has 370 "
    "million digits. Allow four operators and refuse the rest."
)
def too_many_operators() -> WrongAnswers:
    yield _with(_POWER | _FLOOR)
    yield _with(_POWER)
    yield _with(_FLOOR)


@verifier.mistake(
    "The word True passed for the number 1. In Python True is an int; check the exact type "
    "instead of using isinstance."
)
def true_is_one() -> WrongAnswers:
    yield _verifier(number=lambda node: isinstance(node.value, int))


@verifier.mistake(
    "An answer with a parenthesis left open made your verifier raise. A model's text is often not "
    "an expression at all; that is an ordinary wrong answer."
)
def bad_syntax_raises() -> WrongAnswers:
    yield _verifier(caught=(ZeroDivisionError,))
    yield _verifier(caught=(ValueError,))
    yield _verifier(caught=(ValueError, KeyError))
    yield _verifier(caught=(ValueError, KeyError, ZeroDivisionError))


@verifier.mistake(
    "A division by zero made your verifier raise. It is a wrong answer like any other."
)
def division_by_zero_raises() -> WrongAnswers:
    yield _verifier(caught=(ValueError, SyntaxError))
    yield _verifier(caught=(ValueError, SyntaxError, KeyError))


@verifier.mistake(
    "Right, except for an answer of 6,000 characters: walking its tree exceeds Python's recursion "
    "limit. No right answer is that long; refuse it before you parse it."
)
def no_limit() -> WrongAnswers:
    yield _verifier(
        caught=(ValueError, SyntaxError, ZeroDivisionError, KeyError),
        longest=float("inf"),
    )
