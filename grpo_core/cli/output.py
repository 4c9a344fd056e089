"""What commands print: measurements in words, and --json."""

import json
import math
import sys
from typing import TYPE_CHECKING, Any

from rich.text import Text

from grpo_core.core.errors import printable

if TYPE_CHECKING:
    from grpo_core.runs import Run

MEASURED = ("accuracy", "format", "mean_length", "backtracks", "truncated", "n")


def plain(text: str, style: str = "") -> Text:
    """One line for the terminal: what a stranger chose in it moves no cursor."""
    return Text(printable(text), style=style)


def print_json(value: Any) -> None:
    """One line on stdout that any JSON parser reads: NaN and infinities become null."""

    def finite(v: Any) -> Any:
        if isinstance(v, dict):
            return {k: finite(x) for k, x in v.items()}
        if isinstance(v, list):
            return [finite(x) for x in v]
        return None if isinstance(v, float) and not math.isfinite(v) else v

    sys.stdout.flush()
    print(json.dumps(finite(value), allow_nan=False), flush=True)


def last_measured(run: "Run", whole: bool = True) -> tuple[int | None, dict[str, float]]:
    """The last step that was measured on held-out problems, and what was measured.

    Args:
        run: where to look.
        whole: see `Run.metrics`.
    """
    for step, metrics in reversed(run.metrics(whole=whole)):
        found = {k.removeprefix("eval/"): v for k, v in metrics.items() if k.startswith("eval/")}
        if found:
            return step, found
    return None, {}


def measurement(measured: dict[str, float]) -> dict[str, float | None]:
    """The part of --json that is a measurement; null where nothing was measured."""
    values = {name: measured.get(name) for name in MEASURED}
    return values | {"n": int(measured.get("n", 0))}


def in_words(measured: dict[str, float]) -> str:
    """A measurement in words."""
    if not measured:
        return "nothing was measured"
    return (
        f"held-out accuracy {measured['accuracy']:.3f}, format {measured['format']:.3f}, "
        f"mean length {measured['mean_length']:.1f}, backtracks {measured['backtracks']:.2f}, "
        f"truncated {measured['truncated']:.3f}"
    )
