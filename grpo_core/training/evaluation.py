"""Evaluate a policy on held-out problems."""

import random
from collections.abc import Callable

import torch

from grpo_core.core.errors import LabError
from grpo_core.models.policy import Policy
from grpo_core.rewards import get_reward
from grpo_core.rewards.format import parse
from grpo_core.tasks import Split, Task, columns_of
from grpo_core.training.sampling import batched, sample_groups

EVAL_SEED = 20250120  # the day of the R1 paper; fixed, so that all runs use the same problems


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
    """Sample one completion for each of `n` problems and return the metrics.

    Args:
        policy: the model to evaluate.
        task: the source of problems and their verifier.
        n: number of problems, drawn without replacement; all of the split if it has fewer.
        seed: random seed for the choice of problems and for sampling.
        temperature: sampling temperature; 0 is greedy.
        max_completion_length: maximum tokens per completion.
        split: "test" for held-out problems, "train" to measure memorisation.
        batch_size: completions sampled at once.
        dtype, workers: as in `sample_groups`.
        progress: called with the number of completions done and their total.

    Returns:
        accuracy and format, shares in [0, 1]; mean_length in tokens; backtracks per completion;
        truncated, a share; n, the number of problems.

    Raises:
        LabError: the split is empty, or a prompt has a word that the tokenizer does not know.
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


def _mean(values: list[float] | list[int] | list[bool]) -> float:
    return sum(values) / len(values)
