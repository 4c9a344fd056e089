"""Lesson 06, the KL to the reference."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson06 import (
    estimators_mistakes,
    exact_kl_mistakes,
    in_reward_mistakes,
    penalty_mistakes,
)
from grpo_core.course.lesson06.estimators_exercise import estimators, my_estimators
from grpo_core.course.lesson06.exact_kl_exercise import exact_kl, my_kl
from grpo_core.course.lesson06.in_reward_exercise import in_reward, my_rewards
from grpo_core.course.lesson06.penalty_exercise import my_penalty, penalty
from grpo_core.course.lesson06.questions import quiz

exercises = (exact_kl, estimators, penalty, in_reward)  # in the order of the notebook

__all__ = [
    "estimators",
    "exact_kl",
    "exercises",
    "in_reward",
    "my_estimators",
    "my_kl",
    "my_penalty",
    "my_rewards",
    "penalty",
    "quiz",
]
