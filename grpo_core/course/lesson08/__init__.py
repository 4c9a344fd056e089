"""Lesson 08, GRPO against PPO."""

# Importing a file of mistakes registers them with their exercise.
from grpo_core.course.lesson08 import (
    bytes_held_mistakes,
    critic_loss_mistakes,
    gae_mistakes,
    token_rewards_mistakes,
)
from grpo_core.course.lesson08.bytes_held_exercise import bytes_held, my_bytes
from grpo_core.course.lesson08.critic_loss_exercise import critic_loss, my_critic_loss
from grpo_core.course.lesson08.gae_exercise import gae, my_gae
from grpo_core.course.lesson08.questions import quiz
from grpo_core.course.lesson08.token_rewards_exercise import my_token_rewards, token_rewards

exercises = (token_rewards, gae, critic_loss, bytes_held)  # in the order of the notebook

__all__ = [
    "bytes_held",
    "critic_loss",
    "exercises",
    "gae",
    "my_bytes",
    "my_critic_loss",
    "my_gae",
    "my_token_rewards",
    "quiz",
    "token_rewards",
]
