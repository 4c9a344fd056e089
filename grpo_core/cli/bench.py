"""`grpo-lab bench memory`, `grpo-lab bench speed` and `grpo-lab bench scaling`."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from grpo_core.analysis.ledger import Work
from grpo_core.cli.options import JsonOption
from grpo_core.cli.output import print_json
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError

app = typer.Typer(help="Measure memory and time on this machine.", no_args_is_help=True)

_WORK = Work()


@app.command()
def memory(
    model: Annotated[
        str, typer.Option(help="The model: 'tiny', a folder, or a hub id.")
    ] = _WORK.model,
    prompts: Annotated[int, typer.Option(help="Prompts per step.")] = _WORK.prompts,
    num_generations: Annotated[
        int, typer.Option(help="Completions per prompt.")
    ] = _WORK.num_generations,
    completion_length: Annotated[
        int, typer.Option(help="Length of every completion, in tokens.")
    ] = _WORK.completion_length,
    repeats: Annotated[
        int, typer.Option(help="Measurements per method, each in a new process.")
    ] = _WORK.repeats,
    threads: Annotated[
        int,
        typer.Option(help="Threads of torch; for a large model try the number of CPU cores."),
    ] = _WORK.threads,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the memory figure to this file: .png, .svg or .pdf.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the memory and time of GRPO and PPO on matched work.

    Compares GRPO without and with a reference, and PPO with a value head and with a separate
    critic, on the same model, prompts, completions and precision. docs/grpo-vs-ppo.md describes
    the method. Run nothing else on the machine meanwhile.

    With --json: work, machine, weights, shape, and for each method bytes, predicted, peaks,
    seconds, rss and cuda_peak.
    """
    from grpo_core.analysis.ledger import rounds

    work = Work(model, prompts, num_generations, completion_length, repeats, threads)
    for file in (out, figure):
        _check_writable(file)
    _check_drawable(figure)
    with _progress() as progress:
        bar = progress.add_task("", total=None)
        result = rounds.run(
            work,
            lambda done, total, what: progress.update(
                bar, completed=done, total=total, description=what
            ),
        )
    if out is not None:
        _write(out, json.dumps(result, indent=1) + "\n")
    if figure is not None:
        from grpo_core.analysis.figures import memory_ledger

        _draw(figure, result, memory_ledger)
    if as_json:
        print_json(result)
    else:
        _show(Console(), result)


