"""Policy gradients with and without a baseline: a bandit, and the variance of its estimates."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from grpo_core.analysis.figures.parts import name_rows
from grpo_core.analysis.figures.style import DOWN, LINES, OKABE_ITO, UP

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def bandit_step(
    before: Sequence[float], after: Sequence[float], arms: Sequence[int], rewards: Sequence[float]
) -> "Figure":
    """Draw a policy over a few arms before and after one update, with the group that it used.

    Args:
        before, after: probabilities, one per arm.
        arms: the arm of each of G samples, counted from 0.
        rewards: the reward of each sample; above 0 is drawn as a success.
    """
    p, q = np.asarray(before, float), np.asarray(after, float)
    x = np.arange(len(p))
    tries = [""] * len(p)
    for arm, reward in zip(np.asarray(arms), np.asarray(rewards), strict=True):
        tries[arm] += "✓" if reward > 0 else "✗"
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
    ink = plt.rcParams["text.color"]
    axes.bar(x - 0.2, p, 0.38, color=ink, alpha=0.35, label="before")
    axes.bar(x + 0.2, q, 0.38, color=np.where(q >= p, UP, DOWN))
    for color, label in ((UP, "after: increased"), (DOWN, "after: decreased")):
        axes.bar(0, 0, color=color, label=label)
    axes.set_xticks(x, [f"{arm + 1}\n{seen}" for arm, seen in zip(x, tries, strict=True)])
    axes.set(xlabel="arm, and the rewards of its samples", ylabel="probability")
    axes.legend()
    plt.close(figure)
    return figure


def policy_gradient(
    probabilities: Sequence[float], values: Sequence[float], gradient: Sequence[float]
) -> "Figure":
    """Draw a bandit's arms: their probabilities, expected rewards and exact gradients.

    Args:
        probabilities, values, gradient: one number per arm.
    """
    p, q, g = (np.asarray(numbers, float) for numbers in (probabilities, values, gradient))
    rows, expected = np.arange(len(p)), float(p @ q)
    size = (9, 0.3 * len(p) + 1.3)
    figure, axes = plt.subplots(1, 3, figsize=size, sharey=True, layout="constrained")
    axes[0].barh(rows, p, color=OKABE_ITO["sky"])
    axes[0].set(title="How often it is sampled", xlabel="probability π")
    axes[1].barh(rows, q, color=OKABE_ITO["green"])
    axes[1].axvline(expected, color=plt.rcParams["text.color"], linestyle="--")
    axes[1].set(title="How good it is", xlabel=f"reward probability q (dashed: J = {expected:.2f})")
    name_rows(axes[0], [f"arm {i + 1}" for i in rows], "completion")
    axes[2].barh(rows, g, color=np.where(g >= 0, UP, DOWN))
    axes[2].axvline(0, color=plt.rcParams["text.color"], linewidth=1)
    axes[2].set(title="The gradient", xlabel="∂J / ∂logit = π (q − J)")
    plt.close(figure)
    return figure


def gradient_estimates(
    clouds: Mapping[str, Any], truth: Sequence[float], names: tuple[str, str]
) -> "Figure":
    """Draw many estimates of two components of a gradient, for several estimators.

    Args:
        clouds: estimator -> (N, 2) estimates.
        truth: the exact values of the two components.
        names: the names of the two components.
    """
    figure, panels = plt.subplots(
        1, len(clouds), figsize=(4.2 * len(clouds), 3.8), sharex=True, sharey=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    ink = plt.rcParams["text.color"]
    colors = (DOWN, UP, OKABE_ITO["green"])
    for axes, (title, cloud), color in zip(panels[0], clouds.items(), colors, strict=False):
        cloud = np.asarray(cloud, float)
        axes.axhline(0, color=ink, linewidth=0.6)
        axes.axvline(0, color=ink, linewidth=0.6)
        axes.scatter(*cloud.T, s=14, color=color, alpha=0.35, linewidth=0, label="one group")
        axes.plot(*truth, "+", color=ink, markersize=22, markeredgewidth=2.5, label="exact")
        axes.plot(
            *cloud.mean(axis=0), "o", color=OKABE_ITO["yellow"], markeredgecolor="#1A1A1A",
            markersize=7, label="mean of all groups",
        )  # fmt: skip
        axes.set(title=title, xlabel=f"estimate for {names[0]}")
    panels[0][0].set_ylabel(f"estimate for {names[1]}")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    plt.close(figure)
    return figure


def expected_gradients(exact: Sequence[float], expected: Mapping[str, Sequence[float]]) -> "Figure":
    """Draw the means of several gradient estimates beside the exact gradient.

    Args:
        exact: one number per arm.
        expected: estimator -> one number per arm.
    """
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    bars = {"exact": exact, **expected}
    width, arms = 0.8 / len(bars), np.arange(len(exact))
    colors = [plt.rcParams["text.color"], OKABE_ITO["orange"], UP, OKABE_ITO["green"]]
    for i, (label, values) in enumerate(bars.items()):
        x = arms + (i - (len(bars) - 1) / 2) * width
        axes.bar(x, np.asarray(values, float), width, color=colors[i], label=label)
    axes.axhline(0, color=plt.rcParams["text.color"], linewidth=1)
    axes.set_xticks(arms, [str(arm + 1) for arm in arms])
    axes.set(xlabel="arm", ylabel="∂J / ∂logit, on average")
    axes.legend()
    plt.close(figure)
    return figure


def gradient_variance(
    sizes: Sequence[int], variances: Mapping[str, Sequence[float]], relative_to: str
) -> "Figure":
    """Draw the variance of a gradient estimate over the group size, absolute and relative.

    Args:
        sizes: group sizes G.
        variances: baseline -> variance at each size.
        relative_to: the baseline that the right panel divides by.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    markers = ("s", "^", "o", "D", "v")
    for i, (label, values) in enumerate(variances.items()):
        times = np.asarray(values) / np.asarray(variances[relative_to])
        color = (DOWN, OKABE_ITO["orange"], OKABE_ITO["green"], UP, OKABE_ITO["purple"])[i]
        style = {"color": color, "marker": markers[i], "markersize": 5, "label": label}
        left.plot(sizes, values, **style)
        right.plot(sizes, times, **style)
    left.set(title="Absolute variance", yscale="log", ylabel="variance of the estimate")
    right.set(title=f"Relative to the {relative_to}", ylabel="relative variance")
    right.set_ylim(bottom=0.9)
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes], minor=False)
        axes.set_xlabel("samples of one prompt, G")
    left.legend()
    plt.close(figure)
    return figure


