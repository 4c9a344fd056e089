"""Every matplotlib figure of the kit, one function each. No torch in here.

A figure is returned and not shown, so that a notebook shows it once, as the value of a cell, and
a script saves it. Backgrounds are transparent. Colours are Okabe and Ito's, which stay distinct
for colour-blind readers; blue always means "up, good, likelier", vermilion the opposite.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps, font_manager
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullLocator

from grpo_core.errors import LabError
from grpo_core.records import Group

if TYPE_CHECKING:  # pandas takes a third of a second to import, and only one figure meets it
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from grpo_core.diagnosis import Finding

OKABE_ITO = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "vermilion": "#D55E00",
    "yellow": "#F0E442",
    "black": "#000000",
}
UP, DOWN = OKABE_ITO["blue"], OKABE_ITO["vermilion"]
_RUN_COLORS = [OKABE_ITO[name] for name in ("blue", "orange", "green", "purple", "sky")]

_LINES = ["-", "--", "-.", ":"]  # and so colour is not the only thing that tells them apart

# Token cells carry their own pale ground under dark letters, so they read on any page.
_PUSH = LinearSegmentedColormap.from_list("push", ["#EE8A4B", "#F4F4F4", "#5AA9DC"])
_HEAT = LinearSegmentedColormap.from_list("heat", ["#F4F4F4", "#F3D9A0", "#EE8A4B"])
_CELL_TEXT = "#1A1A1A"

# column of a run's metrics -> title, axis label
CURVES = {
    "eval/accuracy": ("Accuracy", "share of held-out problems"),
    "eval/format": ("Format", "share well-formed"),
    "eval/mean_length": ("Length", "tokens a completion"),
    "eval/backtracks": ("Backtracks", "tries given up a completion"),
    "eval/truncated": ("Truncated", "share cut off"),
    "kl": ("KL to the reference", "nats a token"),
}


# metric -> its unit, where the name does not end in one; see docs/glossary.md
_UNITS = {
    "kl": "nats a token",
    "entropy": "nats a token",
    "completions/mean_length": "tokens",
    "loss": "loss (no unit)",
    "grad_norm": "norm (no unit)",
    "reward": "reward",
    "frac_reward_zero_std": "share of groups",
    "completions/clipped_ratio": "share of completions",
    "eval/accuracy": "share of held-out problems",
    "eval/format": "share of held-out problems",
}


def use_style(dark: bool | None = None) -> None:
    """Set the kit's look for all figures that follow.

    Args:
        dark: True for a dark page, False for a light one; None for a grey that reads on both.
    """
    ink = {True: "#E6E6E6", False: "#222222", None: "#797979"}[dark]
    plt.rcParams.update(
        {
            "figure.facecolor": "none",
            "savefig.facecolor": "none",
            "axes.facecolor": "none",
            "figure.dpi": 96,
            "savefig.dpi": 160,
            "font.size": 10,
            "text.color": ink,
            "axes.edgecolor": ink,
            "axes.labelcolor": ink,
            "axes.titlesize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": plt.cycler(color=_RUN_COLORS),
            "xtick.color": ink,
            "ytick.color": ink,
            "legend.frameon": False,
            "svg.hashsalt": "grpo-lab",  # the same figure is the same file
        }
    )


def rewards_to_advantages(rewards: Sequence[float], advantages: Sequence[float]) -> "Figure":
    """What normalisation does to one group: rewards left, advantages right.

    Args:
        rewards: G rewards.
        advantages: the G advantages computed from them.
    """
    r, a = np.asarray(rewards, float), np.asarray(advantages, float)
    rows = np.arange(len(r))
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(8, 0.45 * len(r) + 1.4), sharey=True, layout="constrained"
    )
    left.barh(rows, r, color=OKABE_ITO["sky"])
    left.axvline(r.mean(), color=plt.rcParams["text.color"], linestyle="--")
    spread = f" ± {r.std(ddof=1):.2f}" if len(r) > 1 else ""
    left.set(title=f"Rewards: {r.mean():.2f}{spread}", xlabel="reward (dashed: mean of the group)")
    _name_rows(left, [f"completion {i + 1}" for i in rows], "the group")
    _signed_bars(right, a, "advantage (standard deviations from the mean)")
    right.set_title("Advantages")
    plt.close(figure)
    return figure


def advantages_bars(group: Group) -> "Figure":
    """The advantages of one group, with the rewards they come from."""
    rows = [
        f"{i + 1}: reward {completion.reward:g}" for i, completion in enumerate(group.completions)
    ]
    figure, axes = plt.subplots(figsize=(7, 0.4 * len(rows) + 1.3), layout="constrained")
    _signed_bars(axes, group.advantages, "advantage")
    _name_rows(axes, rows, "completion")
    axes.set_title(
        "All rewards tie: every advantage is 0" if group.is_dead else "Better than its group?"
    )
    plt.close(figure)
    return figure


def token_push(group: Group, width: int = 72) -> "Figure":
    """Every token of a group, shaded by what the update did to it.

    Args:
        group: one whose completions have their `push` recorded.
        width: characters a line, after which a completion goes on in the next.

    Raises:
        LabError: no push was recorded.
    """
    pushes = [c.push for c in group.completions if c.push is not None]
    if len(pushes) < len(group.completions):
        raise LabError("This group has no push recorded, so there is nothing to shade.")
    largest = max((float(np.abs(push).max()) for push in pushes if len(push)), default=0.0)
    names = [f"reward {c.reward:g}\nadvantage {_signed(c.advantage)}" for c in group.completions]
    rows = zip(names, (c.tokens for c in group.completions), pushes, strict=True)
    colors = ScalarMappable(Normalize(-(largest or 1.0), largest or 1.0), _PUSH)
    return _shaded(list(rows), colors, "push: −∂loss / ∂log π", width)


def token_values(
    rows: Sequence[tuple[str, Sequence[str], Sequence[float]]],
    label: str,
    width: int = 72,
    largest: float | None = None,
) -> "Figure":
    """Texts whose tokens are shaded by a number: blue above 0, vermilion below.

    Args:
        rows: for each text its name, its (untrusted) tokens and a number a token.
        label: what the number is.
        width: characters a line.
        largest: what is shaded in full, and whatever is beyond; None for the largest there is.
    """
    if largest is None:
        largest = max((abs(float(v)) for _, _, values in rows for v in values), default=0.0) or 1.0
    signed = any(v < 0 for _, _, values in rows for v in values)
    colors = ScalarMappable(
        Normalize(-largest if signed else 0.0, largest), _PUSH if signed else _HEAT
    )
    return _shaded(rows, colors, label, width)


def _shaded(
    rows: Sequence[tuple[str, Sequence[str], Any]], colors: ScalarMappable, label: str, width: int
) -> "Figure":
    """Tokens laid out as text, one block a row, each on the colour of its number."""
    lines = [_wrap([_printable(t) for t in tokens], width) for _, tokens, _ in rows]
    tops = np.cumsum([0, *(len(wrapped) + 0.6 for wrapped in lines)])
    figure, axes = plt.subplots(
        figsize=(0.105 * width + 2.6, 0.3 * tops[-1] + 1.1), layout="constrained"
    )
    for (_, _, values), wrapped, top in zip(rows, lines, tops[:-1], strict=True):
        for i, (line, start, text) in enumerate(cell for row in wrapped for cell in row):
            color = colors.to_rgba(np.asarray(float(values[i])))
            _cell(axes, start, top + line, len(text) + 1, color, text)
    axes.set_yticks(tops[:-1] + 0.5, [name for name, _, _ in rows], fontsize=8)
    axes.tick_params(length=0)
    axes.set(xlim=(0, width + 1), ylim=(tops[-1], -0.2), xticks=[])
    axes.set(xlabel="tokens, in the order they were sampled", ylabel="completions of one prompt")
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(colors, ax=axes, shrink=0.8, pad=0.01)
    bar.set_label(label)
    bar.outline.set_visible(False)
    plt.close(figure)
    return figure


def clipped_surrogate(epsilon_low: float = 0.2, epsilon_high: float = 0.2) -> "Figure":
    """What one token adds to the objective as its probability moves, for a good and a bad one."""
    ratio = np.linspace(0, 2, 201)
    clipped = np.clip(ratio, 1 - epsilon_low, 1 + epsilon_high)
    figure, panels = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
    for axes, sign, color, title in [
        (panels[0], 1, UP, "A good token (A = +1)"),
        (panels[1], -1, DOWN, "A bad token (A = −1)"),
    ]:
        axes.plot(ratio, sign * ratio, color=color, linestyle=":", label="ratio × A")
        axes.plot(ratio, np.minimum(sign * ratio, sign * clipped), color=color, label="clipped")
        axes.axvline(1, color=plt.rcParams["text.color"], linewidth=0.8)
        axes.axvspan(1 - epsilon_low, 1 + epsilon_high, color=color, alpha=0.12, linewidth=0)
        axes.set(title=title, xlabel="ratio: new probability / old", ylabel="objective")
        axes.legend()
    plt.close(figure)
    return figure


def bandit_step(
    before: Sequence[float], after: Sequence[float], arms: Sequence[int], rewards: Sequence[float]
) -> "Figure":
    """A policy over a few arms before and after one update, with the group it was made from.

    Args:
        before, after: probabilities, one an arm.
        arms: which arm each of G tries chose, counted from 0.
        rewards: what each try was paid; above 0 is drawn as a success.
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
    for color, label in ((UP, "after: likelier"), (DOWN, "after: rarer")):
        axes.bar(0, 0, color=color, label=label)
    axes.set_xticks(x, [f"{arm + 1}\n{seen}" for arm, seen in zip(x, tries, strict=True)])
    axes.set(xlabel="arm, and how its tries went", ylabel="probability")
    axes.legend()
    plt.close(figure)
    return figure


