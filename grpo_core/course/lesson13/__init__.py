"""Lesson 13, the real thing."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson13 import accumulation_mistakes, arguments_mistakes, trl_reward_mistakes
from grpo_core.course.lesson13.accumulation_exercise import accumulation, my_accumulation
from grpo_core.course.lesson13.arguments_exercise import (
    KNOWN,
    OURS,
    TRL_DEFAULTS,
    arguments,
    my_arguments,
)
from grpo_core.course.lesson13.questions import quiz
from grpo_core.course.lesson13.trl_reward_exercise import my_reward, trl_reward

exercises = (trl_reward, accumulation, arguments)  # in the order of the notebook

__all__ = [
    "KNOWN",
    "OURS",
    "TRL_DEFAULTS",
    "accumulation",
    "arguments",
    "exercises",
    "my_accumulation",
    "my_arguments",
    "my_reward",
    "quiz",
    "trl_reward",
]
