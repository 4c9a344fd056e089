"""The board in a notebook: live where there is somebody, a table where nobody is."""

import json
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from make_steps import step

from grpo_core.app.dashboard import payloads
from grpo_core.course import build
from grpo_core.course.widgets import board as module
from grpo_core.course.widgets.board import Board
from grpo_core.course.widgets.static_board import static_board


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


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRPO_LAB_WIDGETS", raising=False)


def table(*arguments: Any) -> str:
    """A table, without the name by which its board finds it."""
    return static_board(*arguments).partition(">")[2]


def test_without_anyone_there_is_the_table(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPO_LAB_WIDGETS", "off")
    board = Board()
    board._ipython_display_()
    for index in (1, 2):
        made = step(index)
        board.show(made)
        (html,) = shown.things  # one table, replaced
        assert html.data.partition(">")[2] == table(index, made.groups)


def test_without_anywidget_too(
    shown: Shown, live: None, monkeypatch: pytest.MonkeyPatch, without: Callable
) -> None:
    without("anywidget")
    board = Board()
    board._ipython_display_()
    assert len(shown.things) == 1


def test_a_live_board_has_every_group_and_a_table_under_it(shown: Shown, live: None) -> None:
    board = Board({"epsilon": 0.2, "loss_type": "grpo"})
    board._ipython_display_()
    widget, html = shown.things
    assert widget.shown == ""
    made = step(5, groups=3)
    board.show(made, group=2)
    message = json.loads(widget.shown)
    assert message["step"] == 5 and len(message["groups"]) == len(message["boards"]) == 3
    expected = payloads.group_payload(made.groups[1], {"epsilon": 0.2, "loss_type": "grpo"})
    assert message["boards"][1] == json.loads(payloads.encode(expected))
    html = shown.things[1].data
    assert html.partition(">")[2] == table(5, made.groups, 2)
    assert f'data-grpo-still="{widget.still}"' in html
    assert "google" not in widget._esm and "http" not in widget._css


def test_groups_of_your_own(shown: Shown, live: None) -> None:
    board = Board()
    board._ipython_display_()
    groups = step(1).groups
    board.show(groups[0])
    assert len(json.loads(shown.things[0].shown)["boards"]) == 1
    board.show(groups)
    assert len(json.loads(shown.things[0].shown)["boards"]) == 2
    with pytest.raises(IndexError):
        board.show(groups, group=2)


def test_a_board_shown_twice_changes_twice(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPO_LAB_WIDGETS", "off")
    board = Board()
    handles = []
    monkeypatch.setattr(module, "display", lambda *_, **__: handles.append(Shown()) or handles[-1])
    for handle in handles:
        handle.things.append(None)
    board._ipython_display_()
    board._ipython_display_()
    for handle in handles:
        handle.things.append(None)
    board.show(step(1))
    assert [handle.things[0].data for handle in handles] == [board._table] * 2


def test_steps_are_shown_at_a_pace_for_people(
    shown: Shown, live: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(module.time, "sleep", waits.append)
    monkeypatch.setattr(module.time, "monotonic", lambda: 100.0)
    board = Board()
    board.show(step(1))
    board.show(step(2))
    assert waits == [0.0, pytest.approx(module.PAUSE)]


def test_what_other_displays_get(live: None) -> None:
    board = Board()
    board.show(step(1))
    bundle = board._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"] == board._table
    assert "board.show(step)" in bundle["text/plain"]


@pytest.mark.slow
def test_a_saved_notebook_has_the_last_step_and_no_widget(tmp_path: Any) -> None:
    """As the solutions are built: what is shown in a later cell stands under the board's cell."""
    cells = [
        "import sys; sys.path.append('../tests/helpers'); from make_steps import step\n"
        "from grpo_core.course.widgets.board import Board",
        "board = Board(); board",
        "for i in (1, 2, 3):\n    board.show(step(i))",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    build.execute(notebook)
    (output,) = notebook.cells[1].outputs
    assert "<b>Step 3</b>" in output.data["text/html"]
    assert not notebook.cells[2].outputs and "widgets" not in notebook.metadata


def test_a_group_shows_as_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    from IPython.core.formatters import DisplayFormatter

    shell = type("Shell", (), {"display_formatter": DisplayFormatter()})()
    monkeypatch.setattr(module, "get_ipython", lambda: shell)
    module._show_groups_as_tables()
    (group, *_) = step(1, size=4).groups
    data, _ = shell.display_formatter.format(group)
    assert data["text/html"] == static_board(None, [group])
    assert data["text/plain"] == "Group: 4 completions of 'Use 3 , 5 to make 8 .', mean reward 1"
    group.completions.clear()
    data, _ = shell.display_formatter.format(group)
    assert data["text/plain"].startswith("Group: 0 completions")
