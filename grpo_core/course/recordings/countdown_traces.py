"""What a completion does: its tries, its verdicts, its answer, and whether they agree. Lesson 09.

Everything is read from the text by rules: model text is hostile, and never evaluated.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from grpo_core.evaluation import columns_of
from grpo_core.models.policy import Policy
from grpo_core.rewards import get_reward
from grpo_core.rewards.format import parse
from grpo_core.sampling import batched, sample_groups
from grpo_core.tasks import Problem, Task
from grpo_core.tasks.countdown import Countdown
from grpo_core.tasks.expression import ExpressionError, evaluate

_TAGS = ("<think>", "</think>", "<answer>", "</answer>")

KINDS = ("no work", "one try, unchecked", "checked", "backtracks")


@dataclass(frozen=True)
class Try:
    """One attempt at a solution: some lines of work, and what was said about them.

    Attributes:
        result: what the last of its lines comes to, by its own account; None if it has no number.
        verdict: "yes", "no", or "" where none was given.
    """

    result: int | None
    verdict: str


@dataclass(frozen=True)
class Trace:
    """What a completion does.

    Attributes:
        tries: in order.
        answer: what the answer in its tags comes to, or None without one that can be worked out.
    """

    tries: tuple[Try, ...]
    answer: Fraction | None

    @property
    def backtracks(self) -> int:
        """How many tries were given up for another one."""
        return sum(t.verdict == "no" for t in self.tries[:-1])

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        if not self.tries:
            return KINDS[0]
        if not any(t.verdict for t in self.tries):
            return KINDS[1]
        return KINDS[3] if self.backtracks else KINDS[2]


def read(completion: str) -> Trace:
    """The tries and the answer of a completion, tagged or not.

    A try is what lies between two verdicts (the words "yes" and "no") if there is an equals sign in
    it. Tags are left out, and so is the content of the answer.
    """
    answer = parse(completion).answer
    work = completion.replace("<answer>", " <answer> ").split("<answer>")[0]
    tries: list[Try] = []
    words: list[str] = []
    for word in [*work.split(), ""]:  # the end closes a try that nobody judged
        if word in ("yes", "no", ""):
            if "=" in words:
                tries.append(Try(_result(words), word))
            words = []
        elif word not in _TAGS:
            words.append(word)
    return Trace(tuple(tries), None if answer is None else _value(answer))


def _result(words: list[str]) -> int | None:
    """The number after the last equals sign."""
    last = len(words) - 1 - words[::-1].index("=")
    after = words[last + 1 : last + 2]
    return int(after[0]) if after and after[0].isdecimal() and len(after[0]) < 9 else None


def _value(answer: str) -> Fraction | None:
    try:
        return evaluate(answer)
    except ExpressionError:
        return None


@dataclass(frozen=True)
class Sampled:
    """k completions of each of N problems.

    Attributes:
        problems: N of them.
        texts: N * k, those of one problem next to each other.
        right: (N, k) bool.
        lengths: (N, k) int64, in tokens.
        truncated: (N, k) bool.
    """

    problems: list[Problem]
    texts: list[str]
    right: Tensor
    lengths: Tensor
    truncated: Tensor

    @property
    def traces(self) -> list[Trace]:
        """What each of the N * k does."""
        return [read(text) for text in self.texts]


def sample(
    policy: Policy,
    task: Task,
    problems: list[Problem],
    k: int,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    max_completion_length: int = 256,
    beginnings: Sequence[str] | None = None,
) -> Sampled:
    """Draw k completions of each problem, and have them verified.

    Args:
        policy, task: who answers what.
        problems: N of them.
        k: completions a problem.
        seed: decides the samples.
        temperature, max_completion_length: as in `sample_groups`.
        beginnings: words put into the policy's mouth, one text a problem: it goes on from there.
            They are part of the texts, and not of the lengths.

    Raises:
        LabError: as `sample_groups`.
    """
    generator = torch.Generator().manual_seed(seed)
    texts: list[str] = []
    lengths, truncated = [], []
    said = [f"{text} " for text in beginnings] if beginnings else [""] * len(problems)
    asked = [f"{p.prompt} {begun}".strip() for p, begun in zip(problems, said, strict=True)]
    for prompts in batched(asked, max(1, 512 // k)):
        samples = sample_groups(
            policy,
            prompts,
            k,
            max_completion_length=max_completion_length,
            temperature=temperature,
            generator=generator,
        )
        first = len(texts) // k
        texts += [
            said[first + row // k] + policy.decode(samples.completion(row))
            for row in range(len(prompts) * k)
        ]
        lengths.append(samples.lengths)
        truncated.append(samples.truncated)
    columns = columns_of(task, [problem for problem in problems for _ in range(k)])
    right = torch.tensor(get_reward("accuracy_reward")([], texts, **columns)).bool()
    return Sampled(
        problems,
        texts,
        right.view(-1, k),
        torch.cat(lengths).view(-1, k),
        torch.cat(truncated).view(-1, k),
    )


def one_line(
    task: Countdown, problems: Sequence[Problem], *, right: bool, seed: int = 0
) -> list[str]:
    """One line of true work for each problem, which reaches its target or misses it.

    Args:
        task: lists the ways to combine numbers.
        problems: that can be solved.
        right: whether it is to reach the target.
        seed: decides which of the ways.
    """
    draw, lines = random.Random(seed), []
    for problem in problems:
        ways = task.candidates(tuple(problem.columns["numbers"]))
        target = problem.columns["target"]
        lines.append(str(draw.choice([way for way in ways if (way.value == target) == right])))
    return lines


@torch.no_grad()
def next_word(
    policy: Policy, problems: Sequence[Problem], beginnings: Sequence[str], words: Sequence[str]
) -> dict[str, float]:
    """How likely each of some words comes next, on average over the problems.

    Args:
        policy: one whose words are single tokens.
        problems: N of them.
        beginnings: what the reply to each begins with.
        words: asked about.
    """
    asked = [f"{p.prompt} {begun}" for p, begun in zip(problems, beginnings, strict=True)]
    ids, mask = policy.encode(asked)
    logits = policy.model(input_ids=ids, attention_mask=mask, logits_to_keep=1).logits[:, -1]
    mean = logits.softmax(dim=-1).mean(dim=0)
    places = policy.tokenizer.convert_tokens_to_ids(list(words))
    return {word: float(mean[place]) for word, place in zip(words, places, strict=True)}
