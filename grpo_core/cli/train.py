"""`grpo-lab train` and `grpo-lab resume`."""

import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from grpo_core.cli.find import find_model, find_run, name_of
from grpo_core.cli.options import (
    ConfigOption,
    JsonOption,
    PluginOption,
    PresetOption,
    SeedOption,
    SetOption,
    TaskOption,
    build_config,
    option_of,
    plugin_paths,
)
from grpo_core.cli.output import in_words, last_measured, measurement, plain, print_json
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.paths import runs_dir
from grpo_core.rewards import RewardSum
from grpo_core.tasks import get_task

if TYPE_CHECKING:
    from grpo_core.core.records import Step
    from grpo_core.runs import Run

# Options that are fields of GRPOConfig by the same name, which declares what they mean.
NumGenerations = Annotated[int | None, option_of("num_generations")]
GenerationBatchSize = Annotated[int | None, option_of("generation_batch_size")]
MaxCompletionLength = Annotated[int | None, option_of("max_completion_length")]
LearningRate = Annotated[float | None, option_of("learning_rate")]
Beta = Annotated[float | None, option_of("beta")]
Temperature = Annotated[float | None, option_of("temperature")]
LossType = Annotated[str | None, option_of("loss_type")]
EvalSteps = Annotated[int | None, option_of("eval_steps")]
EvalSize = Annotated[int | None, option_of("eval_size")]


def train(
    task: TaskOption = None,
    model: Annotated[
        str | None,
        typer.Option(help="'tiny', a folder, a hub id, or a run to go on from its last model."),
    ] = None,
    steps: Annotated[int | None, option_of("max_steps", "--steps")] = None,
    seed: SeedOption = None,
    config: ConfigOption = None,
    preset: PresetOption = None,
    plugin: PluginOption = None,
    run: Annotated[
        str | None,
        typer.Option(metavar="NAME-OR-PATH", help="The new run's name, or where to put it."),
    ] = None,
    num_generations: NumGenerations = None,
    generation_batch_size: GenerationBatchSize = None,
    max_completion_length: MaxCompletionLength = None,
    learning_rate: LearningRate = None,
    beta: Beta = None,
    temperature: Temperature = None,
    loss_type: LossType = None,
    eval_steps: EvalSteps = None,
    eval_size: EvalSize = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a model by GRPO, into a run folder.

    Samples groups of completions, rewards what verifies, and pushes the model towards what beat
    its group. Everything is recorded as it happens: open the dashboard (python app.py) meanwhile.
    Ctrl-C stops after the step in flight; `grpo-lab resume` goes on as if nothing had happened.

    With --json: the last held-out measurement (accuracy, format, mean_length, backtracks,
    truncated, n), steps, seconds, and where the run is.
    """
    options = build_config(
        config,
        settings,
        preset=preset,
        plugin=plugin,
        task=task,
        model=model,
        max_steps=steps,
        seed=seed,
        num_generations=num_generations,
        generation_batch_size=generation_batch_size,
        max_completion_length=max_completion_length,
        learning_rate=learning_rate,
        beta=beta,
        temperature=temperature,
        loss_type=loss_type,
        eval_steps=eval_steps,
        eval_size=eval_size,
    )
    _train_new(options, run, as_json)


def resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's name, or its folder.")],
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a run that was stopped, killed or failed.

    It continues from its last checkpoint and records the same steps, bit for bit, as if it had
    never been interrupted. A run that was not made by this installation is copied first, and the
    copy is what continues; plugins of such a run have to be named again, with --plugin.
    """
    from grpo_core.runs import LIVE, Run, adopt

    found = find_run(run)
    if found.status in LIVE:
        raise LabError(f"Run '{found.name}' is running already: watch it with python app.py.")
    if found.status == "finished":
        _conclude(found, "finished", 0.0, as_json)
        return
    adopted = adopt(found, runs_dir(), plugin_paths(plugin))
    if adopted.notice:
        Console(stderr=True).print(plain(adopted.notice))
        found = Run(adopted.path)
    found.control("run")
    _train(found, as_json)


def _train_new(options: GRPOConfig, name_or_path: str | None, as_json: bool) -> None:
    """Make a run folder and train in it; a run that never began leaves none behind."""
    from grpo_core.runs import Run, create_run, run_path

    source, _, _ = find_model(options.model)
    options = GRPOConfig.from_dict({**options.to_dict(), "model": source})
    # refused now, not after torch is loaded
    get_task(options.task, **options.task_options)
    RewardSum(options.reward_funcs, options.reward_weights)
    target = run_path(runs_dir(), name_or_path) if name_or_path else runs_dir() / "-"
    path = create_run(target.parent, target.name if name_or_path else None, options)
    try:
        _train(Run(path), as_json)
    except LabError:
        if Run(path).last_step_or_none() is None:
            shutil.rmtree(path)
        raise


def _train(run: "Run", as_json: bool) -> None:
    """Train a run here and now, with a progress bar; then say how it went."""
    from grpo_core.runs import worker

    console = Console(stderr=as_json)
    console.print(plain(f"Run '{run.name}' in {run.path}"))
    console.print(plain("Ctrl-C stops after the step in flight."))
    started = time.monotonic()
    with _training_bar(console, run) as show:
        status = worker.run(run.path, on_step=show)
    _conclude(run, status, time.monotonic() - started, as_json)


def _conclude(run: "Run", status: str, seconds: float, as_json: bool) -> None:
    """Say how a training ended; exits with 130 where it was stopped early."""
    console = Console(stderr=as_json)
    measured_at, measured = last_measured(run)
    if status == "stopped":
        last = run.last_step()
        when = "before the first step" if last is None else f"after step {last}"
        console.print(plain(f"Stopped {when}. Go on with: grpo-lab resume {name_of(run)}"))
    else:
        console.print(plain(f"Finished: {in_words(measured)}."))
    if as_json:
        result = {
            "steps": run.last_step(),
            "seconds": round(seconds, 3),
            "status": status,
            "measured_at": measured_at,
            "run": run.name,
            "path": str(run.path),
        }
        print_json(measurement(measured) | result)
    if status == "stopped":
        raise typer.Exit(130)


@contextmanager
def _training_bar(console: Console, run: "Run") -> Iterator[Callable[["Step"], None]]:
    """A progress bar; yields what is to be called with each step."""
    columns = (
        SpinnerColumn(),
        MofNCompleteColumn(),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[numbers]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console) as progress:
        done, total = run.last_step() or 0, run.config.max_steps
        bar = progress.add_task("", completed=done, total=total, numbers="loading the model")

        def show(step: "Step") -> None:
            m = step.metrics
            if "eval/accuracy" in m:
                measured = {k[5:]: v for k, v in m.items() if k.startswith("eval/")}
                progress.console.print(plain(f"step {step.index:4d}: {in_words(measured)}"))
            numbers = "measured the untrained model"
            if step.index > 0:
                right = m.get("rewards/accuracy_reward/mean", math.nan)
                numbers = (
                    f"reward {m.get('reward', math.nan):.3f}  accuracy {right:.2f}  "
                    f"length {m.get('completions/mean_length', math.nan):.0f}"
                )
                if "kl" in m:  # with beta 0 there is nothing to measure it to
                    numbers += f"  KL {m['kl']:.4f}"
            progress.update(bar, completed=step.index, numbers=numbers)

        yield show
