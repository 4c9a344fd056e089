"""Where the notebooks and their sources are."""

from collections.abc import Sequence
from pathlib import Path

from grpo_core.core.errors import LabError

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"


def notebook_sources(names: Sequence[str] = ()) -> list[Path]:
    """Return the sources of the notebooks with these names or numbers, or of all, in order.

    Raises:
        LabError: a name is unknown, or this is an installed package without sources.
    """
    found = sorted((NOTEBOOKS / "source").glob("*.py"))
    if not found:
        raise LabError("The notebooks' sources are in the repository: clone it and run this there.")
    for name in names:
        if not any(name in (path.stem, path.stem[:2]) for path in found):
            raise LabError(f"There is no notebook '{name}': {', '.join(p.stem for p in found)}.")
    return [path for path in found if not names or {path.stem, path.stem[:2]} & set(names)]
