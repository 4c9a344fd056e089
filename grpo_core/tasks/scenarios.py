"""All scenarios: Countdown problems, and questions about somebody's work that need no search.

The task of the last stage of DeepSeek-R1's pipeline in miniature. *Reasoning* prompts are those of
Countdown. *General* prompts show a line of work and a target, and ask whether it gets there:

    Check 12 : 10 - 3 = 7 , 7 + 5 = 12

The base model has seen thousands of such lines and can tell (it says "yes" or "no" behind them);
what it has never seen is the question put to it as a question, with tags around the answer.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from grpo_core.core.errors import LabError
from grpo_core.tasks import Problem, Split, Trait, get_task
from grpo_core.tasks.countdown import Countdown
from grpo_core.tasks.languages import NO, TARGET, VERDICTS

KINDS = ("both", "reasoning", "general")


@dataclass(frozen=True)
class Scenarios:
    """The task and its option.

    Attributes:
        kinds: "both", as many general as reasoning prompts; or only one of the two.
    """

    kinds: str = "both"
    name: str = "scenarios"

    def __post_init__(self) -> None:
        """Refuse kinds there are not."""
        if self.kinds not in KINDS:
            raise LabError(f"scenarios: kinds must be one of {', '.join(KINDS)}.")

    @cached_property
    def countdown(self) -> Countdown:
        """Where the problems come from, both kinds of them."""
        return get_task("countdown")  # type: ignore[return-value]

    def problems(self, split: Split) -> Sequence[Problem]:
        """Countdown's problems of a split, each once to be solved and once to be checked."""
        solve = [] if self.kinds == "general" else self.countdown.problems(split)
        check = [] if self.kinds == "reasoning" else self.countdown.problems(split)
        reasoning = [
            Problem(p.prompt, p.columns | {"kind": "reasoning", "verdict": ""}) for p in solve
        ]
        return reasoning + [self.question(p) for p in check]

    def question(self, problem: Problem, seed: object = "") -> Problem:
        """A general prompt about a Countdown problem: a try, right as often as wrong.

        Args:
            problem: whose numbers and target.
            seed: which of the problem's questions; any value that has a text.
        """
        draw = random.Random(f"{seed}:{problem.prompt}")
        target = problem.columns["target"]
        right = draw.random() < 0.5
        tries = self.countdown.candidates(tuple(problem.columns["numbers"]))
        line = draw.choice([c for c in tries if (c.value == target) == right])
        verdict = VERDICTS[TARGET][0 if right else 1]
        columns = problem.columns | {"kind": "general", "verdict": verdict}
        return Problem(f"Check {target} : {line}", columns)

    def verify(self, answer: str, *, kind: str, verdict: str, **columns: Any) -> bool:
        """Whether `answer` is the right verdict, or solves the Countdown problem."""
        if kind == "general":
            return answer.strip() == verdict
        return self.countdown.verify(answer, **columns)

    def backtracks(self, completion: str) -> int:
        """How many tries the completion discards."""
        return sum(word in NO for word in completion.split())

    @property
    def traits(self) -> dict[str, Trait]:
        """Countdown's. A verdict that was asked for stands in the answer, and is no check."""
        return self.countdown.traits
