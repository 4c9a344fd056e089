"""One HTML file that replays a run: no server, no network, nothing beside it.

The panels and their script are the dashboard's (dashboard/assets/pages/replay.js), and so are the
messages: those that `dashboard.feed` sends. In the page the messages are compressed and
base64-encoded, in elements that no browser runs as a script, so that a model's text cannot close
its element. The page's policy allows no script or style but its own, and no request at all.

Left out is what a server computes: the formula tool, what-if, the walkthrough, forks, a class.

A run's metrics, its atlas and its diagnosis are always whole. Of its groups, which are nearly all
of the size, the file has as many as fit: first the last groups of every step are left out, one
after the other, then those of every second step, fourth, ... The page says so.
"""

import base64
import datetime
import gzip
import hashlib
import html
import json
import math
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from grpo_core import __version__
from grpo_core.app.dashboard import bundle, payloads
from grpo_core.app.dashboard.messages import GroupSummary
from grpo_core.app.dashboard.runfeed import RunFeed
from grpo_core.app.dashboard.runs import describe, options_of, public, public_option
from grpo_core.app.share.whole import made_whole, new_place
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.runs import Run

MAX_MB = 10.0
MEGABYTE = 1_000_000
MAX_TITLE = 200  # characters
MAX_DESCRIPTION = 2_000

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="format-detection" content="telephone=no">
<meta name="generator" content="GRPO Lab {version}">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:image/svg+xml;base64,{icon}">
<style>{style}</style>
<script type="module">{script}</script>
</head>
<body>
<noscript><p class="lab-replay-none">This page replays a recorded run, which takes JavaScript.
</p></noscript>
"""
BLOCK = '<script type="application/gzip;base64" id="{name}">{data}</script>\n'
END = "</body>\n</html>\n"


@dataclass(frozen=True)
class Shared:
    """What was made.

    Attributes:
        path: the file.
        size: in bytes.
        left_out: one sentence, which the page has too; "" where every group is in it.
    """

    path: Path
    size: int
    left_out: str


@dataclass(frozen=True)
class Choice:
    """Which groups are wanted, before it is seen how many fit.

    Attributes:
        steps: of these steps; None for all.
        every: include every n-th step, from the first, and the last.
        groups: include at most this many groups per step; None for all.
    """

    steps: frozenset[int] | None = None
    every: int = 1
    groups: int | None = None

    def __post_init__(self) -> None:
        """Raises LabError where nothing can be meant."""
        if self.every < 1 or (self.groups is not None and self.groups < 1):
            raise LabError("--every and --groups must be 1 or more.")


@dataclass
class Boards:
    """The groups that are kept, as compressed board messages within a limit of bytes.

    Attributes:
        most: bytes, as they stand in the page.
        chosen: the steps whose groups are wanted, in order; the last one always stays.
        data: step -> its first groups.
        summaries: step -> what the picker says of all its groups.
        weights: step -> bytes of its summary.
        size: bytes so far.
        groups: how many groups of each step are kept; None while all are.
        every: keep one of every `every` chosen steps.
    """

    most: int
    chosen: list[int]
    data: dict[int, list[str]] = field(default_factory=dict)
    summaries: dict[int, list[GroupSummary]] = field(default_factory=dict)
    weights: dict[int, int] = field(default_factory=dict)
    size: int = 0
    groups: int | None = None
    every: int = 1

    def wants(self, place: int) -> bool:
        """Whether the step at a place among the chosen ones is still kept."""
        return place % self.every == 0 or place == len(self.chosen) - 1

    def add(self, step: int, summary: list[GroupSummary], texts: Iterable[str]) -> None:
        """Take in a step, and leave out what there is no room for.

        Raises:
            LabError: not even one group fits.
        """
        self.summaries[step] = summary
        self.weights[step] = len(_pack(payloads.encode({"groups": summary})))
        self.data[step] = [_pack(text) for text in texts]
        self.size += self._size(step)
        while self.size > self.most:
            widest = max(map(len, self.data.values()))
            if widest > 1:
                self._narrow(widest - 1)
            elif len(self.data) > 1:
                self._thin()
            else:
                least = math.ceil(10 * (self.size - self.most) / MEGABYTE) / 10
                raise LabError(f"Not even one group fits. Raise --max-mb by at least {least:.1f}.")

    def _narrow(self, groups: int) -> None:
        """Keep that many groups of each step."""
        self.groups = groups
        for step, blocks in self.data.items():
            self.size -= self._size(step)
            del blocks[groups:]
            self.size += self._size(step)

    def _thin(self) -> None:
        """Keep half as many steps."""
        self.every *= 2
        places = {step: place for place, step in enumerate(self.chosen)}
        gone = [step for step in self.data if not self.wants(places[step])]
        for step in gone or list(self.data)[:-1]:  # the last alone is left
            self.size -= self._size(step)
            del self.data[step], self.summaries[step]

    def _size(self, step: int) -> int:
        return self.weights[step] + sum(len(block) + len(BLOCK) for block in self.data[step])


def share_html(
    run: Run,
    target: Path | str,
    *,
    title: str = "",
    description: str = "",
    choice: Choice | None = None,
    max_mb: float = MAX_MB,
    told: Callable[[str], None] = lambda sentence: None,
) -> Shared:
    """Write the page.

    Args:
        run: may be live: the page then has what was recorded until now.
        target: the file, which must not exist.
        title, description: plain text; the run's name, and nothing, unless given.
        choice: the groups to include; all by default.
        max_mb: how large the file may become, in millions of bytes.
        told: called with a sentence about the progress.

    Raises:
        LabError: the run has recorded nothing or is damaged; the file is there or cannot be
            written; `max_mb` is less than the page itself takes.
    """
    target = new_place(target)
    if not max_mb > 0 or not math.isfinite(max_mb):
        raise LabError("--max-mb must be above 0.")
    choice = choice or Choice()
    feed = RunFeed(run.name, run)
    feed.refresh()
    if not feed.rows:
        raise LabError(f"Run '{run.name}' has recorded nothing yet, so there is nothing to share.")
    told("Reading the run ...")
    head = _head(feed)
    about = _about(run, feed, title or run.name, description)
    start = _page_start(about["title"])
    size = len((start + END).encode()) + len(_pack(payloads.encode(head))) + 4_000
    room = int(max_mb * MEGABYTE) - size
    if room <= 0:
        least = math.ceil(10 * size / MEGABYTE) / 10 + 0.1
        raise LabError(f"The page alone takes {least:.1f} MB. Set --max-mb to more than that.")
    sampled = [step for step in feed.rows.steps if run.group_count(step)]
    boards = _boards(feed, choice, sampled, room, told)
    about["left_out"] = _left_out(boards, sampled)
    head |= {"about": about, "groups": boards.summaries}
    head["bare"] = sorted(set(feed.rows.steps) - set(sampled))
    told("Writing the page ...")
    with made_whole(target) as path, path.open("w", encoding="utf-8", newline="\n") as out:
        out.write(start)
        out.write(BLOCK.format(name="lab-head", data=_pack(payloads.encode(head))))
        for step, blocks in boards.data.items():
            for group, data in enumerate(blocks):
                out.write(BLOCK.format(name=f"lab-board-{step}-{group}", data=data))
        out.write(END)
    return Shared(target, target.stat().st_size, about["left_out"])


# --- contents of the file ----------------------------------------------------------------------


def _head(feed: RunFeed) -> dict[str, Any]:
    """Everything but the groups: the run, its metrics, findings and atlas, the glossary."""
    feed.diagnose()
    part = feed.atlas(-1)
    atlas = part.message.read()
    while part.last != feed.atlas_end:  # a long run's come in parts
        part = feed.atlas(part.last)
        more = part.message.read()
        atlas["cells"] += more["cells"]
        atlas["prompts"] |= more["prompts"]
    return {
        "run": _entry(feed.run),
        "metrics": feed.metrics(0, len(feed.rows), reset=True).read(),
        "findings": feed.findings.read() if feed.findings else None,
        "atlas": atlas,
        "glossary": payloads.glossary_payload(),
    }


def _entry(run: Run) -> dict[str, Any]:
    """The run's line of the run list, as of a recorded run: nothing of this machine is in it."""
    entry = public(describe(run.name, run))
    entry |= {"recorded": True, "live": False, "status": "finished"}
    entry |= {"problem": None, "models": [], "forked": None}
    return entry


