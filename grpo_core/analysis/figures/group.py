"""One group: its rewards, its advantages and the push on each token.

Push is minus the gradient of the loss with respect to the token's log-probability.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from grpo_core.analysis.figures.parts import (
    draw_cell,
    name_rows,
    printable,
    signed,
    signed_bars,
    wrap,
)
from grpo_core.analysis.figures.style import HEAT, OKABE_ITO, PUSH
from grpo_core.core.errors import LabError
from grpo_core.core.records import Group

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def rewards_to_advantages(rewards: Sequence[float], advantages: Sequence[float]) -> "Figure":
    """Draw the rewards of one group, and beside them its advantages.

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
    std = f" ± {r.std(ddof=1):.2f}" if len(r) > 1 else ""
    left.set(title=f"Rewards: {r.mean():.2f}{std}", xlabel="reward (dashed: group mean)")
    name_rows(left, [f"completion {i + 1}" for i in rows], "completion")
    signed_bars(right, a, "advantage (standard deviations from the mean)")
    right.set_title("Advantages")
    plt.close(figure)
    return figure


def advantages_bars(group: Group) -> "Figure":
    """Draw the advantages of one group, labelled with their rewards."""
    rows = [
        f"{i + 1}: reward {completion.reward:g}" for i, completion in enumerate(group.completions)
    ]
    figure, axes = plt.subplots(figsize=(7, 0.4 * len(rows) + 1.3), layout="constrained")
    signed_bars(axes, group.advantages, "advantage")
    name_rows(axes, rows, "completion")
    axes.set_title("All rewards are equal: every advantage is 0" if group.is_dead else "Advantages")
    plt.close(figure)
    return figure


def token_push(group: Group, width: int = 72) -> "Figure":
    """Draw every token of a group, shaded by its push.

    Args:
        group: a group whose completions have their `push` recorded.
        width: characters per line, after which a completion is wrapped.

    Raises:
        LabError: the group has no push recorded.
    """
    pushes = [c.push for c in group.completions if c.push is not None]
    if len(pushes) < len(group.completions):
        raise LabError("This group has no recorded push, so there is nothing to shade.")
    largest = max((float(np.abs(push).max()) for push in pushes if len(push)), default=0.0)
    names = [f"reward {c.reward:g}\nadvantage {signed(c.advantage)}" for c in group.completions]
    rows = zip(names, (c.tokens for c in group.completions), pushes, strict=True)
    colors = ScalarMappable(Normalize(-(largest or 1.0), largest or 1.0), PUSH)
    return _shaded(list(rows), colors, "push: −∂loss / ∂log π", width)


def token_values(
    rows: Sequence[tuple[str, Sequence[str], Sequence[float]]],
    label: str,
    width: int = 72,
    largest: float | None = None,
) -> "Figure":
    """Draw texts whose tokens are shaded by a number: blue above 0, orange below.

    Args:
        rows: for each text its name, its (untrusted) tokens and one number per token.
        label: the meaning of the numbers.
        width: characters per line.
        largest: the absolute value from which on the colour is full; None for the largest one.
    """
    if largest is None:
        largest = max((abs(float(v)) for _, _, values in rows for v in values), default=0.0) or 1.0
    signed = any(v < 0 for _, _, values in rows for v in values)
    colors = ScalarMappable(
        Normalize(-largest if signed else 0.0, largest), PUSH if signed else HEAT
    )
    return _shaded(rows, colors, label, width)


def _shaded(
    rows: Sequence[tuple[str, Sequence[str], Any]], colors: ScalarMappable, label: str, width: int
) -> "Figure":
    """Draw tokens laid out as text, one block per row, each on the colour of its number."""
    lines = [wrap([printable(t) for t in tokens], width) for _, tokens, _ in rows]
    tops = np.cumsum([0, *(len(wrapped) + 0.6 for wrapped in lines)])
    figure, axes = plt.subplots(
        figsize=(0.105 * width + 2.6, 0.3 * tops[-1] + 1.1), layout="constrained"
    )
    for (_, _, values), wrapped, top in zip(rows, lines, tops[:-1], strict=True):
        for i, (line, start, text) in enumerate(cell for row in wrapped for cell in row):
            color = colors.to_rgba(np.asarray(float(values[i])))
            draw_cell(axes, start, top + line, len(text) + 1, color, text)
    axes.set_yticks(tops[:-1] + 0.5, [name for name, _, _ in rows], fontsize=8)
    axes.tick_params(length=0)
    axes.set(xlim=(0, width + 1), ylim=(tops[-1], -0.2), xticks=[])
    axes.set(xlabel="tokens, in sampling order", ylabel="completions of one prompt")
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(colors, ax=axes, shrink=0.8, pad=0.01)
    bar.set_label(label)
    bar.outline.set_visible(False)
    plt.close(figure)
    return figure
