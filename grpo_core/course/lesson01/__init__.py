"""Lesson 01, why no critic."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson01 import (
    estimate_mistakes,
    exact_gradient_mistakes,
    leave_one_out_mistakes,
)
from grpo_core.course.lesson01.estimate_exercise import estimate, my_estimate
from grpo_core.course.lesson01.exact_gradient_exercise import exact_gradient, my_gradient
from grpo_core.course.lesson01.leave_one_out_exercise import leave_one_out, my_leave_one_out
from grpo_core.course.lesson01.questions import quiz

exercises = (exact_gradient, estimate, leave_one_out)  # in the order of the notebook

__all__ = [
    "estimate",
    "exact_gradient",
    "exercises",
    "leave_one_out",
    "my_estimate",
    "my_gradient",
    "my_leave_one_out",
    "quiz",
]
