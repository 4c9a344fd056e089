"""A table of a class's work: which exercises and quiz questions every file passes.

    grpo-lab grade FOLDER

A file is a student's notebook, which is run, or an export of `progress`, which is only read.

**Running a notebook executes the student's code with your rights.** Each runs in a process of its
own, in an empty folder, offline as far as this kit goes, and is ended with all its children when
its time is over. That keeps a broken notebook from harming the others; it does not keep a
malicious one from harming you. Grade strangers' notebooks in a container or a throw-away account.
What is counted is what the checks found, and a student can forge that, as well as an export: good
for seeing who needs help, not for an exam.
"""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from grpo_core.course import progress
from grpo_core.course.catalogue import lessons
from grpo_core.errors import LabError
from grpo_core.store.disk import read_json

SECONDS = 300.0
_MAX_BYTES = 50_000_000  # of a file that is looked at


@dataclass
class Row:
    """What one file shows.

    Attributes:
        student: the folder inside the class's folder, or the file's name where there is none.
        file: path inside the class's folder.
        problem: why there may be less than the student did; "" where all went well.
        known: in the form of `progress`.
    """

    student: str
    file: str
    problem: str = ""
    known: dict[str, Any] = field(default_factory=dict)


def grade(folder: Path, seconds: float = SECONDS) -> Iterator[Row]:
    """Look at every notebook and every export in a folder, in order; a bad one gives a row too.

    Args:
        folder: files of the class, in one folder or in one folder a student.
        seconds: most a notebook may run.

    Raises:
        LabError: there is no such folder, or nothing in it.
    """
    found = (p for p in folder.rglob("*") if p.suffix in (".ipynb", ".json"))
    found = (p for p in found if ".ipynb_checkpoints" not in p.parts and not p.is_symlink())
    paths = sorted(p for p in found if p.is_file())
    if not paths:
        raise LabError(f"{folder} holds no notebook and no export of progress.")
    for path in paths:
        inside = path.relative_to(folder)
        row = Row(inside.parts[0] if len(inside.parts) > 1 else path.stem, str(inside))
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise LabError(f"larger than {_MAX_BYTES:,} bytes")
            if path.suffix == ".json":
                _read_export(path, row)
            else:
                _run_notebook(path, row, seconds)
        except (LabError, OSError) as error:
            row.problem = str(error)
        yield row


def write_csv(rows: list[Row], path: Path) -> None:
    """One line a file; a column for every exercise and every quiz question there is.

    An exercise is "passed", or the mistake that was met most often, or empty when there was no
    attempt; a question is "right", "wrong" or empty.

    Raises:
        LabError: the file cannot be written.
    """
    exercises = [
        (number, exercise.name)
        for number, lesson in lessons().items()
        for exercise in lesson.exercises
    ]
    questions = [(n, name) for n, lesson in lessons().items() for name in lesson.quiz.questions]
    header = ["student", "file", "exercises_passed", "questions_right", "hints", "problem"]
    header += [f"{n} {name}" for n, name in exercises] + [f"{n} quiz {q}" for n, q in questions]
    try:
        with path.open("w", encoding="utf-8-sig", newline="") as out:  # -sig: for Excel
            table = csv.writer(out)
            table.writerow(header)
            for row in rows:
                done = [progress.find(row.known, n, name) for n, name in exercises]
                answers = [progress.find(row.known, n, q, "quiz") for n, q in questions]
                marks = [_mark(entry) for entry in done]
                right = [
                    ("right" if a["right"] else "wrong") if "right" in a else "" for a in answers
                ]
                hints = sum(entry.get("hints", 0) for entry in done)
                counts = [marks.count("passed"), right.count("right"), hints]
                cells = [row.student, row.file, *counts, row.problem, *marks, *right]
                table.writerow([_harmless(cell) for cell in cells])
    except OSError as error:
        raise LabError(f"{path} cannot be written: {error.strerror}.") from error


def _mark(entry: dict[str, Any]) -> str:
    """What a cell says about one exercise."""
    if "passed" in entry:
        return "passed"
    mistakes: dict[str, int] = entry.get("mistakes", {})
    return max(mistakes, key=lambda name: mistakes[name], default="")


def _harmless(cell: object) -> object:
    """A text that no spreadsheet takes for a formula: files and mistakes are named by students."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") else cell


def _read_export(path: Path, row: Row) -> None:
    """What an export says. Raises LabError when it is none."""
    known = read_json(path)
    if not progress.is_sound(known) or "lessons" not in known:
        raise LabError(f"{path.name} is no export of progress.")
    row.known = known
    row.student = str(known.get("name") or row.student)[:100]


def _run_notebook(path: Path, row: Row, seconds: float) -> None:
    """Run a notebook in a process of its own; `row` learns what the checks found on the way."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = Path(folder) / "progress.json"
        package = str(Path(__file__).parents[2])
        python_path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        environment = os.environ | {
            "GRPO_LAB_PROGRESS": str(found),
            "PYTHONPATH": python_path,
            "MPLBACKEND": "Agg",
            "HF_HUB_OFFLINE": "1",
        }
        said = Path(folder) / "stderr"
        with said.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "grpo_core.course.grade", str(path.absolute())],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
            try:
                if process.wait(timeout=seconds):
                    row.problem = f"stopped: {_last_line(said)}"
            except subprocess.TimeoutExpired:
                row.problem = f"not finished after {seconds:g} seconds"
            finally:
                _end(process)
        known = read_json(found)
        row.known = known if progress.is_sound(known) else {}


def _last_line(file: Path) -> str:
    """The last line of a process's stderr, cut where it gets long."""
    with file.open("rb") as text:
        text.seek(max(0, file.stat().st_size - 1000))
        lines = text.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "no word of why"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that was started here, and every process that it started."""
    if os.name == "posix":  # it leads a group of its own, and those it left behind are in there
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()
    process.wait()


def run_cells(path: Path) -> None:
    """Run the code cells of a notebook here, one after the other; a cell that raises stops none.

    Magics work. Says on stderr, and with exit code 1, which cells raised.
    """
    from IPython.core.interactiveshell import InteractiveShell

    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        sys.exit("this is no notebook")
    shell = InteractiveShell.instance(user_ns={"__name__": "__main__"})
    raised = [i for i, source in enumerate(code, 1) if not shell.run_cell(source).success]
    if raised:
        sys.exit(f"code cells that raised: {', '.join(map(str, raised))}")


if __name__ == "__main__":
    run_cells(Path(sys.argv[1]))
