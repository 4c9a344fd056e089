"""`grpo-lab notebooks build | check` and `grpo-lab grade`."""

from pathlib import Path
from typing import Annotated

import typer

from grpo_core.cli.options import JsonOption
from grpo_core.cli.output import print_json
from grpo_core.core.errors import LabError

notebooks = typer.Typer(
    help="Make both editions of the notebooks from their sources, or see which are out of date.",
    no_args_is_help=True,
)

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Names or numbers of notebooks; all unless told."),
]


@notebooks.command()
def build(names: NamesArgument = None) -> None:
    """Write the learner's edition, run the solutions and write them with their outputs."""
    from grpo_core.course.build import main

    main(names or [])


@notebooks.command()
def check(names: NamesArgument = None) -> None:
    """Say which editions are not what their source gives; exit code 1 when there are any."""
    from grpo_core.course.build import stale
    from grpo_core.course.sources import notebook_sources

    found = notebook_sources(names or [])
    problems = [problem for source in found for problem in stale(source)]
    for problem in problems:
        print(problem)
    if problems:
        raise LabError("Some notebooks are out of date: `grpo-lab notebooks build` makes them new.")
    print(f"Up to date: both editions of {len(found)} notebook{'' if len(found) == 1 else 's'}.")


def grade(
    folder: Annotated[
        Path,
        typer.Argument(
            exists=True, file_okay=False, help="Notebooks or exports of progress, of a class."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The table to write.")] = Path("grades.csv"),
    seconds: Annotated[
        float, typer.Option("--seconds", min=1.0, help="Most that one notebook may run.")
    ] = 300.0,
    require_confinement: Annotated[
        bool,
        typer.Option(
            "--require-confinement",
            help="Run nothing where one of the protections that are printed does not hold.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a class's notebooks, read its exports, and write a table of what is passed.

    **This executes the students' code.** Each notebook has a process of its own, with limits, and
    as little of this machine as the system can give it; what holds here is printed first. Where
    something does not, grade strangers' notebooks in a virtual machine.
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