def _about(run: Run, feed: RunFeed, title: str, description: str) -> dict[str, Any]:
    """What assets/panels/about.js shows."""
    options = {name: public_option(name, value) for name, value in options_of(run).items()}
    state = run.state
    imported = str(state.get("imported") or "")
    ends = [state.get(name) for name in ("started", "heartbeat")]
    timed = all(isinstance(end, int | float) for end in ends) and ends[1] > ends[0]  # type: ignore[operator]
    return {
        "title": payloads.clip(title, MAX_TITLE),
        "description": payloads.clip(description, MAX_DESCRIPTION),
        "kit": f"GRPO Lab {__version__}",
        "imported": payloads.clip(imported, 40),
        "made": datetime.date.today().isoformat(),
        "command": f"grpo-lab share {shlex.quote(run.name)}",
        "trained": None if imported else trained_with(options),
        "seed": options.get("seed"),
        "seconds": ends[1] - ends[0] if timed else None,  # type: ignore[operator]
        "steps": feed.rows.steps[-1],
        "options": options,
    }


def trained_with(options: dict[str, Any]) -> str:
    """The command that trains with these options; one that is missing has its default."""
    default = GRPOConfig().to_dict()
    words = ["grpo-lab", "train", "--seed", str(options.get("seed", default["seed"]))]
    for name, value in options.items():
        other = name in default and name not in ("seed", "task_options") and value != default[name]
        if other and value is not None:
            words += ["--set", f"{name}={json.dumps(value)}"]
    for name, value in (options.get("task_options") or {}).items():
        words += ["--set", f"task_options.{name}={json.dumps(value)}"]
    return shlex.join(words)


