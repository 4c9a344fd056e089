"""R1's pipeline: the effect of each stage, the language reward, distillation and RL."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyBboxPatch

from grpo_core.analysis.figures.parts import run_colors
from grpo_core.analysis.figures.style import LOOKS, OKABE_ITO, UP
from grpo_core.core.errors import LabError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Record = dict[str, Any]
"""A pipeline's record, as `grpo_core.pipeline.r1` writes it to data/results/r1-seed<k>.json."""

_THROUGH = {
    "base": "base",
    "1-cold-start": "1 cold\nstart",
    "2-reasoning": "2 RL",
    "3-sft": "3 SFT of\nthe base",
    "4-all-scenarios": "4 RL,\nall",
}
_CHARTS = {
    "accuracy": ("Accuracy", "share of held-out problems"),
    "format": ("Format", "share well-formed"),
    "language": ("Language", "share of verdicts in English"),
    "mean_length": ("Length", "tokens per completion"),
    "general/accuracy": ("General prompts: accuracy", "share of held-out questions"),
    "general/mean_length": ("General prompts: length", "tokens per completion"),
}


def pipeline_stages(records: Sequence[Record]) -> "Figure":
    """Draw each stage's model on held-out problems: one thin line per seed, and their mean.

    Args:
        records: one per seed.

    Raises:
        LabError: no records.
    """
    _some(records)
    figure, grid = plt.subplots(2, 3, figsize=(10.5, 6.4), layout="constrained")
    for axes, (name, (title, label)) in zip(grid.flat, _CHARTS.items(), strict=True):
        seeds = np.array([[r["measured"][s][name] for s in _THROUGH] for r in records])
        _lines(axes, np.arange(len(_THROUGH)), seeds)
        axes.set(title=title, ylabel=label, xlabel="after stage")
        axes.set_xticks(range(len(_THROUGH)), _THROUGH.values(), fontsize=8)
        axes.set_ylim(0, 1.03 if seeds.max() <= 1 else 1.1 * seeds.max())
    _legend(figure, records)
    plt.close(figure)
    return figure


def language_reward_curves(records: Sequence[Record]) -> "Figure":
    """Draw stage 2 with and without the language reward: language, accuracy and length.

    There is one line per seed; each point is the mean of the last five steps.

    Args:
        records: one per seed, each with both runs.

    Raises:
        LabError: no records.
    """
    _some(records)
    runs = {"with the language reward": "2-reasoning", "without": "2-without-language"}
    charts = {
        "language": ("Language", "share of verdicts in English (batch)"),
        "accuracy": ("Accuracy", "share of right answers (batch)"),
        "length": ("Length", "tokens per completion"),
    }
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.4), layout="constrained")
    for ax, (name, (title, label)) in zip(axes, charts.items(), strict=True):
        for look, (what, run) in zip(LOOKS, runs.items(), strict=False):
            curves = [_smooth(r["stages"][run]["curves"][name]) for r in records]
            for i, (steps, values) in enumerate(curves):
                style = {k: look[k] for k in ("color", "linestyle")}
                ax.plot(steps, values, **style, linewidth=1.4, label=what if i == 0 else None)
        ax.set(title=title, ylabel=label, xlabel="RL step")
        ax.set_ylim(0, 1.03 if name != "length" else None)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    plt.close(figure)
    return figure


def distillation(records: Sequence[Record]) -> "Figure":
    """Draw held-out accuracy over operations for two students, distilled and trained by RL.

    Args:
        records: one per seed, each with `same_size` and `compute`.

    Raises:
        LabError: no records.
    """
    _some(records)
    students = {
        "same_size": ("The base itself", "3-sft"),
        "compute": ("A base with a seventh of the weights", "5-distilled"),
    }
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 4), sharey=True, layout="constrained")
    for ax, (student, (title, name)) in zip(axes, students.items(), strict=True):
        for i, record in enumerate(records):
            _taught_and_trained(ax, record[student], record["measured"][name]["accuracy"], i == 0)
        ax.set(title=title, xlabel="floating-point operations (10¹²)", ylim=(0, 1), xlim=(0, None))
    axes[0].set_ylabel("held-out accuracy")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    plt.close(figure)
    return figure


