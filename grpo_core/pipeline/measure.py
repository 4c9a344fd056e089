"""What a model does on held-out problems, of both kinds: what is asked after every stage."""

import random
from collections.abc import Callable

import torch

from grpo_core.models.policy import Policy
from grpo_core.rewards import RewardSum
from grpo_core.tasks import Problem, get_task
from grpo_core.tasks.languages import said
from grpo_core.training.evaluation import EVAL_SEED
from grpo_core.training.rollout import draw

_REWARDS = RewardSum(["accuracy_reward", "format_reward", "language_reward"])


def measure(
    policy: Policy,
    *,
    n: int,
    general: int,
    max_completion_length: int = 256,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, float]:
    """One completion at temperature 1 for each of some held-out prompts of both kinds.

    Args:
        policy: what is measured.
        n: how many Countdown problems, or all there are.
        general: how many general prompts, likewise.
        max_completion_length: in tokens.
        progress: called with completions done and in all, of each kind.

    Returns:
        of Countdown: accuracy, format, language (mean language_reward), mixed (share of completions
        with verdicts in more than one language), verdicts a completion, mean_length, truncated, n;
        of the general prompts: general/accuracy, general/format, general/language and
        general/mean_length.
    """
    asked = {"reasoning": n, "general": general}
    result: dict[str, float] = {}
    for kind, count in asked.items():
        problems = list(get_task("scenarios", kinds=kind).problems("test"))
        if count < len(problems):
            problems = random.Random(EVAL_SEED).sample(problems, count)
        found = _measure(policy, problems, max_completion_length, progress)
        if kind == "general":
            names = ("accuracy", "format", "language", "mean_length")
            found = {f"general/{name}": found[name] for name in names}
        result |= found
    return result


def _measure(
    policy: Policy,
    problems: list[Problem],
    longest: int,
    progress: Callable[[int, int], None],
) -> dict[str, float]:
    """The measurements of one kind of problem."""
    task = get_task("scenarios")
    generator = torch.Generator().manual_seed(EVAL_SEED)
    parts: dict[str, list[float]] = {name: [] for name in _REWARDS.functions}
    tokens, truncated, texts = 0, 0, []  # type: int, int, list[str]
    for start in range(0, len(problems), 256):
        rollout = draw(
            policy,
            task,
            problems[start : start + 256],
            _REWARDS,
            1,
            max_completion_length=longest,
            temperature=1.0,
            generator=generator,
        )
        for name, values in rollout.parts.items():
            parts[name] += values
        texts += rollout.texts
        tokens += int(rollout.samples.lengths.sum())
        truncated += int(rollout.samples.truncated.sum())
        progress(len(texts), len(problems))
    counts = [said(text) for text in texts]
    size = len(problems)
    return {name.removesuffix("_reward"): sum(values) / size for name, values in parts.items()} | {
        "mixed": sum(sum(map(bool, count.values())) > 1 for count in counts) / size,
        "verdicts": sum(sum(count.values()) for count in counts) / size,
        "mean_length": tokens / size,
        "truncated": truncated / size,
        "n": size,
    }
