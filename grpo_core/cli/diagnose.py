"""`grpo-lab diagnose`."""

from typing import Annotated

import typer
from rich.console import Console
from rich.padding import Padding

from grpo_core.cli.find import find_run
from grpo_core.cli.options import JsonOption
from grpo_core.cli.output import plain, print_json

_COLORS = {"fine": "green", "look": "yellow", "trouble": "red", "unknown": "dim"}


def diagnose(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's name or folder.")],
    as_json: JsonOption = False,
) -> None:
    """Why is the loss zero, the reward flat? Length, format, KL: what the records of a run say."""
    from grpo_core.analysis.diagnosis import diagnose as ask

    found = find_run(run)
    findings = ask(found)
    if as_json:
        rows = [finding.to_dict() for finding in findings]
        print_json({"run": found.name, "path": str(found.path), "findings": rows})
        return
    console = Console()
    for finding in findings:
        verdict = plain(f"{finding.verdict:8}", style=_COLORS[finding.verdict])
        console.print(verdict + plain(finding.question, style="bold"))
        console.print(Padding(plain(finding.answer), (0, 0, 0, 8), expand=False))
        if finding.metrics:
            shown = plain(f"see {', '.join(finding.metrics)}", style="dim")
            console.print(Padding(shown, (0, 0, 0, 8), expand=False))