def _taught_and_trained(
    axes: "Axes", cost: dict[str, Any], accuracy: float, is_labelled: bool
) -> None:
    """Draw one seed of one student: the curve of RL, and distillation at its two costs."""
    spent, held_out = np.array(cost["rl"]).T
    label = "RL" if is_labelled else None
    axes.plot(spent / 1e12, held_out, color=OKABE_ITO["orange"], linewidth=1.4, label=label)
    own, teacher = cost["distilled"]["student"] / 1e12, cost["distilled"]["teacher"] / 1e12
    axes.plot((own, own + teacher), (accuracy, accuracy), ":", color=UP, linewidth=1.2)
    texts = ("distilled: cost of fine-tuning", "plus the teacher's sampling")
    for x, marker, text in zip((own, own + teacher), "os", texts, strict=True):
        label = text if is_labelled else None
        axes.plot(x, accuracy, marker, color=UP, markersize=7, label=label)


def pipeline_flow(records: Sequence[Record]) -> "Figure":
    """Draw the flow of the pipeline: models as boxes with their accuracy, data on the arrows.

    Args:
        records: one per seed; numbers are means over them.

    Raises:
        LabError: no records.
    """
    _some(records)
    figure, axes = plt.subplots(figsize=(10.5, 4.4), layout="constrained")
    axes.set(xlim=(0, 10.4), ylim=(0, 4.3))
    axes.axis("off")
    places = {
        "base": (0.9, 3.3, "base"),
        "1-cold-start": (3.4, 3.3, "1 cold start"),
        "2-reasoning": (5.9, 3.3, "2 reasoning RL"),
        "3-sft": (3.4, 1.0, "3 SFT of the base"),
        "4-all-scenarios": (5.9, 1.0, "4 RL, all prompts"),
        "5-student": (9.3, 2.15, "a smaller base"),
        "5-distilled": (9.3, 0.6, "distilled"),
        "5-student-rl": (9.3, 3.7, "RL instead"),
    }
    for name, (x, y, title) in places.items():
        _box(axes, x, y, title, records, name)
    cold, kept, taught, mixed = (
        _mean([r["stages"]["1-cold-start"]["traces"].get("countdown", 0) for r in records]),
        _mean([r["stages"]["3-traces"]["kept"] for r in records]),
        _mean([r["stages"]["5-distilled"]["rejection"]["kept"] for r in records]),
        _mean([sum(r["stages"]["3-sft"]["traces"].values()) for r in records]),
    )
    rl = _mean([r["stages"]["2-reasoning"]["steps"] for r in records])
    student = _mean([r["stages"]["5-student-rl"]["steps"] for r in records])
    scenarios = _mean([r["stages"]["4-all-scenarios"]["steps"] for r in records])
    _arrow(axes, (1.75, 3.3), (2.5, 3.3), f"{cold:.0f}\ntraces")
    _arrow(axes, (4.3, 3.3), (5.0, 3.3), f"{rl:.0f}\nsteps")
    _arrow(axes, (5.4, 2.83), (3.9, 1.47), f"{kept:,.0f} kept\n+ {mixed - kept:.0f} general")
    _arrow(axes, (1.2, 2.83), (2.6, 1.4), "weights of the base")
    _arrow(axes, (4.3, 1.0), (5.0, 1.0), f"{scenarios:.0f}\nsteps")
    _arrow(axes, (6.8, 0.9), (8.4, 0.7), f"{taught:,.0f}\ntraces")
    _arrow(axes, (9.3, 2.6), (9.3, 3.2), f"{student:.0f} steps")
    _arrow(axes, (9.3, 1.7), (9.3, 1.1), "fine-tuning")
    plt.close(figure)
    return figure


def fine_tuning(losses: Sequence[float], before: float, after: float) -> "Figure":
    """Draw the loss of each fine-tuning step, and that of all traces before and after.

    Args:
        losses: the losses of the steps, in nats per token.
        before, after: the losses of all traces.
    """
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    steps = np.arange(1, len(losses) + 1)
    axes.plot(steps, losses, ".-", color=UP, linewidth=1.2, label="batch of the step")
    ends = (0, len(losses) + 1)
    axes.plot(ends, (before, after), "s", color=OKABE_ITO["orange"], label="all traces")
    for x, value, side in zip(ends, (before, after), ("left", "right"), strict=True):
        axes.annotate(f"{value:.3f}", (x, value), (0, 8), textcoords="offset points", ha=side)
    axes.set(xlabel="step", ylabel="loss (nats per token)", ylim=(0, 1.2 * max(before, *losses)))
    axes.legend(loc="lower left", fontsize=9)
    plt.close(figure)
    return figure


