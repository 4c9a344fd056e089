"""Rewards: text in, one number a completion out. No torch in here.

A reward function has TRL's signature, so it can be handed to TRL's GRPOTrainer unchanged:

    def f(prompts, completions, **columns) -> list[float]

A new reward is one file and one line in `REWARDS`. Its name, in `reward_funcs` and in the metric
`rewards/<name>/mean`, is the function's `__name__`, as in TRL.
"""

from grpo_core import registry
from collections.abc import Callable

RewardFunction = Callable[..., list[float]]

REWARDS: dict[str, str] = {
    "accuracy_reward": "grpo_core.rewards.accuracy:accuracy_reward",
    "format_reward": "grpo_core.rewards.format:format_reward",
}


def get_reward(name: str) -> RewardFunction:
    """The reward function registered as `name`.

    Raises:
        LabError: no such reward.
    """
    return registry.load(REWARDS, name, "reward")
