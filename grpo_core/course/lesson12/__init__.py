"""Lesson 12, reward hacking."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson12 import best_of_mistakes, judge_mistakes, patch_mistakes
from grpo_core.course.lesson12.best_of_exercise import best_of, my_best_of
from grpo_core.course.lesson12.judge_exercise import judge, my_judge
from grpo_core.course.lesson12.patch_exercise import ATTACKS, attacked, my_check, patch
from grpo_core.course.lesson12.questions import quiz

exercises = (judge, best_of, patch)  # in the order of the notebook

__all__ = [
    "ATTACKS",
    "attacked",
    "best_of",
    "exercises",
    "judge",
    "my_best_of",
    "my_check",
    "my_judge",
    "patch",
    "quiz",
]
