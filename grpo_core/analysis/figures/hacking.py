"""Goodhart's law in figures: the proxy reward and the true reward."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from grpo_core.analysis.figures.style import DOWN, LOOKS, UP

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def goodhart(runs: Mapping[str, tuple[Any, Any, Any]], proxy: str, truth: str) -> "Figure":
    """Draw proxy and true reward over training, and one over the other.

    Args:
        runs: label -> steps, proxy and truth, all of the same length.
        proxy, truth: the names of the two.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for i, (label, (steps, rewarded, meant)) in enumerate(runs.items()):
        first = i == 0
        left.plot(steps, rewarded, "-", color=DOWN, lw=1.4, label=f"proxy: {proxy}" * first)
        left.plot(steps, meant, "--", color=UP, lw=1.4, label=f"truth: {truth}" * first)
        look = LOOKS[i % len(LOOKS)]
        smooth = [_smoothed(values) for values in (rewarded, meant)]
        right.plot(*smooth, color=look["color"], linestyle=look["linestyle"], lw=1.4, label=label)
        right.plot(smooth[0][0], smooth[1][0], "o", color=look["color"], markersize=6)
        right.plot(smooth[0][-1], smooth[1][-1], "s", color=look["color"], markersize=7)
    left.set(title=f"One line per seed ({len(runs)} seeds)", xlabel="step", ylabel="mean per step")
    left.set_ylim(0, 1)
    left.legend(fontsize=9)
    right.set(title="From ● to ■ (means of five steps)", xlabel=f"proxy: {proxy}")
    right.set(ylabel=f"truth: {truth}", ylim=(0, 1))
    right.legend(fontsize=9)
    plt.close(figure)
    return figure


def _smoothed(values: Any, width: int = 5) -> Any:
    """Return means of `width` consecutive values, or of all if there are fewer."""
    values = np.asarray(values, float)
    width = min(width, len(values))
    return np.convolve(values, np.ones(width) / width, mode="valid")


def best_of(sizes: Sequence[int], curves: Mapping[str, tuple[Any, Any]], title: str) -> "Figure":
    """Draw the result of choosing the best of n by one measure: that measure, and the truth.

    Args:
        sizes: the values of n, increasing.
        curves: name of the measure -> (the measure itself, the truth), one number per size each.
        title: the title.
    """
    figure, panels = plt.subplots(
        1, len(curves), figsize=(4.6 * len(curves), 3.6), sharey=True, layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for axes, (name, (own, truth)) in zip(panels[0], curves.items(), strict=True):
        axes.plot(sizes, own, "-o", color=DOWN, lw=1.8, markersize=5, label="its own measure")
        axes.plot(sizes, truth, "--s", color=UP, lw=1.8, markersize=5, label="right answers")
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes], minor=False)
        axes.set(title=f"Chosen by {name}", xlabel="best of n")
    panels[0][0].set(ylabel="mean of the chosen replies", ylim=(0, 1))
    panels[0][0].legend(fontsize=9)
    figure.suptitle(title, fontsize=10)
    plt.close(figure)
    return figure


def goodhart_share(steps: Sequence[int], shares: Sequence[float], label: str) -> "Figure":
    """Draw the share of right answers among those a proxy rewards, while a policy trains on it.

    Args:
        steps: training steps.
        shares: the share of right answers, one per step.
        label: the axis label.
    """
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    axes.plot(steps, shares, "-o", color=UP, linewidth=1.8, markersize=5)
    axes.set(xlabel="step", ylabel=label, ylim=(0, 1.02))
    plt.close(figure)
    return figure