def policy_gradient(
    probabilities: Sequence[float], values: Sequence[float], gradient: Sequence[float]
) -> "Figure":
    """A bandit's arms: how often each is chosen, what it pays, and which way its score is pushed.

    Args:
        probabilities, values, gradient: one number an arm.
    """
    p, q, g = (np.asarray(numbers, float) for numbers in (probabilities, values, gradient))
    rows, expected = np.arange(len(p)), float(p @ q)
    size = (9, 0.3 * len(p) + 1.3)
    figure, axes = plt.subplots(1, 3, figsize=size, sharey=True, layout="constrained")
    axes[0].barh(rows, p, color=OKABE_ITO["sky"])
    axes[0].set(title="How often it is tried", xlabel="probability π")
    axes[1].barh(rows, q, color=OKABE_ITO["green"])
    axes[1].axvline(expected, color=plt.rcParams["text.color"], linestyle="--")
    axes[1].set(title="How good it is", xlabel=f"chance of a reward q (dashed: J = {expected:.2f})")
    _name_rows(axes[0], [f"arm {i + 1}" for i in rows], "completion")
    axes[2].barh(rows, g, color=np.where(g >= 0, UP, DOWN))
    axes[2].axvline(0, color=plt.rcParams["text.color"], linewidth=1)
    axes[2].set(title="Which way it is pushed", xlabel="∂J / ∂score = π (q − J)")
    plt.close(figure)
    return figure


def gradient_estimates(
    clouds: Mapping[str, Any], truth: Sequence[float], names: tuple[str, str]
) -> "Figure":
    """Many estimates of one gradient, two of its numbers, under several ways to estimate.

    Args:
        clouds: way -> (N, 2) estimates.
        truth: the two numbers they should be.
        names: whose numbers these are.
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
    """What several estimates come to on average, beside the gradient they are to estimate.

    Args:
        exact: one number an arm.
        expected: way to estimate -> one number an arm.
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
    axes.set(xlabel="arm", ylabel="∂J / ∂score, on average")
    axes.legend()
    plt.close(figure)
    return figure


def gradient_variance(
    sizes: Sequence[int], variances: Mapping[str, Sequence[float]], relative_to: str
) -> "Figure":
    """How noisy a gradient estimate is against the size of the group: itself, and against the best.

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
    left.set(title="More samples, less noise", yscale="log", ylabel="variance of the estimate")
    right.set(title=f"Against the {relative_to}", ylabel="times its variance")
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
    """Learning curves of many runs: the mean, in a band that holds the middle 80% of them.

    Args:
        panels: title -> method -> (runs, steps) values.
        label: what the values are.
        best: the value that cannot be passed, if any.
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 3.6), sharey=True, layout="constrained",
        squeeze=False,
    )  # fmt: skip
    colors = (DOWN, OKABE_ITO["orange"], OKABE_ITO["green"], UP)
    for ax, (title, methods) in zip(axes[0], panels.items(), strict=True):
        for (method, runs), color, line in zip(methods.items(), colors, _LINES, strict=False):
            mean = np.mean(runs, axis=0)
            low, high = np.quantile(runs, [0.1, 0.9], axis=0)
            steps = np.arange(len(mean))
            ax.plot(steps, mean, line, color=color, linewidth=1.8, label=method)
            ax.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)
        if best is not None:
            ax.axhline(best, color=plt.rcParams["text.color"], linewidth=0.8, linestyle=":")
        ax.set(title=title, xlabel="step")
    axes[0][0].set_ylabel(label)
    axes[0][0].legend(loc="lower right", title="mean, and the middle 80%", fontsize=8)
    plt.close(figure)
    return figure


