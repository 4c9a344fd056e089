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

# Options that are fields of GRPOConfig with the same name; it declares their meaning.
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
        typer.Option(
            help="The model to train: 'tiny', a folder, a hub id, or a run, whose last saved model "
            "is the start. Default: tiny."
        ),
    ] = None,
    steps: Annotated[int | None, option_of("max_steps", "--steps")] = None,
    seed: SeedOption = None,
    config: ConfigOption = None,
    preset: PresetOption = None,
    plugin: PluginOption = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="NAME-OR-PATH",
            help="The new run's name, or the path of its folder. Default: a new name in ./runs.",
        ),
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
    """Train a model with GRPO and record everything in a run folder.

    Each step samples groups of completions, computes their rewards, and increases the probability
    of completions that are better than their group. Open the dashboard (python app.py) to watch.
    Ctrl-C stops after the current step; `grpo-lab resume` continues as if nothing had happened.

    With --json: the last held-out measurement (accuracy, format, mean_length, backtracks,
    truncated, n), steps, seconds, and the run's name and path.
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
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's name or folder.")],
    plugin: PluginOption = None,
    as_json: JsonOption = False,
) -> None:
    """Continue a run that was stopped, was killed or failed.

    The run continues from its last checkpoint and records the same steps, bit for bit, as if it had
    never been interrupted. A run that was not made by this installation is copied first, and the
    copy continues; name the plugins of such a run again with --plugin.
    """
    from grpo_core.runs import LIVE, Run, adopt

    found = find_run(run)
    if found.status in LIVE:
        raise LabError(f"Run '{found.name}' is already running. Watch it with python app.py.")
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
    """Create a run folder and train in it; delete the folder if the run never started."""
    from grpo_core.runs import Run, create_run, run_path

    source, _, _ = find_model(options.model)
    options = GRPOConfig.from_dict({**options.to_dict(), "model": source})
    # Refuse unknown names now, before torch is loaded.
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
    """Train a run in this process with a progress bar, then print the result."""
    from grpo_core.runs import worker

    console = Console(stderr=as_json)
    console.print(plain(f"Run '{run.name}' in {run.path}"))
    console.print(plain("Ctrl-C stops after the current step."))
    started = time.monotonic()
    with _training_bar(console, run) as show:
        status = worker.run(run.path, on_step=show)
    _conclude(run, status, time.monotonic() - started, as_json)


def _conclude(run: "Run", status: str, seconds: float, as_json: bool) -> None:
    """Print how training ended; exit with 130 if it was stopped early."""
    console = Console(stderr=as_json)
    measured_at, measured = last_measured(run)
    if status == "stopped":
        last = run.last_step()
        when = "before the first step" if last is None else f"after step {last}"
        console.print(plain(f"Stopped {when}. Continue with: grpo-lab resume {name_of(run)}"))
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
    """Show a progress bar; yield a function to call with each step."""
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
            numbers = "evaluated the untrained model"
            if step.index > 0:
                right = m.get("rewards/accuracy_reward/mean", math.nan)
                numbers = (
                    f"reward {m.get('reward', math.nan):.3f}  accuracy {right:.2f}  "
                    f"length {m.get('completions/mean_length', math.nan):.0f}"
                )
                if "kl" in m:  # with beta 0 there is no reference
                    numbers += f"  KL {m['kl']:.4f}"
            progress.update(bar, completed=step.index, numbers=numbers)

        yield show
