"""`grpo-lab runs`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from grpo_core.cli.options import JsonOption
from grpo_core.cli.output import last_measured, plain, print_json
from grpo_core.core.errors import LabError
from grpo_core.core.paths import runs_dir

if TYPE_CHECKING:
    from grpo_core.runs import Run


def runs(
    root: Annotated[
        Path | None,
        typer.Option("--runs", help="The folder to look in; $GRPO_LAB_RUNS, or ./runs."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first: what they do, how far they are, how good they got."""
    from grpo_core.runs import list_runs

    folder = (root or runs_dir()).absolute()
    rows = [_row(run) for run in list_runs(folder)]
    if as_json:
        print_json(rows)
        return
    console = Console()
    if not rows:
        console.print(plain(f"No runs in {folder} yet. Start one: grpo-lab train"))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "status", "step", "accuracy", "created"):
        table.add_column(heading, justify="right" if heading in ("step", "accuracy") else "left")
    for row in rows:
        accuracy = "" if row["accuracy"] is None else f"{row['accuracy']:.3f}"
        step = "" if row["step"] is None else f"{row['step']}/{row['max_steps'] or '?'}"
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["created"]))
        table.add_row(*map(plain, (row["name"], row["status"], step, accuracy, created)))
    console.print(table)
    for row in rows:
        if row["problem"]:
            console.print(plain(f"{row['name']}: {row['problem']}"))


def _row(run: "Run") -> dict[str, Any]:
    """A run in a line; whatever is damaged, the others are still listed."""
    try:
        measured = last_measured(run, whole=False)[1]
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
