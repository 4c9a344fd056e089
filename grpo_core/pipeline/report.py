"""What pipelines came to, as rows of tables. No torch in here."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

Record = dict[str, Any]

STAGES = {
    "base": "base",
    "1-cold-start": "1 cold start",
    "2-reasoning": "2 reasoning RL",
    "2-without-language": "2 without the language reward",
    "3-sft": "3 SFT of the base",
    "4-all-scenarios": "4 RL for all scenarios",
    "5-student": "the smaller base",
    "5-distilled": "distilled into it",
    "5-student-rl": "RL on it instead",
}
"""Folder of a stage -> what it is called."""

COLUMNS = {
    "accuracy": "accuracy",
    "format": "format",
    "language": "language",
    "mean_length": "length",
    "general/accuracy": "general",
    "general/mean_length": "its length",
}
"""A measurement -> its heading."""


def stage_table(record: Record) -> list[list[str]]:
    """A row a stage that was measured, under a row of headings."""
    return seeds_table([record])


def seeds_table(records: Sequence[Record]) -> list[list[str]]:
    """The same over several seeds: each seed's measurement, one after another."""
    rows = [["", *COLUMNS.values()]]
    for name, title in STAGES.items():
        if all(name in record["measured"] for record in records):
            found = [record["measured"][name] for record in records]
            rows.append([title, *(_each(c, [f[c] for f in found]) for c in COLUMNS)])
    return rows


def language_table(records: Sequence[Record]) -> list[list[str]]:
    """Stage 2 with and without the language reward, held out."""
    columns = ("accuracy", "language", "mixed", "verdicts", "mean_length")
    rows = [["stage 2", "accuracy", "language", "mixed", "verdicts", "length"]]
    for name, title in (
        ("1-cold-start", "before"),
        ("2-reasoning", "with the language reward"),
        ("2-without-language", "without it"),
    ):
        found = [record["measured"][name] for record in records]
        rows.append([title, *(_each(c, [f[c] for f in found]) for c in columns)])
    return rows


def data_table(records: Sequence[Record]) -> list[list[str]]:
    """What rejection sampling kept and why it dropped the rest."""
    rows = [["stage 3's sampling", *(f"seed {r['config']['seed']}" for r in records)]]
    sampled = [record["stages"]["3-traces"] for record in records]
    cells: dict[str, Callable[[Record], str]] = {
        "problems": lambda s: f"{s['problems']:,}",
        "completions": lambda s: f"{s['sampled']:,}",
        "problems with a trace": lambda s: f"{s['solved']:,}",
    }
    rows += [[title, *map(cell, sampled)] for title, cell in cells.items()]
    fates = list(dict.fromkeys(fate for s in sampled for fate in s["fates"]))
    rows += [[fate, *(f"{s['fates'].get(fate, 0):,}" for s in sampled)] for fate in fates]
    return rows


def distillation_table(records: Sequence[Record]) -> list[list[str]]:
    """The student taught, and RL on it at the same cost, two ways of counting."""
    rows = [["", *(f"seed {r['config']['seed']}" for r in records)]]
    costs = [record["compute"]["distilled"] for record in records]
    all_in = [cost["student"] + cost["teacher"] for cost in costs]
    own = [cost["student"] for cost in costs]
    taught = [record["measured"]["5-distilled"]["accuracy"] for record in records]
    base = [record["measured"]["5-student"]["accuracy"] for record in records]
    last = [record["measured"]["5-student-rl"]["accuracy"] for record in records]
    end = [record["compute"]["rl"][-1][0] for record in records]
    lines: list[tuple[str, list[str]]] = [
        ("the smaller base: accuracy", [f"{a:.3f}" for a in base]),
        ("distilled: accuracy", [f"{a:.3f}" for a in taught]),
        ("operations of the student", [_power(x) for x in own]),
        ("with its teacher's sampling", [_power(x) for x in all_in]),
        ("RL at the student's operations: accuracy", _at(records, own)),
        ("RL at both their operations: accuracy", _at(records, all_in)),
        ("RL to its end: accuracy", [f"{a:.3f}" for a in last]),
        ("its operations", [_power(x) for x in end]),
    ]
    return rows + [[title, *cells] for title, cells in lines]


def rl_at(record: Record, operations: float) -> float | None:
    """Held-out accuracy of RL on the student when it had cost so much; None if it never did.

    Between two measurements on a straight line.
    """
    points = record["compute"]["rl"]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 <= operations <= x1:
            return float(y0 + (y1 - y0) * (operations - x0) / max(x1 - x0, 1e-9))
    return None


def shipped(record: Record) -> Record:
    """A record without the paths of the machine it was made on."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            hidden = ("model", "config") if "what" in value or "curves" in value else ()
            return {k: plain(v) for k, v in value.items() if k not in hidden}
        return value

    return {
        "config": record["config"],
        "measured": record["measured"],
        "stages": {name: plain(found) for name, found in record["stages"].items()},
        "compute": record["compute"],
    }


def shown(column: str, value: float) -> str:
    """A measurement with as many digits as it has meaning: lengths one, shares three."""
    return f"{value:.1f}" if column.endswith(("length", "verdicts")) else f"{value:.3f}"


def _each(column: str, values: Sequence[float]) -> str:
    return " ".join(shown(column, value) for value in values)


def _at(records: Sequence[Record], operations: Sequence[float]) -> list[str]:
    found = [rl_at(record, x) for record, x in zip(records, operations, strict=True)]
    return ["-" if value is None else f"{value:.3f}" for value in found]


def _power(value: float) -> str:
    return f"{value:.2e}"
