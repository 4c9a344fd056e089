"""The advantages of the same rewards under several methods."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from grpo_core.analysis.figures.parts import name_rows, signed_bars
from grpo_core.analysis.figures.style import DOWN, LINES, OKABE_ITO, RUN_COLORS, UP

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def compared_advantages(
    rewards: Sequence[float], methods: Mapping[str, Sequence[float]]
) -> "Figure":
    """Draw one group's rewards, and beside them its advantages under several methods.

    Args:
        rewards: G rewards.
        methods: name -> the G advantages.
    """
    r = np.asarray(rewards, float)
    rows = np.arange(len(r))
    figure, axes = plt.subplots(
        1, 1 + len(methods), figsize=(2.6 * (1 + len(methods)), 0.4 * len(r) + 1.3),
        sharey=True, layout="constrained",
    )  # fmt: skip
    axes[0].barh(rows, r, color=OKABE_ITO["sky"])
    axes[0].axvline(r.mean(), color=plt.rcParams["text.color"], linestyle="--")
    axes[0].set(title="Rewards", xlabel="reward (dashed: mean)")
    axes[0].set_xlim(min(0.0, 1.1 * float(r.min())), max(1.0, 1.1 * float(r.max())))
    name_rows(axes[0], [str(i + 1) for i in rows], "completion")
    for ax, (name, values) in zip(axes[1:], methods.items(), strict=True):
        signed_bars(ax, values, "advantage")
        ax.set_title(name)
        reach = 1.35 * max(float(np.abs(np.asarray(values, float)).max(initial=0.0)), 1.0)
        ax.set_xlim(-reach, reach)
    plt.close(figure)
    return figure


def groups_under_methods(groups: Sequence[str], methods: Mapping[str, Any]) -> "Figure":
    """Draw the advantages of several groups, one row per group and one panel per method.

    Args:
        groups: the label of each row.
        methods: name -> (N, G) advantages.
    """
    figure, axes = plt.subplots(
        1, len(methods), figsize=(2.7 * len(methods) + 0.8, 0.5 * len(groups) + 1.2),
        sharey=True, sharex=True, layout="constrained", squeeze=False,
    )  # fmt: skip
    ink = plt.rcParams["text.color"]
    for ax, (name, advantages) in zip(axes[0], methods.items(), strict=True):
        for y, row in enumerate(np.asarray(advantages, float)):
            values, counts = np.unique(row.round(6), return_counts=True)
            ax.hlines(y, values.min(), values.max(), color=ink, linewidth=0.8)
            colors = [UP if v > 0 else DOWN if v < 0 else ink for v in values]
            ax.scatter(values, np.full(len(values), y), s=28 * counts, c=colors, zorder=2)
        ax.axvline(0, color=ink, linewidth=0.8, linestyle=":")
        ax.set(title=name, xlabel="advantage")
    name_rows(axes[0][0], list(groups), "group (larger dot: more completions)")
    plt.close(figure)
    return figure


def prompt_weights(chances: Sequence[float], weights: Mapping[str, Sequence[float]]) -> "Figure":
    """Draw the weight of a prompt by how often it is solved, and the objective that follows.

    Args:
        chances: p, the probability of a right completion, in even steps from near 0 to near 1.
        weights: method -> the factor of the gradient of p, at each p.
    """
    p = np.asarray(chances, float)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for i, (name, values) in enumerate(weights.items()):
        w = np.asarray(values, float)
        style = {"color": RUN_COLORS[i % len(RUN_COLORS)], "label": name}
        style["linestyle"] = LINES[i % len(LINES)]
        left.plot(p, w, **style)
        steps = np.diff(p) * (w[1:] + w[:-1]) / 2
        gained = np.concatenate([[0.0], np.cumsum(steps)])
        right.plot(p, gained / gained[-1], **style)
    left.set(title="The weight of a prompt", ylabel="weight of ∇p")
    left.set_ylim(bottom=0)
    right.set(title="The objective", ylabel="objective, scaled to 0 to 1")
    for ax in (left, right):
        ax.set_xlabel("p, the probability of a right answer")
    left.legend()
    plt.close(figure)
    return figure


def outcome_and_process(
    lines: Sequence[int],
    is_right: Sequence[bool],
    outcome: Sequence[float],
    process: Sequence[float],
) -> "Figure":
    """Draw outcome advantages and process advantages of completions by their number of lines.

    Args:
        lines: the number of true lines in each completion.
        is_right: whether its answer is right.
        outcome, process: the advantage of its first token under either kind of reward.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharex=True, layout="constrained")
    n, right = np.asarray(lines), np.asarray(is_right, bool)
    titles = ("Outcome rewards", "Process rewards")
    for ax, values, title in zip(axes, (outcome, process), titles, strict=True):
        v = np.asarray(values, float)
        ax.scatter(n[right], v[right], marker="o", s=48, color=UP, alpha=0.7, label="right")
        ax.scatter(n[~right], v[~right], marker="X", s=48, color=DOWN, alpha=0.7, label="wrong")
        ax.axhline(0, color=plt.rcParams["text.color"], linewidth=0.8)
        ax.set(title=title, xlabel="true lines in the completion")
        ax.set_ylabel("advantage of the first token")
    axes[0].legend(title="answer")
    plt.close(figure)
    return figure
