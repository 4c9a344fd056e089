"""Build the notebooks: one source, two editions.

    grpo-lab notebooks build [NAME ...]
    grpo-lab notebooks check

`notebooks/source/NAME.py` (Jupytext's percent format) is the one master. From it come

- `notebooks/NAME.ipynb`, the learner's: exercises are stubs, and nothing has been run;
- `notebooks/solutions/NAME.ipynb`: exercises are solved, and every output is there.

A cell tagged `exercise` is a stub and stays out of the solutions; a cell tagged `solution` stays
out of the learner's edition. One tagged `measured` prints numbers that may differ in their last
digits on another machine: the tests compare what is around them. The same source gives the same
learner's edition, byte for byte.

Where pyproject.toml names the repository's address (`[project.urls] Repository`), every notebook
opens with a link to Google Colab and a cell that installs the kit there. Without an address there
is neither: to install whatever the package index has under our name would not be safe.
"""

import base64
import io
import sys
import tomllib
from pathlib import Path

import jupytext  # type: ignore[import-untyped]
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from grpo_core.core import child
from grpo_core.core.errors import LabError
from grpo_core.course import sources

WIDTH = 76  # characters: what fits a projector, and half a laptop's screen
MAX_BYTES = 300_000  # of a notebook with outputs
# To run one cell, for one that hangs. The longest takes a minute or two when the machine does
# nothing else, and was cut off at 300 seconds where six builds and trainings shared two cores.
SECONDS = 900

_COLAB_LINK = "[Open in Google Colab](https://colab.research.google.com/github/{}/blob/main/{})"
_COLAB_CELL = """\
# Google Colab starts empty: this installs the kit there.
# Anywhere else it does nothing.
import subprocess, sys

if "google.colab" in sys.modules:
    kit = "git+{}"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", kit]
    subprocess.run(pip, check=True)"""


def repository() -> str | None:
    """Return the address of the repository on GitHub, or None if pyproject.toml names none."""
    project = tomllib.loads((sources.ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    return project.get("urls", {}).get("Repository")


def edition(source: Path, *, solved: bool) -> NotebookNode:
    """Return one edition of a notebook, not run.

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
    if (address := repository()) is not None:
        _add_colab(notebook, source.stem, address)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook


def _add_colab(notebook: NotebookNode, name: str, address: str) -> None:
    """Put a link to Colab under the title, and the cell that installs the kit there after it."""
    owner_and_name = address.removesuffix("/").removesuffix(".git").split("github.com/")[-1]
    title, *rest = notebook.cells[0].source.split("\n")
    link = _COLAB_LINK.format(owner_and_name, f"notebooks/{name}.ipynb")
    notebook.cells[0]["source"] = "\n".join([title, "", link, *rest])
    cell = nbformat.v4.new_code_cell(_COLAB_CELL.format(address), id=f"{name[:40]}-colab")
    cell.metadata = nbformat.from_dict({"tags": ["colab"], "jupyter": {"source_hidden": True}})
    notebook.cells.insert(1, cell)


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
        coalesce_streams=True,  # or a busy machine cuts what is printed into pieces
        resources={"metadata": {"path": str(sources.NOTEBOOKS)}},
    )
    inline = "module://matplotlib_inline.backend_inline"
    client.execute(
        env=child.environment(
            {
                "MPLBACKEND": inline,
                "HF_HUB_OFFLINE": "1",
                "OMP_NUM_THREADS": "1",  # so that sums come out the same everywhere
                "GRPO_LAB_PROGRESS": "off",  # this is no learner
                "GRPO_LAB_WIDGETS": "off",  # and nobody moves a slider
            }
        )
    )
    return notebook


def build(source: Path) -> None:
    """Write both editions of a notebook.

    Raises:
        LabError: the executed one is larger than `MAX_BYTES`.
    """
    learner = sources.NOTEBOOKS / f"{source.stem}.ipynb"
    learner.write_text(_written(edition(source, solved=False)), encoding="utf-8")
    solutions = sources.NOTEBOOKS / "solutions" / learner.name
    notebook = execute(edition(source, solved=True))
    _shrink_pictures(notebook)
    text = _written(notebook)
    if len(text.encode()) > MAX_BYTES:
        raise LabError(f"{solutions.name} has {len(text.encode()):,} bytes, {MAX_BYTES:,} allowed.")
    solutions.parent.mkdir(exist_ok=True)
    solutions.write_text(text, encoding="utf-8")


def _shrink_pictures(notebook: NotebookNode) -> None:
    """Reduce each picture to 256 colours: enough for charts, and a third of the bytes."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" not in data:
                continue
            picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
            small = io.BytesIO()
            few = picture.convert("RGBA").quantize(
                256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
            )
            few.save(small, "png", optimize=True)
            data["image/png"] = base64.b64encode(small.getvalue()).decode()


def stale(source: Path) -> list[str]:
    """Return, in words, which editions of a notebook do not match its source.

    The learner's is compared byte for byte, the solutions by their cells. Whether outputs are
    still those that the code gives is for the tests: they run the notebook.
    """
    learner = sources.NOTEBOOKS / f"{source.stem}.ipynb"
    problems = []
    if not learner.is_file():
        problems.append(f"{learner.name} is missing")
    elif learner.read_text(encoding="utf-8") != _written(edition(source, solved=False)):
        problems.append(f"{learner.name} is not what its source gives")
    solutions = sources.NOTEBOOKS / "solutions" / learner.name
    if not solutions.is_file():
        problems.append(f"solutions/{learner.name} is missing")
        return problems
    built = [(c.id, c.cell_type, c.source) for c in edition(source, solved=True).cells]
    cells = nbformat.read(solutions, as_version=4).cells
    if [(c.id, c.cell_type, c.source) for c in cells] != built:
        problems.append(f"solutions/{learner.name} is not what its source gives")
    elif any(c.cell_type == "code" and c.execution_count is None for c in cells):
        problems.append(f"solutions/{learner.name} has not been run")
    return problems


def _written(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook) + "\n"


def main(names: list[str]) -> None:
    """Build the notebooks with these names or numbers, or all."""
    for source in sources.notebook_sources(names):
        print(f"{source.stem} ...", flush=True)
        build(source)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except LabError as error:
        sys.exit(f"build: {error}")
