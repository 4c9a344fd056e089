"""Colours and the look that every figure shares."""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.colors import LinearSegmentedColormap

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

RUN_COLORS = [OKABE_ITO[name] for name in ("blue", "orange", "green", "purple", "sky")]

LINES = ["-", "--", "-.", ":"]  # and so colour is not the only thing that tells them apart

# Token cells carry their own pale ground under dark letters, so they read on any page.
PUSH = LinearSegmentedColormap.from_list("push", ["#EE8A4B", "#F4F4F4", "#5AA9DC"])

HEAT = LinearSegmentedColormap.from_list("heat", ["#F4F4F4", "#F3D9A0", "#EE8A4B"])

CELL_TEXT = "#1A1A1A"

# a method's line: colour, dashes and marker, any of which is enough
LOOKS: list[dict[str, Any]] = [
    {"color": color, "linestyle": line, "marker": marker}
    for color, line, marker in zip(RUN_COLORS, [*LINES, "-"], "osD^v", strict=True)
]


def use_style(dark: bool | None = None) -> None:
    """Set the kit's style for all figures that are drawn afterwards.

    Args:
        dark: True for a dark page, False for a light one; None for a grey that is legible on both.
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
            "axes.prop_cycle": plt.cycler(color=RUN_COLORS),
            "xtick.color": ink,
            "ytick.color": ink,
            "legend.frameon": False,
            "svg.hashsalt": "grpo-lab",  # the same figure is the same file
        }
    )
