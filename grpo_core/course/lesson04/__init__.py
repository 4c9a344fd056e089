"""Lesson 04, advantages."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson04 import compare_mistakes, difficulty_mistakes, process_mistakes
from grpo_core.course.lesson04.compare_exercise import compare, my_advantages
from grpo_core.course.lesson04.difficulty_exercise import difficulty, my_weight
from grpo_core.course.lesson04.process_exercise import my_process, process
from grpo_core.course.lesson04.questions import quiz

exercises = (compare, difficulty, process)  # in the order of the notebook

__all__ = [
    "compare",
    "difficulty",
    "exercises",
    "my_advantages",
    "my_process",
    "my_weight",
    "process",
    "quiz",
]
