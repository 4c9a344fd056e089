"""Both editions of every notebook are up to date, fit a projector, and run from top to bottom."""

import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from grpo_core.core.errors import LabError
from grpo_core.course import build
from grpo_core.course.catalogue import lessons
from grpo_core.course.sources import NOTEBOOKS, notebook_sources

SOURCES = notebook_sources()
EVERY_NOTEBOOK = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def shipped(source: Path, solved: bool) -> NotebookNode:
    folder = NOTEBOOKS / "solutions" if solved else NOTEBOOKS
    return nbformat.read(folder / f"{source.stem}.ipynb", as_version=4)


def printed(notebook: NotebookNode) -> str:
    """What the cells print; of those tagged `measured`, whose digits are a machine's, the form."""
    text = ""
    for cell in notebook.cells:
        outputs = [o.text for o in cell.get("outputs", []) if o.output_type == "stream"]
        said = "".join(outputs)
        is_measured = "measured" in cell.metadata.get("tags", [])
        text += re.sub(r" *[-+−]?\d+", " 0", said) if is_measured else said
    return text


def code(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks() -> None:
    assert SOURCES
    for folder in (NOTEBOOKS, NOTEBOOKS / "solutions"):
        assert sorted(p.stem for p in folder.glob("*.ipynb")) == [s.stem for s in SOURCES]


@EVERY_NOTEBOOK
def test_both_editions_are_what_the_source_gives(source: Path) -> None:
    assert build.stale(source) == [], f"run: grpo-lab notebooks build {source.stem}"
    for solved in (False, True):
        nbformat.validate(shipped(source, solved))


@EVERY_NOTEBOOK
def test_the_learner_gets_stubs_and_no_outputs(source: Path) -> None:
    notebook = shipped(source, solved=False)
    tags = [tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    assert "exercise" in tags and "solution" not in tags
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


@EVERY_NOTEBOOK
def test_the_solutions_are_complete(source: Path) -> None:
    notebook = shipped(source, solved=True)
    path = NOTEBOOKS / "solutions" / f"{source.stem}.ipynb"
    assert path.stat().st_size <= build.MAX_BYTES
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
    solved = [c for c in notebook.cells if "solution" in c.metadata.get("tags", [])]
    assert solved
    for cell in solved:
        if "check." in cell.source:
            assert any("✓" in output.get("text", "") for output in cell.outputs)
    stderr = [o for c in notebook.cells for o in c.get("outputs", []) if o.get("name") == "stderr"]
    assert not stderr, stderr


@EVERY_NOTEBOOK
def test_what_a_cell_prints_is_in_one_piece(source: Path) -> None:
    for cell in shipped(source, solved=True).cells:
        streams = [o.name for o in cell.get("outputs", []) if o.output_type == "stream"]
        assert len(streams) == len(set(streams)), cell.id


@EVERY_NOTEBOOK
def test_it_opens_with_what_for_and_how_long_and_ends_with_references(source: Path) -> None:
    cells = [cell.source for cell in build.edition(source, solved=False).cells]
    for promise in ("you will be able to", "**Time:**", "**You need:**"):
        assert promise in cells[0]
    assert "## Summary" in cells[-1] and "### Further reading" in cells[-1]
    assert "arXiv:" in cells[-1]


@EVERY_NOTEBOOK
def test_it_ends_with_a_quiz_of_all_questions(source: Path) -> None:
    quiz = lessons()[source.stem[:2]].quiz
    for solved in (False, True):
        cells = code(build.edition(source, solved=solved))
        (call,) = [cell for cell in cells if "check.quiz(" in cell]
        assert all(f"{question}=" in call for question in quiz.questions)


# The learner's edition takes fewer steps of a training which the solutions take in full: the cell
# is the same in both. What is written in it -> what is run.
FEWER = {
    "05_clipped_objective": {
        "def follow(surrogate, count=8)": "def follow(surrogate, count=2)",
    },
    "07_the_whole_loop": {
        "    max_steps=5,": "    max_steps=2,",
        "ours = list(train(5))": "ours = list(train(2))",
        "in train(20):": "in train(6):",
    },
    "11_the_family": {'{"max_steps": 20,': '{"max_steps": 5,'},
}


def shortened(notebook: NotebookNode, name: str) -> NotebookNode:
    for whole, part in FEWER.get(name, {}).items():
        (cell,) = [cell for cell in notebook.cells if whole in cell.source]
        cell.source = cell.source.replace(whole, part)
    return notebook


@pytest.fixture(scope="module")
def executed(request: pytest.FixtureRequest) -> Iterator[dict[tuple[Path, bool], Future]]:
    """Every edition that the chosen tests ask for, some at a time: a kernel has one thread."""
    name = "test_it_runs_from_top_to_bottom"
    chosen = [i.callspec.params for i in request.session.items if i.name.startswith(name)]

    def run(source: Path, solved: bool) -> NotebookNode:
        notebook = build.edition(source, solved=solved)
        return build.execute(notebook if solved else shortened(notebook, source.stem))

    pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1))  # each takes up to a gigabyte
    editions = [(params["source"], params["solved"]) for params in chosen]
    yield {edition: pool.submit(run, *edition) for edition in editions}
    pool.shutdown(cancel_futures=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
@EVERY_NOTEBOOK
@pytest.mark.parametrize("solved", [False, True], ids=["learner", "solutions"])
def test_it_runs_from_top_to_bottom(
    source: Path, solved: bool, executed: dict[tuple[Path, bool], Future]
) -> None:
    notebook = executed[source, solved].result()
    lesson = lessons()[source.stem[:2]]
    marks = [line[0] for line in printed(notebook).splitlines() if line[:2] in ("✓ ", "✗ ", "… ")]
    expected = len(lesson.exercises) + len(lesson.quiz.questions)
    assert marks == ["✓" if solved else "…"] * expected
    if solved:
        text = printed(notebook)
        assert text == printed(shipped(source, solved)), "the outputs shipped are out of date"
    pictures = [
        o for c in notebook.cells for o in c.get("outputs", []) if "image/png" in o.get("data", {})
    ]
    assert pictures


def test_with_an_address_a_notebook_opens_in_colab(monkeypatch: pytest.MonkeyPatch) -> None:
    source = SOURCES[0]
    without = build.edition(source, solved=False)
    monkeypatch.setattr(build, "repository", lambda: "https://github.com/someone/grpo-lab.git")
    notebook = build.edition(source, solved=False)
    link = "colab.research.google.com/github/someone/grpo-lab/blob/main/notebooks/00_"
    assert link in notebook.cells[0].source
    assert notebook.cells[0].source.splitlines()[0] == without.cells[0].source.splitlines()[0]
    cell = notebook.cells[1].source
    assert "git+https://github.com/someone/grpo-lab.git" in cell
    assert all(len(line) <= build.WIDTH for line in cell.splitlines())
    assert len(notebook.cells) == len(without.cells) + 1
    nbformat.validate(notebook)
    installed: list[object] = []
    monkeypatch.setattr("subprocess.run", lambda *args, **_: installed.append(args))
    exec(cell, {})  # not in Colab: nothing happens
    assert not installed
    monkeypatch.setitem(sys.modules, "google.colab", object())
    exec(cell, {})
    assert len(installed) == 1


def test_a_line_that_is_too_wide_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "wide.py"
    source.write_text("# %%\nx = '" + "a" * 80 + "'\n")
    with pytest.raises(LabError, match="more than 76 characters: x ="):
        build.edition(source, solved=False)


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    for source in SOURCES:
        once, again = (nbformat.writes(build.edition(source, solved=False)) for _ in range(2))
        assert once == again
