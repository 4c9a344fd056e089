"""Rollouts: groups of completions with their rewards, and dynamic sampling."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice

import torch
from torch import Tensor

from grpo_core.models.policy import Policy
from grpo_core.rewards import RewardSum
from grpo_core.tasks import Problem, Task, columns_of
from grpo_core.training.sampling import Samples, sample_groups
from grpo_core.training.timing import Stopwatch


@dataclass
class Rollout:
    """N groups of G completions and their rewards. B = N * G rows, group after group.

    Attributes:
        problems: N problems.
        samples: B completions.
        texts: B decoded completions.
        parts: reward function name -> B unweighted values.
        weights: reward function name -> weight.
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
        """Return G, the completions per prompt."""
        return self.rewards.shape[1]

    @property
    def rows(self) -> list[Problem]:
        """Return each completion's problem, B in total."""
        return [problem for problem in self.problems for _ in range(self.group_size)]

    def varying(self, name: str) -> Tensor:
        """Return (N,) bool, True for groups in which a reward ("reward": the sum) varies."""
        values = self.rewards
        if name != "reward":
            values = torch.tensor(self.parts[name], dtype=torch.float64).view_as(self.rewards)
        return values.amax(dim=1) > values.amin(dim=1)

    def select(self, groups: list[int]) -> "Rollout":
        """Return the groups with these indices, in this order."""
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
    """Sample a group for every problem and compute its rewards; arguments as in `sample_groups`.

    Raises:
        LabError: a prompt has a word that the tokenizer does not know, or a reward function fails.
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
    """Sample further groups to replace those in which every completion has the same reward.

    Such a group has zero advantages and no signal, so the effective batch shrinks as the policy
    improves. DAPO (arXiv 2503.14476), section 3.2, keeps the groups with 0 < correct < G and
    samples until the batch is full. Here the number of rounds is bounded, so that a policy that
    solves everything, or nothing, does not sample forever: the batch is then filled with groups
    without signal.

    Args:
        draw: function from problems to a rollout.
        first: the N problems of the first round.
        more: problems for later rounds; sampling ends when they run out.
        reward: the name of the reward that must vary, or "reward" for the weighted sum.
        most_rounds: maximum number of rounds.

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
    """Concatenate rollouts that have the same group size."""
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
    """Concatenate samples, each tensor padded to the widest; prompts are padded on the left."""

    def join(name: str) -> Tensor:
        tensors = [getattr(s, name) for s in samples]
        if tensors[0].dim() == 1:
            return torch.cat(tensors)
        width = max(tensor.shape[1] for tensor in tensors)
        # masks and lengths mark padding, so its values are never read
        left = name.startswith("prompt")
        pads = [(width - t.shape[1], 0) if left else (0, width - t.shape[1]) for t in tensors]
        padded = [torch.nn.functional.pad(t, pad) for t, pad in zip(tensors, pads, strict=True)]
        return torch.cat(padded)

    return Samples(**{f.name: join(f.name) for f in fields(Samples)})


def shuffled(problems: list[Problem], seed: str, without: list[Problem]) -> Iterator[Problem]:
    """Yield all problems except those in `without`, in an order given by `seed`."""
    taken = {id(problem) for problem in without}
    for index in random.Random(seed).sample(range(len(problems)), len(problems)):
        if id(problems[index]) not in taken:
            yield problems[index]
