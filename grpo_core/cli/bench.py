"""`grpo-lab bench memory`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from grpo_core.cli.options import JsonOption
from grpo_core.cli.output import print_json
from grpo_core.errors import LabError
from grpo_core.ledger import Work

app = typer.Typer(help="Measure what methods cost on this machine.", no_args_is_help=True)

_WORK = Work()


@app.command()
def memory(
    model: Annotated[str, typer.Option(help="'tiny', a folder, or a hub id.")] = _WORK.model,
    prompts: Annotated[int, typer.Option(help="Prompts a step.")] = _WORK.prompts,
    num_generations: Annotated[
        int, typer.Option(help="Completions a prompt.")
    ] = _WORK.num_generations,
    completion_length: Annotated[
        int, typer.Option(help="Tokens of every completion.")
    ] = _WORK.completion_length,
    repeats: Annotated[
        int, typer.Option(help="How often each method is measured, each time in a new process.")
    ] = _WORK.repeats,
    threads: Annotated[
        int, typer.Option(help="Of torch; a large model may want as many as there are cores.")
    ] = _WORK.threads,
    out: Annotated[Path | None, typer.Option(help="Write the JSON to this file.")] = None,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the bytes to this file: .png, .svg or .pdf.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The memory and time of GRPO and of PPO, on matched work.

    GRPO without and with a reference, PPO with a value head and with a critic of its own: the same
    model, prompts, completions and precision. docs/grpo-vs-ppo.md says how it is done. Let nothing
    else run meanwhile.

    With --json: work, machine, weights, shape, and for each method bytes, predicted, peaks,
    seconds, rss and cuda_peak.
    """
    from grpo_core.ledger import rounds

    work = Work(model, prompts, num_generations, completion_length, repeats, threads)
    for file in (out, figure):
        _check_writable(file)
    if figure is not None and figure.suffix not in (".png", ".svg", ".pdf"):
        raise LabError(f"--figure takes a file that ends in .png, .svg or .pdf, not '{figure}'.")
    console = Console(stderr=True)
    columns = (
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TextColumn("{task.description}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, transient=True) as progress:
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
        _draw(figure, result)
    if as_json:
        print_json(result)
    else:
        _show(Console(), result)


def _check_writable(file: Path | None) -> None:
    """Refuse now what could not be written in some minutes."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise LabError(f"Cannot write '{file}': its folder must exist, and it must be a file.")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LabError(f"Cannot write '{file}': {error.strerror}.") from error


def _draw(file: Path, result: dict[str, Any]) -> None:
    from grpo_core.figures import memory_ledger, use_style

    use_style()
    try:
        memory_ledger(result).savefig(file)
    except OSError as error:
        raise LabError(f"Cannot write '{file}': {error.strerror}.") from error


def _show(console: Console, result: dict[str, Any]) -> None:
    """The two tables."""
    from grpo_core import machine
    from grpo_core.ledger import report

    console.print(Text(report.in_words(result)))
    console.print(Text(machine.in_words(result["machine"]), style="dim"))
    for rows in (report.memory_table(result), report.seconds_table(result)):
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for i, head in enumerate(rows[0]):
            table.add_column(head, justify="right" if i else "left", no_wrap=not i, overflow="fold")
        for row in rows[1:]:
            bold = "bold" if row[0] in ("held all through", "a step") else None
            table.add_row(*row, style=bold)
        console.print(table)
