"""Lesson 11, the family."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson11 import (
    dapo_mistakes,
    error_mistakes,
    ratio_mistakes,
    weights_mistakes,
)
from grpo_core.course.lesson11.dapo_exercise import dapo, my_dapo
from grpo_core.course.lesson11.error_exercise import error, my_error
from grpo_core.course.lesson11.questions import quiz
from grpo_core.course.lesson11.ratio_exercise import my_ratio, ratio
from grpo_core.course.lesson11.weights_exercise import my_weights, weights

exercises = (weights, ratio, dapo, error)  # in the order of the notebook

__all__ = [
    "dapo",
    "error",
    "exercises",
    "my_dapo",
    "my_error",
    "my_ratio",
    "my_weights",
    "quiz",
    "ratio",
    "weights",
]
