"""The family of methods: their pushes on the same completions, and their learning curves."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize

from grpo_core.analysis.figures.parts import draw_cell, name_rows, signed
from grpo_core.analysis.figures.style import DOWN, OKABE_ITO, PUSH, UP
from grpo_core.core.errors import LabError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALIKE = LinearSegmentedColormap.from_list("alike", ["#F4F4F4", "#A9CDE9", "#5AA9DC"])


def push_grid(rows: Sequence[str], methods: Mapping[str, Sequence[float]], label: str) -> "Figure":
    """Draw one number for each completion under each of several methods.

    A method's numbers are divided by its largest, because an optimizer such as Adam does not depend
    on their common scale. Compare numbers within a column only.

    Args:
        rows: the label of each completion.
        methods: name -> a number for each completion.
        label: the meaning of the numbers, without a unit.
    """
    figure, axes = plt.subplots(
        figsize=(1.9 + 0.56 * len(methods), 0.3 * len(rows) + 1.7), layout="constrained"
    )
    colors = ScalarMappable(Normalize(-1, 1), PUSH)
    for x, values in enumerate(methods.values()):
        v = np.asarray(values, float)
        v = v / (float(np.abs(v).max(initial=0.0)) or 1.0)
        for y, value in enumerate(v):
            text = signed(float(value)) if abs(value) >= 0.005 else "0"
            draw_cell(axes, x, y - 0.5, 1, colors.to_rgba(np.asarray(value)), text)
    name_rows(axes, list(rows), "completion")
    for tick in axes.get_yticklabels():
        tick.set(fontsize=8)
    _name_columns(axes, list(methods))
    axes.set_xlim(0, len(methods))
    axes.set_xlabel(f"{label} (largest per method = 1)")
    plt.close(figure)
    return figure


def cosine_grid(names: Sequence[str], panels: Mapping[str, Any]) -> "Figure":
    """Draw the cosines between the directions of several methods, one square per panel.

    Args:
        names: the names of M methods.
        panels: title -> (M, M) cosines, 1 for the same direction.
    """
    size = 0.44 * len(names)
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.4 + size * len(panels), size + 1.4), sharey=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    colors = ScalarMappable(Normalize(0, 1), ALIKE)
    for ax, (title, cosines) in zip(axes[0], panels.items(), strict=True):
        for y, row in enumerate(np.asarray(cosines, float)):
            for x, value in enumerate(row):
                same = value > 0.9995  # and not merely rounded up
                text = "=" if same else f"{min(value, 0.99):.2f}".replace("0.", ".")
                draw_cell(ax, x, y - 0.5, 1, colors.to_rgba(np.asarray(value)), text)
        name_rows(ax, list(names), "")
        _name_columns(ax, list(names))
        ax.set(xlim=(0, len(names)), title=title, xlabel="method")
    axes[0][0].set_ylabel("method")
    plt.close(figure)
    return figure


def _name_columns(axes: "Axes", names: list[str]) -> None:
    """Write names under the columns of a grid of cells, slanted so that they do not overlap."""
    axes.set_xticks(np.arange(len(names)) + 0.5, names, rotation=40, ha="right", fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


Curve = tuple[Sequence[float], Sequence[float]]
"""The x values at which a run was measured, and the values measured there."""


def family_curves(
    runs: Mapping[str, Sequence[Curve]], xlabel: str, ylabel: str, columns: int = 4
) -> "Figure":
    """Draw the learning curves of many methods: every seed, their mean, and the other means.

    Each method has its own chart, since bands of eight methods in one chart hide each other.

    Args:
        runs: method -> the curve of each of its seeds.
        xlabel, ylabel: axis labels with their units.
        columns: charts per row.

    Raises:
        LabError: there are no runs.
    """
    if not runs or not all(runs.values()):
        raise LabError("There is no run to draw.")
    high = -(-len(runs) // columns)
    figure, grid = plt.subplots(
        high, columns, figsize=(2.7 * columns, 2.3 * high + 0.4), sharex=True, sharey=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    ink = plt.rcParams["text.color"]
    means = {method: _mean_curve(seeds) for method, seeds in runs.items()}
    for ax, (method, seeds) in zip(grid.flat, runs.items(), strict=False):
        for other, (x, mean) in means.items():
            if other != method:
                ax.plot(x, mean, color=ink, linewidth=0.7, alpha=0.35)
        x, mean = means[method]
        every = np.stack([_read(seed, x) for seed in seeds])
        ax.fill_between(x, every.min(axis=0), every.max(axis=0), color=UP, alpha=0.18, lw=0)
        for at, values in seeds:
            ax.plot(at, values, color=UP, linewidth=0.9, marker=".", markersize=4, alpha=0.8)
        ax.plot(x, mean, color=OKABE_ITO["orange"], linewidth=2.2)
        ax.set_title(method)
        ax.set_ylim(bottom=0)
    for ax in grid.flat[len(runs) :]:
        ax.set_visible(False)
    for ax in grid.flat[max(len(runs) - columns, 0) : len(runs)]:  # with nothing below
        ax.tick_params(labelbottom=True)
        ax.set_xlabel(xlabel)
    for ax in grid[:, 0]:
        ax.set_ylabel(ylabel)
    figure.suptitle(
        "Blue: all seeds, with a band from the worst to the best. Orange: their mean. "
        "Thin: means of the other methods.",
        fontsize=9,
    )
    plt.close(figure)
    return figure


def _mean_curve(seeds: Sequence[Curve]) -> tuple[Any, Any]:
    """Return the x values of all seeds, up to where the shortest ends, and the mean at each."""
    last = min(max(x) for x, _ in seeds)
    at = np.unique(np.concatenate([np.asarray(x, float) for x, _ in seeds]))
    at = at[at <= last]
    return at, np.mean([_read(seed, at) for seed in seeds], axis=0)


def _read(curve: Curve, at: Any) -> Any:
    """Return a curve's values at some x values, by linear interpolation."""
    return np.interp(at, np.asarray(curve[0], float), np.asarray(curve[1], float))


