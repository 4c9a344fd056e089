"""Bytes and seconds: the memory ledger, the phases of a step, and how both scale."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from grpo_core.analysis.figures.parts import legend_below, name_rows
from grpo_core.analysis.figures.style import CELL_TEXT, LOOKS, OKABE_ITO

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HELD = {  # what a method holds -> name, colour and hatch: the critic's parts are hatched
    "parameters": ("weights", "blue", ""),
    "gradients": ("gradients", "sky", ""),
    "optimizer": ("optimizer", "green", ""),
    "reference": ("reference", "orange", "xx"),
    "critic_parameters": ("critic: weights", "blue", "//"),
    "critic_gradients": ("critic: gradients", "sky", "//"),
    "critic_optimizer": ("critic: optimizer", "green", "//"),
}


_PASSING = {  # temporary memory of a phase
    ("sampling", "cache"): ("sampling: cache", "purple", ""),
    ("update", "activations"): ("update: activations", "vermilion", ".."),
}


_PHASES = {
    "sampling": ("sampling", "blue", ""),
    "scoring": ("scoring: reference, old log-probs, values", "orange", "xx"),
    "forward_backward": ("forward and backward", "green", "//"),
    "optimizer": ("optimizer", "purple", ""),
}


def memory_ledger(result: Mapping[str, Any]) -> "Figure":
    """Draw the bytes of each method: held throughout, and added during a step.

    Args:
        result: the result of `grpo-lab bench memory --json`.
    """
    methods = list(result["methods"].values())
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 0.8 * len(methods) + 2.0), sharey=True, layout="constrained"
    )

    def mib(kind: str, name: str) -> Any:
        return np.array([method[kind][name] for method in methods]) / 2**20

    held = _stacked(left, [(mib("bytes", part), *look) for part, look in _HELD.items()])
    _totals(left, held, [f"{total:.1f}" for total in held])
    left.set(title="Held throughout training", xlabel="MiB")
    ink = plt.rcParams["text.color"]
    for offset, ((phase, part), look) in zip((-0.2, 0.2), _PASSING.items(), strict=True):
        added = mib("bytes", part)
        parts = [(mib("peaks", phase) - added, "held, plus rollouts", ink, ""), (added, *look)]
        highest = _stacked(right, parts, offset=offset, height=0.36)
        _totals(right, highest, [f"{total:.1f}" for total in highest], offset)
    right.set(title="At the peak of a phase", xlabel="MiB")
    name_rows(left, [method["label"] for method in methods], "method")
    for axes in (left, right):
        legend_below(axes, ncols=3)
    plt.close(figure)
    return figure


def step_seconds(result: Mapping[str, Any]) -> "Figure":
    """Draw the seconds of a step by phase and method: medians, with a line from best to worst.

    Args:
        result: the result of `grpo-lab bench memory --json`.
    """
    methods = list(result["methods"].values())
    figure, axes = plt.subplots(figsize=(9, 0.5 * len(methods) + 1.7), layout="constrained")
    parts = [
        (np.array([method["seconds"][phase]["median"] for method in methods]), *look)
        for phase, look in _PHASES.items()
    ]
    ends = _stacked(axes, parts)
    steps = [method["seconds"]["step"] for method in methods]
    medians = np.array([step["median"] for step in steps])
    reach = [medians - [s["low"] for s in steps], [s["high"] for s in steps] - medians]
    rows = np.arange(len(methods)) + 0.24  # clear of the numbers in the bars
    axes.errorbar(medians, rows, xerr=reach, fmt="none", ecolor=plt.rcParams["text.color"])
    worst = np.maximum(ends, [step["high"] for step in steps])
    _totals(axes, worst, [f"{median:.2f} s" for median in medians])
    axes.set(title="One step (line: from the fastest to the slowest repeat)", xlabel="seconds")
    name_rows(axes, [method["label"] for method in methods], "method")
    legend_below(axes, ncols=4)
    plt.close(figure)
    return figure


def scaling_curves(result: Mapping[str, Any]) -> "Figure":
    """Draw the seconds of a step over group size, completion length and model size (log-log).

    The dotted line is proportional; where the curve is flatter, the cost per unit falls.

    Args:
        result: the result of `grpo-lab bench scaling --json`.
    """
    labels = {"group": "completions per prompt (G)", "length": "tokens per completion"}
    labels |= {"parameters": "weights of the model"}
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", sharey=True)
    for ax, (key, points) in zip(axes, result["curves"].items(), strict=True):
        x = np.array([point[key] for point in points], dtype=float)
        ends = []
        for look, name in zip(LOOKS, ("step", "sampling", "update"), strict=False):
            y = np.array([point[name] for point in points])
            ax.plot(x, y, **look, linewidth=1.8, markersize=4.5)
            ends.append((float(y[-1]), name, look["color"]))
        step = points[-1]["step"]
        ax.plot(x, step * x / x[-1], ":", color=plt.rcParams["text.color"], lw=1)
        ax.set(title=f"By {labels[key]}", xlabel=labels[key], xscale="log", yscale="log")
        ax.set_xticks(x, [_short(value) for value in x], minor=False)
        ax.set_xticks([], minor=True)
        ax.yaxis.set_major_formatter("{x:g}")
        for value, name, color in ends:
            ax.annotate(
                f" {name}", (x[-1], value), va="center", color=color, xytext=(4, 0),
                textcoords="offset points", annotation_clip=False,
            )  # fmt: skip
    axes[0].set_ylabel("seconds per step")
    work = result["work"]
    figure.suptitle(
        f"{work['prompts']} prompts per step; unless varied: {work['group']} completions of "
        f"{work['length']} tokens, the tiny model. Dotted: proportional.",
        fontsize=9,
    )
    plt.close(figure)
    return figure


def _short(value: float) -> str:
    """Return a count in few characters: 64, 771k, 17M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.0f}"


