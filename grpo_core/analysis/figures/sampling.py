"""Temperature, pass@k, and how often a group is useful."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps

from grpo_core.analysis.figures.parts import name_rows, printable, shortened
from grpo_core.analysis.figures.style import OKABE_ITO, RUN_COLORS, UP

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def temperatures(
    tokens: Sequence[str], panels: Mapping[str, Sequence[float]], title: str = ""
) -> "Figure":
    """Draw the most likely next tokens at several temperatures.

    Args:
        tokens: untrusted; the most likely first.
        panels: name of a temperature -> the tokens' probabilities.
        title: the prompt; untrusted.
    """
    rows = np.arange(len(tokens))
    figure, axes = plt.subplots(
        1, len(panels), figsize=(3 * len(panels), 0.3 * len(tokens) + 1.5), sharey=True,
        sharex=True, layout="constrained", squeeze=False,
    )  # fmt: skip
    for ax, (name, probabilities) in zip(axes[0], panels.items(), strict=True):
        bars = ax.barh(rows, probabilities, color=OKABE_ITO["sky"])
        ax.bar_label(bars, [f"{p:.2f}" for p in probabilities], padding=3, fontsize=8)
        ax.set(title=name, xlabel="probability", xlim=(0, 1.15))
    name_rows(axes[0][0], [printable(token) for token in tokens], "next token")
    for label in axes[0][0].get_yticklabels():
        label.set(family="DejaVu Sans Mono", parse_math=False)
    figure.suptitle(shortened(title, 60), parse_math=False)
    plt.close(figure)
    return figure


def temperature_sweep(
    temperatures: Sequence[float], curves: Mapping[str, Sequence[float]]
) -> "Figure":
    """Draw how several shares change with the temperature, one line each.

    Args:
        temperatures: the sampling temperatures.
        curves: name of a share -> its value at each temperature, 0 to 1.
    """
    figure, axes = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    markers = ("o", "s", "D", "^")
    for (name, shares), color, marker in zip(curves.items(), RUN_COLORS, markers, strict=False):
        axes.plot(temperatures, shares, color=color, marker=marker, label=name)
    axes.set(xlabel="temperature T", ylabel="share", ylim=(0, 1.03), xticks=temperatures)
    figure.legend(loc="outside right center")
    plt.close(figure)
    return figure


def pass_at_k(
    ks: Sequence[int], curves: Mapping[str, Sequence[float]], level: tuple[str, float]
) -> "Figure":
    """Draw pass@k over k, and one level to compare with.

    Args:
        ks: numbers of samples.
        curves: name -> pass@k for each k.
        level: the name and the value of a dashed line.
    """
    figure, axes = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    for (name, shares), color, marker in zip(curves.items(), RUN_COLORS, "os^", strict=False):
        axes.plot(ks, shares, color=color, marker=marker, label=name)
    axes.axhline(level[1], color=OKABE_ITO["green"], linestyle="--", label=level[0])
    axes.set_xscale("log", base=2)
    axes.set_xticks(ks, [str(k) for k in ks])
    axes.set(xlabel="samples k", ylabel="pass@k", ylim=(0, 1.03))
    axes.legend(loc="lower right")
    plt.close(figure)
    return figure


def useful_groups(
    sizes: Sequence[int], at: float, measured: tuple[Sequence[int], Sequence[float]]
) -> "Figure":
    """Draw the probability of a group with right and wrong completions: 1 - p^G - (1-p)^G.

    Args:
        sizes: group sizes G of the left panel, over p.
        at: the p of the right panel, over G.
        measured: group sizes, and the measured share of useful groups.
    """
    p = np.linspace(0, 1, 201)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    shades = colormaps["viridis"](np.linspace(0.15, 0.85, len(sizes)))
    for size, color in zip(sizes, shades, strict=True):
        left.plot(p, 1 - p**size - (1 - p) ** size, color=color, label=f"G = {size}")
    ink = plt.rcParams["text.color"]
    left.axvline(at, color=ink, linestyle=":", linewidth=1.2, label="the tiny model")
    left.set(xlabel="probability p of a right completion", ylabel="probability of a useful group")
    left.set_title("The formula")
    left.legend(loc="lower center", fontsize=8)
    g = np.arange(2, max(measured[0]) + 1)
    right.plot(g, 1 - at**g - (1 - at) ** g, color=UP, label=f"formula with p = {at:.2f}")
    right.plot(*measured, "o", color=OKABE_ITO["orange"], markersize=7, label="measured")
    right.set(title="The tiny model", xlabel="group size G")
    right.legend(loc="lower right")
    plt.close(figure)
    return figure


def useful_in_a_run(
    steps: Sequence[int],
    accuracy: Sequence[float],
    measured: Sequence[float],
    predicted: Sequence[float],
    window: int = 10,
) -> "Figure":
    """Draw the share of useful groups in a run, and the share predicted from its accuracy.

    Args:
        steps: the steps of the run.
        accuracy: the share of right completions in each.
        measured: the share of groups whose rewards differ.
        predicted: the same share by the formula.
        window: the number of steps that a line averages over; single steps are dots.
    """
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
    x, middle = np.asarray(steps), np.convolve(steps, np.ones(window) / window, "valid")
    for name, values, color, line in (
        ("right completions", accuracy, OKABE_ITO["green"], ":"),
        ("useful groups, predicted", predicted, UP, "--"),
        ("useful groups, measured", measured, OKABE_ITO["orange"], "-"),
    ):
        y = np.asarray(values, float)
        if name.endswith("measured"):
            axes.plot(x, y, ".", color=color, alpha=0.35, markersize=5)
        smooth = np.convolve(y, np.ones(window) / window, "valid")
        axes.plot(middle, smooth, line, color=color, linewidth=2, label=name)
    axes.set(xlabel="step", ylabel="share", ylim=(0, 1.05))
    axes.legend(title=f"mean of {window} steps", loc="lower right")
    plt.close(figure)
    return figure


def budget(budget: int, sizes: Sequence[int], chances: Sequence[float]) -> "Figure":
    """Draw what a budget of samples gives, by group size: useful groups, and useful visits.

    Args:
        budget: samples per step.
        sizes: group sizes G that divide it.
        chances: probabilities p of a right completion, one line each.
    """
    g = np.asarray(sizes, float)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for p, color, marker in zip(chances, RUN_COLORS, "os^Dv", strict=False):
        useful = 1 - p**g - (1 - p) ** g
        style = {"color": color, "marker": marker, "label": f"solved in {p:.0%} of the samples"}
        left.plot(sizes, budget / g * useful, **style)
        right.plot(sizes, useful, **style)
    left.set(title=f"{budget} samples per step", ylabel="useful groups per step", ylim=(0, None))
    right.set(
        title="One visit of a problem", ylabel="probability of a useful group", ylim=(0, 1.03)
    )
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_xlabel("group size G")
    left.legend(fontsize=8)
    plt.close(figure)
    return figure