def finals(
    methods: Mapping[str, Sequence[float]], label: str, chance: Mapping[str, float]
) -> "Figure":
    """Draw the final value of every seed by method, best mean first, and differences by chance.

    Args:
        methods: name -> one number per seed.
        label: the meaning of the numbers.
        chance: description of a difference -> its size, drawn as a length to compare with.

    Raises:
        LabError: there are no runs.
    """
    if not methods or not all(len(values) for values in methods.values()):
        raise LabError("There is no run to draw.")
    ordered = sorted(methods.items(), key=lambda item: -float(np.mean(item[1])))
    rows = len(ordered) + len(chance)
    figure, axes = plt.subplots(figsize=(8, 0.42 * rows + 1.0), layout="constrained")
    for y, (_, values) in enumerate(ordered):
        v = np.asarray(values, float)
        axes.plot([v.min(), v.max()], [y, y], color=UP, linewidth=6, alpha=0.2)
        axes.plot(v, np.full(len(v), y), "o", color=UP, markersize=6, alpha=0.8)
        axes.plot(v.mean(), y, "|", color=OKABE_ITO["orange"], markersize=19, markeredgewidth=3)
    top = max(float(np.mean(values)) for values in methods.values())
    for y, (text, length) in enumerate(chance.items(), len(ordered)):
        axes.errorbar(
            [top - length / 2], [y], xerr=[length / 2], color=DOWN, capsize=5, linewidth=2
        )
        axes.annotate(
            f"{text}: {length:.3f}", (top - length, y), (-10, 0), textcoords="offset points",
            ha="right", va="center", fontsize=8.5,
        )  # fmt: skip
    name_rows(axes, [name for name, _ in ordered] + [""] * len(chance), "method")
    axes.set_xlabel(f"{label} (dots: seeds; orange: their mean)")
    plt.close(figure)
    return figure
