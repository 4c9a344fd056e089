"""Read the attempts, verdicts and answer of a Countdown completion. For lesson 09.

Everything is read from the text by rules: model text is hostile, and never evaluated.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from grpo_core.models.policy import Policy
from grpo_core.rewards import get_reward
from grpo_core.rewards.format import parse
from grpo_core.tasks import Problem, Task, columns_of
from grpo_core.tasks.countdown import Countdown
from grpo_core.tasks.expression import ExpressionError, evaluate
from grpo_core.training.sampling import batched, sample_groups

_TAGS = ("<think>", "</think>", "<answer>", "</answer>")

KINDS = ("no work", "one attempt, unchecked", "checked", "backtracks")


@dataclass(frozen=True)
class Try:
    """One attempt at a solution: some lines of work, and the verdict on them.

    Attributes:
        result: the result that its last line states, or None if that is not a number.
        verdict: "yes", "no", or "" if there is none.
    """

    result: int | None
    verdict: str


@dataclass(frozen=True)
class Trace:
    """The attempts and the answer of a completion.

    Attributes:
        tries: the attempts, in order.
        answer: the value of the answer in its tags, or None if there is none.
    """

    tries: tuple[Try, ...]
    answer: Fraction | None

    @property
    def backtracks(self) -> int:
        """The number of attempts that were rejected and followed by another one."""
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
    """Return the attempts and the answer of a completion, tagged or not.

    An attempt is the text between two verdicts (the words "yes" and "no"), if it contains an equals
    sign. Tags and the content of the answer are left out.
    """
    answer = parse(completion).answer
    work = completion.replace("<answer>", " <answer> ").split("<answer>")[0]
    tries: list[Try] = []
    words: list[str] = []
    for word in [*work.split(), ""]:  # the end closes an attempt without a verdict
        if word in ("yes", "no", ""):
            if "=" in words:
                tries.append(Try(_result(words), word))
            words = []
        elif word not in _TAGS:
            words.append(word)
    return Trace(tuple(tries), None if answer is None else _value(answer))


def _result(words: list[str]) -> int | None:
    """Return the number after the last equals sign."""
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
        texts: N * k texts, those of one problem next to each other.
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
        """The trace of each of the N * k texts."""
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
    """Sample k completions of each problem, and verify them.

    Args:
        policy, task: the policy that answers, and the task.
        problems: N of them.
        k: completions per problem.
        seed: random seed of the samples.
        temperature, max_completion_length: as in `sample_groups`.
        beginnings: one text per problem with which its replies begin; the policy continues it.
            They are part of the texts, but not of the lengths.

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
    """Return one line of true work for each problem, which reaches its target or misses it.

    Args:
        task: the task, which lists the ways to combine numbers.
        problems: problems that can be solved.
        right: whether the line should reach the target.
        seed: random seed of the choice.
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
    """Return the probability that each word comes next, on average over the problems.

    Args:
        policy: a policy whose words are single tokens.
        problems: N of them.
        beginnings: the beginning of the reply to each.
        words: the words to look up.
    """
    asked = [f"{p.prompt} {begun}" for p, begun in zip(problems, beginnings, strict=True)]
    ids, mask = policy.encode(asked)
    logits = policy.model(input_ids=ids, attention_mask=mask, logits_to_keep=1).logits[:, -1]
    mean = logits.softmax(dim=-1).mean(dim=0)
    places = policy.tokenizer.convert_tokens_to_ids(list(words))
    return {word: float(mean[place]) for word, place in zip(words, places, strict=True)}
