"""An RL stage: an ordinary run, made, gone on with, or found finished."""

import shutil
from pathlib import Path
from typing import Any

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Step
from grpo_core.pipeline.progress import Progress, Stopped, Watch, silent
from grpo_core.runs import Run, adopt, create_run, worker

CURVES = {
    "reward": "reward",
    "accuracy": "rewards/accuracy_reward/mean",
    "format": "rewards/format_reward/mean",
    "language": "rewards/language_reward/mean",
    "brevity": "rewards/brevity_reward/mean",
    "length": "completions/mean_length",
    "kl": "kl",
    "held_out": "eval/accuracy",
}
"""What a record keeps of every step: a short name -> the metric."""


def rl(folder: Path, config: GRPOConfig, watch: Watch = silent) -> dict[str, Any]:
    """Train by GRPO in a run folder, which the dashboard can watch meanwhile.

    Args:
        folder: the run's; its parent need not exist.
        config: an ordinary run's.
        watch: told after each step.

    Returns:
        a record: model, the folder of the last one that was saved; steps; tokens sampled; seconds;
        curves, name -> [[step, value], ...].

    Raises:
        LabError: the folder holds something else or a run by other settings, or training fails.
        Stopped: somebody asked the run to stop; called again, it goes on.
    """
    if folder.exists() and not (folder / "config.json").is_file():
        if not (folder / "run.db").is_file():
            raise LabError(f"{folder} holds something else: name a new folder.")
        shutil.rmtree(folder)  # killed while it was made
    if not folder.exists():
        create_run(folder.parent, folder.name, config)
    run = Run(folder)
    if _settings(run.config) != _settings(config):
        raise LabError(f"{folder} was begun with other settings: name a new folder.")
    run = Run(adopt(run, folder.parent).path)
    if run.status != "finished":
        run.control("run")

        def show(step: Step) -> None:
            figures = {k: step.metrics[v] for k, v in CURVES.items() if v in step.metrics}
            watch(Progress("training", step.index, config.max_steps, figures))

        if worker.run(run.path, on_step=show) != "finished":
            raise Stopped
    return _found(run)


def _settings(config: GRPOConfig) -> dict[str, Any]:
    """What two runs must share to be the same: everything but how the model's folder is written."""
    return config.to_dict() | {"model": str(Path(config.model).absolute())}


def _found(run: Run) -> dict[str, Any]:
    """The record of a finished run."""
    frame = run.frame()
    models = dict(run.models())
    seconds = frame.filter(["seconds/step", "seconds/eval"]).sum().sum()
    return {
        "model": str(models[max(models)]),
        "steps": int(frame.index[-1]),
        "tokens": int(frame["completions/num_tokens"].sum()),
        "seconds": round(float(seconds), 2),
        "curves": {
            name: [[int(step), round(float(value), 5)] for step, value in column.items()]
            for name, metric in CURVES.items()
            if metric in frame and len(column := frame[metric].dropna())
        },
    }
