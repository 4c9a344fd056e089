"""Every matplotlib figure of the kit, one function each. No torch in here.

A figure is returned and not shown, so that a notebook shows it once, as the value of a cell, and
a script saves it. Backgrounds are transparent. Colours are Okabe and Ito's, which stay distinct
for colour-blind readers; blue always means "up, good, likelier", vermilion the opposite.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps, font_manager
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.patches import Rectangle

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
    norm = Normalize(-(largest or 1.0), largest or 1.0)

    lines = [_wrap([_printable(t) for t in c.tokens], width) for c in group.completions]
    tops = np.cumsum([0, *(len(wrapped) + 0.6 for wrapped in lines)])
    figure, axes = plt.subplots(
        figsize=(0.105 * width + 2.6, 0.3 * tops[-1] + 1.1), layout="constrained"
    )
    for push, wrapped, top in zip(pushes, lines, tops[:-1], strict=True):
        for i, (line, start, text) in enumerate(cell for row in wrapped for cell in row):
            _cell(axes, start, top + line, len(text) + 1, _PUSH(norm(push[i])), text)
    names = [f"reward {c.reward:g}\nadvantage {_signed(c.advantage)}" for c in group.completions]
    axes.set_yticks(tops[:-1] + 0.5, names, fontsize=8)
    axes.tick_params(length=0)
    axes.set(xlim=(0, width + 1), ylim=(tops[-1], -0.2), xticks=[])
    axes.set(xlabel="tokens, in the order they were sampled", ylabel="completions of one prompt")
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(ScalarMappable(norm, _PUSH), ax=axes, shrink=0.8, pad=0.01)
    bar.set_label("push: −∂loss / ∂log π")
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


def _printable(token: str) -> str:
    """The token with a sign for line breaks, and for what the font cannot draw."""
    font = font_manager.get_font(font_manager.findfont("DejaVu Sans Mono"))
    known = font.get_charmap()
    shown = token.strip(" ").replace("\n", "↵") or "␣"
    shown = "".join(c if ord(c) in known and c.isprintable() else "□" for c in shown)
    return shown if len(shown) <= 24 else shown[:23] + "…"
