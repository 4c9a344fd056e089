"""The clipped objective: its value, its gradient, and the tokens that are clipped."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator

from grpo_core.analysis.figures.parts import different, name_rows, printable, signed
from grpo_core.analysis.figures.style import DOWN, LINES, OKABE_ITO, RUN_COLORS, UP

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def clipped_surrogate(epsilon_low: float = 0.2, epsilon_high: float = 0.2) -> "Figure":
    """Draw one token's clipped objective over its ratio, for A = 1 and A = -1."""
    ratio = np.linspace(0, 2, 201)
    clipped = np.clip(ratio, 1 - epsilon_low, 1 + epsilon_high)
    figure, panels = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
    for axes, sign, color, title in [
        (panels[0], 1, UP, "A = +1"),
        (panels[1], -1, DOWN, "A = −1"),
    ]:
        axes.plot(ratio, sign * ratio, color=color, linestyle=":", label="ratio × A")
        axes.plot(ratio, np.minimum(sign * ratio, sign * clipped), color=color, label="clipped")
        axes.axvline(1, color=plt.rcParams["text.color"], linewidth=0.8)
        axes.axvspan(1 - epsilon_low, 1 + epsilon_high, color=color, alpha=0.12, linewidth=0)
        axes.set(title=title, xlabel="ratio: new probability / old", ylabel="objective")
        axes.legend()
    plt.close(figure)
    return figure


def loss_along(lengths: Sequence[float], losses: Sequence[float]) -> "Figure":
    """Draw the loss as the weights move along the gradient.

    Args:
        lengths: the distances moved, 0 for the current weights, above 0 downhill.
        losses: the loss at each distance.
    """
    figure, axes = plt.subplots(figsize=(6.5, 3), layout="constrained")
    x, y, ink = np.asarray(lengths), np.asarray(losses), plt.rcParams["text.color"]
    axes.axhline(0, color=ink, linewidth=0.8, linestyle=":")
    axes.plot(x, y, color=UP, marker=".")
    axes.plot(0, float(np.interp(0, x, y)), "o", color=DOWN, markersize=9, label="current weights")
    axes.set(xlabel="distance moved along the gradient (downhill: right)", ylabel="loss")
    axes.legend()
    plt.close(figure)
    return figure


