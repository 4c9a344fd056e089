"""Run the cells of a notebook, without Jupyter around it.

`grade` starts this for every notebook: `python -m grpo_core.course.cells NOTEBOOK`.
"""

import json
import sys
from pathlib import Path


def run_cells(path: Path) -> None:
    """Run the code cells of a notebook here, one after the other; a cell that raises stops none.

    Magics work. Says on stderr, and with exit code 1, which cells raised.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        sys.exit("this is no notebook, or it is damaged")
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance(user_ns={"__name__": "__main__"})
    raised = [i for i, source in enumerate(code, 1) if not shell.run_cell(source).success]
    if raised:
        sys.exit(f"code cells that raised: {', '.join(map(str, raised))}")


if __name__ == "__main__":
    run_cells(Path(sys.argv[1]))
