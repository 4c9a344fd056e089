"""Records turned into the JSON the page draws: rounded, capped, and never with NaN in it.

Model text is hostile. Nothing is escaped here, because the page only ever sets textContent; what
is done here is to bound sizes, so that no completion can stall a browser.
"""

import bisect
import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grpo_core.analysis.diagnosis import SIGNS, Finding
from grpo_core.analysis.lens import held_back
from grpo_core.app.dashboard.messages import (
    Card,
    FindingEntry,
    GlossaryEntry,
    GroupPayload,
    GroupSummary,
    Numbers,
)
from grpo_core.core.glossary import entries
from grpo_core.core.phases import breakdown
from grpo_core.core.records import Completion, Group
from grpo_core.rewards.format import Kind, spans
from grpo_core.tasks.conversation import as_messages

Rows = Sequence[tuple[int, Mapping[str, float]]]

MAX_PROMPT = 2_000  # characters
MAX_TEXT = 12_000  # characters of a completion
MAX_PIECES = 1_000  # words of a completion whose tokens were not recorded
MAX_READ = 50_000  # characters of a completion in which its parts are looked for
MAX_TOKENS = 1_024  # tokens of one completion
MAX_TOKEN = 48  # characters of one token
MAX_COMPLETIONS = 64  # cards of one group
PUSH_LEVELS = 1_000  # a push travels as a whole number, this many to the group's largest


_BLANK = re.compile(r"\s")
_WORDS = re.compile(r"\s*\S+|\s+")
_LETTERS: dict[Kind, str] = {
    "think": "t", "answer": "a", "outside": "o", "tag": "T", "answer tag": "A"
}  # fmt: skip


def encode(message: Mapping[str, Any]) -> str:
    """JSON for a WebSocket text frame: ASCII, so that lone surrogates cannot break the frame.

    A value that is not finite, for example in an edited config.json, becomes null.
    """
    try:
        return json.dumps(message, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(message), separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    """`value` with every number that JSON lacks replaced by None."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def number(value: Any) -> float | None:
    """A finite float rounded to 5 significant digits, or None."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{float(value):.5g}")


def clip(text: str, limit: int) -> str:
    """`text`, or its beginning with a mark that something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def metric_columns(rows: Rows) -> dict[str, Any]:
    """Metric rows as columns: {"steps": [...], "metrics": {name: [value or None, ...]}}."""
    names = sorted({name for _, metrics in rows for name in metrics})
    return {
        "steps": [step for step, _ in rows],
        "metrics": {name: [number(metrics.get(name)) for _, metrics in rows] for name in names},
    }


def phase_columns(rows: Rows) -> dict[str, Numbers]:
    """Where each step's time went, as columns: phase -> [seconds or None, ...], in a step's order.

    They add up to the step's seconds, however finely a run recorded them.
    """
    cut = [breakdown(metrics) for _, metrics in rows]
    names = dict.fromkeys(name for phases in cut for name in phases)
    return {name: [number(phases.get(name)) for phases in cut] for name in names}


def findings_payload(findings: Mapping[str, Finding]) -> list[FindingEntry]:
    """Return the diagnosis for the page; its words may come from a user's own question."""
    return [
        {
            "name": clip(name, 40),
            "question": clip(finding.question, 80),
            "verdict": finding.verdict,
            "sign": SIGNS[finding.verdict],
            "headline": clip(finding.headline, 60),
            "answer": clip(finding.answer, 600),
            "evidence": {clip(k, 64): number(v) for k, v in finding.evidence.items()},
            "metrics": [clip(metric, 100) for metric in finding.metrics],
            "steps": [finding.steps[0], finding.steps[-1]] if finding.steps else None,
        }
        for name, finding in findings.items()
    ]


def glossary_payload() -> list[GlossaryEntry]:
    """Every entry of the glossary, as plain text."""
    return [{"name": e.name, "meaning": e.meaning, "unit": e.unit} for e in entries()]


def step_summary(groups: Sequence[Group]) -> list[GroupSummary]:
    """Return one entry per group of a step, for the group picker."""
    return [
        {
            "prompt": clip(question(group.prompt), 200),
            "mean": number(group.rewards.mean()) if group.completions else None,
            "max": number(group.rewards.max(initial=0.0)),
            "dead": _is_dead(group),
        }
        for group in groups
    ]


def question(prompt: str) -> str:
    """What the prompt asks: the user's last turn of a conversation, else all of it."""
    asked = [m["content"] for m in as_messages(prompt) if m["role"] == "user"]
    return asked[-1] if asked else prompt


def _is_dead(group: Group) -> bool:
    return bool(group.completions) and group.is_dead


