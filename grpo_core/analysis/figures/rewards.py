"""Verdicts and reward components of many completions, as grids."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize

from grpo_core.analysis.figures.parts import draw_cell, name_rows, shortened, signed
from grpo_core.analysis.figures.style import OKABE_ITO, PUSH

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def verdict_grid(rows: Sequence[str], verdicts: Mapping[str, Sequence[str]]) -> "Figure":
    """Draw the verdicts of several verifiers on the same answers.

    Args:
        rows: names of the answers.
        verdicts: verifier -> "right", "wrong" or "raised" for each answer: whether its verdict on
            the answer is correct.
    """
    looks = {
        "right": ("#5AA9DC", "✓"),
        "wrong": ("#EE8A4B", "✗ fooled"),
        "raised": (OKABE_ITO["yellow"], "! raises"),
    }
    figure, axes = plt.subplots(
        figsize=(2.2 + 1.3 * len(verdicts), 0.32 * len(rows) + 1.1), layout="constrained"
    )
    for x, column in enumerate(verdicts.values()):
        for y, verdict in enumerate(column):
            color, text = looks[verdict]
            draw_cell(axes, x, y - 0.5, 1, color, text)
    name_rows(axes, list(rows), "answer")
    axes.set_xticks(np.arange(len(verdicts)) + 0.5, list(verdicts))
    axes.set(xlim=(0, len(verdicts)), xlabel="verifier")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    plt.close(figure)
    return figure


def reward_grid(
    names: Sequence[str],
    parts: Mapping[str, Sequence[float]],
    totals: Sequence[float],
    advantages: Sequence[float],
    title: str = "",
) -> "Figure":
    """Draw a group as a heat map: reward components, total reward and advantage per completion.

    Args:
        names: the label of each row: a name, or the completion's (untrusted) text.
        parts: reward component -> unweighted values, 0 to 1.
        totals: the weighted sums.
        advantages: the advantages.
        title: the title, also untrusted.
    """
    columns = {**parts, "reward": totals, "advantage": advantages}
    largest = float(np.abs(np.asarray(advantages)).max(initial=0.0)) or 1.0
    pale = LinearSegmentedColormap.from_list("pale", ["#F4F4F4", "#7FC8A9"])
    top = max(1.0, float(np.max(totals)))
    figure, axes = plt.subplots(
        figsize=(3.6 + 1.05 * len(columns), 0.3 * len(names) + 1.1), layout="constrained"
    )
    for x, (column, values) in enumerate(columns.items()):
        for y, value in enumerate(map(float, values)):
            if column == "advantage":
                color, text = PUSH(Normalize(-largest, largest)(value)), signed(value)
            else:
                color, text = pale(value / (top if column == "reward" else 1.0)), f"{value:g}"
            draw_cell(axes, x, y - 0.5, 1, color, text)
    name_rows(axes, [shortened(name) for name in names], "completion")
    for label in axes.get_yticklabels():
        label.set(fontsize=8, parse_math=False)
    axes.set_xticks(np.arange(len(columns)) + 0.5, list(columns))
    axes.set(xlim=(0, len(columns)), xlabel="rewards and advantage")
    axes.set_title(shortened(title, 60), parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    plt.close(figure)
    return figure