@app.command()
def speed(
    name: Annotated[
        str,
        typer.Option("--setting", help="'long', 'short' or 'smollm2'; see benchmarks/README.md."),
    ] = "long",
    against: Annotated[
        str, typer.Option(help="Baseline to compare with: 'trl', or '' for none.")
    ] = "trl",
    model: Annotated[
        str | None,
        typer.Option(help="The model: a name, a folder, or a hub id. Default: the setting's."),
    ] = None,
    prompts: Annotated[
        int | None, typer.Option(help="Prompts per step. Default: the setting's.")
    ] = None,
    num_generations: Annotated[
        int | None, typer.Option(help="Completions per prompt. Default: the setting's.")
    ] = None,
    max_completion_length: Annotated[
        int | None,
        typer.Option(help="Maximum length of a completion, in tokens. Default: the setting's."),
    ] = None,
    bf16: Annotated[
        bool | None,
        typer.Option(
            "--bf16/--float32",
            help="Precision of both: bfloat16 or float32. Default: the setting's.",
        ),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(help="Timed steps of each. Default: the setting's.")
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="Threads of each; 0 means all CPU cores. Default: the setting's."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Time one training step of this kit against one of TRL's on identical work, alternating.

    TRL runs with the fastest of several settings. benchmarks/README.md describes the method. Run
    nothing else on the machine meanwhile.

    With --json: machine, setting, rounds, summary, floor, trl_settings, trl_tried.
    """
    from grpo_core.analysis import speed as of_speed
    from grpo_core.runs.worker import environment

    if against not in ("trl", ""):
        raise LabError(f"Unknown baseline '{against}'. Use 'trl', or '' for none.")
    changes = {
        "model": model,
        "prompts": prompts,
        "num_generations": num_generations,
        "max_completion_length": max_completion_length,
        "bf16": bf16,
        "rounds": rounds,
        "threads": threads,
    }
    work = of_speed.setting(name, **changes)
    _check_writable(out)
    os.environ.update(environment(GRPOConfig(threads=work.threads)))  # before torch is loaded

    from grpo_core.analysis.speed.contest import measure

    with _progress() as progress:
        bar = progress.add_task("", total=None)
        result = measure(
            work,
            lambda what, done, total: progress.update(
                bar, completed=done, total=total, description=what
            ),
            against_trl=against == "trl",
        )
    if out is not None:
        _write(out, json.dumps(result, indent=1) + "\n")
    if as_json:
        print_json(result)
    else:
        _show_speed(Console(), result)


@app.command()
def scaling(
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the curves to this file: .png, .svg or .pdf.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure seconds per step against group size, completion length and model size.

    With --json: machine, work, and curves, each a list of points.
    """
    from grpo_core.core import machine
    from grpo_core.runs.worker import environment

    for file in (out, figure):
        _check_writable(file)
    _check_drawable(figure)
    os.environ.update(environment(GRPOConfig()))  # before torch is loaded

    from grpo_core.analysis.figures import scaling_curves
    from grpo_core.analysis.speed.scaling import measure

    with _progress() as progress:
        bar = progress.add_task("", total=None)
        result = measure(
            lambda what, done, total: progress.update(
                bar, completed=done, total=total, description=what
            )
        )
    if out is not None:
        _write(out, json.dumps(result, indent=1) + "\n")
    if figure is not None:
        _draw(figure, result, scaling_curves)
    if as_json:
        print_json(result)
        return
    console = Console()
    console.print(Text(machine.in_words(result["machine"]), style="dim"))
    for name, points in result["curves"].items():
        rows = [[name, "step, s", "sampling, s", "update, s"]]
        for point in points:
            seconds = [f"{point[key]:.3f}" for key in ("step", "sampling", "update")]
            rows.append([f"{point[name]:,}", *seconds])
        _print_table(console, rows)


def _progress() -> Progress:
    columns = (
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TextColumn("{task.description}"),
        TimeRemainingColumn(compact=True),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _check_writable(file: Path | None) -> None:
    """Raise LabError if the file cannot be written, before minutes of measuring."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise LabError(f"Cannot write '{file}'. Name a file in a folder that exists.")


def _check_drawable(file: Path | None) -> None:
    """Raise LabError if a figure cannot be saved with this file's ending."""
    if file is not None and file.suffix not in (".png", ".svg", ".pdf"):
        raise LabError(f"--figure must be a file that ends in .png, .svg or .pdf, not '{file}'.")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LabError(f"Cannot write '{file}': {error.strerror}.") from error


def _draw(file: Path, result: dict[str, Any], function: Callable[[Any], Any]) -> None:
    from grpo_core.analysis.figures import use_style

    use_style()
    try:
        function(result).savefig(file)
    except OSError as error:
        raise LabError(f"Cannot write '{file}': {error.strerror}.") from error


def _show(console: Console, result: dict[str, Any]) -> None:
    """Print the two tables."""
    from grpo_core.analysis.ledger import report
    from grpo_core.core import machine

    console.print(Text(report.in_words(result)))
    console.print(Text(machine.in_words(result["machine"]), style="dim"))
    for rows in (report.memory_table(result), report.seconds_table(result)):
        _print_table(console, rows, bold=("held throughout", "a step"))


def _show_speed(console: Console, result: dict[str, Any]) -> None:
    """Print the tables and the machine they were measured on."""
    from grpo_core.analysis.speed import report
    from grpo_core.core import machine

    console.print(Text(machine.in_words(result["machine"]), style="dim"))
    if "trl_settings" in result:
        console.print(Text(f"TRL's fastest settings: {result['trl_settings']}"))
    for rows in (
        report.contest_table(result),
        report.phase_table(result),
        report.floor_table(result),
    ):
        _print_table(console, rows)


def _print_table(console: Console, rows: list[list[str]], bold: tuple[str, ...] = ()) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for i, head in enumerate(rows[0]):
        table.add_column(head, justify="right" if i else "left", no_wrap=not i, overflow="fold")
    for row in rows[1:]:
        table.add_row(*row, style="bold" if row[0] in bold else None)
    console.print(table)
