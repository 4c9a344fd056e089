"""One group as a plain table: for saved notebooks, GitHub and editors where no script runs.

It is small, and legible without its colours, which some of those pages strip. A model's text is
escaped, cut to a maximum length, and freed of characters that a notebook file cannot hold.
"""

import html
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from grpo_core.core.records import Completion, Group

MOST_COMPLETIONS = 16
MOST_TOKENS = 120  # of one completion
MOST_LETTERS = 600  # of one completion, prompt or name
MOST_BYTES = 40_000  # of rows, before a last one: a notebook has room for several tables

_UP, _DOWN = "#0072b2", "#e26e14"  # probability increased and decreased, as on the board
_ALPHA = ("", "12", "26", "40", "59")  # of a token's background, by the level of its push
# Control characters, and half of a pair of surrogates, which UTF-8 cannot write.
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def static_board(index: int | None, groups: Sequence[Group], group: int = 0, name: str = "") -> str:
    """Return HTML that shows one group of a step.

    Args:
        index: the index of the step, None for groups that belong to no step.
        groups: the groups of the step; an empty list gives a line that says so.
        group: the index of the group to show.
        name: the name by which a script can find the table.

    Raises:
        IndexError: there is no such group.
    """
    opening = f'<div data-grpo-still="{_text(name)}">'
    if not groups:
        said = "Nothing on the board yet." if index is None else f"Step {index} sampled nothing."
        return f"{opening}<em>{said}</em></div>"
    shown = groups[group]
    title = [] if index is None else [f"<b>Step {index}</b>"]
    title += [f"group {group % len(groups) + 1} of {len(groups)}"] if len(groups) > 1 else []
    title += [f"<code>{_text(shown.prompt)}</code>", *_facts(shown)]
    return f'{opening}<p dir="ltr">{" · ".join(title)}</p>{_table(shown)}</div>'


def _facts(group: Group) -> Iterator[str]:
    """Yield the facts in the line above the table, as on the board."""
    for part in group.completions[0].rewards if group.completions else ():
        values = np.array([c.rewards.get(part, 0.0) for c in group.completions])
        either = bool(np.isin(values, (0, 1)).all())
        said = f"{values.sum():g} of {len(values)}" if either else f"mean {values.mean():.2g}"
        yield f"{_name(part)} {said}"
    if group.completions:
        yield f"mean reward {group.rewards.mean():.3g}"
        if group.is_dead:
            yield "<b>all rewards are equal: no signal</b>"


def _table(group: Group) -> str:
    """Return one row per completion: its number, advantage, rewards and text."""
    completions = group.completions[:MOST_COMPLETIONS]
    parts = list(dict.fromkeys(part for c in completions for part in c.rewards))
    names = ["", "advantage", *(_name(part) for part in parts), "reward", "completion"]
    head = "".join(f"<th>{name}</th>" for name in names)
    largest = max((float(np.abs(_pushes(c)).max(initial=0)) for c in completions), default=0.0)
    rows: list[str] = []
    for number, completion in enumerate(completions, 1):
        if sum(map(len, rows)) < MOST_BYTES:
            rows.append(_row(number, completion, parts, largest))
    left_out = len(group.completions) - len(rows)
    more = f"<p>{left_out} more completions are not shown.</p>" if left_out else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"


def _row(number: int, c: Completion, parts: Sequence[str], largest: float) -> str:
    color = _UP if c.advantage > 0 else _DOWN
    tint = f' style="background:{color}40"' if c.advantage else ""
    figures = [c.rewards.get(part, 0.0) for part in parts] + [c.reward]
    cells = "".join(f"<td>{value:.3g}</td>" for value in figures)
    cut = " <em>(truncated)</em>" if c.truncated else ""
    text = f'<td dir="ltr" style="text-align:left">{_tokens(c, largest)}{cut}</td>'
    return f"<tr><td>{number}</td><td{tint}>{_signed(c.advantage)}</td>{cells}{text}</tr>"


def _signed(value: float) -> str:
    """Return an advantage as the board writes it: "+1.32", "−0.40", "0.00"."""
    text = f"{value:+.2f}".replace("-", "−")
    return text[1:] if text[1:] == "0.00" else text


def _tokens(c: Completion, largest: float) -> str:
    """Return a completion's text, each token shaded by its push."""
    tokens = c.tokens[:MOST_TOKENS] or [c.text]
    words = len(tokens) > 1 and not any(re.search(r"\s", token) for token in tokens)
    gap = " " if words else ""
    shades = [_shade(push, largest) for push in _pushes(c)[: len(tokens)].tolist()]
    shades += [""] * (len(tokens) - len(shades))
    html_of, letters = "", 0
    for shade, run in groupby(zip(shades, tokens, strict=True), key=lambda pair: pair[0]):
        text = gap.join(token for _, token in run)
        text = text[: max(0, MOST_LETTERS - letters)]
        letters += len(text)
        shown = _text(text) + gap
        html_of += f'<span style="background:{shade}">{shown}</span>' if shade else shown
    left_out = len(c) > len(tokens) or letters >= MOST_LETTERS
    return html_of + (" …" if left_out else "")


def _shade(push: float, largest: float) -> str:
    """Return a token's background, "" for none: one level per quarter of the largest push."""
    if not push or not largest:
        return ""
    level = min(4, max(1, int(np.ceil(4 * abs(push) / largest))))
    return (_UP if push > 0 else _DOWN) + _ALPHA[level]


def _pushes(c: Completion) -> NDArray[np.float32]:
    """Return each token's push, (T,); 0 if it is unknown or not finite."""
    if c.push is None:
        return np.zeros(len(c), dtype=np.float32)
    return np.nan_to_num(c.push, nan=0.0, posinf=0.0, neginf=0.0)


def _name(part: str) -> str:
    """Return a reward component's name for people, escaped: "accuracy" for "accuracy_reward"."""
    return _text(part.removesuffix("_reward").replace("_", " "))


def _text(text: str) -> str:
    """Return text escaped for HTML, without characters that a notebook file cannot hold."""
    return html.escape(_UNFIT.sub("\ufffd", text[:MOST_LETTERS]))
