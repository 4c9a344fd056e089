"""The text the tiny base model is pretrained on. Every proportion is a named setting.

Two kinds of text. *Skills*, which the task prompt never precedes: facts of arithmetic, checks of
finished work, searches through all the ways to combine some numbers. And *documents*: a Countdown
prompt and somebody's reply, mostly a guess or one unchecked try, now and then a real search. So
the base can search and check, and rarely does when it is asked: that gap is what RL closes.

`CORPORA` has a second corpus for the comparison: the same without any search or check, for a base
that cannot verify (Gandhi et al. 2025, arXiv 2503.01307, make the same cut in a real model).
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import accumulate

from grpo_core.tasks.countdown import Candidate, Countdown


@dataclass(frozen=True)
class CorpusConfig:
    """Proportions of the corpus: relative weights, which need not sum to one.

    Attributes:
        facts: lines of arithmetic, "10 - 3 = 7 . 7 + 5 = 12 . ...".
        checks: a target and some lines of work, about half of which reach it, each followed by
            its verdict: "Check 12 : 10 - 3 = 7 , 7 + 5 = 12 yes ... no ...".
        searches: "Search 3 , 5 , 10 : 12 :" and all tries in order until one is right.
        guess: document, a bare expression.
        answer_only: document, an expression in answer tags.
        one_try: document, well-formed, one unchecked line of work and its result as answer.
        short_search: document, well-formed, 1 to 3 checked tries, the last one right.
        long_search: document, well-formed, 4 to `most_tries` checked tries, the last one right.
        untagged_search: document, a search without any tags.
        broken: document, a search or try whose tags are missing or in the wrong place.
        broken_try: document, one unchecked line of work, its tags broken in the same ways.
        most_tries: longer searches do not occur in documents.
        wrong_arithmetic: share of results in documents that are off.
        false_yes, missed_yes: share of verdicts in documents that are wrong, each way.
        repeated: how many times more often a set with a repeated number is drawn.
    """

    facts: float = 0.10
    checks: float = 0.16
    searches: float = 0.16
    guess: float = 0.16
    answer_only: float = 0.05
    one_try: float = 0.2
    short_search: float = 0.02
    long_search: float = 0.025
    untagged_search: float = 0.08
    broken: float = 0.045
    broken_try: float = 0.0
    most_tries: int = 20
    wrong_arithmetic: float = 0.005
    false_yes: float = 0.01
    missed_yes: float = 0.01
    repeated: float = 1.5


KINDS = tuple(
    f.name
    for f in fields(CorpusConfig)
    if f.name not in ("most_tries", "wrong_arithmetic", "false_yes", "missed_yes", "repeated")
)

# What is left keeps its proportions, so each of the others has 1.8 times its share. Broken replies
# stay as frequent as they were among these, with one unchecked try in place of a short search.
CORPORA: dict[str, CorpusConfig] = {
    "default": CorpusConfig(),
    "no-verification": CorpusConfig(
        checks=0.0,
        searches=0.0,
        short_search=0.0,
        long_search=0.0,
        untagged_search=0.0,
        broken=0.0,
        broken_try=CorpusConfig.broken,
    ),
}


@dataclass(frozen=True)
class Document:
    """A piece of the corpus: `context` is read, `target` is learned (loss on it alone)."""

    context: str
    target: str


class Corpus:
    """An endless stream of documents over the pretraining split of a Countdown task."""

    def __init__(self, task: Countdown, config: CorpusConfig, seed: int) -> None:
        self.task = task
        self.config = config
        self.random = random.Random(seed)
        self.problems = [
            (tuple(p.columns["numbers"]), p.columns["target"]) for p in task.problems("pretrain")
        ]
        self.problem_weights = _cumulative(
            config.repeated if len(set(numbers)) < len(numbers) else 1.0
            for numbers, _ in self.problems
        )
        self.kind_weights = _cumulative(getattr(config, kind) for kind in KINDS)
        self.candidates = lru_cache(maxsize=None)(task.candidates)

    def __iter__(self) -> Iterator[Document]:
        while True:
            yield self.document()

    def document(self, kind: str | None = None) -> Document:
        """One document, of a kind drawn by the proportions unless it is given."""
        kind = kind or self.random.choices(KINDS, cum_weights=self.kind_weights)[0]
        return getattr(self, f"_{kind}")()

    # --- skills ---------------------------------------------------------------------------

    def _facts(self) -> Document:
        facts = []
        for _ in range(self.random.randint(4, 12)):
            left, operator, right, result = self.random.choice(_facts(self.task.most))
            if operator in self.task.operators:
                facts.append(f"{left} {operator} {right} = {result} .")
        return Document("", " ".join(facts))

    def _checks(self) -> Document:
        numbers, target = self._problem()
        candidates = self.candidates(numbers)
        right = [c for c in candidates if c.value == target]
        lines = []
        for _ in range(self.random.randint(3, 8)):
            candidate = self.random.choice(right if self.random.random() < 0.5 else candidates)
            lines.append(f"{candidate} {_verdict(candidate.value == target)}")
        return Document(f"Check {target} :", " ".join(lines))

    def _searches(self) -> Document:
        numbers, target = self._problem()
        tries = self._tries(numbers, target, 1, 10_000)
        lines = " ".join(f"{c} {_verdict(c.value == target)}" for c in tries)
        return Document(f"Search {' , '.join(map(str, numbers))} : {target} :", lines)

    # --- documents ------------------------------------------------------------------------

    def _guess(self) -> Document:
        prompt, candidate = self._any_try()
        return Document(prompt, candidate.expression)

    def _answer_only(self) -> Document:
        prompt, candidate = self._any_try()
        return Document(prompt, f"<answer> {candidate.expression} </answer>")

    def _one_try(self) -> Document:
        prompt, candidate = self._any_try()
        return Document(prompt, _tagged(str(candidate), candidate.expression))

    def _short_search(self) -> Document:
        return self._search_document(1, 3, _tagged)

    def _long_search(self) -> Document:
        return self._search_document(4, self.config.most_tries, _tagged)

    def _untagged_search(self) -> Document:
        return self._search_document(1, 8, lambda think, answer: f"{think} {answer}")

    def _broken(self) -> Document:
        return self._search_document(1, 2, self.random.choice(_BREAKS))

    def _broken_try(self) -> Document:
        prompt, candidate = self._any_try()
        broken = self.random.choice(_BREAKS)
        return Document(prompt, broken(str(candidate), candidate.expression))

    # --- pieces ---------------------------------------------------------------------------

    def _problem(self) -> tuple[tuple[int, ...], int]:
        """A pretraining problem, its numbers in a random order."""
        numbers, target = self.random.choices(self.problems, cum_weights=self.problem_weights)[0]
        return tuple(self.random.sample(numbers, len(numbers))), target

    def _any_try(self) -> tuple[str, Candidate]:
        """A prompt and some way to combine its numbers, right or wrong."""
        numbers, target = self._problem()
        return self.task.prompt(numbers, target), self.random.choice(self.candidates(numbers))

    def _tries(
        self, numbers: tuple[int, ...], target: int, fewest: int, most: int
    ) -> list[Candidate]:
        """Tries in the fixed order from a random start (round to the front) up to the first hit.

        Where no start gives `fewest` to `most` tries, one with the nearest number is taken.
        """
        candidates = self.candidates(numbers)
        hits = [i for i, c in enumerate(candidates) if c.value == target]
        distances = [
            (min((hit - start) % len(candidates) for hit in hits) + 1, start)
            for start in range(len(candidates))
        ]
        fitting = [d for d in distances if fewest <= d[0] <= most]
        length, start = self.random.choice(fitting) if fitting else max(distances)
        length = min(length, most)
        doubled = candidates + candidates
        return doubled[start : start + length]

    def _search_document(self, fewest: int, most: int, wrap: Callable[[str, str], str]) -> Document:
        """A prompt and a search with slips, wrapped by `wrap(think, answer)`."""
        numbers, target = self._problem()
        lines = []
        for candidate in self._tries(numbers, target, fewest, most):
            written = self._slip(candidate)
            right = written.value == target
            slip = self.config.missed_yes if right else self.config.false_yes
            said = right != (self.random.random() < slip)
            lines.append(f"{written} {_verdict(said)}")
            if said:
                break
        return Document(
            self.task.prompt(numbers, target), wrap(" ".join(lines), candidate.expression)
        )

    def _slip(self, candidate: Candidate) -> Candidate:
        """`candidate`, now and then with a last result that is off by one or two."""
        if self.random.random() >= self.config.wrong_arithmetic:
            return candidate
        *first, last = candidate.work
        off = max(0, min(self.task.most, last.result + self.random.choice((-2, -1, 1, 2))))
        wrong = type(last)(last.left, last.operator, last.right, off)
        return Candidate((*first, wrong), candidate.expression, off)


_BREAKS: tuple[Callable[[str, str], str], ...] = (
    lambda think, answer: f"<think> {think} <answer> {answer} </answer>",
    lambda think, answer: f"{think} </think> <answer> {answer} </answer>",
    lambda think, answer: f"<think> {think} </think> {answer}",
    lambda think, answer: f"<think> {think} </think> <answer> {answer}",
)


def _tagged(think: str, answer: str) -> str:
    return f"<think> {think} </think> <answer> {answer} </answer>"


def _verdict(right: bool) -> str:
    return "yes" if right else "no"


def _cumulative(weights: Iterable[float]) -> list[float]:
    """Running sums, as `random.choices` takes them."""
    return list(accumulate(weights))


@lru_cache(maxsize=1)
def _facts(most: int) -> list[tuple[int, str, int, int]]:
    """Every fact with numbers from 0 to `most`, larger operand first, products drawn as often."""
    sums = [(a, "+", b, a + b) for a in range(most + 1) for b in range(min(a, most - a) + 1)]
    differences = [(a, "-", b, a - b) for a in range(most + 1) for b in range(a + 1)]
    products = [(a, "*", b, a * b) for a in range(most + 1) for b in range(a + 1) if a * b <= most]
    quotients = [
        (a, "/", b, a // b) for a in range(most + 1) for b in range(1, a + 1) if a % b == 0
    ]
    repeats = len(sums) // len(products)
    return sums + differences + products * repeats + quotients
