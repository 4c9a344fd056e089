"""Lesson 09, R1-Zero in a bottle."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson09 import (
    accuracy_at_mistakes,
    amplified_mistakes,
    backtracks_mistakes,
    faithfulness_mistakes,
)
from grpo_core.course.lesson09.accuracy_at_exercise import accuracy_at, my_accuracy_at
from grpo_core.course.lesson09.amplified_exercise import amplified, my_amplified
from grpo_core.course.lesson09.backtracks_exercise import backtracks, my_backtracks
from grpo_core.course.lesson09.faithfulness_exercise import faithfulness, my_faithfulness
from grpo_core.course.lesson09.questions import quiz

exercises = (backtracks, amplified, accuracy_at, faithfulness)  # in the order of the notebook

__all__ = [
    "accuracy_at",
    "amplified",
    "backtracks",
    "exercises",
    "faithfulness",
    "my_accuracy_at",
    "my_amplified",
    "my_backtracks",
    "my_faithfulness",
    "quiz",
]
