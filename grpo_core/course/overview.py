"""Show what a learner has passed and what is open, lesson by lesson.

from grpo_core.course import overview
overview.show()
"""

from typing import Any

from grpo_core.course import progress
from grpo_core.course.catalogue import lessons


def show() -> None:
    """Print what has been passed and what is open, one line per lesson."""
    known = progress.read()
    for number, lesson in lessons().items():
        names = [exercise.name for exercise in lesson.exercises]
        marks = [f"{_mark(progress.find(known, number, name))} {name}" for name in names]
        answers = [progress.find(known, number, q, "quiz") for q in lesson.quiz.questions]
        right = sum(answer.get("right", False) for answer in answers)
        print(f"{number}  {'   '.join(marks)}   quiz {right}/{len(answers)}")


def _mark(entry: dict[str, Any]) -> str:
    return "✓" if "passed" in entry else "✗" if entry.get("mistakes") else "·"
