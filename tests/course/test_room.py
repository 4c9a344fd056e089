"""The course's room: files that can be read at one sitting, and no circle of imports."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import grpo_core.course
from grpo_core.course.catalogue import Lesson, lessons
from grpo_core.course.exercise import Exercise

ROOM = Path(grpo_core.course.__file__).parent
FILES = sorted(ROOM.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOM.parents[1]).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_by(path: Path, known: set[str]) -> set[str]:
    """The modules of the room that a file imports, those inside functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in known else node.module for name in inside}
    return found & known


def test_no_module_imports_itself_by_way_of_others() -> None:
    modules = {module_of(path): path for path in FILES}
    graph = {name: imported_by(path, set(modules)) for name, path in modules.items()}
    graph["grpo_core.course"] = set()  # it holds a docstring; everything else is inside it
    assert "grpo_core.course.progress" in graph["grpo_core.course.exercise"]
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOM)))
def test_a_file_can_be_read_at_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450


@pytest.mark.parametrize("lesson", lessons().values(), ids=lambda lesson: lesson.number)
def test_a_lesson_lists_all_its_exercises_in_the_order_of_the_notebook(lesson: Lesson) -> None:
    defined = [value for value in vars(lesson.check).values() if isinstance(value, Exercise)]
    assert sorted(e.name for e in defined) == sorted(e.name for e in lesson.exercises)
    text = lesson.source.read_text(encoding="utf-8")
    places = [text.index(f"check.{exercise.name}(") for exercise in lesson.exercises]
    assert places == sorted(places)


def test_what_documents_say_of_a_lesson_is_read_from_it() -> None:
    first = lessons()["00"]
    assert first.title == "One GRPO step by hand" and first.minutes == 35
    assert first.mistakes == sum(len(exercise.mistakes) for exercise in first.exercises) > 20
    assert [exercise.name for exercise in first.exercises] == ["advantages", "clipped_loss"]
    assert first.source.name == "00_one_grpo_step.py"
