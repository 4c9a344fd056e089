"""A table of a class's work: which exercises and quiz questions every file passes.

    grpo-lab grade FOLDER

A file is a student's notebook, which is run, or an export of `progress`, which is only read.

**Running a notebook executes the student's code.** Each runs in a process of its own, in an empty
folder, as confined as this system allows (`confined`; `grpo-lab grade` prints what holds), and is
ended with everything it started. What is counted is what the checks found, and a student can forge
that, as well as an export: good for seeing who needs help, not for an exam.
"""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grpo_core.core import spreadsheet
from grpo_core.core.errors import LabError
from grpo_core.course import confined, handed_in, progress
from grpo_core.course.catalogue import lessons
from grpo_core.course.confined.folder import remove

_NOTEBOOK_BYTES = 50_000_000


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


def grade(folder: Path, limits: confined.Limits | None = None) -> Iterator[Row]:
    """Look at every notebook and every export in a folder, in order; a bad one gives a row too.

    Args:
        folder: files of the class, in one folder or in one folder per student.
        limits: of each notebook; `Limits()` if not given.

    Raises:
        LabError: there is no such folder, or nothing in it.
    """
    found = list(handed_in.files(folder))
    if not found:
        raise LabError(f"{folder} holds no notebook and no export of progress.")
    for path, problem in found:
        inside = path.relative_to(folder)
        student = inside.parts[0] if len(inside.parts) > 1 else path.stem
        row = Row(handed_in.plain(student), handed_in.plain(str(inside)), problem)
        try:
            if problem:
                pass
            elif path.suffix == ".json":
                row.known = handed_in.results(path)
                if len(inside.parts) == 1:  # else the folder says whose it is
                    row.student = row.known["name"] or row.student
            else:
                _run_notebook(path, row, limits)
        except LabError as error:
            row.problem = str(error)
        except OSError as error:
            row.problem = f"cannot be read: {error.strerror}"
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
        with path.open("w", encoding=spreadsheet.ENCODING, newline="") as out:
            spreadsheet.write(out, header, (_cells(row, exercises, questions) for row in rows))
    except OSError as error:
        raise LabError(f"{path} cannot be written: {error.strerror}.") from error


def _cells(
    row: Row, exercises: list[tuple[str, str]], questions: list[tuple[str, str]]
) -> list[str | int]:
    """What a line of the table says, in the order of its header."""
    done = [progress.find(row.known, n, name) for n, name in exercises]
    answers = [progress.find(row.known, n, q, "quiz") for n, q in questions]
    marks = [_mark(entry) for entry in done]
    right = [("right" if a["right"] else "wrong") if "right" in a else "" for a in answers]
    hints = sum(entry.get("hints", 0) for entry in done)
    counts = [marks.count("passed"), right.count("right"), hints]
    return [row.student, row.file, *counts, row.problem, *marks, *right]


def _mark(entry: dict[str, Any]) -> str:
    """What a cell says about one exercise."""
    if "passed" in entry:
        return "passed"
    mistakes: dict[str, int] = entry.get("mistakes", {})
    return max(mistakes, key=lambda name: mistakes[name], default="")


def _run_notebook(path: Path, row: Row, limits: confined.Limits | None) -> None:
    """Run a copy of a notebook, confined; `row` learns what the checks found on the way."""
    content = handed_in.read(path, _NOTEBOOK_BYTES)
    base = Path(tempfile.mkdtemp(prefix="grpo-lab-grade-"))
    try:
        folder = base / "notebook"
        folder.mkdir()
        (folder / "notebook.ipynb").write_bytes(content)
        _copy_list_of_fonts(folder)
        row.problem = confined.run(
            ["-m", "grpo_core.course.cells", "notebook.ipynb"],
            folder,
            limits,
            GRPO_LAB_PROGRESS=str(folder / "progress.json"),
            MPLCONFIGDIR=str(folder),
            MPLBACKEND="Agg",
        )
        row.known = _found(folder / "progress.json")
    finally:
        remove(base)


def _found(file: Path) -> dict[str, Any]:
    """What the checks of a notebook wrote; nothing where there is none, or it makes no sense."""
    try:
        return handed_in.results(file)
    except (LabError, OSError):
        return {}


def _copy_list_of_fonts(folder: Path) -> None:
    """Give matplotlib the list that it would make in every new home, which takes seconds."""
    import matplotlib.font_manager  # makes the user's own list where there is none

    for file in Path(matplotlib.get_cachedir()).glob("fontlist-*.json"):
        shutil.copy(file, folder)
