"""Kinds of completions: how often each occurs, how often it is right, and how long it is."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import ArrayLike, NDArray

from grpo_core.analysis.figures.style import DOWN, LINES, OKABE_ITO, RUN_COLORS, UP

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# from the most work, at the bottom, to the least; grey for no work
_KIND_COLORS = [OKABE_ITO["blue"], OKABE_ITO["green"], OKABE_ITO["orange"], "#9A9A9A"]
_HATCHES = ["", "..", "//", ""]


def behaviours(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    window: int = 5,
    marks: Mapping[str, int] | None = None,
) -> "Figure":
    """Draw the share of each kind of completion, step by step, as stacked areas.

    Args:
        panels: model -> kind of completion, from the most work to the least -> its share at
            steps 1, 2, ...
        window: the number of steps to average over.
        marks: name of an event -> its step, marked in the first panel.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels) + 1.2, 3.7), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, (name, kinds) in zip(axes[0], panels.items(), strict=True):
        smooth = [_moving(shares, window) for shares in kinds.values()]
        steps = _moving(np.arange(1, len(next(iter(kinds.values()))) + 1), window)
        areas = ax.stackplot(
            steps, smooth, labels=list(kinds), colors=_KIND_COLORS[: len(kinds)], alpha=0.85, lw=0
        )
        for area, hatch in zip(areas, _HATCHES, strict=False):
            area.set(hatch=hatch, edgecolor="white")
        ax.set(title=name, xlabel="step", xlim=(steps[0], steps[-1]), ylim=(0, 1))
    axes[0][0].set_ylabel(f"share of completions (mean of {window} steps)")
    ink = plt.rcParams["text.color"]
    for name, step in (marks or {}).items():
        axes[0][0].axvline(step, color=ink, linestyle=":", linewidth=1.3)
        axes[0][0].annotate(
            f" {name}", (step, 1.0), rotation=90, ha="left", va="top", fontsize=8, color=ink
        )
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside right center")
    plt.close(figure)
    return figure


def kinds_compared(
    kinds: Sequence[str],
    shares: Mapping[str, Sequence[float]],
    right: Mapping[str, Sequence[float]],
) -> "Figure":
    """Draw how often each kind of completion occurs, and how often it is right.

    Args:
        kinds: the kinds of completions.
        shares: model -> share of each kind.
        right: model -> share of right completions in each kind; NaN if there are none.
    """
    figure, (left, middle) = plt.subplots(
        1, 2, figsize=(9.5, 0.6 * len(kinds) + 1.6), sharey=True, layout="constrained"
    )
    rows, height = np.arange(len(kinds)), 0.8 / len(shares)
    for axes, values, label in (
        (left, shares, "share of all completions"),
        (middle, right, "share of this kind that is right"),
    ):
        for i, ((name, each), color) in enumerate(zip(values.items(), RUN_COLORS, strict=False)):
            at = rows + (i - (len(values) - 1) / 2) * height
            bars = axes.barh(at, np.nan_to_num(each), height, color=color, label=name)
            texts = ["none" if np.isnan(v) else f"{v:.2f}" for v in each]
            axes.bar_label(bars, texts, padding=3, fontsize=8)
        axes.set(xlabel=label, xlim=(0, 1.12))
    left.set_yticks(rows, kinds)
    left.invert_yaxis()
    left.set_ylabel("kind of completion")
    left.set_title("How often it occurs")
    middle.set_title("How often it is right")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center")
    plt.close(figure)
    return figure


def lengths_in_a_run(
    lengths: Mapping[str, Sequence[float]], truncated: Sequence[float], window: int = 10
) -> "Figure":
    """Draw the lengths of completions by outcome, and the share that is truncated.

    Args:
        lengths: outcome -> mean length at steps 1, 2, ...; NaN if there are none.
        truncated: the share of truncated completions at each step.
        window: the number of steps that a line averages over.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.5), layout="constrained")
    steps = np.arange(1, len(truncated) + 1)
    middle = _moving(steps, window)
    colors = (UP, DOWN, OKABE_ITO["green"])
    for (name, values), color, line in zip(lengths.items(), colors, LINES, strict=False):
        left.plot(steps, values, ".", color=color, alpha=0.35, markersize=4)
        left.plot(middle, _moving(values, window), line, color=color, linewidth=2, label=name)
    top = 1.2 * max(np.nanmax(np.asarray(values, float)) for values in lengths.values())
    left.set(title="Length", xlabel="step", ylabel="tokens per completion", ylim=(0, top))
    figure.suptitle(f"Dots: one group per step. Lines: mean of {window} steps.", fontsize=9)
    left.legend(loc="upper right", ncols=2, fontsize=8)
    right.plot(steps, truncated, ".", color=OKABE_ITO["orange"], alpha=0.35, markersize=4)
    right.plot(middle, _moving(truncated, window), color=OKABE_ITO["orange"], linewidth=2)
    right.set(title="Truncated", xlabel="step", ylabel="share of completions", ylim=(0, None))
    plt.close(figure)
    return figure


def _moving(values: ArrayLike, window: int) -> NDArray[np.float64]:
    """Return means over `window` neighbours, ignoring NaN; window - 1 shorter than `values`."""
    runs = np.lib.stride_tricks.sliding_window_view(np.asarray(values, float), window)
    return np.array([np.nan if np.isnan(run).all() else np.nanmean(run) for run in runs])
