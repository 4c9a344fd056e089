"""Lesson 03, how many completions and how different."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson03 import pass_at_k_mistakes, probabilities_mistakes, useful_mistakes
from grpo_core.course.lesson03.pass_at_k_exercise import my_pass_at_k, pass_at_k
from grpo_core.course.lesson03.probabilities_exercise import my_probabilities, probabilities
from grpo_core.course.lesson03.questions import quiz
from grpo_core.course.lesson03.useful_exercise import my_useful, useful

exercises = (probabilities, pass_at_k, useful)  # in the order of the notebook

__all__ = [
    "exercises",
    "my_pass_at_k",
    "my_probabilities",
    "my_useful",
    "pass_at_k",
    "probabilities",
    "quiz",
    "useful",
]
