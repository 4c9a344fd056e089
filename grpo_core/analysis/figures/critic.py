"""Critics: values and advantages per token, the effect of lambda, explained variance."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np

from grpo_core.analysis.figures.parts import printable
from grpo_core.analysis.figures.style import DOWN, LOOKS, OKABE_ITO, UP

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def critic_advantages(
    tokens: Sequence[str], values: Any, rewards: Any, advantages: Mapping[str, Any]
) -> "Figure":
    """Draw a short completion: the critic's value before each token, and each advantage.

    Args:
        tokens: T texts.
        values: T numbers, the value before each token.
        rewards: T numbers, the reward of each token.
        advantages: name -> T numbers, one row of bars each.
    """
    x = np.arange(len(tokens))
    names = list(advantages)
    figure, axes = plt.subplots(
        1 + len(names), 1, figsize=(9, 2.0 + 1.3 * len(names)), sharex=True, layout="constrained",
        height_ratios=[1.6] + [1.0] * len(names),
    )  # fmt: skip
    ink = plt.rcParams["text.color"]
    axes[0].step([*x, len(x)], [*values, 0.0], where="post", color=OKABE_ITO["green"], linewidth=2)
    axes[0].plot(x + 0.5, rewards, "v", color=OKABE_ITO["orange"], markersize=7)
    axes[0].set(ylabel="reward")
    axes[0].set_title("Line: the critic's value before each token. ▼: the token's reward")
    reach = 1.35 * max(float(np.abs(np.asarray(a)).max(initial=0.0)) for a in advantages.values())
    for ax, name in zip(axes[1:], names, strict=True):
        a = np.asarray(advantages[name], float)
        bars = ax.bar(x + 0.5, a, 0.8, color=np.where(a >= 0, UP, DOWN))
        ax.bar_label(bars, labels=[f"{v:+.2f}".replace("-", "−") for v in a], fontsize=8, padding=2)
        ax.axhline(0, color=ink, linewidth=1)
        ax.set(ylim=(-reach or -1, reach or 1), ylabel=f"advantage\n{name}")
    axes[-1].set_xticks(x + 0.5, [printable(token) for token in tokens])
    for label in axes[-1].get_xticklabels():
        label.set_parse_math(False)
    axes[-1].set(xlabel="token", xlim=(0, len(x)))
    plt.close(figure)
    return figure


def td_error_decay(lams: Sequence[float], distance: int) -> "Figure":
    """Draw the share of a TD error that reaches an earlier token, for several lambdas.

    Args:
        lams: the lambdas.
        distance: the largest number of tokens between the two.
    """
    x = np.arange(distance + 1)
    figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
    for lam, look in zip(lams, LOOKS, strict=False):
        every = max(1, distance // 8)
        axes.plot(x, lam**x, **look, linewidth=1.8, markersize=4.5, markevery=every, label=f"{lam}")
    axes.set(xlabel="tokens between", ylabel="share that arrives: λ to that power", ylim=(0, 1.04))
    axes.legend(title="λ")
    plt.close(figure)
    return figure


def mean_and_noise(
    lams: Sequence[float], critics: Mapping[str, tuple[Any, Any]], exact: float
) -> "Figure":
    """Draw the mean and the standard deviation of a gradient estimate over lambda.

    Args:
        lams: lambdas, increasing.
        critics: name -> means and standard deviations, one per lambda.
        exact: the exact gradient.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6), layout="constrained")
    for (name, (mean, std)), look in zip(critics.items(), LOOKS, strict=False):
        style = {**look, "linewidth": 1.8, "markersize": 4.5, "label": name}
        left.plot(lams, np.asarray(mean) / exact, **style)
        right.plot(lams, np.asarray(std) / exact, **style)
    ink = plt.rcParams["text.color"]
    left.axhline(1, color=ink, linewidth=0.8, linestyle=":")
    left.set(title="Mean", ylabel="mean estimate / exact gradient", ylim=(-0.05, 1.25))
    right.set(title="Noise", ylabel="standard deviation / exact gradient")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.axvline(0.95, color=ink, linewidth=0.8, linestyle="--")
        axes.set_xlabel("λ (dashed: 0.95)")
    left.legend(title="the critic", fontsize=9)
    plt.close(figure)
    return figure


def explained_variance(steps: Sequence[int], shares: Mapping[str, Sequence[float]]) -> "Figure":
    """Draw the variance of the rewards that a critic explains, over training, at several places.

    Args:
        steps: training steps.
        shares: place -> explained variance per step: 1 is perfect, 0 is no better than a
            constant, below 0 is worse.
    """
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
    for (place, values), look in zip(shares.items(), LOOKS, strict=False):
        axes.plot(steps, values, **look, linewidth=1.8, markersize=5, label=place)
    axes.axhline(0, color=plt.rcParams["text.color"], linewidth=1)
    axes.set(xlabel="step", ylabel="explained variance of the rewards")
    axes.set_ylim(top=1)
    axes.legend(title="value")
    plt.close(figure)
    return figure


def values_along(completions: Sequence[tuple[str, Sequence[str], Any, Any]]) -> "Figure":
    """Draw the critic's values along real completions, with the largest changes labelled.

    Args:
        completions: title, tokens, values and reward of each.
    """
    figure, grid = plt.subplots(
        len(completions), 1, figsize=(10, 2.5 * len(completions)), layout="constrained",
        squeeze=False, sharey=True,
    )  # fmt: skip
    for axes, (title, tokens, values, reward) in zip(grid[:, 0], completions, strict=True):
        v = np.asarray(values, float)
        axes.step(np.arange(len(v)), v, where="mid", color=OKABE_ITO["green"], linewidth=1.6)
        axes.axhline(reward, color=OKABE_ITO["orange"], linestyle="--", linewidth=1.2)
        _name_steps(axes, tokens, v)
        axes.set(title=title, xlabel="token", ylabel="value")
        axes.margins(y=0.25)
    plt.close(figure)
    return figure


def _name_steps(axes: "Axes", tokens: Sequence[str], values: Any, count: int = 6) -> None:
    """Label the largest changes of the value with the token that caused them."""
    moves = np.diff(values)
    placed: list[int] = []
    for i in np.argsort(-np.abs(moves), kind="stable"):
        if len(placed) == count:
            break
        if any(abs(int(i) - other) < max(3, len(values) // 24) for other in placed):
            continue
        placed.append(int(i))
        up = moves[i] > 0
        axes.annotate(
            printable(tokens[i]),
            (i + 0.5, values[i + 1]),
            (0, 12 if up else -12),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=9,
            family="DejaVu Sans Mono",
            color=UP if up else DOWN,
            parse_math=False,
        )