def verdict_grid(rows: Sequence[str], verdicts: Mapping[str, Sequence[str]]) -> "Figure":
    """What several verifiers make of the same answers.

    Args:
        rows: names of the answers.
        verdicts: verifier -> "right", "wrong" or "raised" for each answer: whether what it said of
            the answer is true.
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
            _cell(axes, x, y - 0.5, 1, color, text)
    _name_rows(axes, list(rows), "answer")
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
    """A group as a heat map: completions by reward parts, their sum, and the advantage.

    Args:
        names: what stands before each row: a name, or the completion's (untrusted) text.
        parts: reward -> unweighted values, 0 to 1.
        totals: weighted sums.
        advantages: what the group makes of them.
        title: above it; untrusted, too.
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
                color, text = _PUSH(Normalize(-largest, largest)(value)), _signed(value)
            else:
                color, text = pale(value / (top if column == "reward" else 1.0)), f"{value:g}"
            _cell(axes, x, y - 0.5, 1, color, text)
    _name_rows(axes, [_shortened(name) for name in names], "completion")
    for label in axes.get_yticklabels():
        label.set(fontsize=8, parse_math=False)
    axes.set_xticks(np.arange(len(columns)) + 0.5, list(columns))
    axes.set(xlim=(0, len(columns)), xlabel="what the group gets")
    axes.set_title(_shortened(title, 60), parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    plt.close(figure)
    return figure


def temperatures(
    tokens: Sequence[str], panels: Mapping[str, Sequence[float]], title: str = ""
) -> "Figure":
    """The likeliest next tokens at several temperatures.

    Args:
        tokens: untrusted; the likeliest first.
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
    _name_rows(axes[0][0], [_printable(token) for token in tokens], "next token")
    for label in axes[0][0].get_yticklabels():
        label.set(family="DejaVu Sans Mono", parse_math=False)
    figure.suptitle(_shortened(title, 60), parse_math=False)
    plt.close(figure)
    return figure


def temperature_sweep(
    temperatures: Sequence[float], curves: Mapping[str, Sequence[float]]
) -> "Figure":
    """What changes with the temperature: shares, one line each.

    Args:
        temperatures: what was sampled at.
        curves: what is shared -> its share at each temperature, 0 to 1.
    """
    figure, axes = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    markers = ("o", "s", "D", "^")
    for (name, shares), color, marker in zip(curves.items(), _RUN_COLORS, markers, strict=False):
        axes.plot(temperatures, shares, color=color, marker=marker, label=name)
    axes.set(xlabel="temperature T", ylabel="share", ylim=(0, 1.03), xticks=temperatures)
    figure.legend(loc="outside right center")
    plt.close(figure)
    return figure


def pass_at_k(
    ks: Sequence[int], curves: Mapping[str, Sequence[float]], level: tuple[str, float]
) -> "Figure":
    """pass@k against k, and one level to compare with.

    Args:
        ks: numbers of samples.
        curves: whose -> pass@k for each k.
        level: what a dashed line stands for, and where it is.
    """
    figure, axes = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    for (name, shares), color, marker in zip(curves.items(), _RUN_COLORS, "os^", strict=False):
        axes.plot(ks, shares, color=color, marker=marker, label=name)
    axes.axhline(level[1], color=OKABE_ITO["green"], linestyle="--", label=level[0])
    axes.set_xscale("log", base=2)
    axes.set_xticks(ks, [str(k) for k in ks])
    axes.set(xlabel="samples k", ylabel="share with a right one", ylim=(0, 1.03))
    axes.legend(loc="lower right")
    plt.close(figure)
    return figure


def useful_groups(
    sizes: Sequence[int], at: float, measured: tuple[Sequence[int], Sequence[float]]
) -> "Figure":
    """The chance that a group has both right and wrong completions: 1 - p^G - (1-p)^G.

    Args:
        sizes: group sizes G of the left panel, over p.
        at: the p of the right panel, over G.
        measured: group sizes, and the share of useful groups that was counted.
    """
    p = np.linspace(0, 1, 201)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    shades = colormaps["viridis"](np.linspace(0.15, 0.85, len(sizes)))
    for size, color in zip(sizes, shades, strict=True):
        left.plot(p, 1 - p**size - (1 - p) ** size, color=color, label=f"G = {size}")
    ink = plt.rcParams["text.color"]
    left.axvline(at, color=ink, linestyle=":", linewidth=1.2, label="the tiny model")
    left.set(xlabel="chance p that a completion is right", ylabel="chance that a group is useful")
    left.set_title("The formula")
    left.legend(loc="lower center", fontsize=8)
    g = np.arange(2, max(measured[0]) + 1)
    right.plot(g, 1 - at**g - (1 - at) ** g, color=UP, label=f"formula with p = {at:.2f}")
    right.plot(*measured, "o", color=OKABE_ITO["orange"], markersize=7, label="counted")
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
    """How many groups of a run are useful, against what its accuracy would let one expect.

    Args:
        steps: of the run.
        accuracy: share of right completions in each.
        measured: share of groups whose rewards differ.
        predicted: the same by the formula.
        window: steps that a line averages over; single steps are dots.
    """
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
    x, middle = np.asarray(steps), np.convolve(steps, np.ones(window) / window, "valid")
    for name, values, color, line in (
        ("right completions", accuracy, OKABE_ITO["green"], ":"),
        ("useful groups, by the formula", predicted, UP, "--"),
        ("useful groups, counted", measured, OKABE_ITO["orange"], "-"),
    ):
        y = np.asarray(values, float)
        if name.endswith("counted"):
            axes.plot(x, y, ".", color=color, alpha=0.35, markersize=5)
        smooth = np.convolve(y, np.ones(window) / window, "valid")
        axes.plot(middle, smooth, line, color=color, linewidth=2, label=name)
    axes.set(xlabel="step", ylabel="share", ylim=(0, 1.05))
    axes.legend(title=f"mean of {window} steps", loc="lower right")
    plt.close(figure)
    return figure


def budget(budget: int, sizes: Sequence[int], chances: Sequence[float]) -> "Figure":
    """What a number of samples buys, by group size: useful groups, and visits that teach.

    Args:
        budget: samples a step.
        sizes: group sizes G that divide it.
        chances: chances p of a right completion, one line each.
    """
    g = np.asarray(sizes, float)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for p, color, marker in zip(chances, _RUN_COLORS, "os^Dv", strict=False):
        useful = 1 - p**g - (1 - p) ** g
        style = {"color": color, "marker": marker, "label": f"solved in {p:.0%} of the tries"}
        left.plot(sizes, budget / g * useful, **style)
        right.plot(sizes, useful, **style)
    left.set(title=f"{budget} samples a step", ylabel="useful groups a step", ylim=(0, None))
    right.set(title="A problem's chance to teach", ylabel="share of its visits", ylim=(0, 1.03))
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_xlabel("group size G")
    left.legend(fontsize=8)
    plt.close(figure)
    return figure


def compared_advantages(
    rewards: Sequence[float], methods: Mapping[str, Sequence[float]]
) -> "Figure":
    """One group's rewards, and beside them the advantages that several methods make of them.

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
    _name_rows(axes[0], [str(i + 1) for i in rows], "completion")
    for ax, (name, values) in zip(axes[1:], methods.items(), strict=True):
        _signed_bars(ax, values, "advantage")
        ax.set_title(name)
        reach = 1.35 * max(float(np.abs(np.asarray(values, float)).max(initial=0.0)), 1.0)
        ax.set_xlim(-reach, reach)
    plt.close(figure)
    return figure


def groups_under_methods(groups: Sequence[str], methods: Mapping[str, Any]) -> "Figure":
    """Several groups, a line each, and where every method puts their completions.

    Args:
        groups: what stands before each line.
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
    _name_rows(axes[0][0], list(groups), "group (larger dot: more completions)")
    plt.close(figure)
    return figure


def prompt_weights(chances: Sequence[float], weights: Mapping[str, Sequence[float]]) -> "Figure":
    """How much a prompt counts by how often it is solved, and what is made large by counting so.

    Args:
        chances: p, the chance that a completion is right, in even steps from near 0 to near 1.
        weights: method -> what the gradient of p is multiplied by, at each of them.
    """
    p = np.asarray(chances, float)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for i, (name, values) in enumerate(weights.items()):
        w = np.asarray(values, float)
        style = {"color": _RUN_COLORS[i % len(_RUN_COLORS)], "label": name}
        style["linestyle"] = _LINES[i % len(_LINES)]
        left.plot(p, w, **style)
        steps = np.diff(p) * (w[1:] + w[:-1]) / 2
        gained = np.concatenate([[0.0], np.cumsum(steps)])
        right.plot(p, gained / gained[-1], **style)
    left.set(title="The weight of a prompt", ylabel="weight of ∇p")
    left.set_ylim(bottom=0)
    right.set(title="What is made large", ylabel="objective, from 0 to 1")
    for ax in (left, right):
        ax.set_xlabel("p, how often the policy solves it")
    left.legend()
    plt.close(figure)
    return figure


def paid_by_the_line(
    lines: Sequence[int],
    is_right: Sequence[bool],
    outcome: Sequence[float],
    process: Sequence[float],
) -> "Figure":
    """What completions get for their outcome, and for their steps, by how much they wrote.

    Args:
        lines: true lines of each completion.
        is_right: whether its answer is.
        outcome, process: its advantage by either, that of the first token.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharex=True, layout="constrained")
    n, right = np.asarray(lines), np.asarray(is_right, bool)
    titles = ("For the outcome", "For every line")
    for ax, values, title in zip(axes, (outcome, process), titles, strict=True):
        v = np.asarray(values, float)
        ax.scatter(n[right], v[right], marker="o", s=48, color=UP, alpha=0.7, label="right")
        ax.scatter(n[~right], v[~right], marker="X", s=48, color=DOWN, alpha=0.7, label="wrong")
        ax.axhline(0, color=plt.rcParams["text.color"], linewidth=0.8)
        ax.set(title=title, xlabel="true lines in the completion")
        ax.set_ylabel("advantage of its first token")
    axes[0].legend(title="answer")
    plt.close(figure)
    return figure


