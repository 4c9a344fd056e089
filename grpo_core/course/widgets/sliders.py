"""Show a figure with sliders, or the figure alone where sliders do not work.

    show_with_sliders(draw, advantage=(1.0, -2.0, 2.0, 0.1), method=["clip", "cispo"])

The figure is an ordinary output of the cell, which the sliders update. So a saved notebook and an
editor without widgets still show it.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from IPython.display import display

Slider = tuple[float, float, float, float]
"""Initial value, minimum, maximum and step."""


def show_with_sliders(draw: Callable[..., Any], **controls: Slider | Sequence[str]) -> None:
    """Show the figure that `draw` returns, and a control for each of its arguments.

    Args:
        draw: takes the controls' values by name, and returns a figure.
        **controls: for each argument a slider, or a list of names to choose from; the first is the
            initial one.
    """
    values = {name: c[0] for name, c in controls.items()}
    if not is_live():
        display(draw(**values))
        return
    from ipywidgets import Dropdown, FloatSlider, VBox  # type: ignore[import-untyped]

    def control(name: str, c: Slider | Sequence[str]) -> Any:
        said = {"description": name.replace("_", " "), "style": {"description_width": "9em"}}
        if isinstance(c[0], str):
            return Dropdown(options=list(c), **said)
        value, least, most, step = c
        return FloatSlider(value=value, min=least, max=most, step=step, **said)

    widgets = {name: control(name, c) for name, c in controls.items()}
    display(VBox(list(widgets.values())))
    shown = display(draw(**values), display_id=True)

    def redraw(_: Any) -> None:
        shown.update(draw(**{name: widget.value for name, widget in widgets.items()}))

    for widget in widgets.values():
        widget.observe(redraw, "value")


def is_live() -> bool:
    """Return whether widgets work here; they are off while notebooks are built or tested."""
    if os.environ.get("GRPO_LAB_WIDGETS") == "off":
        return False
    try:
        import ipywidgets  # noqa: F401 (only checked, not used)
    except ImportError:
        return False
    return True
