"""Parts that several figures share: signed bars, token cells, legends, and safe text."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps, font_manager
from matplotlib.patches import Rectangle

from grpo_core.analysis.figures.style import CELL_TEXT, DOWN, RUN_COLORS, UP

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def legend_below(axes: "Axes", ncols: int) -> None:
    """Draw a legend under the axes, where it hides nothing."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=ncols, fontsize=9)


def signed_bars(axes: "Axes", values: Any, label: str) -> None:
    """Draw horizontal bars around 0, coloured by sign, each with its number."""
    values = np.asarray(values, float)
    bars = axes.barh(np.arange(len(values)), values, color=np.where(values >= 0, UP, DOWN))
    axes.bar_label(bars, labels=[signed(v) for v in values], padding=3)
    axes.axvline(0, color=plt.rcParams["text.color"], linewidth=1)
    reach = 1.5 * float(np.abs(values).max(initial=0.0)) or 1.0  # room for the numbers
    axes.set(xlim=(-reach, reach), xlabel=label)


def signed(value: float) -> str:
    """Return a number with two decimals and a sign, with a typographic minus."""
    return f"{value:+.2f}".replace("-", "−") if value else "0"


def name_rows(axes: "Axes", names: list[str], label: str) -> None:
    """Name the rows of a bar chart, the first at the top."""
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_ylabel(label)


def run_colors(n: int) -> list[Any]:
    """Return one colour per run; for more than five runs, from a colour map."""
    if n <= len(RUN_COLORS):
        return RUN_COLORS[:n]
    return list(colormaps["viridis"](np.linspace(0.1, 0.9, n)))


def wrap(tokens: list[str], width: int) -> list[list[tuple[int, int, str]]]:
    """Return tokens laid out as text: lines of (line, start column, token)."""
    lines: list[list[tuple[int, int, str]]] = [[]]
    column = 0
    for token in tokens:
        if column and column + len(token) + 1 > width:
            lines.append([])
            column = 0
        lines[-1].append((len(lines) - 1, column, token))
        column += len(token) + 1
    return lines


def draw_cell(axes: "Axes", x: float, y: float, width: float, color: Any, text: str) -> None:
    """Draw one token on its background. The text is a model's, so it is never parsed as math."""
    axes.add_patch(Rectangle((x + 0.05, y + 0.06), width - 0.1, 0.88, color=color, linewidth=0))
    axes.text(
        x + width / 2,
        y + 0.5,
        text,
        ha="center",
        va="center_baseline",
        family="DejaVu Sans Mono",
        fontsize=8,
        color=CELL_TEXT,
        parse_math=False,
    )


def shortened(text: str, longest: int = 46) -> str:
    """Return a text for a label, without its middle if it is too long."""
    shown = " ".join(drawable(text).split())
    half = (longest - 3) // 2
    return shown if len(shown) <= longest else f"{shown[:half]} … {shown[-half:]}"


def printable(token: str) -> str:
    """Return the token with symbols for line breaks and for what the font cannot draw."""
    shown = drawable(token.strip(" ").replace("\n", "↵") or "␣")
    return shown if len(shown) <= 24 else shown[:23] + "…"


def drawable(text: str) -> str:
    """Return the text with a box for what the font cannot draw, and blanks for line breaks."""
    font = font_manager.get_font(font_manager.findfont("DejaVu Sans Mono"))
    known = font.get_charmap()
    blank = re.sub(r"[\n\r\t]", " ", text)
    return "".join(c if ord(c) in known and c.isprintable() else "□" for c in blank)


def different(tokens: Sequence[str], order: Any, count: int) -> list[int]:
    """Return the first positions, in this order, of `count` different tokens."""
    first: dict[str, int] = {}
    for i in order:
        first.setdefault(tokens[i], int(i))
        if len(first) == count:
            break
    return list(first.values())