def loss_along(lengths: Sequence[float], losses: Sequence[float]) -> "Figure":
    """The loss as the weights move along the gradient, from where they are.

    Args:
        lengths: how far, 0 for where they are, above 0 downhill.
        losses: the loss there.
    """
    figure, axes = plt.subplots(figsize=(6.5, 3), layout="constrained")
    x, y, ink = np.asarray(lengths), np.asarray(losses), plt.rcParams["text.color"]
    axes.axhline(0, color=ink, linewidth=0.8, linestyle=":")
    axes.plot(x, y, color=UP, marker=".")
    axes.plot(0, float(np.interp(0, x, y)), "o", color=DOWN, markersize=9, label="here")
    axes.set(xlabel="distance moved along the gradient (downhill: right)", ylabel="loss")
    axes.legend()
    plt.close(figure)
    return figure


def clip_at(
    ratio: float, advantage: float, epsilon_low: float = 0.2, epsilon_high: float = 0.2
) -> "Figure":
    """One token under the clip: where it stands, and the weight of its gradient there."""
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
    left.set_title("What the token adds")
    right.set_title(f"What is passed on: {_signed(here)}")
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
    """Tokens by their ratio and their advantage, and the two corners in which they are clipped.

    Args:
        ratio, advantages: one number a token.
        tokens: the (untrusted) tokens.
        epsilon_low, epsilon_high: the bounds.
        names: how many different tokens to name in each corner.
    """
    r, a = np.asarray(ratio, float), np.asarray(advantages, float)
    figure, axes = plt.subplots(figsize=(9, 4.8), layout="constrained")
    ink, (low, high) = plt.rcParams["text.color"], (1 - epsilon_low, 1 + epsilon_high)
    left, right = 0.3, 3.4
    shown = r.clip(1.04 * left, right / 1.04)  # what is beyond stands at the edge
    reach = 1.4 * max(float(np.abs(a).max(initial=0.0)), 1.0)
    for x, width, y in ((high, right - high, 0.0), (left, low - left, -reach)):
        axes.add_patch(Rectangle((x, y), width, reach, facecolor=ink, alpha=0.13, linewidth=0))
    for x, y, text in (
        ((high * right) ** 0.5, 0.88, "good, and likelier already:\nno gradient"),
        ((left * low) ** 0.5, -0.88, "bad, and rarer already:\nno gradient"),
        ((high * right) ** 0.5, -0.88, "bad, and likelier:\npushed back down"),
        ((left * low) ** 0.5, 0.88, "good, and rarer:\npushed back up"),
    ):
        axes.text(x, y * reach, text, ha="center", va="center", fontsize=9)
    clipped = ((a > 0) & (r > high)) | ((a < 0) & (r < low))
    for chosen, marker, color, label in (
        (~clipped & (a > 0), "o", UP, "pushed up"),
        (~clipped & (a < 0), "v", DOWN, "pushed down"),
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
    """Name the tokens that moved furthest, every one once."""
    order = [i for i in np.argsort(-np.abs(np.log(r))) if among[i]]
    for n, i in enumerate(_different(tokens, order, count)):
        axes.annotate(
            _printable(tokens[i]), (r[i], a[i]), xytext=(4, -10 if n % 2 else 4),
            textcoords="offset points", fontsize=8, family="DejaVu Sans Mono", parse_math=False,
        )  # fmt: skip


def surrogates(ratio: Sequence[float], methods: Mapping[str, Any]) -> "Figure":
    """What several surrogates add, and pass on, for a good and for a bad token.

    Args:
        ratio: where they are looked at, in order.
        methods: name -> (4, len(ratio)): objective and weight of ∇ log π of a good token
            (A = +1), then of a bad one (A = −1).
    """
    figure, axes = plt.subplots(2, 2, figsize=(9, 5.4), sharex=True, layout="constrained")
    x = np.asarray(ratio, float)
    for i, (name, curves) in enumerate(methods.items()):
        for ax, curve in zip(axes.T.flat, np.asarray(curves, float), strict=True):
            ax.plot(
                x, curve, _LINES[i % len(_LINES)], color=_RUN_COLORS[i % len(_RUN_COLORS)],
                label=name, linewidth=2.4 - 0.4 * i,
            )  # fmt: skip
    for ax in axes.flat:
        ax.axhline(0, color=plt.rcParams["text.color"], linewidth=0.8)
        ax.axvline(1, color=plt.rcParams["text.color"], linewidth=0.8)
    axes[0][0].set(title="A good token (A = +1)", ylabel="objective")
    axes[0][1].set(title="A bad token (A = −1)")
    axes[1][0].set(xlabel="ratio: new probability / old", ylabel="weight of ∇ log π")
    axes[1][1].set(xlabel="ratio: new probability / old")
    for ax, other in ((axes[0][1], axes[0][0]), (axes[1][1], axes[1][0])):
        ax.set_ylabel(other.get_ylabel())
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    plt.close(figure)
    return figure


def many_updates(panels: Mapping[str, tuple[str, Mapping[str, Sequence[float]]]]) -> "Figure":
    """How something grows with every update on the same batch, by method.

    Args:
        panels: title -> (label of the axis, method -> a value before the first update and after
            each).
    """
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 3.5), layout="constrained", squeeze=False
    )
    for ax, (title, (label, methods)) in zip(axes[0], panels.items(), strict=True):
        for i, (name, values) in enumerate(methods.items()):
            ax.plot(
                range(len(values)), values, _LINES[i % len(_LINES)], label=name,
                color=_RUN_COLORS[i % len(_RUN_COLORS)], marker=("o", "s", "^", "D", "v")[i % 5],
                markersize=4,
            )  # fmt: skip
        ax.set(title=title, xlabel="updates on the same batch", ylabel=label)
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0][0].legend()
    plt.close(figure)
    return figure


