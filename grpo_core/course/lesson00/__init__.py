"""Lesson 00, one GRPO step by hand."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson00 import advantages_mistakes, clipped_loss_mistakes
from grpo_core.course.lesson00.advantages_exercise import advantages, my_advantages
from grpo_core.course.lesson00.clipped_loss_exercise import clipped_loss, my_loss
from grpo_core.course.lesson00.questions import quiz

exercises = (advantages, clipped_loss)  # in the order of the notebook

__all__ = ["advantages", "clipped_loss", "exercises", "my_advantages", "my_loss", "quiz"]