def selection_outcomes(counts: Mapping[str, int]) -> "Figure":
    """Draw how many sampled completions were kept, and why the others were discarded.

    Args:
        counts: outcome -> completions, in the order of the checks; "kept" is one of them.
    """
    figure, axes = plt.subplots(figsize=(7, 0.45 * len(counts) + 0.9), layout="constrained")
    colors = [UP if fate == "kept" else plt.rcParams["text.color"] for fate in counts]
    bars = axes.barh(list(counts), list(counts.values()), color=colors, height=0.6)
    for bar, fate in zip(bars, counts, strict=True):
        bar.set_alpha(1.0 if fate == "kept" else 0.45)
    total = sum(counts.values())
    axes.bar_label(bars, [f" {n:,}, {n / total:.0%}" for n in counts.values()], fontsize=9)
    axes.invert_yaxis()
    axes.set(xlabel="completions", ylabel="outcome", xlim=(0, 1.18 * max(counts.values())))
    plt.close(figure)
    return figure


def _box(
    axes: "Axes", x: float, y: float, title: str, records: Sequence[Record], name: str
) -> None:
    """Draw a model as a box with its name and accuracy, filled in proportion to the accuracy."""
    width, height, ink = 1.75, 0.9, plt.rcParams["text.color"]
    found = [r["measured"][name]["accuracy"] for r in records if name in r["measured"]]
    share = _mean(found)
    corner = (x - width / 2, y - height / 2)
    fill = plt.Rectangle(corner, width * share, height, color=UP, alpha=0.25, linewidth=0)
    axes.add_patch(fill)
    frame = FancyBboxPatch(
        corner, width, height, boxstyle="square,pad=0", fill=False, edgecolor=ink, linewidth=1
    )
    axes.add_patch(frame)
    axes.text(x, y + 0.17, title, ha="center", va="center", fontsize=9)
    axes.text(x, y - 0.2, f"accuracy {share:.2f}", ha="center", va="center", fontsize=9)


def _arrow(axes: "Axes", start: tuple[float, float], end: tuple[float, float], text: str) -> None:
    """Draw an arrow from one model to the next, labelled with what it passes on."""
    ink = plt.rcParams["text.color"]
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": ink, "linewidth": 1.2})
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    flat = abs(start[1] - end[1]) < 0.3
    axes.text(
        x + (0 if flat else 0.12 if start[0] <= end[0] else 0.3),
        y + (0.08 if flat else 0),
        text,
        ha="center" if flat else "left",
        va="bottom" if flat else "center",
        fontsize=8,
    )


def _lines(axes: "Axes", x: np.ndarray, seeds: np.ndarray) -> None:
    """Draw one thin line per seed (S, X), and their mean."""
    for color, values in zip(run_colors(len(seeds)), seeds, strict=True):
        axes.plot(x, values, color=color, marker="o", markersize=4, linewidth=1, alpha=0.85)
    if len(seeds) > 1:
        axes.plot(x, seeds.mean(axis=0), color=plt.rcParams["text.color"], linewidth=2.2, zorder=1)


def _legend(figure: "Figure", records: Sequence[Record]) -> None:
    """Draw the legend of the seeds."""
    labels = [f"seed {r['config']['seed']}" for r in records] + ["mean"] * (len(records) > 1)
    colors = [*run_colors(len(records)), plt.rcParams["text.color"]]
    handles = [
        plt.Line2D([], [], color=color, linewidth=2.2 if label == "mean" else 1.5)
        for color, label in zip(colors, labels, strict=False)
    ]
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))


def _smooth(curve: Sequence[Sequence[float]], width: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve of [step, value] pairs as means over the last `width` steps."""
    steps, values = np.array(curve, dtype=float).T
    means = [values[max(0, i + 1 - width) : i + 1].mean() for i in range(len(values))]
    return steps, np.array(means)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _some(records: Sequence[Record]) -> None:
    if not records:
        raise LabError("There is no pipeline to draw: make one with `grpo-lab r1`.")