def _stacked(
    axes: "Axes",
    parts: Sequence[tuple[Any, str, str, str]],
    *,
    offset: float = 0.0,
    height: float = 0.6,
) -> Any:
    """Draw stacked horizontal bars, numbered where there is room, and return their ends.

    Args:
        axes: the axes to draw on.
        parts: sizes of a part (one per row), its name, its colour and its hatch.
        offset, height: position and height of the bars, in rows.
    """
    rows, starts = np.arange(len(parts[0][0])) + offset, np.zeros(len(parts[0][0]))
    most = max(sum(sizes for sizes, *_ in parts))
    named = axes.get_legend_handles_labels()[1]
    for sizes, name, color, hatch in parts:
        ink = color == plt.rcParams["text.color"]
        bars = axes.barh(
            rows,
            sizes,
            height,
            left=starts,
            color=OKABE_ITO.get(color, color),
            alpha=0.35 if ink else 1,
            hatch=hatch,
            edgecolor="#FFFFFF80",
            linewidth=0,
            label=None if name in named or not any(sizes) else name,
        )
        for bar, size in zip(bars, sizes, strict=True):
            if size > 0.07 * most and not ink:
                x, y = bar.get_x() + size / 2, bar.get_y() + height / 2
                axes.text(
                    x,
                    y,
                    f"{size:.1f}" if size >= 10 else f"{size:.2f}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    **_ON_BAR,
                )
        starts = starts + sizes
    return starts


_ON_BAR: dict[str, Any] = {
    "color": CELL_TEXT,
    "bbox": {"color": "#F4F4F4", "alpha": 0.85, "pad": 1.2},
}


def _totals(axes: "Axes", ends: Any, labels: Sequence[str], offset: float = 0.0) -> None:
    """Write the total of each row of bars after its end, and make room for it."""
    for row, (end, label) in enumerate(zip(ends, labels, strict=True)):
        offset_points = (4, 0)
        axes.annotate(
            label,
            (end, row + offset),
            offset_points,
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_xlim(0, max(1.15 * float(max(ends)), axes.get_xlim()[1] if offset else 0.0))
