"""The command line: `grpo-lab train | eval | resume | runs | pretrain | doctor`.

Every command is a thin layer over a function that a notebook can call; torch is imported inside
the commands that need it, so `--help` and `runs` answer at once. Anything the user can put right
is one line on stderr and exit code 1; a mistake on the command line itself is exit code 2; a
training that was stopped early is 130, as shells expect of Ctrl-C.
"""

import dataclasses
import json
import math
import os
import re
import shutil
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from grpo_core import __version__
from grpo_core.config import GRPOConfig
from grpo_core.errors import LabError
from grpo_core.paths import data_dir, runs_dir

if TYPE_CHECKING:
    from grpo_core.records import Step
    from grpo_core.store import Run

MEASURED = ("accuracy", "format", "mean_length", "backtracks", "truncated", "n")

app = typer.Typer(
    name="grpo-lab",
    help="A study kit for Group Relative Policy Optimization, the algorithm behind DeepSeek R1.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: what the `grpo-lab` script calls."""
    try:
        app(args=arguments, prog_name="grpo-lab")
    except LabError as error:
        print(f"grpo-lab: {error}", file=sys.stderr)
        sys.exit(1)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"grpo-lab {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Options that belong to no command."""


# --- options that commands share ---------------------------------------------------------------

TaskOption = Annotated[
    str | None, typer.Option("--task", help="What to solve; 'countdown' unless told.")
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Decides everything random.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="A TOML file of options, named as in GRPOConfig (and TRL)."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any option of GRPOConfig, as TOML: --set epsilon=0.1 --set task_options.count=4. "
        "May be repeated; wins over everything else.",
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")
]

# Options of `train` that are fields of GRPOConfig by the same name.
NumGenerations = Annotated[
    int | None, typer.Option(help="G: how many completions are compared for each prompt.")
]
GenerationBatchSize = Annotated[
    int | None, typer.Option(help="Completions a step, a multiple of G.")
]
MaxCompletionLength = Annotated[
    int | None, typer.Option(help="Tokens after which a completion is cut off.")
]
LearningRate = Annotated[float | None, typer.Option(help="AdamW's step size.")]
Beta = Annotated[
    float | None, typer.Option(help="Weight of the KL to the untrained model; 0 drops it.")
]
Temperature = Annotated[float | None, typer.Option(help="Of sampling.")]
LossType = Annotated[
    str | None, typer.Option(help="How token losses are averaged, such as dapo or grpo.")
]
EvalSteps = Annotated[
    int | None, typer.Option(help="Measure on held-out problems every so many steps.")
]
EvalSize = Annotated[int | None, typer.Option(help="How many held-out problems.")]


def _config(file: Path | None, settings: list[str] | None, **options: Any) -> GRPOConfig:
    """The configuration that a file, the options given (not None) and the --set's make.

    Raises:
        LabError: any of it is refused.
    """
    values = (GRPOConfig.from_toml(file) if file else GRPOConfig()).to_dict()
    values |= {name: value for name, value in options.items() if value is not None}
    for setting in settings or []:
        _merge(values, _parse_setting(setting))
    return GRPOConfig.from_dict(values)


def _parse_setting(setting: str) -> dict[str, Any]:
    """`key=value` or `table.key=value` as nested dicts; a bare word is a string.

    Raises:
        LabError: it is not of that form.
    """
    key, equals, value = setting.partition("=")
    if not equals or not re.fullmatch(r"[\w-]+(\.[\w-]+)*", key.strip()):
        raise LabError(f"--set takes KEY=VALUE, such as --set epsilon=0.1, not '{setting}'.")
    for text in (value.strip(), json.dumps(value.strip())):
        try:
            parsed = tomllib.loads(f"{key} = {text}")
        except tomllib.TOMLDecodeError:
            if not re.fullmatch(r"[A-Za-z_][\w./-]*", value.strip()):
                break
        else:
            return parsed
    raise LabError(
        f"'{value}' in --set {key} is no TOML value: 3, 0.5, true, \"text\" and [1, 2] are."
    )


def _merge(into: dict[str, Any], values: dict[str, Any]) -> None:
    """Merge nested dicts."""
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _find_run(name_or_path: str) -> "Run":
    """A run of the user's, by name or path, or a recorded one that is shipped.

    Raises:
        LabError: there is none; the message names the closest.
    """
    import difflib

    from grpo_core import store

    path = store.run_path(runs_dir(), name_or_path)
    recorded = data_dir() / "runs" / path.name
    for candidate in (path, Path(name_or_path).absolute(), recorded):
        if store.is_run(candidate):
            return store.Run(candidate)
    names = [run.name for run in store.list_runs(runs_dir())]
    close = difflib.get_close_matches(path.name, names, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else " `grpo-lab runs` lists those there are."
    raise LabError(f"There is no run called '{name_or_path}'.{hint}")


def _find_model(name: str, step: int | None = None) -> tuple[str, int, "Run | None"]:
    """What to load for `--model`: a model's name or folder stays; a run gives one of its models.

    Args:
        name: a model's name, a folder, a hub id, or a run's name or folder.
        step: which of a run's models; None for the last.

    Returns:
        what `load_policy` takes, the step it was saved after (0: no run's), and the run.

    Raises:
        LabError: the run has no such model.
    """
    from grpo_core import store
    from grpo_core.models import MODELS

    folders = [Path(name), runs_dir() / name]
    run_folder = next((p for p in folders if name not in MODELS and store.is_run(p)), None)
    if run_folder is None:
        inside = Path(name).absolute()
        if re.fullmatch(r"step-\d+", inside.name) and store.is_run(inside.parent.parent):
            return str(inside), int(inside.name[5:]), store.Run(inside.parent.parent)
        if name not in MODELS and "/" not in name and not Path(name).is_dir():
            raise LabError(
                f"There is no model, folder or run called '{name}'. Shipped: {', '.join(MODELS)}. "
                "From the hub, with a network: owner/name."
            )
        return name, 0, None
    run = store.Run(run_folder)
    models = dict(run.models())
    if not models:
        raise LabError(f"Run '{run.name}' has saved no model yet: it does so when it evaluates.")
    step = max(models) if step is None else step
    if step not in models:
        steps = ", ".join(map(str, models))
        raise LabError(f"Run '{run.name}' has no model of step {step}; it has {steps}.")
    return str(models[step]), step, run


# --- train and resume --------------------------------------------------------------------------


@app.command()
def train(
    task: TaskOption = None,
    model: Annotated[
        str | None,
        typer.Option(help="'tiny', a folder, a hub id, or a run to go on from its last model."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimisation steps.")] = None,
    seed: SeedOption = None,
    config: ConfigOption = None,
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
    from grpo_core import store

    options = _config(
        config,
        settings,
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
    source, _, _ = _find_model(options.model)
    options = GRPOConfig.from_dict({**options.to_dict(), "model": source})
    target = store.run_path(runs_dir(), run) if run else runs_dir() / "-"
    path = store.create_run(target.parent, target.name if run else None, options)
    try:
        _train(store.Run(path), as_json)
    except LabError:
        if store.Run(path).last_step_or_none() is None:
            shutil.rmtree(path)  # made by this command, and never began
        raise


@app.command()
def resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's name, or its folder.")],
    as_json: JsonOption = False,
) -> None:
    """Go on with a run that was stopped, killed or failed.

    It continues from its last checkpoint and records the same steps, bit for bit, as if it had
    never been interrupted.
    """
    from grpo_core.store import LIVE

    found = _find_run(run)
    if found.status in LIVE:
        raise LabError(f"Run '{found.name}' is running already: watch it with python app.py.")
    if found.status == "finished":
        _conclude(found, "finished", 0.0, as_json)
        return
    found.control("run")
    _train(found, as_json)


def _train(run: "Run", as_json: bool) -> None:
    """Train a run here and now, with a progress bar; then say how it went."""
    from grpo_core import worker

    console = Console(stderr=as_json)
    console.print(Text(f"Run '{run.name}' in {run.path}\nCtrl-C stops after the step in flight."))
    started = time.monotonic()
    with _training_bar(console, run) as show:
        status = worker.run(run.path, on_step=show)
    _conclude(run, status, time.monotonic() - started, as_json)


def _conclude(run: "Run", status: str, seconds: float, as_json: bool) -> None:
    """Say how a training ended; exits with 130 where it was stopped early."""
    console = Console(stderr=as_json)
    measured_at, measured = _last_measured(run)
    if status == "stopped":
        advice = f"Stopped after step {run.last_step()}. Go on with: grpo-lab resume {_name(run)}"
        console.print(Text(advice))
    else:
        console.print(Text(f"Finished: {_held_out(measured)}."))
    if as_json:
        result = {
            "steps": run.last_step(),
            "seconds": round(seconds, 3),
            "status": status,
            "measured_at": measured_at,
            "run": run.name,
            "path": str(run.path),
        }
        _print_json(_measurement(measured) | result)
    if status == "stopped":
        raise typer.Exit(130)


def _measurement(measured: dict[str, float]) -> dict[str, float | None]:
    """The part of --json that is a measurement; null where nothing was measured."""
    values = {name: measured.get(name) for name in MEASURED}
    return values | {"n": int(measured.get("n", 0))}


def _name(run: "Run") -> str:
    """How to name a run on the command line: by its name where that is enough."""
    return run.name if run.path.parent == runs_dir() else str(run.path)


def _last_measured(run: "Run") -> tuple[int | None, dict[str, float]]:
    """The last step that was measured on held-out problems, and what was measured."""
    for step, metrics in reversed(run.metrics()):
        found = {k.removeprefix("eval/"): v for k, v in metrics.items() if k.startswith("eval/")}
        if found:
            return step, found
    return None, {}


def _held_out(measured: dict[str, float]) -> str:
    """A measurement in words."""
    if not measured:
        return "nothing was measured"
    return (
        f"held-out accuracy {measured['accuracy']:.3f}, format {measured['format']:.3f}, "
        f"mean length {measured['mean_length']:.1f}, backtracks {measured['backtracks']:.2f}, "
        f"truncated {measured['truncated']:.3f}"
    )


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
                progress.console.print(Text(f"step {step.index:4d}: {_held_out(measured)}"))
            numbers = "measured the untrained model"
            if step.index > 0:
                right = m.get("rewards/accuracy_reward/mean", math.nan)
                numbers = (
                    f"reward {m.get('reward', math.nan):.3f}  accuracy {right:.2f}  "
                    f"length {m.get('completions/mean_length', math.nan):.0f}  "
                    f"KL {m.get('kl', math.nan):.4f}"
                )
            progress.update(bar, completed=step.index, numbers=numbers)

        yield show


def _print_json(value: Any) -> None:
    """One line on stdout that any JSON parser reads: NaN and infinities become null."""

    def finite(v: Any) -> Any:
        if isinstance(v, dict):
            return {k: finite(x) for k, x in v.items()}
        if isinstance(v, list):
            return [finite(x) for x in v]
        return None if isinstance(v, float) and not math.isfinite(v) else v

    sys.stdout.flush()
    print(json.dumps(finite(value), allow_nan=False), flush=True)


# --- eval --------------------------------------------------------------------------------------


@app.command("eval")
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
    values = _config(config, settings, task=task, model=model, eval_size=n)
    source, step, run = _find_model(values.model, steps)
    if run is not None and config is None:
        base = run.config.to_dict() | {k: v for k, v in (("task", task), ("eval_size", n)) if v}
        for setting in settings or []:
            _merge(base, _parse_setting(setting))
        values = GRPOConfig.from_dict(base)
    console = Console(stderr=True)
    if steps is not None and run is None and steps != 0:
        console.print(Text(f"--steps {steps} is ignored: '{source}' is a model, not a run."))
    if not 0 <= temperature < math.inf:
        raise LabError(f"--temperature must be 0 or above, not {temperature}.")
    if seed is not None and seed < 0:
        raise LabError(f"--seed must be 0 or above, not {seed}.")
    measured, seconds = _evaluate(values, source, seed, temperature, console)
    if as_json:
        result = {"steps": step, "seconds": round(seconds, 3), "model": source}
        _print_json(_measurement(measured) | result)
    else:
        Console().print(Text(f"{source}: {_held_out(measured)}, n {measured['n']:.0f}."))


def _evaluate(
    config: GRPOConfig, model: str, seed: int | None, temperature: float, console: Console
) -> tuple[dict[str, float], float]:
    """Load and measure a model, with a progress bar on `console`; returns the seconds, too."""
    from grpo_core import worker
    from grpo_core.tasks import get_task

    problem_source = get_task(config.task, **config.task_options)
    os.environ.update(worker.environment(config))
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("loading the model", total=None)
        import torch
        from transformers.utils import logging as transformers_logging

        from grpo_core.evaluation import EVAL_SEED
        from grpo_core.evaluation import evaluate as measure
        from grpo_core.models.policy import load_policy

        transformers_logging.disable_progress_bar()
        if config.threads:
            torch.set_num_threads(config.threads)
        policy = load_policy(model)
        progress.update(bar, description="held-out problems")
        started = time.monotonic()
        measured = measure(
            policy,
            problem_source,
            n=config.eval_size,
            seed=EVAL_SEED if seed is None else seed,
            temperature=temperature,
            max_completion_length=config.max_completion_length,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
        return measured, time.monotonic() - started


# --- runs, pretrain, doctor --------------------------------------------------------------------


@app.command()
def runs(
    root: Annotated[
        Path | None,
        typer.Option("--runs", help="The folder to look in; $GRPO_LAB_RUNS, or ./runs."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first: what they do, how far they are, how good they got."""
    from grpo_core.store import list_runs

    folder = (root or runs_dir()).absolute()
    rows = [_row(run) for run in list_runs(folder)]
    if as_json:
        _print_json(rows)
        return
    console = Console()
    if not rows:
        console.print(Text(f"No runs in {folder} yet. Start one: grpo-lab train"))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "status", "step", "accuracy", "created"):
        table.add_column(heading, justify="right" if heading in ("step", "accuracy") else "left")
    for row in rows:
        accuracy = "" if row["accuracy"] is None else f"{row['accuracy']:.3f}"
        step = "" if row["step"] is None else f"{row['step']}/{row['max_steps'] or '?'}"
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["created"]))
        table.add_row(*map(Text, (row["name"], row["status"], step, accuracy, created)))
    console.print(table)
    for row in rows:
        if row["problem"]:
            console.print(Text(f"{row['name']}: {row['problem']}"))


def _row(run: "Run") -> dict[str, Any]:
    """A run in a line; whatever is damaged, the others are still listed."""
    try:
        measured = _last_measured(run)[1]
    except LabError:
        measured = {}
    try:
        max_steps = run.options.get("max_steps")
    except LabError:
        max_steps = None
    return {
        "name": run.name,
        "status": run.status,
        "step": run.last_step_or_none(),
        "max_steps": max_steps,
        "accuracy": measured.get("accuracy"),
        "created": run.created,
        "path": str(run.path),
        "problem": run.problem,
    }


@app.command()
def pretrain(
    out: Annotated[
        Path | None, typer.Option("--out", help="Where to save it; data/models/tiny-base.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Decides weights and corpus.")] = 0,
    tokens: Annotated[
        int | None, typer.Option("--tokens", min=1, help="Learn this many target tokens.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make the tiny base model from nothing: generate a corpus, train on it, measure the result."""
    from grpo_core.models.card import write_card
    from grpo_core.models.policy import Policy
    from grpo_core.models.pretrain import PretrainConfig, Pretrainer
    from grpo_core.models.tokenizer import build_tokenizer
    from grpo_core.tasks.countdown import Countdown

    config = PretrainConfig(seed=seed)
    config = dataclasses.replace(config, target_tokens=tokens or config.target_tokens)
    folder = out or data_dir() / "models" / "tiny-base"
    task = Countdown()
    trainer = Pretrainer(task, config)
    seconds = 0.0
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=as_json)) as bar:
        shown = bar.add_task("the first step compiles", total=config.target_tokens)
        for progress in trainer:
            seconds = progress.seconds
            description = f"loss {progress.loss:.3f}"
            bar.update(shown, completed=progress.tokens, description=description)
    policy = Policy(trainer.model, build_tokenizer())
    try:
        policy.save(folder)
        measured = write_card(folder, policy, task, config, seconds)
    except OSError as error:
        raise LabError(f"Cannot save the model to {folder}: {error.strerror or error}.") from error
    if as_json:
        _print_json(measured | {"seconds": seconds})
    else:
        Console().print(Text(f"Saved to {folder}; its README.md says what it can do."))


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Say what this machine has, lacks, and has too little of, and what to do about it.

    Exit code 1 when something essential is missing.
    """
    from grpo_core.doctor import examine

    styles = {"ok": "green", "small": "yellow", "missing": "red", "note": "dim"}
    console = Console(stderr=as_json)
    findings = []
    for finding in examine():
        findings.append(finding)
        line = Text.assemble(
            (f"{finding.verdict:8}", styles[finding.verdict]), f"{finding.what}: {finding.found}"
        )
        console.print(line)
        if finding.advice:
            console.print(Text(f"        {finding.advice}", style="bold"))
    bad = [finding for finding in findings if finding.essential]
    if as_json:
        _print_json({"ok": not bad, "findings": [finding.to_dict() for finding in findings]})
    elif bad:
        console.print(Text(f"To be put right first: {', '.join(f.what for f in bad)}."))
    else:
        console.print(Text("Ready. Start with: python app.py"))
    if bad:
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
