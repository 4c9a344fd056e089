"""Runs made to fail, each in its own way, and some of other methods that are well.

    PYTHONPATH=.:tests/analysis/diagnosis python tests/analysis/diagnosis/make_runs.py [NAME ...]

writes tests/analysis/diagnosis/runs/NAME.csv, which the diagnosis is tested on (some ten
minutes for all on two cores). The same seed gives the same figures but for the seconds, which are
left out.
"""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from grpo_core.algorithm.presets import PRESETS
from grpo_core.core.config import GRPOConfig
from grpo_core.rewards import REWARDS

FOLDER = Path(__file__).with_name("runs")
SMALL: dict[str, Any] = {"generation_batch_size": 64, "eval_steps": 0, "eval_size": 64}

BROKEN: dict[str, dict[str, Any]] = {
    "beta-too-large": {"beta": 20.0, "max_steps": 45},
    "all-rewards-tie": {"max_completion_length": 4, "max_steps": 12},
    "format-weight-10": {"reward_weights": [0.1, 10.0], "max_steps": 60},
    "kl-blow-up": {"learning_rate": 0.01, "beta": 0.0, "max_steps": 30},
    "length-collapse": {
        "reward_funcs": ["short_reward", "accuracy_reward", "format_reward"],
        "reward_weights": [1.0, 0.0, 0.0],
        "learning_rate": 3e-3,
        "max_steps": 30,
    },
    "length-explosion": {
        "reward_funcs": ["long_reward", "accuracy_reward", "format_reward"],
        "reward_weights": [1.0, 0.0, 0.0],
        "learning_rate": 3e-3,
        "max_steps": 20,
    },
    "learning-rate-zero": {"learning_rate": 1e-12, "max_steps": 40},
}
HEALTHY: dict[str, dict[str, Any]] = {
    "grpo": PRESETS["grpo"] | {"max_steps": 40},
    "dapo": PRESETS["dapo"] | {"max_steps": 40},
    "rloo": PRESETS["rloo"] | {"max_steps": 40},
    "ppo": PRESETS["ppo"] | {"lam": 1.0, "max_steps": 40},
}


def short_reward(prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
    """Reward brevity: what the task is, is not asked."""
    return [-len(text.split()) / 100 for text in completions]


def long_reward(prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
    """The longer, the better."""
    return [len(text.split()) / 100 for text in completions]


def config_of(name: str) -> GRPOConfig:
    """The configuration of a run that lies in FOLDER."""
    return GRPOConfig(**SMALL | (BROKEN | HEALTHY)[name])


def main(names: list[str]) -> None:
    """Train each and write its metrics."""
    from grpo_core.training.trainer import Trainer

    REWARDS["short_reward"] = "make_runs:short_reward"
    REWARDS["long_reward"] = "make_runs:long_reward"
    for name in names or list(BROKEN | HEALTHY):
        rows = {}
        for step in Trainer(config_of(name)):
            rows[step.index] = {k: v for k, v in step.metrics.items() if "seconds/" not in k}
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("step")
        frame.to_csv(FOLDER / f"{name}.csv", float_format="%.4g")
        print(name, len(frame), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
