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
        typer.Option(
            "--runs", help="The folder that holds the runs. Default: $GRPO_LAB_RUNS, or ./runs."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the runs, newest first: status, steps done and last held-out accuracy."""
    from grpo_core.runs import list_runs

    folder = (root or runs_dir()).absolute()
    rows = [_row(run) for run in list_runs(folder)]
    if as_json:
        print_json(rows)
        return
    console = Console()
    if not rows:
        console.print(plain(f"No runs in {folder} yet. Start one with: grpo-lab train"))
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
    """Return one row of the list; a damaged run still gets a row."""
    try:
        measured = last_measured(run, whole=False)[1]
    except LabError:
        measured = {}
    found = run.describe()
    return {
        "name": run.name,
        "status": found.status,
        "step": found.step,
        "max_steps": found.options.get("max_steps"),
        "accuracy": measured.get("accuracy"),
        "created": found.created,
        "path": str(run.path),
        "problem": found.problem,
    }
