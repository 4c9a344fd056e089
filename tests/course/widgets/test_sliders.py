"""Sliders move the figure where somebody may be there; elsewhere the figure stands alone."""

from collections.abc import Callable
from typing import Any

import pytest

from grpo_core.course.widgets import sliders as module
from grpo_core.course.widgets.sliders import show_with_sliders


class Shown:
    """What was displayed, and what replaced it."""

    def __init__(self) -> None:
        self.things: list[Any] = []

    def __call__(self, thing: Any, display_id: bool = False) -> "Shown":
        self.things.append(thing)
        return self

    def update(self, thing: Any) -> None:
        self.things[-1] = thing


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    shown = Shown()
    monkeypatch.setattr(module, "display", shown)
    return shown


def draw(ratio: float, method: str) -> str:
    return f"{method} at {ratio:g}"


CONTROLS: dict[str, Any] = {"ratio": (1.0, 0.0, 2.0, 0.1), "method": ["clip", "cispo"]}


def test_without_anyone_there_is_the_figure(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPO_LAB_WIDGETS", "off")
    show_with_sliders(draw, **CONTROLS)
    assert shown.things == ["clip at 1"]


def test_without_ipywidgets_too(shown: Shown, without: Callable) -> None:
    without("ipywidgets")
    show_with_sliders(draw, **CONTROLS)
    assert shown.things == ["clip at 1"]


def test_a_control_redraws(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRPO_LAB_WIDGETS", raising=False)
    show_with_sliders(draw, **CONTROLS)
    box, figure = shown.things
    assert figure == "clip at 1"
    slider, dropdown = box.children
    slider.value = 1.5
    assert shown.things[-1] == "clip at 1.5"
    dropdown.value = "cispo"
    assert shown.things == [box, "cispo at 1.5"]  # one figure, replaced
