"""Lesson 07, the whole loop."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson07 import (
    constant_test_mistakes,
    logprobs_mistakes,
    loss_mistakes,
    mask_test_mistakes,
    ratio_test_mistakes,
)
from grpo_core.course.lesson07.constant_test_exercise import constant_test, my_constant_test
from grpo_core.course.lesson07.logprobs_exercise import logprobs, my_logprobs
from grpo_core.course.lesson07.loss_exercise import loss, my_loss
from grpo_core.course.lesson07.mask_test_exercise import mask_test, my_mask_test
from grpo_core.course.lesson07.questions import quiz
from grpo_core.course.lesson07.ratio_test_exercise import my_ratio_test, ratio_test

exercises = (logprobs, loss, mask_test, ratio_test, constant_test)  # in the order of the notebook

__all__ = [
    "constant_test",
    "exercises",
    "logprobs",
    "loss",
    "mask_test",
    "my_constant_test",
    "my_logprobs",
    "my_loss",
    "my_mask_test",
    "my_ratio_test",
    "quiz",
    "ratio_test",
]
