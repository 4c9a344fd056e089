"""Lesson 02, rewards by rule."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson02 import (
    extract_answer_mistakes,
    format_reward_mistakes,
    verifier_mistakes,
)
from grpo_core.course.lesson02.extract_answer_exercise import extract_answer, my_answer
from grpo_core.course.lesson02.format_reward_exercise import format_reward, my_format
from grpo_core.course.lesson02.questions import quiz
from grpo_core.course.lesson02.verifier_exercise import ATTACKS, attacked, my_verifier, verifier

exercises = (extract_answer, verifier, format_reward)  # in the order of the notebook

__all__ = [
    "ATTACKS",
    "attacked",
    "exercises",
    "extract_answer",
    "format_reward",
    "my_answer",
    "my_format",
    "my_verifier",
    "quiz",
    "verifier",
]