def clip_at(
    ratio: float, advantage: float, epsilon_low: float = 0.2, epsilon_high: float = 0.2
) -> "Figure":
    """Draw one token under the clip: its objective, and the weight of its gradient."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    x, ink = np.linspace(0, 2, 401), plt.rcParams["text.color"]
    bound = np.clip(x, 1 - epsilon_low, 1 + epsilon_high)
    value = np.minimum(x * advantage, bound * advantage)
    weight = np.where(x * advantage <= bound * advantage, x * advantage, 0.0)
    color = UP if advantage >= 0 else DOWN
    for axes, curve, label in (
        (left, value, "objective"),
        (right, weight, "weight of ∇ log π"),
    ):
        axes.axvspan(1 - epsilon_low, 1 + epsilon_high, color=color, alpha=0.12, linewidth=0)
        axes.axhline(0, color=ink, linewidth=0.8)
        axes.plot(x, curve, color=color)
        here = float(np.interp(ratio, x, curve))
        if axes is right:  # it jumps at a bound
            here = float(curve[np.abs(x - ratio).argmin()])
        axes.plot(ratio, here, "o", color=ink, markersize=9)
        axes.set(xlabel="ratio: new probability / old", ylabel=label, ylim=(-4.2, 4.2))
    left.set_title("Objective")
    right.set_title(f"Weight of its gradient: {signed(here)}")
    plt.close(figure)
    return figure


def clip_map(
    ratio: Sequence[float],
    advantages: Sequence[float],
    tokens: Sequence[str],
    epsilon_low: float = 0.2,
    epsilon_high: float = 0.2,
    names: int = 4,
) -> "Figure":
    """Draw tokens by ratio and advantage, with the two corners in which they are clipped.

    Args:
        ratio, advantages: one number per token.
        tokens: the (untrusted) tokens.
        epsilon_low, epsilon_high: the bounds.
        names: how many different tokens to label in each corner.
    """
    r, a = np.asarray(ratio, float), np.asarray(advantages, float)
    figure, axes = plt.subplots(figsize=(9, 4.8), layout="constrained")
    ink, (low, high) = plt.rcParams["text.color"], (1 - epsilon_low, 1 + epsilon_high)
    left, right = 0.3, 3.4
    shown = r.clip(1.04 * left, right / 1.04)  # points beyond the edge are drawn at it
    reach = 1.4 * max(float(np.abs(a).max(initial=0.0)), 1.0)
    for x, width, y in ((high, right - high, 0.0), (left, low - left, -reach)):
        axes.add_patch(Rectangle((x, y), width, reach, facecolor=ink, alpha=0.13, linewidth=0))
    for x, y, text in (
        ((high * right) ** 0.5, 0.88, "A > 0, increased:\nno gradient"),
        ((left * low) ** 0.5, -0.88, "A < 0, decreased:\nno gradient"),
        ((high * right) ** 0.5, -0.88, "A < 0, increased:\nmoves back down"),
        ((left * low) ** 0.5, 0.88, "A > 0, decreased:\nmoves back up"),
    ):
        axes.text(x, y * reach, text, ha="center", va="center", fontsize=9)
    clipped = ((a > 0) & (r > high)) | ((a < 0) & (r < low))
    for chosen, marker, color, label in (
        (~clipped & (a > 0), "o", UP, "push above 0"),
        (~clipped & (a < 0), "v", DOWN, "push below 0"),
        (clipped, "x", ink, "clipped"),
    ):
        axes.scatter(
            shown[chosen],
            a[chosen],
            s=22,
            marker=marker, color=color, alpha=0.55,
            linewidths=1.2 if marker == "x" else 0, label=f"{label}: {int(chosen.sum())}",
        )  # fmt: skip
    for corner in ((a > 0) & (r > high), (a < 0) & (r < low), (a > 0) & (r < low),
                   (a < 0) & (r > high)):  # fmt: skip
        _name_extremes(axes, shown, a, tokens, corner, names)
    axes.axhline(0, color=ink, linewidth=0.8)
    for x in (low, 1.0, high):
        axes.axvline(x, color=ink, linewidth=0.8, linestyle="-" if x == 1 else ":")
    axes.set_xscale("log")
    axes.set_xticks([0.4, 0.6, low, 1.0, high, 1.5, 2.0, 3.0], minor=False)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.set(xlim=(left, right), ylim=(-reach, reach))
    axes.set(xlabel="ratio: new probability / old (log scale)", ylabel="advantage")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    plt.close(figure)
    return figure


def _name_extremes(
    axes: "Axes", r: Any, a: Any, tokens: Sequence[str], among: Any, count: int
) -> None:
    """Label the tokens whose ratio moved furthest, each only once."""
    order = [i for i in np.argsort(-np.abs(np.log(r))) if among[i]]
    for n, i in enumerate(different(tokens, order, count)):
        axes.annotate(
            printable(tokens[i]), (r[i], a[i]), xytext=(4, -10 if n % 2 else 4),
            textcoords="offset points", fontsize=8, family="DejaVu Sans Mono", parse_math=False,
        )  # fmt: skip


def surrogates(ratio: Sequence[float], methods: Mapping[str, Any]) -> "Figure":
    """Draw several surrogates and the weights of their gradients, for A = 1 and A = -1.

    Args:
        ratio: the ratios, increasing.
        methods: name -> (4, len(ratio)): objective and weight of ∇ log π for A = +1, then for
            A = −1.
    """
    figure, axes = plt.subplots(2, 2, figsize=(9, 5.4), sharex=True, layout="constrained")
    x = np.asarray(ratio, float)
    for i, (name, curves) in enumerate(methods.items()):
        for ax, curve in zip(axes.T.flat, np.asarray(curves, float), strict=True):
            ax.plot(
                x, curve, LINES[i % len(LINES)], color=RUN_COLORS[i % len(RUN_COLORS)],
                label=name, linewidth=2.4 - 0.4 * i,
            )  # fmt: skip
    for ax in axes.flat:
        ax.axhline(0, color=plt.rcParams["text.color"], linewidth=0.8)
        ax.axvline(1, color=plt.rcParams["text.color"], linewidth=0.8)
    axes[0][0].set(title="A = +1", ylabel="objective")
    axes[0][1].set(title="A = −1")
    axes[1][0].set(xlabel="ratio: new probability / old", ylabel="weight of ∇ log π")
    axes[1][1].set(xlabel="ratio: new probability / old")
    for ax, other in ((axes[0][1], axes[0][0]), (axes[1][1], axes[1][0])):
        ax.set_ylabel(other.get_ylabel())
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    plt.close(figure)
    return figure


def many_updates(panels: Mapping[str, tuple[str, Mapping[str, Sequence[float]]]]) -> "Figure":
    """Draw a quantity after every update on the same batch, by method.

    Args:
        panels: title -> (axis label, method -> the value before the first update and after each).
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 3.5), layout="constrained", squeeze=False
    )
    for ax, (title, (label, methods)) in zip(axes[0], panels.items(), strict=True):
        for i, (name, values) in enumerate(methods.items()):
            ax.plot(
                range(len(values)), values, LINES[i % len(LINES)], label=name,
                color=RUN_COLORS[i % len(RUN_COLORS)], marker=("o", "s", "^", "D", "v")[i % 5],
                markersize=4,
            )  # fmt: skip
        ax.set(title=title, xlabel="updates on the same batch", ylabel=label)
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0][0].legend()
    plt.close(figure)
    return figure


def token_shares(
    names: Sequence[str], values: Sequence[float], overall: float, label: str
) -> "Figure":
    """Draw a share for each of several (untrusted) tokens, beside the share of all tokens."""
    figure, axes = plt.subplots(figsize=(6.5, 0.32 * len(names) + 1.1), layout="constrained")
    v = np.asarray(values, float)
    axes.barh(np.arange(len(v)), 100 * v, color=np.where(v > overall, DOWN, OKABE_ITO["sky"]))
    axes.axvline(100 * overall, color=plt.rcParams["text.color"], linestyle="--")
    name_rows(axes, [printable(name) for name in names], "token")
    for tick in axes.get_yticklabels():
        tick.set(family="DejaVu Sans Mono", parse_math=False)
    axes.set_xlabel(f"{label} (dashed: all tokens)")
    plt.close(figure)
    return figure
