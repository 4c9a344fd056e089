"""Lesson 05, the clipped objective."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson05 import cispo_mistakes, surrogate_mistakes, weight_mistakes
from grpo_core.course.lesson05.cispo_exercise import cispo, my_cispo
from grpo_core.course.lesson05.questions import quiz
from grpo_core.course.lesson05.surrogate_exercise import my_surrogate, surrogate
from grpo_core.course.lesson05.weight_exercise import my_weight, weight

exercises = (weight, surrogate, cispo)  # in the order of the notebook

__all__ = [
    "cispo",
    "exercises",
    "my_cispo",
    "my_surrogate",
    "my_weight",
    "quiz",
    "surrogate",
    "weight",
]
