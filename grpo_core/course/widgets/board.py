"""The group board in a notebook: the cards of the dashboard, live while a cell trains.

    from grpo_core.course.widgets.board import Board

    board = Board()
    board                        # the last line of a cell: the board appears under it
    ...
    for step in trainer:         # in the same cell or a later one
        board.show(step)

The cards, their shades and the numbers of a token are drawn by the dashboard's own script
(dashboard/assets/), passed to the notebook through anywidget; it makes no network requests.
Under them is a plain table of one group, hidden while the script runs: a saved notebook, a page on
GitHub and an editor without widgets show the table. Once this module is imported, a `Group` as the
last line of a cell is shown as such a table too.

Everything that a model wrote is untrusted: the script uses text nodes, the table `html.escape`.
"""

import json
import time
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import HTML, display

from grpo_core.app.dashboard import bundle, payloads
from grpo_core.core.config import GRPOConfig
from grpo_core.core.records import Group, Step
from grpo_core.course.widgets.sliders import is_live
from grpo_core.course.widgets.static_board import static_board

PAUSE = (
    0.1  # minimum seconds between two steps, so that people can follow and browsers are not flooded
)


class Board:
    """A group board. Name it at the end of a cell to show it; change it with `show`."""

    def __init__(self, config: GRPOConfig | Mapping[str, Any] | None = None) -> None:
        """Make an empty board.

        Args:
            config: the run's configuration, or the options of a recorded run; with it, clipped
                tokens are marked.
        """
        self._options = vars(config) if isinstance(config, GRPOConfig) else dict(config or {})
        self._name = uuid.uuid4().hex[:12]
        self._table = static_board(None, [], name=self._name)
        self._shown_at = 0.0
        self._tables: list[Any] = []  # of the cells it was displayed under
        self._widget = _widget(self._name) if _has_widgets() else None

    def show(self, what: Step | Group | Sequence[Group], group: int = 0) -> None:
        """Show a step's groups on the board, in place of the present ones.

        Waits until `PAUSE` after the last call, so that people can follow a recording.

        Args:
            what: a step, or your own groups.
            group: the group that the table shows; on the live board the reader chooses.

        Raises:
            IndexError: there is no such group.
        """
        index = what.index if isinstance(what, Step) else None
        several = what.groups if isinstance(what, Step) else what
        groups = [several] if isinstance(several, Group) else list(several)
        self._table = static_board(index, groups, group, name=self._name)
        for table in self._tables:
            table.update(HTML(self._table))
        if self._widget is not None:
            time.sleep(max(0.0, self._shown_at + PAUSE - time.monotonic()))
            self._shown_at = time.monotonic()
            self._widget.shown = payloads.encode(_message(index, groups, self._options))

    def _ipython_display_(self) -> None:
        """Display the live board, which no editor saves, and the table, which every editor does."""
        if self._widget is not None:
            display(self._widget)
        self._tables.append(display(HTML(self._table), display_id=True))

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Return the board for other ways of displaying an object, such as a layout of widgets."""
        bundle = {"text/plain": repr(self), "text/html": self._table}
        if self._widget is not None:
            bundle |= self._widget._repr_mimebundle_()[0] | bundle
        return bundle

    def __repr__(self) -> str:
        return "A group board; board.show(step) puts a step on it."


def _message(index: int | None, groups: list[Group], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what assets/pages/notebook.js reads: all groups, so that any can be chosen."""
    return {
        "title": "" if index is None else f"Step {index}",
        "step": index or 0,
        "groups": payloads.step_summary(groups),
        "boards": [payloads.group_payload(g, options) for g in groups],
    }


def _has_widgets() -> bool:
    """Return whether widgets work here and anywidget is installed."""
    if not is_live():
        return False
    try:
        import anywidget  # noqa: F401 (asked for, not used)
    except ImportError:
        return False
    return True


@cache
def _widget_class() -> Any:
    """Return the anywidget class, made on first use since importing it takes a moment."""
    import anywidget
    import traitlets

    class GroupBoard(anywidget.AnyWidget):
        """The state that Python and the page keep synchronised."""

        _esm = bundle.script(bundle.ASSETS / "pages/notebook.js")
        _css = bundle.style(bundle.ASSETS / "notebook.css", scope="grpo-cell")
        shown = traitlets.Unicode("").tag(sync=True)
        glossary = traitlets.Unicode("[]").tag(sync=True)
        still = traitlets.Unicode("").tag(sync=True)

    return GroupBoard


def _widget(name: str) -> Any:
    """Return an empty live board, above the table of this name."""
    return _widget_class()(still=name, glossary=json.dumps(payloads.glossary_payload()))


def _show_groups_as_tables() -> None:
    """Teach IPython, where we are in it, to show a Group: its own repr prints every array."""
    shell = get_ipython()
    if shell is None or shell.display_formatter is None:
        return
    formatters = shell.display_formatter.formatters
    formatters["text/html"].for_type(Group, lambda group: static_board(None, [group]))
    formatters["text/plain"].for_type(Group, lambda group, out, _: out.text(_in_words(group)))


def _in_words(group: Group) -> str:
    size = len(group.completions)
    mean = f", mean reward {group.rewards.mean():.3g}" if size else ""
    return f"Group: {size} completions of {payloads.clip(group.prompt, 80)!r}{mean}"


_show_groups_as_tables()
