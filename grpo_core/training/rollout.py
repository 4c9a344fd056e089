"""Rollouts: groups of completions with their rewards, drawn again where a group tells nothing."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice

import torch
from torch import Tensor

from grpo_core.models.policy import Policy
from grpo_core.rewards import RewardSum
from grpo_core.tasks import Problem, Task
from grpo_core.training.evaluation import columns_of
from grpo_core.training.sampling import Samples, sample_groups
from grpo_core.training.timing import Stopwatch


@dataclass
class Rollout:
    """N groups of G completions and what they earned. B = N * G rows, groups one after another.

    Attributes:
        problems: N problems.
        samples: B completions.
        texts: B decoded completions.
        parts: reward function name -> B unweighted values.
        weights: reward function name -> what it counts.
        rewards: (N, G) float64, weighted sums.
    """

    problems: list[Problem]
    samples: Samples
    texts: list[str]
    parts: dict[str, list[float]]
    weights: dict[str, float]
    rewards: Tensor

    @property
    def group_size(self) -> int:
        """G, completions a prompt."""
        return self.rewards.shape[1]

    @property
    def rows(self) -> list[Problem]:
        """Each completion's problem, B of them."""
        return [problem for problem in self.problems for _ in range(self.group_size)]

    def varying(self, name: str) -> Tensor:
        """(N,) bool: the groups in which a reward, or "reward" for their sum, is not the same."""
        values = self.rewards
        if name != "reward":
            values = torch.tensor(self.parts[name], dtype=torch.float64).view_as(self.rewards)
        return values.amax(dim=1) > values.amin(dim=1)

    def select(self, groups: list[int]) -> "Rollout":
        """The groups of these numbers, in this order."""
        size = self.group_size
        rows = [row for group in groups for row in range(group * size, (group + 1) * size)]
        of_rows = {f.name: getattr(self.samples, f.name)[rows] for f in fields(self.samples)}
        return Rollout(
            [self.problems[group] for group in groups],
            replace(self.samples, **of_rows),
            [self.texts[row] for row in rows],
            {name: [values[row] for row in rows] for name, values in self.parts.items()},
            self.weights,
            self.rewards[groups],
        )


def draw(
    policy: Policy,
    task: Task,
    problems: list[Problem],
    rewards: RewardSum,
    num_generations: int,
    *,
    max_completion_length: int,
    temperature: float,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
    workers: int = 1,
    watch: Stopwatch | None = None,
) -> Rollout:
    """Sample a group for every problem, and score it; arguments as `sample_groups` has them.

    Raises:
        LabError: a prompt has a word the tokenizer does not know, or a reward function fails.
    """
    samples = sample_groups(
        policy,
        [problem.prompt for problem in problems],
        num_generations,
        max_completion_length=max_completion_length,
        temperature=temperature,
        generator=generator,
        dtype=dtype,
        workers=workers,
        watch=watch,
    )
    rows = [problem for problem in problems for _ in range(num_generations)]
    ids = [samples.completion(row) for row in range(len(rows))]
    texts = [policy.decode(completion) for completion in ids]
    columns = columns_of(task, rows) | {"completion_ids": ids}  # TRL passes the ids too
    with (watch or Stopwatch()).phase("reward"):
        parts, totals = rewards([problem.prompt for problem in rows], texts, **columns)
    scores = torch.tensor(totals, dtype=torch.float64).view(-1, num_generations)
    return Rollout(problems, samples, texts, parts, rewards.weights, scores)


def draw_until_full(
    draw: Callable[[list[Problem]], Rollout],
    first: list[Problem],
    more: Iterator[Problem],
    reward: str,
    most_rounds: int,
) -> tuple[Rollout, dict[str, float]]:
    """Dynamic sampling: draw again for the groups in which every completion earned the same.

    Such a group has no advantage and teaches nothing, so the batch gets smaller as the policy gets
    better. DAPO (arXiv 2503.14476), section 3.2, keeps the groups with 0 < correct < G and draws
    until the batch is full. Here there is a bound, so that a policy that solves everything, or
    nothing, does not sample for ever: what is missing then is filled with groups that tie.

    Args:
        draw: from problems to a rollout.
        first: the N problems of the first round.
        more: problems for later rounds; when they run out, drawing ends.
        reward: the name of the reward that has to vary, or "reward" for the weighted sum.
        most_rounds: how often to draw in all.

    Returns:
        A rollout of N groups, and metrics dynamic_sampling/rounds and dynamic_sampling/groups.
    """
    rollouts, rounds, useful = [draw(first)], 1, 0
    while True:
        useful += int(rollouts[-1].varying(reward).sum())
        missing = list(islice(more, max(len(first) - useful, 0)))
        if not missing or rounds == most_rounds:
            break
        rollouts.append(draw(missing))
        rounds += 1
    everything = joined(rollouts)
    ties = (~everything.varying(reward)).long()
    chosen = sorted(ties.argsort(stable=True)[: len(first)].tolist())
    metrics = {
        "dynamic_sampling/rounds": float(rounds),
        "dynamic_sampling/groups": float(len(everything.problems)),
    }
    return everything.select(chosen), metrics


def joined(rollouts: list[Rollout]) -> Rollout:
    """Rollouts of one group size, one after another."""
    if len(rollouts) == 1:
        return rollouts[0]
    parts = {
        name: [value for r in rollouts for value in r.parts[name]] for name in rollouts[0].parts
    }
    return Rollout(
        [problem for r in rollouts for problem in r.problems],
        _joined_samples([r.samples for r in rollouts]),
        [text for r in rollouts for text in r.texts],
        parts,
        rollouts[0].weights,
        torch.cat([r.rewards for r in rollouts]),
    )


def _joined_samples(samples: list[Samples]) -> Samples:
    """Samples one after another, each tensor padded to the widest: prompts on the left."""

    def join(name: str) -> Tensor:
        tensors = [getattr(s, name) for s in samples]
        if tensors[0].dim() == 1:
            return torch.cat(tensors)
        width = max(tensor.shape[1] for tensor in tensors)
        # masks and lengths say what is padding: what it holds is never read
        left = name.startswith("prompt")
        pads = [(width - t.shape[1], 0) if left else (0, width - t.shape[1]) for t in tensors]
        padded = [torch.nn.functional.pad(t, pad) for t, pad in zip(tensors, pads, strict=True)]
        return torch.cat(padded)

    return Samples(**{f.name: join(f.name) for f in fields(Samples)})


def shuffled(problems: list[Problem], seed: str, without: list[Problem]) -> Iterator[Problem]:
    """All problems in an order that `seed` decides, but for some."""
    taken = {id(problem) for problem in without}
    for index in random.Random(seed).sample(range(len(problems)), len(problems)):
        if id(problems[index]) not in taken:
            yield problems[index]
