"""What a training cost: floating-point operations, by the usual count.

A token through a model of N parameters takes about 2 N operations forward and 4 N backward (Kaplan
et al., arXiv 2001.08361, section 2.1). Attention is left out; at these lengths it is little. Tokens
are counted exactly, padding is not counted. In RL a prompt is read once a group and is a hundredth
of a step, so only completions are counted there; in SFT prompts are counted too.
"""

from typing import Any

import pandas as pd

from grpo_core.core.config import GRPOConfig


def operations(parameters: int, forward: float, backward: float = 0.0) -> float:
    """Floating-point operations of so many tokens through a model, each way."""
    return 2.0 * parameters * (forward + 2.0 * backward)


def of_sampling(parameters: int, tokens: float) -> float:
    """Of sampling: each token once forward."""
    return operations(parameters, tokens)


def of_tuning(parameters: int, tokens: float) -> float:
    """Of supervised fine-tuning: each token once forward and once backward."""
    return operations(parameters, tokens, tokens)


def of_run(parameters: int, config: GRPOConfig, frame: pd.DataFrame) -> pd.Series:
    """Of a GRPO run, up to each of its steps.

    A completion's tokens are sampled, read once an update and pushed, and read by the reference
    where there is one.

    Args:
        parameters: of the model.
        config: the run's.
        frame: the run's metrics, indexed by step.

    Returns:
        operations so far, indexed by step.
    """
    tokens = frame["completions/num_tokens"].fillna(0.0)
    updates = config.num_iterations
    forward = 1 + updates + int(config.needs_reference)
    return operations(parameters, 1.0, 0.0) * (forward + 2 * updates) * tokens.cumsum()


def of_stage_three(record: dict[str, Any], frame: pd.DataFrame) -> dict[str, Any]:
    """Stage 3 as a distillation into the base itself, against RL on that base.

    The base of the pipeline is fine-tuned on traces of a model of its own size. What RL alone makes
    of the same base is the default run of this kit.

    Args:
        record: a pipeline's.
        frame: the metrics of the default run with the same seed.

    Returns:
        the same as the pipeline's `compute` has of the smaller student: distilled, with the
        operations of student and teacher, and rl, [[operations, held-out accuracy], ...].
    """
    sampled, tuned = record["stages"]["3-traces"], record["stages"]["3-sft"]
    spent = of_run(tuned["parameters"], GRPOConfig(), frame)
    held_out = frame["eval/accuracy"].dropna()
    return {
        "distilled": {
            "student": of_tuning(tuned["parameters"], tuned["forward_tokens"]),
            "teacher": of_sampling(sampled["parameters"], sampled["tokens"]),
        },
        "rl": [[float(spent[step]), float(a)] for step, a in held_out.items()],
    }
