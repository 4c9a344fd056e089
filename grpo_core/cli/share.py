"""`grpo-lab share`, `grpo-lab export` and `grpo-lab import-trl`."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from grpo_core.cli.find import find_run, name_of
from grpo_core.cli.options import JsonOption, SetOption, TaskOption, merge, parse_setting
from grpo_core.cli.output import plain, print_json
from grpo_core.core.errors import LabError
from grpo_core.core.paths import runs_dir

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's name or folder.")]

FORMS = ("csv", "parquet", "trl")


def share(
    run: RunArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Output file (default: RUN.html in the current directory)."),
    ] = None,
    title: Annotated[
        str, typer.Option(help="Title of the page (default: the run's name).", show_default=False)
    ] = "",
    description: Annotated[
        str, typer.Option(help="Plain text below the title.", show_default=False)
    ] = "",
    steps: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Include groups of these steps only, such as 1,5,10-20 (default: all steps).",
        ),
    ] = None,
    every: Annotated[int, typer.Option(help="Include groups of every n-th step only.")] = 1,
    groups: Annotated[
        int | None,
        typer.Option(help="Include at most this many groups per step (default: all groups)."),
    ] = None,
    max_mb: Annotated[
        float,
        typer.Option(
            help="Maximum size of the file in megabytes; groups are left out to reach it."
        ),
    ] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Make one HTML file that replays a run in any browser, without a network or a server.

    It has the dashboard's board, charts, diagnosis and atlas. The curves are always complete; the
    page states which groups were left out, if any.
    """
    from grpo_core.app.share.html import Choice, share_html

    found = find_run(run)
    chosen = None if steps is None else parse_steps(steps)
    if chosen is not None and every != 1:
        raise LabError("Give --steps or --every, not both.")
    console = Console(stderr=True)
    with console.status("") as status:
        shared = share_html(
            found,
            out or Path(f"{found.name}.html"),
            title=title,
            description=description,
            choice=Choice(chosen, every, groups),
            max_mb=max_mb,
            told=lambda sentence: status.update(plain(sentence)),
        )
    if as_json:
        size = {"bytes": shared.size, "left_out": shared.left_out}
        print_json({"run": found.name, "path": str(shared.path), **size})
        return
    console = Console()
    if shared.left_out:
        console.print(plain(shared.left_out))
    console.print(plain(f"{shared.path}: {shared.size / 1e6:.1f} MB. Open it in any browser."))


def parse_steps(text: str) -> frozenset[int]:
    """Parse a list of steps such as "1,5,10-20".

    Raises:
        LabError: the text is not such a list.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part)
        if not match:
            raise LabError(f"--steps must be a list such as 1,5,10-20, not '{text}'.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last - first > 1_000_000:
            raise LabError(
                f"--steps {part.strip()} is too long a range: use at most 1,000,000 steps."
            )
        found.update(range(first, last + 1))
    return frozenset(found)


def export(
    run: RunArgument,
    form: Annotated[str, typer.Option("--as", metavar="|".join(FORMS), help="Format to write.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Output folder (default: RUN-FORMAT in the current directory)."),
    ] = None,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Also write a table of all tokens, which is large.")
    ] = False,
    spreadsheet: Annotated[
        bool,
        typer.Option(
            "--spreadsheet",
            help="Write CSV for a spreadsheet program: guard texts that could be formulas.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a run as tables (csv, parquet) or in TRL's log_completions format (trl).

    Tables come with a README.md that explains every column.
    """
    if form not in FORMS:
        raise LabError(f"Unknown format '{form}'. Use --as with one of: {', '.join(FORMS)}.")
    if form != "csv" and spreadsheet:
        raise LabError("--spreadsheet works with --as csv only.")
    if form == "trl" and tokens:
        raise LabError("--tokens works with --as csv and --as parquet only: TRL logs no tokens.")
    found = find_run(run)
    target = out or Path(f"{found.name}-{form}")
    with Console(stderr=True).status("") as status:

        def told(sentence: str) -> None:
            status.update(plain(sentence))

        if form == "trl":
            from grpo_core.app.share.trl import export_trl

            path = export_trl(found, target, told=told)
        else:
            from grpo_core.app.share.tables import export_tables

            path = export_tables(
                found, target, form, tokens=tokens, spreadsheet=spreadsheet, told=told
            )
    files = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())
    if as_json:
        print_json({"run": found.name, "path": str(path), "files": list(map(str, files))})
        return
    shown = ", ".join(map(str, files[:4])) + (f" and {len(files) - 4} more" if files[4:] else "")
    Console().print(plain(f"{path}: {shown}"))


def import_trl(
    folder: Annotated[
        Path, typer.Argument(help="TRL's output_dir, or the folder `completions` inside it.")
    ],
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="RUN", help="The new run's name, or a path to its folder."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=WEIGHT,...",
            help="Weights of the rewards (default: computed from trainer_state.json if possible, "
            "otherwise 1 each).",
        ),
    ] = None,
    group_size: Annotated[
        int | None,
        typer.Option(help="TRL's num_generations (default: the number of equal prompts in a row)."),
    ] = None,
    task: TaskOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import completions that TRL logged (log_completions=True) as a run for the dashboard.

    Add what TRL does not log with options: --task countdown --set learning_rate=1e-6.
    """
    from grpo_core.app.share.trl import import_folder
    from grpo_core.runs import run_path

    known: dict[str, Any] = {"task": task} if task else {}
    for setting in settings or []:
        merge(known, parse_setting(setting))
    name = out or re.sub(r"[^\w.-]+", "-", folder.absolute().name).strip("-.") or "trl"
    with Console(stderr=True).status("Reading ..."):
        run, notes = import_folder(
            folder,
            run_path(runs_dir(), name),
            weights=None if weights is None else parse_weights(weights),
            group_size=group_size,
            known=known,
        )
    if as_json:
        print_json({"run": run.name, "path": str(run.path), "notes": notes})
        return
    console = Console()
    for note in notes:
        console.print(plain(note))
    said = (
        f"Run '{name_of(run)}' has {run.last_step()} steps. Open it in the dashboard: python "
        "app.py."
    )
    console.print(plain(said))


def parse_weights(text: str) -> dict[str, float]:
    """Parse reward weights such as "accuracy_reward=1,format_reward=0.3" into a dict.

    Raises:
        LabError: the text is not such a list.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise LabError(f"--weights must be NAME=WEIGHT,..., not '{text}'.")
    return found