def learning_bands(
    panels: Mapping[str, Mapping[str, Any]], label: str, best: float | None = None
) -> "Figure":
    """Draw learning curves of many runs: the mean, in a band of the middle 80%.

    Args:
        panels: title -> method -> (runs, steps) values.
        label: the meaning of the values.
        best: the best possible value, if any.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 3.6), sharey=True, layout="constrained",
        squeeze=False,
    )  # fmt: skip
    colors = (DOWN, OKABE_ITO["orange"], OKABE_ITO["green"], UP)
    for ax, (title, methods) in zip(axes[0], panels.items(), strict=True):
        for (method, runs), color, line in zip(methods.items(), colors, LINES, strict=False):
            mean = np.mean(runs, axis=0)
            low, high = np.quantile(runs, [0.1, 0.9], axis=0)
            steps = np.arange(len(mean))
            ax.plot(steps, mean, line, color=color, linewidth=1.8, label=method)
            ax.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)
        if best is not None:
            ax.axhline(best, color=plt.rcParams["text.color"], linewidth=0.8, linestyle=":")
        ax.set(title=title, xlabel="step")
    axes[0][0].set_ylabel(label)
    axes[0][0].legend(loc="lower right", title="mean and middle 80%", fontsize=8)
    plt.close(figure)
    return figure