def group_payload(group: Group, options: Mapping[str, Any] | None = None) -> GroupPayload:
    """One group as the board draws it.

    Per-token arrays have at most MAX_TOKENS entries. `push` holds whole numbers; multiplied by
    `push_unit` they are the recorded push again, to three digits. `held` are the numbers of the
    tokens that the clip left without gradient, which takes the run's options to know.
    """
    shown = group.completions[:MAX_COMPLETIONS]
    largest = max((_largest(c.push) for c in shown), default=0.0)
    unit = largest / PUSH_LEVELS
    return {
        "prompt": clip(group.prompt, MAX_PROMPT),
        "question": clip(question(group.prompt), MAX_PROMPT),
        "dead": _is_dead(group),
        "hidden": len(group.completions) - len(shown),
        "push_unit": number(unit),
        "completions": [_completion(c, unit, options or {}) for c in shown],
    }


def _completion(c: Completion, push_unit: float, options: Mapping[str, Any]) -> Card:
    """One card. Arrays that say nothing new (a ratio of 1, no reference) are left out."""
    tokens = shown = c.tokens or _pieces(clip(c.text, MAX_TEXT))
    if c.tokens:
        shown = [clip(token, MAX_TOKEN) for token in tokens[:MAX_TOKENS]]
    card: Card = {
        "reward": number(c.reward),
        "advantage": number(c.advantage),
        "rewards": {clip(name, 64): number(value) for name, value in c.rewards.items()},
        "truncated": bool(c.truncated),
        "length": len(c),
        "text": clip(c.text, MAX_TEXT),
        "tokens": shown,
        "parts": parts_of_tokens(tokens),
        "gap": " " if len(tokens) > 1 and not any(map(_BLANK.search, shown)) else "",
        "logprob": _rounded(c.old_logprobs),
    }
    if not c.tokens:
        card["characters"] = len(c.text)
    if c.logprobs is not c.old_logprobs and not np.array_equal(c.logprobs, c.old_logprobs):
        card["ratio"] = _rounded(c.ratio)
        card["held"] = np.flatnonzero(held_back(c, options)[:MAX_TOKENS]).tolist()
    if c.kl is not None:
        card["kl"] = _rounded(c.kl)
    if c.entropy is not None:
        card["entropy"] = _rounded(c.entropy)
    if c.token_advantages is not None:
        card["advantages"] = _rounded(c.token_advantages)
    if c.values is not None:
        card["values"] = _rounded(c.values)
    if c.change is not None:
        card["change"] = _rounded(c.change)
    if c.push is not None and push_unit > 0:
        levels = np.nan_to_num(c.push[:MAX_TOKENS] / push_unit, posinf=0, neginf=0)
        card["push"] = np.rint(levels).astype(int).tolist()
    return card


def parts_of_tokens(tokens: Sequence[str]) -> str:
    """Which part of the completion each token belongs to, by the rule of `rewards.format`.

    The rule reads the joined text, as a tokenizer may spread a tag over several tokens.

    Returns:
        a letter for each of the first MAX_TOKENS tokens: t thinking, a answer, o outside both; A a
        tag of the answer, T any other.
    """
    total = list(itertools.accumulate(map(len, tokens)))
    text = "".join(tokens[: bisect.bisect_right(total, MAX_READ)])
    cut = [span for span in spans(text) if span.start < span.stop]
    found: list[str] = []
    at = first = 0
    for token, end in zip(tokens[:MAX_TOKENS], total, strict=False):
        while first < len(cut) and cut[first].stop <= at:
            first += 1
        last = first + 1
        while last < len(cut) and cut[last].start < end:
            last += 1
        own = "".join(_LETTERS[span.kind] for span in cut[first:last]) or "o"
        if not token:  # it belongs to what comes next
            own = own.lower()
        found.append("A" if "A" in own else "T" if "T" in own else own[0])
        at = end
    return "".join(found)


def _pieces(text: str) -> list[str]:
    """A text in words with the blanks before them, at most MAX_PIECES; joined they are the text."""
    found = _WORDS.findall(text)
    rest = "".join(found[MAX_PIECES:])
    return [*found[:MAX_PIECES], *([rest] if rest else [])]


def _largest(values: NDArray[np.float32] | None) -> float:
    """The largest finite magnitude in `values`, 0 when there is none."""
    if values is None or not len(values):
        return 0.0
    return float(np.abs(np.nan_to_num(values[:MAX_TOKENS], posinf=0, neginf=0)).max())


def _rounded(values: NDArray[np.float32]) -> Numbers:
    """Round to four decimals; return None if the value is not finite."""
    rounded: list[float] = np.round(values[:MAX_TOKENS].astype(np.float64), 4).tolist()
    return [value if math.isfinite(value) else None for value in rounded]
