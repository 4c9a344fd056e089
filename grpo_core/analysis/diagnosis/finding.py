"""An answer, and a run's answers together, as a terminal and a notebook show them."""

from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

Verdict = Literal["fine", "look", "trouble", "unknown"]

SIGNS: dict[Verdict, str] = {"fine": "✓", "look": "?", "trouble": "!", "unknown": "–"}
"""What stands beside a verdict's word, so that neither colour nor reading is needed alone."""


@dataclass(frozen=True)
class Finding:
    """An answer to one question.

    Attributes:
        question: as a learner asks it.
        verdict: "fine" needs nothing; "look" is worth a look; "trouble" needs a change;
            "unknown" was not recorded, or is too short to tell.
        answer: one or two sentences with the run's own figures in them.
        evidence: name -> the number the answer rests on.
        metrics: columns of the frame that show it; only those it has.
        steps: the steps compared.
        headline: the answer in a few words without figures: it stays the same until something
            else is found, so that it can stand beside a run that trains.
    """

    question: str
    verdict: Verdict
    answer: str
    evidence: dict[str, float] = field(default_factory=dict)
    metrics: list[str] = field(default_factory=list)
    steps: range = range(0)
    headline: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable but for NaN; `steps` as first and last, or null."""
        ends = [self.steps[0], self.steps[-1]] if self.steps else None
        return {
            "question": self.question,
            "verdict": self.verdict,
            "headline": self.headline,
            "answer": self.answer,
            "evidence": dict(self.evidence),
            "metrics": list(self.metrics),
            "steps": ends,
        }

    def __str__(self) -> str:
        shown = f"\n        see {', '.join(self.metrics)}" if self.metrics else ""
        return f"{self.verdict:8}{self.question}\n        {self.answer}{shown}"

    def _repr_html_(self) -> str:
        """The answer as a notebook shows it; every word of it is escaped."""
        return Diagnosis([self])._repr_html_()


class Diagnosis(list[Finding]):
    """The findings of a run, in the order of the questions; a list that reads well.

    `figures.diagnosis(run.frame(), finding)` draws what a finding rests on.
    """

    def __str__(self) -> str:
        return "\n".join(map(str, self))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """A table: verdict, question, answer, the metrics that show it. All of it escaped."""
        cell = '<td style="text-align:left;vertical-align:top;white-space:normal">'
        rows = [
            f"<tr>{cell}<b>{SIGNS[f.verdict]}&nbsp;{escape(f.verdict)}</b></td>"
            f"{cell}<b>{escape(f.question)}</b><br>{escape(f.answer)}</td>"
            f"{cell}{'<br>'.join(f'<code>{escape(m)}</code>' for m in f.metrics)}</td></tr>"
            for f in self
        ]
        heads = "".join(
            f'<th style="text-align:left">{name}</th>' for name in ("verdict", "answer", "see")
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