def _boards(
    feed: RunFeed, choice: Choice, sampled: list[int], room: int, told: Callable[[str], None]
) -> Boards:
    """Return the chosen groups that fit into a number of bytes."""
    options = options_of(feed.run)
    wanted = [s for s in sampled if choice.steps is None or s in choice.steps]
    if choice.steps is not None and not wanted:
        raise LabError("None of these --steps has groups in this run. Choose other steps.")
    chosen = [s for k, s in enumerate(wanted) if k % choice.every == 0 or s == wanted[-1]]
    boards = Boards(room, chosen)
    for place, step in enumerate(chosen):
        if not boards.wants(place):
            continue
        groups = feed.step(step).groups
        most = min(n for n in (choice.groups, boards.groups, len(groups)) if n is not None)
        texts = (payloads.encode(payloads.group_payload(g, options)) for g in groups[:most])
        boards.add(step, payloads.step_summary(groups), texts)
        if place % 20 == 19:
            told(f"Read {place + 1} of {len(chosen)} steps ...")
    for step, summary in boards.summaries.items():
        for entry in summary[len(boards.data[step]) :]:
            entry["left_out"] = True
    return boards


def _left_out(boards: Boards, sampled: list[int]) -> str:
    """What of the groups is not in the file; "" where every one is."""
    parts = []
    if len(boards.data) < len(sampled):
        parts.append(f"the groups of {len(sampled) - len(boards.data)} of {len(sampled)} steps")
    kept = max(map(len, boards.data.values()), default=0)
    of = max(map(len, boards.summaries.values()), default=0)
    if kept < of:
        first = f"{kept} of {of} groups" if kept > 1 else f"of {of} groups"
        parts.append(f"all but the first {first} of each step")
    if not parts:
        return ""
    small = boards.every > 1 or boards.groups is not None
    why = "to keep the file small" if small else "as requested"
    rest = "Curves, diagnosis and atlas cover the whole run."
    return f"Left out, {why}: {', and '.join(parts)}. {rest}"


# --- the page ----------------------------------------------------------------------------------


def _pack(text: str) -> str:
    """A text compressed, in letters that mean nothing to HTML."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


@cache
def _parts() -> tuple[str, str, str]:
    """The page's script, style and icon."""
    script = "\n" + bundle.script(bundle.ASSETS / "pages/replay.js")
    style = "\n" + bundle.whole_style(bundle.ASSETS / "replay.css")
    for text, end in ((script, "</script"), (script, "<!--"), (style, "</style")):
        if end in text.lower():
            raise ValueError(f"assets/ must not contain {end}: it would end its element.")
    icon = base64.b64encode((bundle.ASSETS / "icon.svg").read_bytes()).decode()
    return script, style, icon


def _digest(text: str) -> str:
    """Return what a policy calls an inline script or style by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _page_start(title: str) -> str:
    """The page until its data."""
    script, style, icon = _parts()
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",  # no text can become HTML or a script
        ]
    )
    return PAGE.format(
        policy=html.escape(policy),
        version=__version__,
        title=html.escape(title),
        icon=icon,
        style=style,
        script=script,
    )
