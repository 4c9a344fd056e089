"""Lesson 10, R1's pipeline."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson10 import (
    language_mistakes,
    rl_steps_mistakes,
    selection_mistakes,
    sft_loss_mistakes,
)
from grpo_core.course.lesson10.language_exercise import language, my_language
from grpo_core.course.lesson10.questions import quiz
from grpo_core.course.lesson10.rl_steps_exercise import my_rl_steps, rl_steps
from grpo_core.course.lesson10.selection_exercise import my_selection, readable, selection
from grpo_core.course.lesson10.sft_loss_exercise import my_sft_loss, sft_loss

exercises = (sft_loss, language, selection, rl_steps)  # in the order of the notebook

__all__ = [
    "exercises",
    "language",
    "my_language",
    "my_rl_steps",
    "my_selection",
    "my_sft_loss",
    "quiz",
    "readable",
    "rl_steps",
    "selection",
    "sft_loss",
]
