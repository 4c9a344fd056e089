"""The atlas of a run: every group of every step at a glance, and what was first seen where.

Read from run.db without the tokens, new steps only, once somebody wants it. A cell is

    [step, group, prompt, mean reward, dead, well-formed, solved, spread]

`prompt` counts the different prompts in the order they came; well-formed and solved are shares,
null where the run has no such reward; `spread` is the standard deviation of the rewards (ddof 1).
`firsts` are the first completions that did something.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from statistics import stdev
from typing import Any

from grpo_core.app.dashboard.history import History
from grpo_core.app.dashboard.payloads import clip, number, question
from grpo_core.core.errors import LabError
from grpo_core.runs import GroupOutline, Run
from grpo_core.tasks import Trait, get_task

MAX_CELLS = 40_000  # sent at once; a longer run's later steps follow when asked again
MAX_GROUPS = 64  # of a step
MAX_ASKED = 200  # characters of a prompt
AFTER = "solved after turning back"


class Prompts:
    """The different prompts of a run, numbered in the order they came.

    Most steps bring new ones, so these are what grows for as long as a run is watched: 24 bytes
    and its text each, where a list and a dictionary take 300.
    """

    def __init__(self) -> None:
        self._texts = bytearray()
        self._ends = array("q")  # of each in the texts
        self._hashes = array("q")  # rising; a prompt may be long
        self._numbers = array("q")  # in the order of the hashes

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, number: int) -> str:
        """What was asked, at most MAX_ASKED characters of it."""
        begin = self._ends[number - 1] if number else 0
        return self._texts[begin : self._ends[number]].decode()

    def number(self, prompt: str) -> int:
        """The prompt's number, a new one if it has none."""
        mark = hash(prompt)
        place = bisect_left(self._hashes, mark)
        if place == len(self._hashes) or self._hashes[place] != mark:
            self._hashes.insert(place, mark)
            self._numbers.insert(place, len(self._ends))
            self._texts += clip(question(prompt), MAX_ASKED).encode(errors="replace")
            self._ends.append(len(self._texts))
        return self._numbers[place]


class Atlas:
    """What is known of one run so far; not safe from several threads at once."""

    def __init__(self, task: str | None, options: dict[str, Any] | None = None) -> None:
        self.cells = History()  # a row a cell: a list of them would take four times the memory
        self.prompts = Prompts()
        self.firsts: dict[str, dict[str, int]] = {}
        self.last = -1
        self._traits = _traits(task, options or {})

    def read(self, run: Run) -> bool:
        """Take in what is new; True when there was any. Raises LabError when it is unreadable."""
        before = self.last
        for step, groups in run.outlines(after=self.last):
            for index, group in enumerate(groups[:MAX_GROUPS]):
                self._add(step, index, group)
            self.last = step
        return self.last != before

    def since(self, after: int) -> dict[str, Any]:
        """What the page has not got, whose last step is `after`; `last` is then its last."""
        steps = self.cells.steps
        begin, end, last = bisect_right(steps, after), len(self.cells), self.last
        if end - begin > MAX_CELLS:  # whole steps only
            end = bisect_left(steps, steps[begin + MAX_CELLS])
            last = steps[end - 1]
        cells = [_cell(step, row) for step, row in self.cells[begin:end]]
        numbers = sorted({cell[2] for cell in cells})
        return {
            "cells": cells,
            "prompts": {str(n): self.prompts[n] for n in numbers},
            "firsts": self.firsts,
            "last": last,
        }

    def _add(self, step: int, index: int, group: GroupOutline) -> None:
        known = self.prompts.number(group.prompt)
        formed, solved = (_part(group, name) for name in ("format", "accuracy"))
        row: dict[str, float | None] = {"group": index, "prompt": known, "dead": group.dead}
        row["mean"] = sum(group.rewards) / len(group.rewards) if group.rewards else None
        row |= {"formed": _share(formed), "solved": _share(solved)}
        row["spread"] = stdev(group.rewards) if len(group.rewards) > 1 else None
        self.cells.add([(step, {name: v for name, v in row.items() if v is not None})])
        for name, found in self._seen(group, formed, solved):
            place = {"step": step, "group": index, "completion": found}
            self.firsts.setdefault(name, place)

    def _seen(
        self, group: GroupOutline, formed: list[float], solved: list[float]
    ) -> Iterable[tuple[str, int]]:
        """What some completion of the group did, and the first that did."""
        seen = {"well-formed": formed, "solved": solved}
        for name in [name for name in self._traits if name not in self.firsts]:
            seen[name] = [self._does(name, text, group.columns) for text in group.texts]
        if AFTER in self._traits:
            seen[AFTER] = [a * b for a, b in zip(seen.get(AFTER, []), solved, strict=False)]
        for name, values in seen.items():
            if name not in self.firsts and 1.0 in values:
                yield name, values.index(1.0)

    def _does(self, name: str, text: str, columns: dict[str, Any]) -> float:
        try:
            return float(self._traits[name](text, **columns))
        except (TypeError, ValueError):
            return 0.0  # recorded by another version of the task, with other columns


def _cell(step: int, row: Mapping[str, float]) -> list[Any]:
    """A cell as the page gets it, from its row of the history."""
    mean, formed, solved, spread = (
        number(row.get(name)) for name in ("mean", "formed", "solved", "spread")
    )
    dead = bool(row["dead"])
    return [step, int(row["group"]), int(row["prompt"]), mean, dead, formed, solved, spread]


def _part(group: GroupOutline, word: str) -> list[float]:
    """The values of the reward whose name begins with a word, one a completion; [] without one."""
    names = [name for name in (group.parts[0] if group.parts else {}) if name.startswith(word)]
    return [parts.get(names[0], 0.0) for parts in group.parts] if names else []


def _share(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _traits(task: str | None, options: dict[str, Any]) -> dict[str, Trait]:
    """What a completion of the task may be seen to do; {} for a task of another machine."""
    try:
        known = get_task(str(task), **options)
    except (LabError, TypeError, ValueError):
        return {}

    def turned(completion: str, **_: Any) -> bool:
        return known.backtracks(completion) > 0

    return {**getattr(known, "traits", {}), "turned back": turned, AFTER: turned}
