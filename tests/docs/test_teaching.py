"""The page for teachers names the exercises, minutes and mistakes that are really there."""

import re
from pathlib import Path

import pytest

from grpo_core.course.catalogue import lessons
from grpo_core.course.sources import notebook_sources

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
EVERY_LESSON = pytest.mark.parametrize("source", notebook_sources(), ids=lambda path: path.stem)


@EVERY_LESSON
def test_every_lesson_has_its_row_of_minutes(source: Path) -> None:
    number = source.stem[:2]
    link = rf"(?:\[{number}\]\(\.\./notebooks/{source.stem}\.ipynb\)|{number})"
    row = re.search(rf"^\| {link} \| (\d+) \| (\d+) \| (.*) \|$", PAGE, re.M)
    assert row, f"docs/teaching.md has no row for {source.stem} under 'Minutes'"
    promised = re.search(r"\*\*Time:\*\* about (\d+) minutes", source.read_text(encoding="utf-8"))
    assert promised and row[1] == promised[1]
    listed = re.findall(r"`(\w+)` (\d+)", row[3])
    assert sorted(name for name, _ in listed) == sorted(e.name for e in lessons()[number].exercises)
    assert int(row[2]) + sum(int(minutes) for _, minutes in listed) == int(row[1])
    assert row[3].count("**") == 2


@EVERY_LESSON
def test_every_lesson_has_its_mistakes_and_they_exist(source: Path) -> None:
    number = source.stem[:2]
    part = re.search(rf"^### {number} · .*?(?=^##|\Z)", PAGE, re.M | re.S)
    assert part, f"docs/teaching.md does not say what students get wrong in {source.stem}"
    named = set(re.findall(r"`(\w+)`", part[0]))
    known = {
        mistake.name for exercise in lessons()[number].exercises for mistake in exercise.mistakes
    }
    known |= {exercise.name for exercise in lessons()[number].exercises}
    known |= {"max", "min", "eval"}  # Python's
    assert named <= known, named - known
    assert len(named) >= 3
    assert part[0].count("*Ask:") >= 1


def test_commands_and_links_are_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        notebook = re.fullmatch(r"\.\./notebooks/(\w+)\.ipynb", link)
        of_the_link = f"../notebooks/source/{notebook[1]}.py" if notebook else link
        assert (ROOT / "docs" / of_the_link).exists(), link
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for target in re.findall(r"`make (\w+)", PAGE):
        assert target in targets
