"""`grpo-lab doctor`."""

import typer
from rich.console import Console
from rich.text import Text

from grpo_core.cli.options import JsonOption
from grpo_core.cli.output import print_json


def doctor(as_json: JsonOption = False) -> None:
    """Say what this machine has, lacks, and has too little of, and what to do about it.

    Exit code 1 when something essential is missing.
    """
    from grpo_core.cli.doctor_checks import examine

    styles = {"ok": "green", "small": "yellow", "missing": "red", "note": "dim"}
    console = Console(stderr=as_json)
    findings = []
    for finding in examine():
        findings.append(finding)
        line = Text.assemble(
            (f"{finding.verdict:8}", styles[finding.verdict]), f"{finding.what}: {finding.found}"
        )
        console.print(line)
        if finding.advice:
            console.print(Text(f"        {finding.advice}", style="bold"))
    bad = [finding for finding in findings if finding.essential]
    if as_json:
        print_json({"ok": not bad, "findings": [finding.to_dict() for finding in findings]})
    elif bad:
        console.print(Text(f"To be put right first: {', '.join(f.what for f in bad)}."))
    else:
        console.print(Text("Ready. Start with: python app.py"))
    if bad:
        raise typer.Exit(1)
