"""What the answers are made of: windows, trends and their noise, and options of the run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from grpo_core.analysis.diagnosis.finding import Finding, Verdict

if TYPE_CHECKING:
    import pandas as pd

Options = Mapping[str, Any] | None

WINDOW = 20
"""Steps at either end that are averaged: one step of 128 completions has a standard error of about
0.04 in a share, twenty of them 0.01."""
MIN_STEPS = 9
"""Below this a window (a third of the run) has under three steps, too few to know its noise."""
EARLY = 30
"""Before this step nothing is held against a run that has not moved beyond its noise: the shipped
seeds, which all learn, do so at steps 10 to 25."""
SOLVED, HOPELESS = 0.9, 0.05
"""Accuracy at which a tie is mostly "all right" (16 draws at 0.9 tie one time in five), and at
which it is mostly "all wrong" (at 0.05 nearly half of the groups have no success)."""
GRADIENT_ZERO = 1e-7
"""Below the resolution of float32 beside a norm of 1: no push at all. Shipped runs have 0.02 up."""


@dataclass(frozen=True)
class Trend:
    """A metric at both ends of a run: means over windows of n steps, and their difference's noise.

    A change counts where luck alone makes one so large about one time in twenty: that is two
    standard errors, and more where a window has so few steps that its noise is badly known
    (Student's t for 2n - 2 degrees of freedom: 2.8 at n = 3, 2.1 at n = 20).
    """

    first: float
    last: float
    noise: float
    n: int

    @property
    def change(self) -> float:
        """How much it rose, below 0 if it fell."""
        return self.last - self.first

    @property
    def _least(self) -> float:
        rounding = 1e-6 * max(abs(self.first), abs(self.last))
        return (2 + 2.4 / max(2 * self.n - 3, 1)) * self.noise + rounding

    @property
    def rose(self) -> bool:
        """Beyond its noise."""
        return self.change > self._least

    @property
    def fell(self) -> bool:
        """Beyond its noise."""
        return self.change < -self._least

    def surely_below(self, change: float) -> bool:
        """Whether it rose by less than `change`, noise granted."""
        return self.change + self._least < change

    @property
    def surely_fell(self) -> bool:
        """By so much that luck does it one time in some hundreds.

        Somebody who looks at a run at every step gives luck many chances.
        """
        return self.change < -1.5 * self._least


def training(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The training steps in order: step 0 is the base, measured and not trained."""
    rows = frame if frame.index.is_monotonic_increasing else frame.sort_index()
    return rows[rows.index > 0]


def values_of(frame: "pd.DataFrame", column: str | None) -> NDArray[np.float64]:
    """(S,) the finite values of a metric over the training steps; empty when it is not there."""
    if column is None or column not in frame:
        return np.zeros(0)
    steps = np.asarray(frame.index)  # pandas' own way is ten times slower, and asked 30 times
    values = numbers(frame[column])[steps > 0]
    if not frame.index.is_monotonic_increasing:
        values = values[np.argsort(steps[steps > 0], kind="stable")]
    return values[np.isfinite(values)]


def numbers(series: "pd.Series") -> NDArray[np.float64]:
    """As float64, NaN where a value is no number."""
    import pandas as pd

    return np.asarray(pd.to_numeric(series, errors="coerce").to_numpy(dtype="float64"))


def window(n: int) -> int:
    """How many of n steps make an end: a third, at most WINDOW, at least one."""
    return max(1, min(WINDOW, n // 3))


def last_steps(n: int) -> str:
    """The last n steps in words: "the last step", "the last 3 steps"."""
    return "the last step" if n == 1 else f"the last {n} steps"


def now(values: NDArray[np.float64]) -> float:
    """The mean over the last window; NaN of nothing."""
    return float(values[-window(len(values)) :].mean()) if len(values) else float("nan")


def trend_of(values: NDArray[np.float64]) -> Trend | None:
    """Both ends of a metric; None below MIN_STEPS steps."""
    if len(values) < MIN_STEPS:
        return None
    w = window(len(values))
    first, last = values[:w], values[-w:]
    noise = float(np.sqrt((first.var(ddof=1) + last.var(ddof=1)) / w))
    return Trend(float(first.mean()), float(last.mean()), noise, w)


def part(frame: "pd.DataFrame", word: str) -> str | None:
    """The column of the reward part with `word` in its name, such as "format"."""
    for column in map(str, frame.columns):
        if column.startswith("rewards/") and column.endswith("/mean") and word in column:
            return column
    return None


def earned(frame: "pd.DataFrame", options: Options) -> NDArray[np.float64]:
    """(S,) the reward before any KL is taken off it.

    With use_kl_in_reward the metric `reward` is what remains: there the parts are added up again.
    """
    options = options or {}
    names, weights = options.get("reward_funcs"), options.get("reward_weights")
    if options.get("use_kl_in_reward") is not True or not isinstance(names, list | tuple):
        return values_of(frame, "reward")
    columns = [f"rewards/{name}/mean" for name in names]
    if not isinstance(weights, list | tuple) or not set(columns) <= set(frame.columns):
        return values_of(frame, "reward")
    rows = training(frame)
    total = sum(
        (float(w) * numbers(rows[c]) for w, c in zip(weights, columns, strict=False)),
        np.zeros(len(rows)),
    )
    return total[np.isfinite(total)]


def option(options: Options, name: str) -> float | None:
    """A number among the options; None where it is missing or something else."""
    value = (options or {}).get(name)
    return float(value) if isinstance(value, int | float) else None


def by_token(options: Options) -> bool:
    """Whether tokens have advantages of their own, so that a group that ties may teach.

    A critic's do not compare completions at all, and step rewards differ where the sums tie.
    """
    return (options or {}).get("scale_rewards") in ("gae", "process")


def spoken(value: float) -> str:
    """Three figures, and a minus that is one."""
    return f"{value:.3g}".replace("-", "−")


Found = Callable[[Verdict, str, str], Finding]


def finder(
    question: str,
    frame: "pd.DataFrame",
    metrics: Sequence[str | None],
    evidence: dict[str, float],
) -> Found:
    """What makes the findings of one question: over all steps, with the metrics the frame has."""
    trained = np.asarray(frame.index)[np.asarray(frame.index) > 0]
    steps = range(int(trained.min()), int(trained.max()) + 1) if len(trained) else range(0)
    shown = [m for m in metrics if m is not None and len(values_of(frame, m))]

    def found(verdict: Verdict, headline: str, answer: str) -> Finding:
        return Finding(question, verdict, answer, evidence, shown, steps, headline)

    return found


def too_short(frame: "pd.DataFrame", column: str) -> tuple[Verdict, str, str]:
    """Why a trend cannot be told."""
    n = len(values_of(frame, column))
    if not n:
        text = f"The run has not recorded `{column}`, so there is nothing to tell it from."
        return "unknown", "Not recorded", text
    text = f"Only {n} steps with `{column}` so far: a trend takes {MIN_STEPS}."
    return "unknown", "Too few steps to tell", text
