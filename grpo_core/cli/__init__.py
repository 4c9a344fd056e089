"""The command line: `grpo-lab train | eval | resume | runs | diagnose | profile | bench | ...`.

Every command is a thin layer over a function that a notebook can call. Torch, and all that takes
time to load, is imported inside the functions that need it, so `--help` answers at once. Anything
the user can put right is one line on stderr and exit code 1; a mistake on the command line itself
is exit code 2; a training that was stopped early is 130, as shells expect of Ctrl-C.

    train      train, resume
    evaluate   eval
    runs       runs
    diagnose   diagnose
    profile    profile
    share      share, export, import-trl
    bench      bench memory, bench speed
    pretrain   pretrain
    pipeline   sft, reject, distill, r1
    doctor     doctor
    notebooks  notebooks build, notebooks check, grade
    options    what commands share, and the configuration that options make
    find       the run or model that a user means
    output     measurements in words, and --json
"""

import sys
from typing import Annotated

import typer

from grpo_core import __version__
from grpo_core.cli import (
    bench,
    diagnose,
    doctor,
    evaluate,
    notebooks,
    pipeline,
    pretrain,
    profile,
    runs,
    share,
    train,
)
from grpo_core.core import child
from grpo_core.core.errors import LabError

__all__ = ["app", "main"]

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
    child.secure_children_of_libraries()
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


app.command()(train.train)
app.command("eval")(evaluate.evaluate)
app.command()(train.resume)
app.command()(runs.runs)
app.command()(diagnose.diagnose)
app.command()(profile.profile)
app.command()(share.share)
app.command()(share.export)
app.command("import-trl")(share.import_trl)
app.add_typer(bench.app, name="bench")
app.command()(pretrain.pretrain)
app.command()(pipeline.sft)
app.command()(pipeline.reject)
app.command()(pipeline.distill)
app.command()(pipeline.r1)
app.command()(doctor.doctor)
app.add_typer(notebooks.notebooks, name="notebooks")
app.command()(notebooks.grade)
