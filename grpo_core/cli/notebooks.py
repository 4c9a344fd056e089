"""`grpo-lab notebooks build | check` and `grpo-lab grade`."""

from pathlib import Path
from typing import Annotated

import typer

from grpo_core.cli.options import JsonOption
from grpo_core.cli.output import print_json
from grpo_core.core.errors import LabError

notebooks = typer.Typer(
    help="Build both editions of the notebooks from their sources, or list those out of date.",
    no_args_is_help=True,
)

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Names or numbers of notebooks (default: all)."),
]


@notebooks.command()
def build(names: NamesArgument = None) -> None:
    """Write the learner's edition, run the solutions, and write them with their outputs."""
    from grpo_core.course.build import main

    main(names or [])


@notebooks.command()
def check(names: NamesArgument = None) -> None:
    """List editions that differ from their source; the exit code is 1 if there are any."""
    from grpo_core.course.build import stale
    from grpo_core.course.sources import notebook_sources

    found = notebook_sources(names or [])
    problems = [problem for source in found for problem in stale(source)]
    for problem in problems:
        print(problem)
    if problems:
        raise LabError("Some notebooks are out of date. Run `grpo-lab notebooks build`.")
    print(f"Up to date: both editions of {len(found)} notebook{'' if len(found) == 1 else 's'}.")


def grade(
    folder: Annotated[
        Path,
        typer.Argument(
            exists=True,
            file_okay=False,
            help="Folder with a class's notebooks or progress exports.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Output file, a CSV table.")] = Path(
        "grades.csv"
    ),
    seconds: Annotated[
        float, typer.Option("--seconds", min=1.0, help="Time limit per notebook, in seconds.")
    ] = 300.0,
    require_confinement: Annotated[
        bool,
        typer.Option(
            "--require-confinement",
            help="Run no notebook unless every protection that is printed is active.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a class's notebooks, read its exports, and write a table of passed exercises.

    **This executes the students' code.** Each notebook runs in a process of its own, with limits
    and as little access to this machine as the system allows; the protections active here are
    printed first. If one is not active, grade notebooks from strangers in a virtual machine.
    """
    from grpo_core.course.confined import Limits, protections
    from grpo_core.course.grade import grade as look_at
    from grpo_core.course.grade import write_csv

    for protection in (held := protections()):
        print(protection)
    if require_confinement and (missing := [p.name for p in held if not p.active]):
        raise LabError(
            f"Not protected on this machine: {', '.join(missing)}. Grade on a Linux system that "
            "allows it, or run the command in a virtual machine without --require-confinement."
        )
    rows = []
    for row in look_at(folder, Limits(seconds=seconds)):
        print(f"{row.file}: {row.problem or 'done'}", flush=True)
        rows.append(row)
    write_csv(rows, out)
    if as_json:
        troubled = [{"file": row.file, "problem": row.problem} for row in rows if row.problem]
        print_json(
            {
                "path": str(out.absolute()),
                "files": len(rows),
                "problems": troubled,
                "protections": {p.name: p.active for p in held},
            }
        )
        return
    print(f"{len(rows)} files; the table is {out}")
