"""Grading: a broken or hostile file gives a row, never a crash, and leaves no process behind."""

import csv
import json
import os
import socket
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from waits import until

from grpo_core.core.errors import LabError
from grpo_core.course import lesson00, progress
from grpo_core.course.confined import Limits, protections
from grpo_core.course.grade import Row, grade, write_csv
from grpo_core.course.sources import NOTEBOOKS, notebook_sources

IMPORT = "from grpo_core.course import lesson00 as check"
PASS = f"{IMPORT}\ncheck.advantages(check.my_advantages)"


def write(path: Path, *cells: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(notebook, path)


def one(folder: Path, seconds: float = 60) -> Row:
    (row,) = grade(folder, Limits(seconds=seconds))
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
    marks = [uuid.uuid4().hex, uuid.uuid4().hex]
    cell = (
        "import os, subprocess, sys\n"
        "def start(mark, **options):\n"
        "    sleep = [sys.executable, '-c', 'import time; time.sleep(1000)', mark]\n"
        "    subprocess.Popen(sleep, **options)\n"
        f"start({marks[0]!r})\n"
        f"start({marks[1]!r}, start_new_session=True)"
    )
    write(tmp_path / "class" / "x.ipynb", cell)
    started = time.monotonic()
    assert one(tmp_path / "class").problem == ""
    assert time.monotonic() - started < 250
    until(lambda: not any(map(runs, marks)))


def runs(mark: str) -> bool:
    """Whether a process has this among its arguments; a zombie has none."""
    return any(mark in (p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))


def test_the_teachers_own_progress_is_not_touched(tmp_path: Path, progress_file: Path) -> None:
    write(tmp_path / "class" / "x.ipynb", PASS)
    one(tmp_path / "class")
    assert not progress_file.exists()


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no notebook"):
        list(grade(tmp_path))


def test_what_a_notebook_gets_hold_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    write(tmp_path / "class" / "anna.ipynb", PASS)
    other, outside = tmp_path / "class" / "anna.ipynb", tmp_path / "outside"
    with socket.create_server(("127.0.0.1", 0)) as server:
        cells = [
            "import os, socket\nassert 'HF_TOKEN' in os.environ",
            f"open({str(other)!r}).read()",
            f"open({str(outside)!r}, 'w')",
            f"socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)",
            PASS,
        ]
        write(tmp_path / "class" / "eve.ipynb", *cells)
        anna, eve = grade(tmp_path / "class")
    held = {p.name: p.active for p in protections()}
    raised = [True, held["reading"], held["writing"], held["network"]]
    expected = ", ".join(str(i) for i, refused in enumerate(raised, 1) if refused)
    assert anna.problem == "" and eve.problem == f"stopped: code cells that raised: {expected}"
    assert outside.exists() != held["writing"]
    assert "passed" in progress.find(eve.known, "00", "advantages")


def test_nothing_is_imported_from_where_a_notebook_is(tmp_path: Path) -> None:
    cell = (
        "open('secrets.py', 'w').write('raise SystemExit')\nimport sys; assert '' not in sys.path"
    )
    write(tmp_path / "class" / "x.ipynb", cell, "import secrets", PASS)
    (tmp_path / "class" / "torch.py").write_text("raise SystemExit")
    assert one(tmp_path / "class").problem == ""


FORGED: dict[str, Any] = {
    "types": {"lessons": {"00": {"exercises": {"advantages": {"mistakes": {"sign": "many"}}}}}},
    "floats": {"lessons": {"00": {"exercises": {"advantages": {"hints": 1e308}}}}},
    "lists": {"lessons": [1, 2]},
    "nested": None,
    "large": {"lessons": {}, "filling": "x" * 1_000_001},
}


@pytest.mark.parametrize("kind", [*FORGED, "link", "pipe", "folder"])
def test_forged_results_count_for_nothing(kind: str, tmp_path: Path) -> None:
    if kind in ("link", "pipe") and os.name != "posix":
        pytest.skip("missing here: links and pipes that anybody can make")
    truth = tmp_path / "annas-results.json"
    truth.write_text(json.dumps({"lessons": {"00": {"exercises": {"advantages": {"passed": {}}}}}}))
    content = "[" * 100_000 if kind == "nested" else json.dumps(FORGED.get(kind))
    make = {
        "link": f"os.symlink({str(truth)!r}, file)",
        "pipe": "os.mkfifo(file)",
        "folder": "os.mkdir(file)",
    }.get(kind, "open(file, 'w').write(open('content').read())")
    begin = "import os\nfile = os.environ['GRPO_LAB_PROGRESS']\n"
    begin += f"open('content', 'w').write({content!r})\n"
    write(tmp_path / "class" / "x.ipynb", begin + make)
    row = one(tmp_path / "class")
    assert (row.problem, row.known) == ("", {})
    assert len(table([row], tmp_path / "grades.csv")) == 1


def test_only_what_the_kit_knows_is_taken_over(tmp_path: Path) -> None:
    entry = {
        "mistakes": {"sign": 10**4000, "not_divided": -3, "=cmd()": 9, "shape": 1},
        "hints": 10**4000,
    }
    forged = {
        "name": "Eve\x1b[2J\ud800" + "e" * 10_000,
        "lessons": {
            "00": {
                "exercises": {"advantages": entry, "no_such": {"passed": {}}},
                "quiz": {"tied": {"right": "=1+1"}, "loss": {"right": True}, "no_such": {}},
            },
            "../99": {"exercises": {"advantages": {"passed": {}}}},
        },
    }
    sys.set_int_max_str_digits(0)
    try:
        (tmp_path / "eve.json").write_text(json.dumps(forged))
    finally:
        sys.set_int_max_str_digits(4300)
    (eve,) = table(list(grade(tmp_path)), tmp_path / "grades.csv")
    assert (
        eve["student"].startswith("Eve\N{REPLACEMENT CHARACTER}[2J") and len(eve["student"]) == 200
    )
    assert eve["00 advantages"] in ("shape", "") and int(eve["hints"]) < 10
    assert (eve["00 quiz tied"], eve["00 quiz loss"]) == ("", "right")


def test_a_class_full_of_odd_files(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    write(folder / "zoe.ipynb", PASS)
    good = (folder / "zoe.ipynb").read_text()
    files = {
        "cut.ipynb": good[: len(good) // 2].encode(),
        "huge.ipynb": b" " * 50_000_001,
        "large.json": b" " * 1_000_001,
        "nested.ipynb": b'{"cells": ' + b"[" * 200_000,
        "numbers.ipynb": b'{"cells": [{"cell_type": "code", "source": [1, 2]}]}',
        "utf16.ipynb": good.encode("utf-16"),
        "utf16.json": b'{"lessons": {}}'.decode().encode("utf-16"),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    expected = dict.fromkeys(files, "stopped: this is no notebook, or it is damaged")
    expected |= {"huge.ipynb": "larger than 50,000,000 bytes"}
    expected |= {"large.json": "larger than 1,000,000 bytes"}
    expected |= {"utf16.json": "utf16.json is no export of progress.", "zoe.ipynb": ""}
    if os.name == "posix":
        (folder / "link.ipynb").symlink_to(folder / "zoe.ipynb")
        (folder / "dangling.json").symlink_to(folder / "nowhere")
        os.mkfifo(folder / "pipe.ipynb")
        os.mkfifo(folder / "pipe.json")
        (folder / "up").symlink_to(folder, target_is_directory=True)
        is_a_link = "is a link: hand in the file itself"
        expected |= {"link.ipynb": is_a_link, "dangling.json": is_a_link}
        expected |= dict.fromkeys(("pipe.ipynb", "pipe.json"), "is not a regular file")
    deep = folder.joinpath(*"abcdefghijk")
    deep.mkdir(parents=True)
    (deep / "x.ipynb").write_text(good)
    expected[str(Path(*"abcdefghi"))] = "more than 8 folders deep"
    rows = list(grade(folder))
    assert {row.file: row.problem for row in rows} == expected
    written = table(rows, tmp_path / "grades.csv")
    assert {line["file"]: line["exercises_passed"] for line in written}["zoe.ipynb"] == "1"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path) + b"/a\xff\x1b.json")).write_text("{}")
    (row,) = table(list(grade(tmp_path)), tmp_path / "grades.csv")
    assert row["file"] == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.json"


def test_students_with_the_same_names_stay_apart(tmp_path: Path) -> None:
    lesson00.advantages(lesson00.my_advantages)
    for student in ("anna", "bob"):
        (tmp_path / "class" / student).mkdir(parents=True)
        progress.export("Anna", tmp_path / "class" / student)  # Bob hands in under Anna's name
    anna, bob = table(list(grade(tmp_path / "class")), tmp_path / "grades.csv")
    assert (anna["student"], bob["student"]) == ("anna", "bob")
    assert anna["file"] != bob["file"]
