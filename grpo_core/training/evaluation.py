"""How good a policy is on problems it was never trained on."""

import random
from collections.abc import Callable

import torch

from grpo_core.core.errors import LabError
from grpo_core.models.policy import Policy
from grpo_core.rewards import get_reward
from grpo_core.rewards.format import parse
from grpo_core.tasks import Problem, Split, Task
from grpo_core.training.sampling import batched, sample_groups

EVAL_SEED = 20250120  # the day of the R1 paper; fixed, so that every run is measured on the same


def evaluate(
    policy: Policy,
    task: Task,
    *,
    n: int,
    seed: int = EVAL_SEED,
    temperature: float = 1.0,
    max_completion_length: int = 256,
    split: Split = "test",
    batch_size: int = 256,
    dtype: torch.dtype = torch.float32,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, float]:
    """Sample one completion for each of `n` problems and measure them.

    Args:
        policy, task: what is measured, on what.
        n: how many problems, drawn without replacement by `seed`; all of the split if it has fewer.
        seed: decides the problems and the sampling.
        temperature: 1 measures the policy as trained; 0 takes the likeliest token.
        max_completion_length: in tokens.
        split: "test" unless one wants to see memorisation.
        batch_size: completions at once.
        dtype, workers: as in `sample_groups`.
        progress: called with completions done and in all.

    Returns:
        accuracy and format, shares in [0, 1]; mean_length in tokens; backtracks a completion;
        truncated, a share; n, how many problems it was.

    Raises:
        LabError: the split is empty, or a prompt has a word the tokenizer does not know.
    """
    problems = list(task.problems(split))
    if not problems:
        raise LabError(f"The task '{task.name}' has no problems in its split '{split}'.")
    if n < len(problems):
        problems = random.Random(seed).sample(problems, n)
    generator = torch.Generator().manual_seed(seed)
    texts: list[str] = []
    tokens, truncated = 0, 0
    for prompts in batched([p.prompt for p in problems], batch_size):
        samples = sample_groups(
            policy,
            prompts,
            1,
            max_completion_length=max_completion_length,
            temperature=temperature,
            generator=generator,
            dtype=dtype,
            workers=workers,
        )
        texts += [policy.decode(samples.completion(row)) for row in range(len(prompts))]
        tokens += int(samples.lengths.sum())
        truncated += int(samples.truncated.sum())
        progress(len(texts), len(problems))
    return {
        "accuracy": _mean(get_reward("accuracy_reward")([], texts, **columns_of(task, problems))),
        "format": _mean([parse(text).well_formed for text in texts]),
        "mean_length": tokens / len(problems),
        "backtracks": _mean([task.backtracks(text) for text in texts]),
        "truncated": truncated / len(problems),
        "n": len(problems),
    }


def columns_of(task: Task, problems: list[Problem]) -> dict[str, list[object]]:
    """What reward functions take beside the texts: column name -> one entry a problem.

    The column `task` says whose verifier is to judge; the others are the problems' own.

    Raises:
        LabError: the problems differ in their columns, or use a name that is taken.
    """
    names = problems[0].columns.keys()
    if taken := names & {"task", "prompts", "completions"}:
        raise LabError(f"A problem of '{task.name}' cannot have a column called '{min(taken)}'.")
    for problem in problems:
        if problem.columns.keys() != names:
            raise LabError(
                f"All problems of '{task.name}' must have the same columns: {problem.prompt!r} has "
                f"{', '.join(problem.columns) or 'none'}, and another has "
                f"{', '.join(names) or 'none'}."
            )
    columns: dict[str, list[object]] = {name: [p.columns[name] for p in problems] for name in names}
    return {**columns, "task": [task.name] * len(problems)}


def _mean(values: list[float] | list[int] | list[bool]) -> float:
    return sum(values) / len(values)
