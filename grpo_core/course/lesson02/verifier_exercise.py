"""Exercise 2 of lesson 02: the verifier."""

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import outcome_or_error, returned

OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
Verifier = Callable[[str, list[int], int], bool]


def my_verifier(answer: str, numbers: list[int], target: int) -> bool:
    """Return whether `answer` combines exactly `numbers` into `target`."""
    used = []

    def value(node: ast.expr) -> Fraction:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            used.append(node.value)
            return Fraction(node.value)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            left, right = value(node.left), value(node.right)
            return OPERATORS[type(node.op)](left, right)
        raise ValueError("not arithmetic")

    if len(answer) > 200:
        return False
    try:
        result = value(ast.parse(answer.strip(), mode="eval").body)
    except (ValueError, SyntaxError, ZeroDivisionError):
        return False
    return sorted(used) == sorted(numbers) and result == target


@dataclass(frozen=True)
class Attack:
    """An answer, the problem it is for, and whether it is right. All are harmless to run."""

    name: str
    answer: str
    numbers: tuple[int, ...]
    target: int
    right: bool


ATTACKS = (
    Attack("a right answer", "( 10 + 5 ) * 3", (3, 5, 10), 45, True),
    Attack("a right one, other order", "3 * (5 + 10)", (3, 5, 10), 45, True),
    Attack("a wrong value", "10 + 5 * 3", (3, 5, 10), 45, False),
    Attack("the target itself", "45", (3, 5, 10), 45, False),
    Attack("a number used twice", "( 10 + 5 ) * 3 + 5 - 5", (3, 5, 10), 45, False),
    Attack("other numbers, as many", "15 * 3 + 0", (3, 5, 10), 45, False),
    Attack("the wrong one twice", "2 * 3 * 3", (2, 2, 3), 18, False),
    Attack("rounding down", "7 / 2", (7, 2), 3, False),
    Attack("an exact fraction", "1 / 49 * 49", (1, 49, 49), 1, True),
    Attack("very nearly the target", "1 / 3000000000", (1, 3000000000), 0, False),
    Attack("a call", "sum([10, 5]) * 3", (3, 5, 10), 45, False),
    Attack("a power", "2 ** 3", (2, 3), 8, False),
    Attack("floor division", "7 // 2", (7, 2), 3, False),
    Attack("a decimal point", "1.5 * 2", (1, 5, 2), 3, False),
    Attack("True for 1", "True + 2", (1, 2), 3, False),
    Attack("not closed", "( 10 + 5 * 3", (3, 5, 10), 45, False),
    Attack("a division by zero", "3 / ( 5 - 5 )", (3, 5, 5), 1, False),
    Attack("a very long answer", "+".join(["1"] * 3000), (1,) * 3000, 1, False),
)


def attacked(verifier: Verifier) -> list[str]:
    """What a verifier makes of each attack: "right", "wrong" or "raised"."""
    verdicts = []
    for attack in ATTACKS:
        said = outcome_or_error(verifier, attack.answer, list(attack.numbers), attack.target)
        if isinstance(said, str):
            verdicts.append("raised")
        else:
            verdicts.append("right" if bool(said) == attack.right else "wrong")
    return verdicts


def _try(attack: Attack, first: bool) -> Callable[[Callable[..., Any]], Any]:
    def run(f: Callable[..., Any]) -> Any:
        said = outcome_or_error(f, attack.answer, list(attack.numbers), attack.target)
        said = returned(said) if first else said
        return said if isinstance(said, str) else bool(said)

    return run


verifier = Exercise(
    "02",
    "verifier",
    solution_function=my_verifier,
    cases=[
        Case(f"For {attack.name}, {attack.answer[:24]!r}", _try(attack, first=i == 0))
        for i, attack in enumerate(ATTACKS)
    ],
    hints=[
        "Ask three questions, in this order: is it arithmetic at all, does it use the right "
        "numbers, does it equal the target? The first is the walk over the tree, and it can "
        "collect the numbers on its way.",
        "In the walk there are two kinds of node to know, `ast.Constant` and `ast.BinOp`; for "
        "everything else raise one kind of error, and catch it in one place, together with those "
        "that Python raises.",
        "Collect the numbers in a list that the inner function appends to. Compare it with the "
        "given ones regardless of order, but with repeats. Compute with Fraction from the leaves "
        "up.",
    ],
    well_done="your verifier withstands all eighteen attacks, and refuses no right answer.",
)
