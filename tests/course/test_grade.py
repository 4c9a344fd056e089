"""Grading: a broken notebook gives a row, never a crash, and leaves no process behind."""

import csv
import json
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from grpo_core.course import lesson00, progress
from grpo_core.course.grade import Row, grade, write_csv
from grpo_core.course.sources import NOTEBOOKS, notebook_sources
from grpo_core.errors import LabError

IMPORT = "from grpo_core.course import lesson00 as check"
PASS = f"{IMPORT}\ncheck.advantages(check.my_advantages)"


def write(path: Path, *cells: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(notebook, path)


def one(folder: Path, seconds: float = 60) -> Row:
    (row,) = grade(folder, seconds)
    return row


def table(rows: list[Row], path: Path) -> list[dict[str, str]]:
    write_csv(rows, path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_class(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    write(folder / "anna" / "00.ipynb", PASS, "check.quiz(tied='b', loss='a')")
    write(folder / "bob.ipynb", IMPORT, "check.advantages(lambda r: r - r.mean(1, keepdim=True))")
    lesson00.advantages(lambda r: -lesson00.my_advantages(r))
    lesson00.advantages(lesson00.my_advantages)
    progress.export("=Carl", folder)
    rows = list(grade(folder))
    assert [row.problem for row in rows] == ["", "", ""]
    carl, anna, bob = table(rows, tmp_path / "grades.csv")
    assert (anna["student"], anna["file"]) == ("anna", str(Path("anna/00.ipynb")))
    assert (anna["exercises_passed"], anna["questions_right"]) == ("1", "1")
    assert (anna["00 advantages"], anna["00 clipped_loss"]) == ("passed", "")
    assert (anna["00 quiz tied"], anna["00 quiz loss"], anna["00 quiz clip"]) == (
        "right",
        "wrong",
        "",
    )
    assert (bob["student"], bob["00 advantages"]) == ("bob", "not_divided")
    assert (carl["student"], carl["00 advantages"]) == ("'=Carl", "passed")  # and no formula


@pytest.mark.slow
def test_the_editions_that_are_shipped(tmp_path: Path) -> None:
    name = notebook_sources(["00"])[0].stem + ".ipynb"
    for edition in ("learner", "solutions"):
        source = NOTEBOOKS / (name if edition == "learner" else f"solutions/{name}")
        (tmp_path / "class" / edition).mkdir(parents=True)
        (tmp_path / "class" / edition / name).write_text(source.read_text())
    learner, solutions = table(list(grade(tmp_path / "class")), tmp_path / "grades.csv")
    assert (learner["exercises_passed"], learner["questions_right"]) == ("0", "0")
    assert (solutions["exercises_passed"], solutions["questions_right"]) == ("2", "4")
    assert learner["problem"] == solutions["problem"] == ""


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        (["1 / 0", PASS, "def f(:"], "stopped: code cells that raised: 1, 3"),
        ([PASS, "import os; os._exit(3)"], "stopped: no word of why"),
        ([PASS, "raise SystemExit('enough')"], "stopped: code cells that raised: 2"),
    ],
)
def test_a_broken_notebook_gives_what_it_did_before(
    cells: list[str], problem: str, tmp_path: Path
) -> None:
    write(tmp_path / "class" / "x.ipynb", *cells)
    row = one(tmp_path / "class", seconds=200)
    assert row.problem == problem
    assert "passed" in progress.find(row.known, "00", "advantages")


def test_a_notebook_without_an_end_gives_what_it_did_before(tmp_path: Path) -> None:
    write(tmp_path / "class" / "x.ipynb", PASS, "while True: pass")
    for seconds in (6, 20, 60, 150):  # a busy machine may need more for its beginning
        row = one(tmp_path / "class", seconds)
        assert row.problem == f"not finished after {seconds} seconds"
        if "passed" in progress.find(row.known, "00", "advantages"):
            return
    raise AssertionError("the first cell was not recorded")


@pytest.mark.parametrize("text", ["", "nonsense", "{}", '{"cells": [{}]}', "[" * 100_000])
@pytest.mark.parametrize("suffix", [".ipynb", ".json"])
def test_a_file_that_is_something_else(text: str, suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"x{suffix}").write_text(text)
    assert one(tmp_path).problem


def test_a_hostile_export_is_refused(tmp_path: Path) -> None:
    entry = {"advantages": {"hints": "=1+1", "mistakes": []}}
    hostile = {"name": ["x"], "lessons": {"00": {"exercises": entry}}}
    (tmp_path / "x.json").write_text(json.dumps(hostile))
    assert "no export" in one(tmp_path).problem


def test_no_process_is_left_behind(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    cell = (
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
        f"open({str(note)!r}, 'w').write(str(p.pid))"
    )
    write(tmp_path / "class" / "x.ipynb", cell)
    started = time.monotonic()
    assert one(tmp_path / "class").problem == ""
    assert time.monotonic() - started < 250
    pid, until = int(note.read_text()), time.monotonic() + 60
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_the_teachers_own_progress_is_not_touched(tmp_path: Path, progress_file: Path) -> None:
    write(tmp_path / "class" / "x.ipynb", PASS)
    one(tmp_path / "class")
    assert not progress_file.exists()


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no notebook"):
        list(grade(tmp_path))
