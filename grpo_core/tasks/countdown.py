"""Countdown: combine every given number once with + - * to reach a target.

The task of TinyZero and of countless classrooms: easy to state, easy to check exactly, and solved
by a behaviour one can watch appear: try, check, try something else.
"""

import hashlib
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations, combinations_with_replacement
from typing import Any

from grpo_core.core.errors import LabError
from grpo_core.tasks import SPLITS, Problem, Split, Trait
from grpo_core.tasks.attempts import checked, searched
from grpo_core.tasks.expression import ExpressionError, evaluate, literals, operators
from grpo_core.tasks.languages import NO

_MOST_TRIES = 5_000_000  # listing more ways to combine numbers than this would take minutes


@dataclass(frozen=True)
class Work:
    """One line of work: `left operator right = result`."""

    left: int
    operator: str
    right: int
    result: int

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right} = {self.result}"


@dataclass(frozen=True)
class Candidate:
    """One way to combine all the numbers.

    Attributes:
        work: the lines of work, each using results of earlier ones; never a chained equality.
        expression: the same as one expression, spaced, such as "( 10 - 3 ) + 5".
        value: what it comes to.
    """

    work: tuple[Work, ...]
    expression: str
    value: int

    def __str__(self) -> str:
        return " , ".join(map(str, self.work))