def shares(names: Sequence[str], values: Sequence[float], overall: float, label: str) -> "Figure":
    """A share for each of several (untrusted) tokens, beside that of all."""
    figure, axes = plt.subplots(figsize=(6.5, 0.32 * len(names) + 1.1), layout="constrained")
    v = np.asarray(values, float)
    axes.barh(np.arange(len(v)), 100 * v, color=np.where(v > overall, DOWN, OKABE_ITO["sky"]))
    axes.axvline(100 * overall, color=plt.rcParams["text.color"], linestyle="--")
    _name_rows(axes, [_printable(name) for name in names], "token")
    for tick in axes.get_yticklabels():
        tick.set(family="DejaVu Sans Mono", parse_math=False)
    axes.set_xlabel(f"{label} (dashed: all tokens)")
    plt.close(figure)
    return figure


def kl_estimators(reach: float = 2.5) -> "Figure":
    """The three estimators of one token, and their slopes, by d = log π − log π_ref."""
    d = np.linspace(-reach, reach, 201)
    curves = {
        "k1 = d": (d, np.ones_like(d)),
        "k2 = d² / 2": (d**2 / 2, d),
        "k3 = exp(−d) + d − 1": (np.exp(-d) + d - 1, 1 - np.exp(-d)),
    }
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    colors = (OKABE_ITO["orange"], OKABE_ITO["green"], UP)
    for (name, pair), color, line in zip(curves.items(), colors, _LINES, strict=False):
        for ax, curve in zip(axes, pair, strict=True):
            ax.plot(d, curve, line, color=color, label=name)
    ink = plt.rcParams["text.color"]
    for ax in axes:
        ax.axhline(0, color=ink, linewidth=0.8)
        ax.axvline(0, color=ink, linewidth=0.8)
        ax.set_xlabel("d (left: the reference likes the token better)")
    axes[0].set(title="Value", ylabel="estimate (nats)")
    axes[1].set(title="Slope", ylabel="weight of ∇ log π")
    axes[0].legend()
    plt.close(figure)
    return figure


