"""Build the notebooks: one source, two editions.

    python -m grpo_core.lessons.build [NAME ...]

`notebooks/source/NAME.py` (Jupytext's percent format) is the one master. From it come

- `notebooks/NAME.ipynb`, the learner's: exercises are stubs, and nothing has been run;
- `notebooks/solutions/NAME.ipynb`: exercises are solved, and every output is there.

A cell tagged `exercise` is a stub and stays out of the solutions; a cell tagged `solution` stays
out of the learner's edition. The same source gives the same learner's edition, byte for byte.
"""

import os
import sys
from pathlib import Path

import jupytext  # type: ignore[import-untyped]
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from grpo_core.errors import LabError

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"

WIDTH = 76  # characters: what fits a projector, and half a laptop's screen
MAX_BYTES = 300_000  # of a notebook with outputs
SECONDS = 60  # to run one


def sources() -> list[Path]:
    """The masters of all notebooks, in the order of their numbers."""
    return sorted((NOTEBOOKS / "source").glob("*.py"))


def edition(source: Path, *, solved: bool) -> NotebookNode:
    """One edition of a notebook, not run.

    Args:
        source: its master.
        solved: True for the solutions, False for the learner's.

    Raises:
        LabError: a line is wider than `WIDTH`.
    """
    notebook = jupytext.read(source, fmt="py:percent")
    left_out = "exercise" if solved else "solution"
    cells = [cell for cell in notebook.cells if left_out not in cell.metadata.get("tags", [])]
    for number, cell in enumerate(cells):
        wide = [line for line in cell.source.splitlines() if len(line) > WIDTH]
        if wide and cell.cell_type == "code":
            raise LabError(f"{source.name} has a line of more than {WIDTH} characters: {wide[0]}")
        cell["id"] = f"{source.stem[:40]}-{number:02d}"  # jupytext makes up a new one every time
        cell.metadata.pop("lines_to_next_cell", None)
    notebook.cells = cells
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook


def execute(notebook: NotebookNode) -> NotebookNode:
    """Run a notebook from top to bottom, in the folder it lives in, without network.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    )
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    inline = "module://matplotlib_inline.backend_inline"
    client.execute(
        env=os.environ | {"PYTHONPATH": path, "MPLBACKEND": inline, "HF_HUB_OFFLINE": "1"}
    )
    return notebook


def build(source: Path) -> None:
    """Write both editions of a notebook.

    Raises:
        LabError: the executed one is larger than `MAX_BYTES`.
    """
    learner = NOTEBOOKS / f"{source.stem}.ipynb"
    learner.write_text(nbformat.writes(edition(source, solved=False)) + "\n", encoding="utf-8")
    solutions = NOTEBOOKS / "solutions" / learner.name
    text = nbformat.writes(execute(edition(source, solved=True))) + "\n"
    if len(text.encode()) > MAX_BYTES:
        raise LabError(f"{solutions.name} has {len(text.encode()):,} bytes, {MAX_BYTES:,} allowed.")
    solutions.parent.mkdir(exist_ok=True)
    solutions.write_text(text, encoding="utf-8")


def main(names: list[str]) -> None:
    """Build the notebooks with these names, or all."""
    for source in sources():
        if not names or source.stem in names:
            print(f"{source.stem} ...", flush=True)
            build(source)


if __name__ == "__main__":
    main(sys.argv[1:])
