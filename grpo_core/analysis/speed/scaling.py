"""How a step's seconds grow with the group, the completions' length and the model.

One of the three is varied at a time, and every completion has exactly as many tokens as it may: the
end token may be drawn and ends nothing. Rewards are set, 0 and 1 in turn, so that no group ties.
Models of other sizes than the tiny one's begin at random: what a weight is makes no difference to
the time it takes.
"""

import statistics
from typing import Any

import torch

from grpo_core.analysis.speed.contest import STILL, Progress
from grpo_core.core import machine
from grpo_core.core.config import GRPOConfig
from grpo_core.models.policy import Policy, load_policy
from grpo_core.models.pretrain import PretrainConfig, build_model
from grpo_core.rewards import RewardSum
from grpo_core.training.trainer import Trainer

PROMPTS, GROUP, LENGTH = 8, 16, 64
GROUPS = (4, 8, 16, 32, 64)
LENGTHS = (16, 32, 64, 128, 256)
SIZES = ((64, 2), (128, 4), (192, 6), (256, 8), (384, 10))
"""Hidden size and layers; the second is the tiny model's."""


def in_turn(prompts: Any, completions: Any, **columns: Any) -> list[float]:
    """0 and 1 by turns."""
    return [float(i % 2) for i in range(len(completions))]


def policy_of(hidden_size: int, layers: int) -> Policy:
    """A model of this size with the tiny one's tokenizer, which never ends."""
    base = load_policy("tiny")
    policy = Policy(
        build_model(
            PretrainConfig(
                hidden_size=hidden_size,
                layers=layers,
                heads=hidden_size // 32,
                feed_forward=hidden_size * 5 // 2,
            )
        ),
        base.tokenizer,
    )
    policy.model.generation_config.eos_token_id = [-1]
    return policy


def point(policy: Policy, group: int, length: int, *, prompts: int, steps: int) -> dict[str, float]:
    """Medians of some steps: step, sampling and update in seconds; and what the work was."""
    config = GRPOConfig(
        generation_batch_size=prompts * group,
        num_generations=group,
        max_completion_length=length,
        beta=0.0,
        learning_rate=STILL,
        max_steps=steps + 2,
        eval_steps=0,
        eval_size=1,
    )
    trainer = Trainer(config, policy=policy)
    trainer.rewards = RewardSum([in_turn], [1.0])
    next(trainer)  # the evaluation of the untouched policy is no step
    metrics = [next(trainer).metrics for _ in range(steps + 1)][1:]
    seconds = {
        name: statistics.median(m[f"seconds/{name}"] for m in metrics)
        for name in ("step", "sampling", "update")
    }
    parameters = policy.model.num_parameters()
    return {**seconds, "group": group, "length": length, "parameters": parameters}


def measure(progress: Progress, *, steps: int = 3, prompts: int = PROMPTS) -> dict[str, Any]:
    """Every point of the three curves, JSON-serialisable: machine, work and curves."""
    torch.manual_seed(0)
    work = [("group", (size, LENGTH, SIZES[1])) for size in GROUPS]
    work += [("length", (GROUP, length, SIZES[1])) for length in LENGTHS]
    work += [("parameters", (GROUP, LENGTH, size)) for size in SIZES]
    curves: dict[str, list[dict[str, float]]] = {"group": [], "length": [], "parameters": []}
    for done, (curve, (group, length, size)) in enumerate(work):
        progress(f"seconds against {curve}", done, len(work))
        found = point(policy_of(*size), group, length, prompts=prompts, steps=steps)
        curves[curve].append(found)
    fixed = {"prompts": prompts, "group": GROUP, "length": LENGTH, "steps": steps}
    return {"machine": machine.describe(), "work": fixed, "curves": curves}
