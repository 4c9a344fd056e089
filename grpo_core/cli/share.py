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

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's name or folder.")]

FORMS = ("csv", "parquet", "trl")


def share(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file; RUN.html in this folder unless told.")
    ] = None,
    title: Annotated[str, typer.Option(help="Over the page; the run's name unless told.")] = "",
    description: Annotated[str, typer.Option(help="Plain text under the title.")] = "",
    steps: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Groups of these steps only, such as 1,5,10-20."),
    ] = None,
    every: Annotated[int, typer.Option(help="Groups of every so many steps.")] = 1,
    groups: Annotated[int | None, typer.Option(help="The first so many groups of a step.")] = None,
    max_mb: Annotated[
        float,
        typer.Option(help="Leave out groups until the file is no larger than so many megabytes."),
    ] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Make one HTML file that replays a run in any browser, without a network or a server.

    It has the dashboard's board, charts, diagnosis and atlas. Curves are always whole; which groups
    are left out, if any, the page says.
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
    """The steps of a list such as "1,5,10-20".

    Raises:
        LabError: it is no such list.
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part)
        if not match:
            raise LabError(f"--steps takes a list such as 1,5,10-20, not '{text}'.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last - first > 1_000_000:
            raise LabError(f"--steps {part.strip()} is too long a range.")
        found.update(range(first, last + 1))
    return frozenset(found)


def export(
    run: RunArgument,
    form: Annotated[str, typer.Option("--as", metavar="|".join(FORMS), help="What to write.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The new folder; RUN-FORM here unless told.")
    ] = None,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="With a table of all tokens, which is large.")
    ] = False,
    spreadsheet: Annotated[
        bool,
        typer.Option(
            "--spreadsheet",
            help="CSV for a spreadsheet program: texts that it might evaluate are guarded.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a run as tables (csv, parquet), or as TRL's log_completions would have (trl).

    Tables come with a README.md that explains every column.
    """
    if form not in FORMS:
        raise LabError(f"--as takes {', '.join(FORMS)}, not '{form}'.")
    if form != "csv" and spreadsheet:
        raise LabError("--spreadsheet is for --as csv.")
    if form == "trl" and tokens:
        raise LabError("--tokens is for --as csv and --as parquet: TRL keeps no tokens.")
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
        Path, typer.Argument(help="TRL's output_dir, or the folder `completions` in it.")
    ],
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="RUN", help="The new run's name, or a path to its folder."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=WEIGHT,...",
            help="What the rewards counted; worked out from trainer_state.json unless told, "
            "else 1 each.",
        ),
    ] = None,
    group_size: Annotated[
        int | None,
        typer.Option(help="num_generations; worked out from equal prompts unless told."),
    ] = None,
    task: TaskOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a run of the completions that TRL logged (log_completions=True), for the dashboard.

    What TRL does not write down can be added: --task countdown --set learning_rate=1e-6.
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
    said = f"Run '{name_of(run)}' goes to step {run.last_step()}: the dashboard shows it (app.py)."
    console.print(plain(said))


def parse_weights(text: str) -> dict[str, float]:
    """Reward name -> weight, of a list such as "accuracy_reward=1,format_reward=0.3".

    Raises:
        LabError: it is no such list.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise LabError(f"--weights takes NAME=WEIGHT,..., not '{text}'.")
    return found