def kl_estimates(exact: float, estimates: Mapping[str, Sequence[float]], size: int) -> "Figure":
    """Many estimates of one KL, by estimator.

    Args:
        exact: the KL itself.
        estimates: estimator -> its means, one a sample.
        size: how many tokens each sample has.
    """
    figure, axes = plt.subplots(
        len(estimates), 1, figsize=(7.5, 1.15 * len(estimates) + 0.9), sharex=True, sharey=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    every = np.concatenate([np.asarray(v, float) for v in estimates.values()])
    bins = np.linspace(every.min(), every.max(), 61)
    colors = (OKABE_ITO["orange"], OKABE_ITO["green"], UP)
    ink = plt.rcParams["text.color"]
    for ax, (name, values), color in zip(axes[:, 0], estimates.items(), colors, strict=False):
        v = np.asarray(values, float)
        ax.hist(v, bins, color=color)
        ax.axvline(exact, color=ink, linestyle="--", label="exact KL")
        ax.plot(v.mean(), 0, "^", color=ink, markersize=10, clip_on=False, label="mean estimate")
        ax.set_ylabel(name)
        ax.set_yticks([])
    axes[0][0].legend()
    axes[-1][0].set_xlabel(f"estimate from {size} tokens (nats)")
    plt.close(figure)
    return figure


def kl_gradients(
    reverse: Sequence[float], forward: Sequence[float], uses: Mapping[str, Sequence[float]]
) -> "Figure":
    """The average gradient of every use of a KL estimator, beside the two it might be.

    Args:
        reverse, forward: the gradients of KL(pi, ref) and of KL(ref, pi), one number an answer.
        uses: use -> its average gradient.
    """
    wide, high = 3, -(-len(uses) // 3)
    figure, axes = plt.subplots(
        high, wide, figsize=(10, 2.5 * high + 0.5), sharex=True, sharey=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    ink, x = plt.rcParams["text.color"], np.arange(len(reverse))
    for ax, (name, gradient) in zip(axes.flat, uses.items(), strict=False):
        ax.bar(x, np.asarray(gradient, float), color=OKABE_ITO["sky"], label="average gradient")
        ax.axhline(0, color=ink, linewidth=0.8)
        ax.plot(x, reverse, "o", color=ink, markersize=7, fillstyle="none", label="reverse KL's")
        ax.plot(x, forward, "x", color=DOWN, markersize=7, markeredgewidth=2, label="forward KL's")
        ax.set_title(name, fontsize=10)
        ax.set_xticks(x, [str(i + 1) for i in x])
    for ax in axes[-1]:
        ax.set_xlabel("answer")
    for ax in axes[:, 0]:
        ax.set_ylabel("∂ / ∂ score")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    plt.close(figure)
    return figure


def leashed(
    reference: Sequence[float],
    rewards: Sequence[float],
    best: Sequence[float],
    ends: Mapping[str, Sequence[float]],
) -> "Figure":
    """Where training ends under several leashes, beside the best that the right one allows.

    Args:
        reference: probabilities of the answers where it starts.
        rewards: what they earn.
        best: the policy of the largest reward minus beta KL.
        ends: use of the KL -> probabilities after training.
    """
    wide, high = 3, -(-len(ends) // 3)
    figure, axes = plt.subplots(
        high, wide, figsize=(10, 2.4 * high + 0.6), sharex=True, sharey=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    ink, x = plt.rcParams["text.color"], np.arange(len(best))
    for ax, (name, end) in zip(axes.flat, ends.items(), strict=False):
        ax.bar(x, np.asarray(end, float), color=OKABE_ITO["sky"], label="after training")
        ax.plot(x, best, "o", color=ink, markersize=7, fillstyle="none", label="best")
        ax.plot(x, reference, "_", color=DOWN, markersize=16, markeredgewidth=2, label="reference")
        ax.set_title(name, fontsize=10)
        ax.set_xticks(x, [f"{i + 1}\nr={r:g}" for i, r in enumerate(rewards)])
        ax.set_ylim(0, 1)
    for ax in axes[-1]:
        ax.set_xlabel("answer and its reward")
    for ax in axes[:, 0]:
        ax.set_ylabel("probability")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    plt.close(figure)
    return figure


def kl_drift(
    steps: Sequence[int],
    estimates: Mapping[str, Sequence[float]],
    share: Sequence[float],
    window: int = 9,
) -> "Figure":
    """How far a run drifts from its reference, and how few tokens make up the figure.

    Args:
        steps: of the run.
        estimates: estimator -> its mean over the tokens of each step.
        share: of k3's sum at each step, what the top 1% of the tokens make up.
        window: steps that the thick lines average over.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    colors = (OKABE_ITO["orange"], OKABE_ITO["green"], UP)
    smooth = np.ones(window) / window
    middle = np.asarray(steps)[window // 2 : len(steps) - (window - 1) // 2]
    for (name, values), color, line in zip(estimates.items(), colors, _LINES, strict=False):
        left.plot(steps, values, color=color, linewidth=0.6, alpha=0.5)
        mean = np.convolve(np.asarray(values, float), smooth, mode="valid")
        left.plot(middle, mean, line, color=color, linewidth=2, label=name)
    left.axhline(0, color=plt.rcParams["text.color"], linewidth=0.8)
    left.set(title="Three estimates", xlabel="step", ylabel="KL (nats a token)")
    left.legend(title=f"thick: mean of {window} steps", fontsize=8)
    right.plot(steps, 100 * np.asarray(share, float), ".", color=UP)
    right.set(title="One token in a hundred", xlabel="step", ylabel="% of k3's sum", ylim=(0, 103))
    plt.close(figure)
    return figure


def two_probabilities(
    logprobs: Sequence[float], ref_logprobs: Sequence[float], tokens: Sequence[str], names: int = 6
) -> "Figure":
    """Sampled tokens by their probability under the reference and under the policy.

    Args:
        logprobs, ref_logprobs: of each token.
        tokens: the (untrusted) tokens.
        names: how many different tokens to name on each side.
    """
    new, ref = np.exp(np.asarray(logprobs, float)), np.exp(np.asarray(ref_logprobs, float))
    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    d = np.log(new) - np.log(ref)
    k3 = np.exp(-d) + d - 1
    order = np.argsort(k3)
    cells = axes.scatter(
        ref[order], new[order], c=np.log10(np.maximum(k3[order], 1e-4)), s=14, cmap="viridis"
    )
    lowest = 0.5 * float(min(new.min(), ref.min()))
    axes.plot([lowest, 1], [lowest, 1], color=plt.rcParams["text.color"], linewidth=0.8)
    sides = (np.argsort(-d), np.argsort(d))  # what the reference did not expect; the opposite
    for i in (i for side in sides for i in _different(tokens, side, names)):
        axes.annotate(
            _printable(tokens[i]), (ref[i], new[i]), xytext=(5, -4), textcoords="offset points",
            fontsize=8, family="DejaVu Sans Mono", parse_math=False,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=(lowest, 1.6), ylim=(lowest, 1.6))
    axes.set(xlabel="probability under the reference", ylabel="probability under the policy")
    bar = figure.colorbar(cells, ax=axes, label="k3 of the token (nats, powers of ten)")
    bar.outline.set_visible(False)
    plt.close(figure)
    return figure


def _different(tokens: Sequence[str], order: Any, count: int) -> list[int]:
    """The first positions, in this order, of so many different tokens."""
    first: dict[str, int] = {}
    for i in order:
        first.setdefault(tokens[i], int(i))
        if len(first) == count:
            break
    return list(first.values())


def learning_curves(runs: Sequence[tuple[str, "pd.DataFrame"]]) -> "Figure":
    """What a run learned, in six small charts: one thin line a run and their mean.

    Args:
        runs: label and metrics of each run; the metrics indexed by step, with the columns that
            `CURVES` names. Held-out columns are empty at steps that did not evaluate.

    Raises:
        LabError: no runs.
    """
    if not runs:
        raise LabError("There is no run to draw.")
    figure, grid = plt.subplots(2, 3, figsize=(10, 5.2), sharex=True, layout="constrained")
    for axes, (column, (title, label)) in zip(grid.flat, CURVES.items(), strict=True):
        curves = [metrics[column].dropna() for _, metrics in runs if column in metrics]
        for color, curve in zip(_colors(len(curves)), curves, strict=True):
            marker = "." if len(curve) < 30 else None
            axes.plot(curve.index, curve, color=color, linewidth=1, marker=marker, alpha=0.85)
        if len(curves) > 1:
            shared = sorted(set.intersection(*(set(curve.index) for curve in curves)))
            mean = np.mean([curve.loc[shared] for curve in curves], axis=0)
            axes.plot(shared, mean, color=plt.rcParams["text.color"], linewidth=2.2)
        axes.set(title=title, xlabel="step", ylabel=label)
        if not curves:  # such as the KL of runs without a reference
            axes.text(0.5, 0.5, "not recorded", ha="center", va="center", transform=axes.transAxes)
            continue
        axes.set_ylim(0, {"Accuracy": 1, "Format": 1}.get(title, 1.08 * axes.dataLim.y1 or 1))
    labels = [label for label, _ in runs] + (["mean"] if len(runs) > 1 else [])
    colors = [*_colors(len(runs)), plt.rcParams["text.color"]]
    widths = [1.5] * len(runs) + [2.2]
    handles = [
        plt.Line2D([], [], color=color, linewidth=width)
        for color, width in zip(colors, widths, strict=True)
    ][: len(labels)]
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 6))
    plt.close(figure)
    return figure


def method_curves(runs: Mapping[str, Sequence["pd.DataFrame"]]) -> "Figure":
    """How several methods learn, each over several seeds: the mean, in a band from worst to best.

    Args:
        runs: method -> the metrics of each of its runs, indexed by step, evaluated at the same
            steps.

    Raises:
        LabError: no runs.
    """
    if not runs or not all(runs.values()):
        raise LabError("There is no run to draw.")
    shown = ("eval/accuracy", "eval/format", "eval/mean_length")
    figure, axes = plt.subplots(1, len(shown), figsize=(12, 4), layout="constrained")
    for ax, column in zip(axes, shown, strict=True):
        ends = []
        for i, (method, frames) in enumerate(runs.items()):
            curves = [frame[column].dropna() for frame in frames]
            seeds = np.stack([curve.to_numpy(float) for curve in curves])
            steps, mean = curves[0].index, seeds.mean(axis=0)
            look = _LOOKS[i % len(_LOOKS)]
            ax.fill_between(
                steps, seeds.min(axis=0), seeds.max(axis=0), color=look["color"], alpha=0.16, lw=0
            )
            ax.plot(steps, mean, **look, linewidth=1.8, markersize=4.5)
            ends.append((float(mean[-1]), method, look["color"]))
        title, label = CURVES[column]
        ax.set(title=title, xlabel="step", ylabel=label)
        ax.set_ylim(bottom=0)
        _label_ends(ax, float(steps[-1]), ends)
    seeds_each = "/".join(sorted({str(len(frames)) for frames in runs.values()}))
    figure.suptitle(
        f"Line: mean of {seeds_each} seeds. Band: from the worst seed to the best.", fontsize=9
    )
    plt.close(figure)
    return figure


# a method's line: colour, dashes and marker, any of which is enough
_LOOKS: list[dict[str, Any]] = [
    {"color": color, "linestyle": line, "marker": marker}
    for color, line, marker in zip(_RUN_COLORS, [*_LINES, "-"], "osD^v", strict=True)
]


def _label_ends(axes: "Axes", x: float, ends: Sequence[tuple[float, str, str]]) -> None:
    """Name lines where they end, moved apart where they would lie on each other.

    Args:
        axes: with the lines drawn.
        x: where the lines end.
        ends: of each line its last value, name and colour.
    """
    low, high = axes.get_ylim()
    apart = 0.075 * (high - low)
    ordered = sorted(ends)
    places = [value for value, _, _ in ordered]
    for _ in range(100):  # push neighbours apart, a little each time
        for i in range(len(places) - 1):
            overlap = apart - (places[i + 1] - places[i])
            if overlap > 0:
                places[i] -= overlap / 2
                places[i + 1] += overlap / 2
    ink = plt.rcParams["text.color"]
    for place, (value, name, color) in zip(places, ordered, strict=True):
        axes.annotate(
            name,
            (x, value),
            (12, place),
            textcoords=("offset points", "data"),
            va="center",
            fontsize=9,
            color=ink,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 1.2, "shrinkB": 0},
        )


_HELD = {  # what a method holds -> name, colour and hatch: what is the critic's is hatched
    "parameters": ("weights", "blue", ""),
    "gradients": ("gradients", "sky", ""),
    "optimizer": ("optimizer", "green", ""),
    "reference": ("reference", "orange", "xx"),
    "critic_parameters": ("critic: weights", "blue", "//"),
    "critic_gradients": ("critic: gradients", "sky", "//"),
    "critic_optimizer": ("critic: optimizer", "green", "//"),
}
_PASSING = {  # what a phase adds for a while
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
    """Where the bytes of each method are: what it holds throughout, and what a step adds to that.

    Args:
        result: of `grpo-lab bench memory --json`.
    """
    methods = list(result["methods"].values())
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 0.8 * len(methods) + 2.0), sharey=True, layout="constrained"
    )

    def mib(kind: str, name: str) -> Any:
        return np.array([method[kind][name] for method in methods]) / 2**20

    held = _stacked(left, [(mib("bytes", part), *look) for part, look in _HELD.items()])
    _totals(left, held, [f"{total:.1f}" for total in held])
    left.set(title="Held all through training", xlabel="MiB")
    ink = plt.rcParams["text.color"]
    for offset, ((phase, part), look) in zip((-0.2, 0.2), _PASSING.items(), strict=True):
        added = mib("bytes", part)
        parts = [(mib("peaks", phase) - added, "held, and rollouts", ink, ""), (added, *look)]
        highest = _stacked(right, parts, offset=offset, height=0.36)
        _totals(right, highest, [f"{total:.1f}" for total in highest], offset)
    right.set(title="At the highest point of a phase", xlabel="MiB")
    _name_rows(left, [method["label"] for method in methods], "method")
    for axes in (left, right):
        _legend_below(axes, ncols=3)
    plt.close(figure)
    return figure


def step_seconds(result: Mapping[str, Any]) -> "Figure":
    """Where the seconds of a step go, method by method: medians, and a whisker from best to worst.

    Args:
        result: of `grpo-lab bench memory --json`.
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
    axes.set(title="A step (line: from the fastest repeat to the slowest)", xlabel="seconds")
    _name_rows(axes, [method["label"] for method in methods], "method")
    _legend_below(axes, ncols=4)
    plt.close(figure)
    return figure


def scaling_curves(result: Mapping[str, Any]) -> "Figure":
    """Seconds of a step against group size, completion length and model size, both axes in powers.

    A dotted line rises in proportion: where the step's line is flatter, more work costs less each.

    Args:
        result: of `grpo-lab bench scaling --json`.
    """
    labels = {"group": "completions a prompt (G)", "length": "tokens of every completion"}
    labels |= {"parameters": "weights of the model"}
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained", sharey=True)
    for ax, (key, points) in zip(axes, result["curves"].items(), strict=True):
        x = np.array([point[key] for point in points], dtype=float)
        ends = []
        for look, name in zip(_LOOKS, ("step", "sampling", "update"), strict=False):
            y = np.array([point[name] for point in points])
            ax.plot(x, y, **look, linewidth=1.8, markersize=4.5)
            ends.append((float(y[-1]), name, look["color"]))
        step = points[-1]["step"]
        ax.plot(x, step * x / x[-1], ":", color=plt.rcParams["text.color"], lw=1)
        ax.set(title=f"Against {labels[key]}", xlabel=labels[key], xscale="log", yscale="log")
        ax.set_xticks(x, [_short(value) for value in x], minor=False)
        ax.set_xticks([], minor=True)
        ax.yaxis.set_major_formatter("{x:g}")
        for value, name, color in ends:
            ax.annotate(
                f" {name}", (x[-1], value), va="center", color=color, xytext=(4, 0),
                textcoords="offset points", annotation_clip=False,
            )  # fmt: skip
    axes[0].set_ylabel("seconds a step")
    work = result["work"]
    figure.suptitle(
        f"{work['prompts']} prompts a step; where it is not varied: {work['group']} completions of "
        f"{work['length']} tokens, the tiny model. Dotted: in proportion.",
        fontsize=9,
    )
    plt.close(figure)
    return figure


def _short(value: float) -> str:
    """A count in few characters: 64, 771k, 17M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.0f}"


def diagnosis(frame: "pd.DataFrame", finding: "Finding") -> "Figure":
    """The metrics that show a finding, over steps: small charts, the question above them.

    Args:
        frame: metrics indexed by step, the one the finding was made from.
        finding: what `grpo_core.diagnosis` found.

    Raises:
        LabError: the frame has none of its metrics.
    """
    curves = {m: frame[m].astype(float) for m in finding.metrics if m in frame}
    curves = {m: curve[np.isfinite(curve)] for m, curve in curves.items()}
    if not curves:
        raise LabError(f"'{finding.question}': nothing was recorded that could be drawn.")
    wide = min(len(curves), 3)
    high = -(-len(curves) // wide)
    figure = plt.figure(figsize=(3.3 * max(wide, 2), 2.6 * high + 0.3), layout="constrained")
    charts = [figure.add_subplot(high, wide, i + 1) for i in range(len(curves))]
    color = {"look": OKABE_ITO["orange"], "trouble": DOWN}.get(finding.verdict, UP)
    for axes, (metric, curve) in zip(charts, curves.items(), strict=True):
        marker = "." if len(curve) < 30 else None
        axes.plot(curve.index, curve, color=color, linewidth=1.2, marker=marker)
        axes.set(xlabel="step", ylabel=_UNITS.get(metric, "mean reward, unweighted"))
        axes.set_title(metric, fontsize=9)
    figure.suptitle(f"{finding.question} {finding.verdict.capitalize()}")
    plt.close(figure)
    return figure


def _stacked(
    axes: "Axes",
    parts: Sequence[tuple[Any, str, str, str]],
    *,
    offset: float = 0.0,
    height: float = 0.6,
) -> Any:
    """Horizontal bars of several parts, each with its number where there is room; their ends.

    Args:
        axes: where to.
        parts: sizes of a part (one a row), its name, its colour and its hatch.
        offset, height: of the bars, in rows.
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
    "color": _CELL_TEXT,
    "bbox": {"color": "#F4F4F4", "alpha": 0.85, "pad": 1.2},
}


def _totals(axes: "Axes", ends: Any, labels: Sequence[str], offset: float = 0.0) -> None:
    """What each row of bars comes to, behind its end, and room for it."""
    for row, (end, label) in enumerate(zip(ends, labels, strict=True)):
        behind = (4, 0)
        axes.annotate(
            label,
            (end, row + offset),
            behind,
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_xlim(0, max(1.15 * float(max(ends)), axes.get_xlim()[1] if offset else 0.0))


def _legend_below(axes: "Axes", ncols: int) -> None:
    """A legend under the axis, where it hides nothing; handles as wide as their hatches need."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=ncols, fontsize=9)


def _signed_bars(axes: "Axes", values: Any, label: str) -> None:
    """Horizontal bars around 0, coloured by sign, each with its number."""
    values = np.asarray(values, float)
    bars = axes.barh(np.arange(len(values)), values, color=np.where(values >= 0, UP, DOWN))
    axes.bar_label(bars, labels=[_signed(v) for v in values], padding=3)
    axes.axvline(0, color=plt.rcParams["text.color"], linewidth=1)
    reach = 1.3 * float(np.abs(values).max(initial=0.0)) or 1.0
    axes.set(xlim=(-reach, reach), xlabel=label)


def _signed(value: float) -> str:
    """Two decimals with a sign, and a minus that is one."""
    return f"{value:+.2f}".replace("-", "−") if value else "0"


def _name_rows(axes: "Axes", names: list[str], label: str) -> None:
    """Name the rows of a bar chart, the first at the top."""
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_ylabel(label)


def _colors(n: int) -> list[Any]:
    """One colour a run; beyond five runs they share a colour map."""
    if n <= len(_RUN_COLORS):
        return _RUN_COLORS[:n]
    return list(colormaps["viridis"](np.linspace(0.1, 0.9, n)))


def _wrap(tokens: list[str], width: int) -> list[list[tuple[int, int, str]]]:
    """Lay tokens out as text: lines of (line, start column, token)."""
    lines: list[list[tuple[int, int, str]]] = [[]]
    column = 0
    for token in tokens:
        if column and column + len(token) + 1 > width:
            lines.append([])
            column = 0
        lines[-1].append((len(lines) - 1, column, token))
        column += len(token) + 1
    return lines


def _cell(axes: "Axes", x: float, y: float, width: float, color: Any, text: str) -> None:
    """One token on its ground. The text is a model's: never read as mathematics."""
    axes.add_patch(Rectangle((x + 0.05, y + 0.06), width - 0.1, 0.88, color=color, linewidth=0))
    axes.text(
        x + width / 2,
        y + 0.5,
        text,
        ha="center",
        va="center_baseline",
        family="DejaVu Sans Mono",
        fontsize=8,
        color=_CELL_TEXT,
        parse_math=False,
    )


def _shortened(text: str, longest: int = 46) -> str:
    """A text for a label, with its middle left out where it is long."""
    shown = " ".join(_drawable(text).split())
    half = (longest - 3) // 2
    return shown if len(shown) <= longest else f"{shown[:half]} … {shown[-half:]}"


def _printable(token: str) -> str:
    """The token with a sign for line breaks, and for what the font cannot draw."""
    shown = _drawable(token.strip(" ").replace("\n", "↵") or "␣")
    return shown if len(shown) <= 24 else shown[:23] + "…"


def _drawable(text: str) -> str:
    """The text, with a box for what the font cannot draw. Line breaks and tabs become blanks."""
    font = font_manager.get_font(font_manager.findfont("DejaVu Sans Mono"))
    known = font.get_charmap()
    blank = re.sub(r"[\n\r\t]", " ", text)
    return "".join(c if ord(c) in known and c.isprintable() else "□" for c in blank)
