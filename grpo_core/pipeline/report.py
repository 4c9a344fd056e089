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
    """Two students taught, and RL on each at the same cost, two ways of counting."""
    rows = [["", *(f"seed {r['config']['seed']}" for r in records)]]
    for student, (measured_as, before) in STUDENTS.items():
        costs = [record[student]["distilled"] for record in records]
        own = [cost["student"] for cost in costs]
        both = [cost["student"] + cost["teacher"] for cost in costs]
        last = [record[student]["rl"][-1] for record in records]
        lines: list[tuple[str, list[str]]] = [
            ("accuracy before", _accuracies(records, before)),
            ("distilled", _accuracies(records, measured_as)),
            ("operations of its fine-tuning", [_power(x) for x in own]),
            ("RL at these operations", _at(records, student, own)),
            ("operations with the teacher's sampling", [_power(x) for x in both]),
            ("RL at these operations", _at(records, student, both)),
            ("RL to its end", [f"{a:.3f}" for _, a in last]),
            ("its operations", [_power(x) for x, _ in last]),
        ]
        title = STUDENT_TITLES[student]
        rows += [[f"{title}: {what}", *cells] for what, cells in lines]
    return rows


STUDENTS = {"same_size": ("3-sft", "base"), "compute": ("5-distilled", "5-student")}
"""Where a record has what it cost -> the measurement after distillation, and that before."""

STUDENT_TITLES = {"same_size": "the base", "compute": "a smaller base"}


def rl_at(curve: Sequence[Sequence[float]], operations: float) -> float | None:
    """Held-out accuracy of RL when it had cost so much; None if it never did.

    Args:
        curve: [[operations, accuracy], ...] in order; between two it is taken for a straight line.
        operations: where to read it.
    """
    for (x0, y0), (x1, y1) in itertools.pairwise(curve):
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
        **({"same_size": record["same_size"]} if "same_size" in record else {}),
    }


def shown(column: str, value: float) -> str:
    """A measurement with as many digits as it has meaning: lengths one, shares three."""
    return f"{value:.1f}" if column.endswith(("length", "verdicts")) else f"{value:.3f}"


def _each(column: str, values: Sequence[float]) -> str:
    return " ".join(shown(column, value) for value in values)


def _accuracies(records: Sequence[Record], name: str) -> list[str]:
    return [f"{record['measured'][name]['accuracy']:.3f}" for record in records]


def _at(records: Sequence[Record], student: str, operations: Sequence[float]) -> list[str]:
    found = [rl_at(r[student]["rl"], x) for r, x in zip(records, operations, strict=True)]
    return ["-" if value is None else f"{value:.3f}" for value in found]


def _power(value: float) -> str:
    return f"{value:.2e}"
