"""Arithmetic: two numbers and + - * /, asked plainly or as a short story; the answer is a number.

For models that read English. Every prompt shows what a reply looks like, by two solved examples,
since a small model that is only told seldom complies, and GRPO can only make likelier what happens
now and then.
"""

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

from grpo_core.core.errors import LabError
from grpo_core.tasks import Problem, Split
from grpo_core.tasks.conversation import as_text
from grpo_core.tasks.expression import MAX_LENGTH, ExpressionError, evaluate

PLAIN = ("What is {a} {o} {b}?", "Calculate {a} {o} {b}.", "How much is {a} {o} {b}?")

# a >= b where the order matters: nobody gives away more than there is
STORIES = {
    "+": (
        "{name} has {a} {things} and buys {b} more. How many {things} does {name} have now?",
        "There are {a} {things} in a box and {b} {things} in a bag. How many {things} are there?",
        "{name} found {a} {things} on Monday and {b} on Tuesday. How many is that in all?",
    ),
    "-": (
        "{name} has {a} {things} and gives away {b}. How many {things} are left?",
        "There were {a} {things} in a box. {name} took {b} of them. How many are still there?",
        "{name} needs {a} {things} and has {b}. How many {things} are missing?",
    ),
    "*": (
        "There are {a} boxes with {b} {things} in each. How many {things} are there?",
        "{name} buys {b} {things} a day. How many {things} is that in {a} days?",
    ),
    "/": (
        "{name} shares {a} liters of juice equally among {b} jars. How many liters are in each?",
        "A rope of {a} meters is cut into {b} equal pieces. How many meters long is each?",
    ),
}
NAMES = ("Tom", "Mia", "Ben", "Lea", "Sam", "Eva")
THINGS = ("apples", "coins", "books", "stamps", "shells", "cards")

INSTRUCTION = "Think, then answer."
EXAMPLES = (
    ((3, 4), "What is 3 + 4?", "<think> 3 + 4 = 7 </think> <answer> 7 </answer>"),
    (
        (2, 9),
        "Ann has 9 pears and eats 2. How many pears are left?",
        "<think> 9 - 2 = 7 </think> <answer> 7 </answer>",
    ),
)
PHRASINGS = 4  # how often each sum is asked, at most: the same way only once

_NUMBER = re.compile(r"(-? ?)(\d+)(?:\.(\d+)|( ?/ ?\d+))?", re.ASCII)
_SECOND_THOUGHT = re.compile(r"\b(wait|actually|no|let me (?:check|try|see))\b", re.IGNORECASE)


@dataclass(frozen=True)
class Arithmetic:
    """The task and its options.

    Attributes:
        smallest, largest: the range of both numbers, both ends included.
        operators: which of + - * / are asked.
        words: share of the problems that are told as a story.
        test_share: share of the pairs of numbers that are held out. A held-out pair occurs in no
            other split, in neither order and with no operator.
    """

    smallest: int = 2
    largest: int = 20
    operators: str = "+-"
    words: float = 0.5
    test_share: float = 0.25
    name: str = "arithmetic"

    def __post_init__(self) -> None:
        """Refuse options that make no problems, or too many to list."""
        if not 1 <= self.smallest <= self.largest - 5 <= 300:
            raise LabError(
                "arithmetic: smallest must be 1 or more, and largest above it by 5 or more and at "
                "most 305."
            )
        if not self.operators or set(self.operators) - set("+-*/"):
            raise LabError(
                f"arithmetic: operators must be some of + - * /, not {self.operators!r}."
            )
        if not 0 <= self.words <= 1:
            raise LabError(f"arithmetic: words is a share from 0 to 1, not {self.words}.")
        if not 0 < self.test_share < 1:
            raise LabError("arithmetic: test_share must lie between 0 and 1.")

    def problems(self, split: Split) -> list[Problem]:
        """All problems of a split, always in the same order; "pretrain" is empty.

        Raises:
            LabError: the options leave the split empty.
        """
        if not self._splits[split] and split != "pretrain":
            raise LabError(f"arithmetic: the split '{split}' is empty; raise largest.")
        return self._splits[split]

    @cached_property
    def _splits(self) -> dict[Split, list[Problem]]:
        shown = {pair for pair, _, _ in EXAMPLES}
        splits: dict[Split, list[Problem]] = {"pretrain": [], "train": [], "test": []}
        for pair in combinations_with_replacement(range(self.smallest, self.largest + 1), 2):
            if pair not in shown:  # a prompt must not hold its own answer
                held_out = _fraction(pair) < self.test_share
                splits["test" if held_out else "train"] += self._asked(pair)
        return splits

    def _asked(self, pair: tuple[int, int]) -> Iterator[Problem]:
        """Every problem about two numbers."""
        small, large = pair
        for operator in dict.fromkeys(self.operators):
            orders = [(large, small)]
            if operator in "+*" and small != large:
                orders.append((small, large))
            for a, b in orders:
                draw = random.Random(f"{a} {operator} {b}")
                questions = {self._question(a, operator, b, draw): None for _ in range(PHRASINGS)}
                for question in questions:
                    yield Problem(prompt(question), {"expression": f"{a} {operator} {b}"})

    def _question(self, a: int, operator: str, b: int, draw: random.Random) -> str:
        templates = STORIES[operator] if draw.random() < self.words else PLAIN
        return draw.choice(templates).format(
            a=a, o=operator, b=b, name=draw.choice(NAMES), things=draw.choice(THINGS)
        )

    def verify(self, answer: str, *, expression: str, **_: Any) -> bool:
        """Whether `answer` is one number, and exactly the value of `expression`.

        A whole number, a decimal or a fraction: 7, 3.50 and 7/2 are numbers, "3 + 4", "7 apples"
        and "about 7" are none. Never raises and never executes the answer (see expression.py).
        """
        try:
            return number(answer) == evaluate(expression)
        except ExpressionError:
            return False

    def backtracks(self, completion: str) -> int:
        """Second thoughts: how often it says wait, actually, no, or let me check, try or see."""
        return len(_SECOND_THOUGHT.findall(completion))


def prompt(question: str) -> str:
    """A question behind the instruction and the examples, as a conversation in plain text."""
    messages = [{"role": "system", "content": INSTRUCTION}]
    for _, asked, answered in EXAMPLES:
        messages.append({"role": "user", "content": asked})
        messages.append({"role": "assistant", "content": answered})
    return as_text([*messages, {"role": "user", "content": question}])


def number(text: str) -> Fraction:
    """The exact value of a number that is written as -12, 3.50 or 7/2.

    Raises:
        ExpressionError: the text is no such number, or too long or large for expression.py.
    """
    match = _NUMBER.fullmatch(text.strip()) if len(text) <= MAX_LENGTH else None
    if match is None:
        raise ExpressionError("not a number")
    sign, whole, decimals, division = match.groups(default="")
    value = evaluate(whole + division)
    if decimals:
        value += evaluate(decimals.lstrip("0") or "0") / 10 ** len(decimals)
    return -value if sign else value


def _fraction(pair: tuple[int, int]) -> float:
    """A number in [0, 1) that depends on nothing but the pair, on any machine."""
    digest = hashlib.sha256(f"arithmetic:{pair}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
