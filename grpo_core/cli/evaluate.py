"""`grpo-lab eval`."""

import math
import os
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from grpo_core.cli.find import find_model
from grpo_core.cli.options import (
    ConfigOption,
    JsonOption,
    PluginOption,
    SetOption,
    TaskOption,
    build_config,
    merge,
    parse_setting,
)
from grpo_core.cli.output import in_words, measurement, plain, print_json
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.plugins import loaded_files
from grpo_core.tasks import get_task


def evaluate(
    task: TaskOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="'tiny', a folder, a hub id; or a run, by name or folder, for its last model."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Of a run: the model saved after this step.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Decides problems and sampling; unless told, as runs are measured."),
    ] = None,
    config: ConfigOption = None,
    plugin: PluginOption = None,
    n: Annotated[int | None, typer.Option("-n", "--n", help="How many held-out problems.")] = None,
    temperature: Annotated[
        float, typer.Option(help="1: as it was trained. 0: the likeliest token each time.")
    ] = 1.0,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a model on held-out problems, which no training has seen.

    One completion a problem. A run's model is measured on the run's task, with the run's options,
    unless told otherwise.

    With --json: accuracy, format, mean_length, backtracks, truncated, n, steps (that the model was
    trained for), seconds.
    """
    values = build_config(config, settings, plugin=plugin, task=task, model=model, eval_size=n)
    source, step, run = find_model(values.model, steps)
    if run is not None and config is None:
        base = run.config.to_dict() | {k: v for k, v in (("task", task), ("eval_size", n)) if v}
        for setting in settings or []:
            merge(base, parse_setting(setting))
        values = GRPOConfig.from_dict(base)
        if missing := sorted(set(run.config.plugins) - set(loaded_files())):
            raise LabError(
                f"Run '{run.name}' was trained with a plugin: name it here too, with --plugin "
                f"{missing[0]}."
            )
    console = Console(stderr=True)
    if steps is not None and run is None and steps != 0:
        console.print(plain(f"--steps {steps} is ignored: '{source}' is a model, not a run."))
    if not 0 <= temperature < math.inf:
        raise LabError(f"--temperature must be 0 or above, not {temperature}.")
    if seed is not None and not 0 <= seed < 2**63:
        raise LabError(f"--seed must be 0 or above and below 2**63, not {seed}.")
    measured, seconds = _evaluate(values, source, seed, temperature, console)
    if as_json:
        result = {"steps": step, "seconds": round(seconds, 3), "model": source}
        print_json(measurement(measured) | result)
    else:
        Console().print(plain(f"{source}: {in_words(measured)}, n {measured['n']:.0f}."))


def _evaluate(
    config: GRPOConfig, model: str, seed: int | None, temperature: float, console: Console
) -> tuple[dict[str, float], float]:
    """Load and measure a model, with a progress bar on `console`; returns the seconds, too."""
    from grpo_core.runs import worker

    problem_source = get_task(config.task, **config.task_options)
    os.environ.update(worker.environment(config))
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("loading the model", total=None)
        import torch
        from transformers.utils import logging as transformers_logging

        from grpo_core.models.policy import load_policy
        from grpo_core.training.evaluation import EVAL_SEED
        from grpo_core.training.evaluation import evaluate as measure
        from grpo_core.training.threads import choose_threads

        transformers_logging.disable_progress_bar()
        policy = load_policy(model, config.device)
        threads = choose_threads(config.threads, policy.model.num_parameters())
        torch.set_num_threads(threads.within)
        progress.update(bar, description="held-out problems")
        started = time.monotonic()
        measured = measure(
            policy,
            problem_source,
            n=config.eval_size,
            seed=EVAL_SEED if seed is None else seed,
            temperature=temperature,
            max_completion_length=config.max_completion_length,
            workers=threads.workers,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
        return measured, time.monotonic() - started
