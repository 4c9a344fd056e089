"""Rewards: text in, one number a completion out. No torch in here.

A reward function has TRL's signature, so it can be handed to TRL's GRPOTrainer unchanged:

    def f(prompts, completions, **columns) -> list[float]

A new reward is one file and one line in `REWARDS`. Its name, in `reward_funcs` and in the metric
`rewards/<name>/mean`, is the function's `__name__`, as in TRL.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from grpo_core.core import registry
from grpo_core.core.errors import LabError, format_error

RewardFunction = Callable[..., list[float]]
StepRewardFunction = Callable[..., list[list[tuple[int, float]]]]

REWARDS: dict[str, Any] = {
    "accuracy_reward": "grpo_core.rewards.accuracy:accuracy_reward",
    "brevity_reward": "grpo_core.rewards.brevity:brevity_reward",
    "format_reward": "grpo_core.rewards.format:format_reward",
    "language_reward": "grpo_core.rewards.language:language_reward",
    "confident_reward": "grpo_core.rewards.flawed:confident_reward",  # has a hole, for lesson 12
}


# For process supervision. The same arguments; for each completion a list of (where the step ends in
# the text, its reward), in order.
STEP_REWARDS: dict[str, Any] = {
    "equations_true": "grpo_core.rewards.steps:equations_true",
}


def get_reward(name: str) -> RewardFunction:
    """The reward function registered as `name`.

    Raises:
        LabError: no such reward.
    """
    return registry.load(REWARDS, name, "reward")


def get_step_reward(name: str) -> StepRewardFunction:
    """The step reward registered as `name`.

    Raises:
        LabError: no such step reward.
    """
    return registry.load(STEP_REWARDS, name, "step reward")


class RewardSum:
    """Several rewards and their weighted sum, the one number that GRPO compares in a group.

        rewards = RewardSum(["accuracy_reward", "format_reward"], [1.0, 0.3])
        parts, totals = rewards(prompts, completions, **columns)

    Args:
        rewards: names from `REWARDS`, or functions.
        weights: one a reward; 1 each when left out.

    Attributes:
        functions: name -> reward function.
        weights: name -> weight.
    """

    def __init__(
        self,
        rewards: Sequence[str | RewardFunction],
        weights: Sequence[float] | None = None,
    ) -> None:
        functions = [get_reward(r) if isinstance(r, str) else r for r in rewards]
        names = [getattr(f, "__name__", type(f).__name__) for f in functions]
        weights = [1.0] * len(names) if weights is None else weights
        if not names:
            raise LabError("Name at least one reward.")
        if len(set(names)) < len(names):
            raise LabError(f"Two rewards have the same name: {', '.join(names)}.")
        if len(weights) != len(names):
            raise LabError(f"{len(names)} rewards need {len(names)} weights, not {len(weights)}.")
        for name, weight in zip(names, weights, strict=True):
            if not isinstance(weight, int | float) or not math.isfinite(weight):
                raise LabError(f"The weight of {name} must be a finite number, not {weight!r}.")
        self.functions = dict(zip(names, functions, strict=True))
        self.weights = dict(zip(names, map(float, weights), strict=True))

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any
    ) -> tuple[dict[str, list[float]], list[float]]:
        """Score B completions.

        Args:
            prompts: B prompts.
            completions: B completions.
            **columns: each a list of B entries.

        Returns:
            parts: name -> B unweighted values.
            totals: B weighted sums.

        Raises:
            LabError: a reward function raised, or did not return B finite numbers; the message
                names it.
        """
        parts = {
            name: _checked(name, function, prompts, completions, columns)
            for name, function in self.functions.items()
        }
        totals = [
            sum(self.weights[name] * values[i] for name, values in parts.items())
            for i in range(len(completions))
        ]
        return parts, totals


def _checked(
    name: str,
    function: RewardFunction,
    prompts: Sequence[Any],
    completions: Sequence[Any],
    columns: dict[str, Any],
) -> list[float]:
    """Call a reward function, which a learner may have written, and look at what comes back."""
    try:
        values = function(prompts=prompts, completions=completions, **columns)
    except LabError:
        raise
    except Exception as error:
        raise LabError(f"The reward {name} raised {format_error(error)}.") from error
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise LabError(
            f"The reward {name} must return a list of numbers, not {str(values)[:80]!r}."
        ) from error
    if len(numbers) != len(completions):
        raise LabError(
            f"The reward {name} returned {len(numbers)} values for {len(completions)} completions."
        )
    if not all(map(math.isfinite, numbers)):
        wrong = next(i for i, number in enumerate(numbers) if not math.isfinite(number))
        raise LabError(f"The reward {name} returned {numbers[wrong]} for completion {wrong}.")
    return numbers
