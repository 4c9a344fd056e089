"""`grpo-lab profile`."""

import os
import statistics
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from grpo_core.cli.options import (
    ConfigOption,
    JsonOption,
    PluginOption,
    PresetOption,
    SetOption,
    TaskOption,
    build_config,
)
from grpo_core.cli.output import print_json
from grpo_core.core.errors import LabError
from grpo_core.core.phases import breakdown

_BAR = 30  # characters of the longest phase's bar


def profile(
    steps: Annotated[int, typer.Option(help="Steps to look at, after one that warms up.")] = 5,
    config: ConfigOption = None,
    preset: PresetOption = None,
    plugin: PluginOption = None,
    task: TaskOption = None,
    model: Annotated[str | None, typer.Option(help="A name, a folder, or a hub id.")] = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where a training step's time goes: takes a few steps, keeps nothing.

    Options are those of `train`. With --json: seconds by phase, the step's, and tokens a second,
    each a median over the steps.
    """
    from grpo_core.runs import worker

    if not 1 <= steps <= 10_000:
        raise LabError(f"--steps must be between 1 and 10,000, not {steps}.")
    built = build_config(config, settings, preset=preset, plugin=plugin, task=task, model=model)
    built = built.from_dict(built.to_dict() | {"eval_steps": 0, "eval_size": 1})
    built = built.from_dict(built.to_dict() | {"max_steps": max(built.max_steps, steps + 2)})
    os.environ.update(worker.environment(built))  # before torch is loaded
    found = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("loading the model", total=steps + 1)
        from transformers.utils import logging as transformers_logging

        from grpo_core.training.trainer import Trainer

        transformers_logging.disable_progress_bar()
        trainer = Trainer(built)
        next(trainer)  # the evaluation of the untouched policy is no step
        for step in trainer:
            progress.update(bar, advance=1, description="training")
            found.append(step.metrics)
            if len(found) > steps:
                break
    found = found[1:]
    phases = {
        name: statistics.median(breakdown(metrics).get(name, 0.0) for metrics in found)
        for name in breakdown(found[-1])
    }
    seconds = statistics.median(metrics["seconds/step"] for metrics in found)
    rate = statistics.median(m["completions/num_tokens"] / m["seconds/step"] for m in found)
    if as_json:
        print_json({"steps": steps, "phases": phases, "step": seconds, "tokens_a_second": rate})
        return
    _show(phases, seconds, rate)


def _show(phases: dict[str, float], seconds: float, rate: float) -> None:
    """A bar for each phase, and what they come to."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    for head, side in (("phase", "left"), ("", "left"), ("seconds", "right"), ("share", "right")):
        table.add_column(head, justify="right" if side == "right" else "left")
    total = sum(phases.values()) or 1.0
    longest = max(phases.values()) or 1.0
    for name, spent in phases.items():
        bar = "█" * round(_BAR * spent / longest) or "▏"
        table.add_row(name, Text(bar, style="blue"), f"{spent:.3f}", f"{spent / total:.0%}")
    console = Console()
    console.print(table)
    console.print(
        f"A step takes {seconds:.2f} s, {rate:,.0f} sampled tokens a second (medians). "
        "What each phase is: docs/glossary.md."
    )