@dataclass(frozen=True)
class Countdown:
    """The task and its options.

    Attributes:
        count: how many numbers a problem has.
        smallest, largest: the range of the numbers, both ends included; numbers may repeat.
        target_min, target_max: the range of the target.
        most: the largest intermediate result; every intermediate is a whole number from 0 to it.
        operators: which of + - * / may be used.
        test_share: share of number sets that are held out. A held-out set never occurs in
            another split, whatever the target.
        train_share: share of the other problems that is kept for RL; the rest is for pretraining.
    """

    count: int = 3
    smallest: int = 1
    largest: int = 13
    target_min: int = 1
    target_max: int = 60
    most: int = 60
    operators: str = "+-*"
    test_share: float = 0.12
    train_share: float = 0.25
    name: str = "countdown"

    def __post_init__(self) -> None:
        """Refuse options that make no problems, or too many to list."""
        if not 2 <= self.count <= 6:
            raise LabError(f"countdown: count must be 2 to 6, not {self.count}.")
        if not 0 <= self.smallest <= self.largest:
            raise LabError("countdown: smallest must be 0 or more and at most largest.")
        if not self.operators or set(self.operators) - set("+-*/"):
            raise LabError(f"countdown: operators must be some of + - * /, not {self.operators!r}.")
        if not (0 < self.test_share < 1 and 0 < self.train_share < 1):
            raise LabError("countdown: test_share and train_share must lie between 0 and 1.")
        # ways to draw `count` of the range with repetition, without listing them
        sets = math.comb(self.largest - self.smallest + self.count, self.count)
        # and of combining them: any pair with any operator, until one number is left
        pairs = [math.comb(left, 2) for left in range(2, self.count + 1)]
        tries = sets * math.prod(pairs) * len(self.operators) ** (self.count - 1)
        if tries > _MOST_TRIES:
            raise LabError(
                f"countdown: {sets:,} sets of numbers can be combined in {tries:,} ways, more than "
                f"{_MOST_TRIES:,}; choose a smaller count or range, or fewer operators."
            )

    def _sets(self) -> Iterator[tuple[int, ...]]:
        return combinations_with_replacement(range(self.smallest, self.largest + 1), self.count)

    def candidates(self, numbers: tuple[int, ...]) -> list[Candidate]:
        """Every way to combine `numbers` within the rules, in a fixed order, without repeats.

        The order is that of a patient person: the first pair with every operator, then the next
        pair; after each, what is left in the same way. The larger operand is written first.
        """
        found: dict[str, Candidate] = {}
        for candidate in self._combine([(n, str(n)) for n in numbers], ()):
            found.setdefault(str(candidate), candidate)
        return list(found.values())

    def _combine(self, terms: list[tuple[int, str]], work: tuple[Work, ...]) -> Iterator[Candidate]:
        """Yield the candidates that combine `terms`, pairs of value and expression."""
        if len(terms) == 1:
            value, expression = terms[0]
            yield Candidate(work, expression, value)
            return
        for i, j in combinations(range(len(terms)), 2):
            # ties keep the order of the prompt, so that 6 - 6 is found once
            (left, left_text), (right, right_text) = sorted(
                (terms[i], terms[j]), key=lambda term: -term[0]
            )
            rest = [term for k, term in enumerate(terms) if k not in (i, j)]
            for operator in self.operators:
                result = _apply(left, operator, right)
                if result is None or result > self.most:
                    continue
                expression = f"{_grouped(left_text)} {operator} {_grouped(right_text)}"
                yield from self._combine(
                    [(result, expression), *rest], (*work, Work(left, operator, right, result))
                )

    def prompt(self, numbers: tuple[int, ...], target: int) -> str:
        """The problem in words, numbers in the given order."""
        return f"Use {' , '.join(map(str, numbers))} to make {target} ."

    def split_of(self, numbers: tuple[int, ...], target: int) -> Split:
        """Which split a problem belongs to, whatever the order of its numbers."""
        ordered = tuple(sorted(numbers))
        if _fraction("set", ordered) < self.test_share:
            return "test"
        for_rl = _fraction("problem", (*ordered, target)) < self.train_share
        return "train" if for_rl else "pretrain"

    @cached_property
    def solvable(self) -> list[tuple[tuple[int, ...], int]]:
        """Every solvable problem as (sorted numbers, target); no target is one of its numbers."""
        return [
            (numbers, target)
            for numbers in self._sets()
            for target in sorted({c.value for c in self.candidates(numbers)} - set(numbers))
            if self.target_min <= target <= self.target_max
        ]

    @cached_property
    def _splits(self) -> dict[Split, list[Problem]]:
        splits: dict[Split, list[Problem]] = {split: [] for split in SPLITS}
        for numbers, target in self.solvable:
            # the order in the prompt is shuffled, and always the same for the same problem
            shuffled = list(numbers)
            random.Random(str((numbers, target))).shuffle(shuffled)
            columns = {
                "numbers": shuffled,
                "target": target,
                "operators": self.operators,
            }
            problem = Problem(self.prompt(tuple(shuffled), target), columns)
            splits[self.split_of(numbers, target)].append(problem)
        return splits

    def problems(self, split: Split) -> list[Problem]:
        """All solvable problems of a split, always in the same order.

        Raises:
            LabError: the options leave the split empty.
        """
        if not self._splits[split]:
            raise LabError(f"countdown: the split '{split}' is empty; widen the ranges.")
        return self._splits[split]

    def verify(
        self,
        answer: str,
        *,
        numbers: list[int],
        target: int,
        operators: str = "+-*",
        **_: Any,
    ) -> bool:
        """Whether `answer` uses every number exactly once and equals the target exactly.

        Never raises and never executes the answer (see expression.py).
        """
        return solves(answer, numbers=numbers, target=target, allowed=operators)

    def backtracks(self, completion: str) -> int:
        """How many tries the completion discards: how often it says "no", in any language."""
        return sum(word in NO for word in completion.split())

    @property
    def traits(self) -> dict[str, Trait]:
        """What a completion may do on its way."""
        return {"searched": searched, "checked": checked}


def solves(answer: str, *, numbers: list[int], target: int, allowed: str) -> bool:
    """Whether `answer` combines exactly `numbers` with the `allowed` operators into `target`."""
    try:
        return (
            sorted(literals(answer)) == sorted(numbers)
            and operators(answer) <= set(allowed)
            and evaluate(answer) == Fraction(target)
        )
    except ExpressionError:
        return False


def _apply(left: int, operator: str, right: int) -> int | None:
    """`left operator right` for left >= right >= 0, or None where it is no whole number."""
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    return left // right if right and left % right == 0 else None


def _grouped(expression: str) -> str:
    """`expression`, in parentheses when it is more than one number."""
    return f"( {expression} )" if " " in expression else expression


def _fraction(salt: str, key: tuple[int, ...]) -> float:
    """A number in [0, 1) that depends on nothing but its arguments, on any machine."""
    digest = hashlib.sha256(f"{salt}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
