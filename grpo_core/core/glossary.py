"""The glossary as data: what each metric means, read from the tables of docs/glossary.md.

The page is written for people, and is the one place where a metric is explained; this reads it, so
that the dashboard and notebooks say the same.
"""

import re
from dataclasses import dataclass
from functools import cache

from grpo_core.core.paths import glossary_file

ANY = "<name>"
"""What stands in an entry's name for any name, as in `rewards/<name>/mean`."""


@dataclass(frozen=True)
class Entry:
    """One line of the glossary, as plain text.

    Attributes:
        name: of the metric, as it is recorded; ANY in it stands for any name.
        meaning: one or a few sentences.
        unit: "" where it has none.
    """

    name: str
    meaning: str
    unit: str


@cache
def entries() -> tuple[Entry, ...]:
    """Every metric and every value of a token, in the order of the page."""
    found: list[Entry] = []
    head: list[str] = []
    for line in glossary_file().read_text(encoding="utf-8").splitlines():
        cells = _cells(line)
        if not cells:
            head = []
        elif not head:
            head = cells
        elif head[0] in ("metric", "name") and not set(cells[0]) <= set("-: "):
            unit = cells[2] if len(cells) > 2 and cells[2] != "-" else ""
            found.append(Entry(cells[0], cells[1], unit))
    return tuple(found)


def explain(metric: str) -> Entry | None:
    """The entry of a metric: the one of exactly its name, else the first whose pattern it fits."""
    by_name = {entry.name: entry for entry in entries()}
    if metric in by_name:
        return by_name[metric]
    for entry in entries():
        before, any_name, after = entry.name.partition(ANY)
        room = len(metric) > len(before) + len(after)
        if any_name and room and metric.startswith(before) and metric.endswith(after):
            return entry
    return None


def _cells(line: str) -> list[str]:
    """The cells of a table's row without their markup; [] for any other line."""
    if not line.startswith("|"):
        return []
    return [_plain(cell) for cell in line.strip().strip("|").split("|")]


def _plain(text: str) -> str:
    """Markdown as people read it: links, emphasis and code without their signs."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"(\*{1,2})(\S(?:[^*]*\S)?)\1", r"\2", text)
    return text.replace("`", "").strip()
