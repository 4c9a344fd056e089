"""Whole runs: learning curves, comparisons of methods, and the metrics of a diagnosis."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np

from grpo_core.analysis.figures.parts import run_colors
from grpo_core.analysis.figures.style import DOWN, LOOKS, OKABE_ITO, UP
from grpo_core.core.errors import LabError

if TYPE_CHECKING:  # pandas takes a third of a second to import
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from grpo_core.analysis.diagnosis import Finding

# column of a run's metrics -> title, axis label
CURVES = {
    "eval/accuracy": ("Accuracy", "share of held-out problems"),
    "eval/format": ("Format", "share well-formed"),
    "eval/mean_length": ("Length", "tokens per completion"),
    "eval/backtracks": ("Backtracks", "abandoned attempts per completion"),
    "eval/truncated": ("Truncated", "share truncated"),
    "kl": ("KL to the reference", "nats per token"),
}


# metric -> its unit, if the name does not end in one; see docs/glossary.md
_UNITS = {
    "kl": "nats per token",
    "entropy": "nats per token",
    "completions/mean_length": "tokens",
    "loss": "loss (no unit)",
    "grad_norm": "norm (no unit)",
    "reward": "reward",
    "frac_reward_zero_std": "share of groups",
    "completions/clipped_ratio": "share of completions",
    "eval/accuracy": "share of held-out problems",
    "eval/format": "share of held-out problems",
}


def learning_curves(runs: Sequence[tuple[str, "pd.DataFrame"]]) -> "Figure":
    """Draw what runs learned in six small charts: one thin line per run, and their mean.

    Args:
        runs: label and metrics of each run; the metrics indexed by step, with the columns that
            `CURVES` names. Held-out columns are empty at steps that did not evaluate.

    Raises:
        LabError: there are no runs.
    """
    if not runs:
        raise LabError("There is no run to draw.")
    figure, grid = plt.subplots(2, 3, figsize=(10, 5.2), sharex=True, layout="constrained")
    for axes, (column, (title, label)) in zip(grid.flat, CURVES.items(), strict=True):
        curves = [metrics[column].dropna() for _, metrics in runs if column in metrics]
        for color, curve in zip(run_colors(len(curves)), curves, strict=True):
            marker = "." if len(curve) < 30 else None
            axes.plot(curve.index, curve, color=color, linewidth=1, marker=marker, alpha=0.85)
        if len(curves) > 1:
            shared = sorted(set.intersection(*(set(curve.index) for curve in curves)))
            mean = np.mean([curve.loc[shared] for curve in curves], axis=0)
            axes.plot(shared, mean, color=plt.rcParams["text.color"], linewidth=2.2)
        axes.set(title=title, xlabel="step", ylabel=label)
        if not curves:  # such as the KL of runs without a reference
            axes.text(0.5, 0.5, "not recorded", ha="center", va="center", transform=axes.transAxes)
            continue
        axes.set_ylim(0, {"Accuracy": 1, "Format": 1}.get(title, 1.08 * axes.dataLim.y1 or 1))
    labels = [label for label, _ in runs] + (["mean"] if len(runs) > 1 else [])
    colors = [*run_colors(len(runs)), plt.rcParams["text.color"]]
    widths = [1.5] * len(runs) + [2.2]
    handles = [
        plt.Line2D([], [], color=color, linewidth=width)
        for color, width in zip(colors, widths, strict=True)
    ][: len(labels)]
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 6))
    plt.close(figure)
    return figure


_OF_A_METHOD = {name: CURVES[name] for name in ("eval/accuracy", "eval/format", "eval/mean_length")}


def method_curves(
    runs: Mapping[str, Sequence["pd.DataFrame"]],
    curves: Mapping[str, tuple[str, str]] = _OF_A_METHOD,
) -> "Figure":
    """Draw how several methods learn over several seeds: mean, and band from worst to best.

    Args:
        runs: method -> the metrics of each of its runs, indexed by step, evaluated at the same
            steps.
        curves: column -> title and axis label of its panel; as in `CURVES`.

    Raises:
        LabError: there are no runs.
    """
    if not runs or not all(runs.values()):
        raise LabError("There is no run to draw.")
    figure, axes = plt.subplots(1, len(curves), figsize=(4 * len(curves), 4), layout="constrained")
    for ax, (column, (title, label)) in zip(axes, curves.items(), strict=True):
        ends = []
        for i, (method, frames) in enumerate(runs.items()):
            of_seeds = [frame[column].dropna() for frame in frames]
            seeds = np.stack([curve.to_numpy(float) for curve in of_seeds])
            steps, mean = of_seeds[0].index, seeds.mean(axis=0)
            look = LOOKS[i % len(LOOKS)]
            ax.fill_between(
                steps, seeds.min(axis=0), seeds.max(axis=0), color=look["color"], alpha=0.16, lw=0
            )
            ax.plot(steps, mean, **look, linewidth=1.8, markersize=4.5)
            ends.append((float(mean[-1]), method, look["color"]))
        ax.set(title=title, xlabel="step", ylabel=label)
        ax.set_ylim(bottom=0)
        _label_ends(ax, float(steps[-1]), ends)
    seeds_each = "/".join(sorted({str(len(frames)) for frames in runs.values()}))
    figure.suptitle(f"Line: mean of {seeds_each} seeds. Band: worst to best seed.", fontsize=9)
    plt.close(figure)
    return figure


def _label_ends(axes: "Axes", x: float, ends: Sequence[tuple[float, str, str]]) -> None:
    """Label lines at their ends, and move labels apart that would overlap.

    Args:
        axes: the axes with the lines.
        x: the end of the lines.
        ends: the last value, name and colour of each line.
    """
    low, high = axes.get_ylim()
    apart = 0.075 * (high - low)
    ordered = sorted(ends)
    places = [value for value, _, _ in ordered]
    for _ in range(100):  # move neighbours apart, a little each time
        for i in range(len(places) - 1):
            overlap = apart - (places[i + 1] - places[i])
            if overlap > 0:
                places[i] -= overlap / 2
                places[i + 1] += overlap / 2
    ink = plt.rcParams["text.color"]
    for place, (value, name, color) in zip(places, ordered, strict=True):
        axes.annotate(
            name,
            (x, value),
            (12, place),
            textcoords=("offset points", "data"),
            va="center",
            fontsize=9,
            color=ink,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 1.2, "shrinkB": 0},
        )


def diagnosis(frame: "pd.DataFrame", finding: "Finding") -> "Figure":
    """Draw the metrics behind a finding over steps, in small charts under its question.

    Args:
        frame: metrics indexed by step, from which the finding was made.
        finding: a finding of `grpo_core.analysis.diagnosis`.

    Raises:
        LabError: the frame has none of the finding's metrics.
    """
    curves = {m: frame[m].astype(float) for m in finding.metrics if m in frame}
    curves = {m: curve[np.isfinite(curve)] for m, curve in curves.items()}
    if not curves:
        raise LabError(f"'{finding.question}': nothing was recorded that could be drawn.")
    wide = min(len(curves), 3)
    high = -(-len(curves) // wide)
    figure = plt.figure(figsize=(3.3 * max(wide, 2), 2.6 * high + 0.3), layout="constrained")
    charts = [figure.add_subplot(high, wide, i + 1) for i in range(len(curves))]
    color = {"look": OKABE_ITO["orange"], "trouble": DOWN}.get(finding.verdict, UP)
    for axes, (metric, curve) in zip(charts, curves.items(), strict=True):
        marker = "." if len(curve) < 30 else None
        axes.plot(curve.index, curve, color=color, linewidth=1.2, marker=marker)
        axes.set(xlabel="step", ylabel=_UNITS.get(metric, "mean reward, unweighted"))
        axes.set_title(metric, fontsize=9)
    figure.suptitle(f"{finding.question} {finding.verdict.capitalize()}")
    plt.close(figure)
    return figure


def symptoms(
    loops: Mapping[str, tuple[Sequence["pd.DataFrame"], Sequence["pd.DataFrame"]]],
    curves: Mapping[str, tuple[str, str]],
) -> "Figure":
    """Draw the metrics of several loops, one row each, beside those of right loops.

    Lines are means over seeds, bands go from the worst seed to the best.

    Args:
        loops: name -> the metrics of its runs, and of right runs with the same settings, each
            indexed by step.
        curves: column -> title and axis label.
    """
    figure, grid = plt.subplots(
        len(loops), len(curves), figsize=(3.3 * len(curves), 1.9 * len(loops) + 0.8),
        sharex=True, sharey="col", squeeze=False, layout="constrained",
    )  # fmt: skip
    ink = plt.rcParams["text.color"]
    looks = {"right": (ink, "--", 0.12), "suspect": (DOWN, "-", 0.22)}
    for row, (name, (suspect, right)) in zip(grid, loops.items(), strict=True):
        for axes, (column, (title, label)) in zip(row, curves.items(), strict=True):
            for frames, (kind, (color, line, alpha)) in zip(
                (right, suspect), looks.items(), strict=True
            ):
                seeds = np.stack([frame[column].to_numpy(float) for frame in frames])
                steps = frames[0].index
                axes.fill_between(
                    steps, seeds.min(axis=0), seeds.max(axis=0), color=color, alpha=alpha, lw=0
                )
                axes.plot(steps, seeds.mean(axis=0), line, color=color, linewidth=1.8, label=kind)
            axes.set(title=title if name == next(iter(loops)) else "", ylabel=label)
        row[0].set_ylabel(f"{name}\n{row[0].get_ylabel()}")
    for column_of_axes in grid.T:
        top = max(axes.dataLim.y1 for axes in column_of_axes)
        column_of_axes[-1].set(xlabel="step", ylim=(0, 1.05 * top or 1))
    figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    plt.close(figure)
    return figure
