"""Exercise 3 of lesson 13: a configuration in TRL's words."""

from collections.abc import Callable
from typing import Any

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import returned


def my_arguments(config: dict[str, Any], known: set[str], per_device: int) -> dict[str, Any]:
    """Return trl.GRPOConfig's arguments for one process."""
    arguments = {name: config[name] for name in config if name in known}
    completions = arguments.pop("generation_batch_size")
    arguments["per_device_train_batch_size"] = per_device
    arguments["gradient_accumulation_steps"] = completions // per_device
    return arguments


OURS = {
    "model": "smollm2",
    "task": "arithmetic",
    "reward_funcs": ["accuracy_reward", "format_reward"],
    "reward_weights": [1.0, 0.3],
    "max_steps": 40,
    "generation_batch_size": 32,
    "num_generations": 8,
    "max_completion_length": 64,
    "learning_rate": 1e-5,
    "lr_scheduler_type": "constant_with_warmup",
    "warmup_steps": 3,
    "adam_beta2": 0.95,
    "beta": 0.0,
    "scale_rewards": "group",
    "loss_type": "dapo",
    "bf16": True,
    "max_tokens_per_forward": 1024,
    "threads": 0,
}
"""The experiment for SmolLM2 in the kit's words, as far as it matters here."""


KNOWN = {
    "per_device_train_batch_size", "gradient_accumulation_steps", "steps_per_generation",
    "generation_batch_size", "num_generations", "max_completion_length", "max_steps",
    "reward_weights", "learning_rate", "lr_scheduler_type", "warmup_steps", "adam_beta2", "beta",
    "scale_rewards", "loss_type", "bf16",
}  # fmt: skip
"""What trl.GRPOConfig knows of it."""

TRL_DEFAULTS = {"beta": 0.0, "loss_type": "dapo", "scale_rewards": "group"}
"""What trl.GRPOConfig assumes where it is not told."""


def _read_by_trl(per_device: int, **changes: Any) -> Callable[[Callable[..., Any]], Any]:
    """What TRL would make of the arguments, or what it would refuse; as trl.GRPOConfig does it."""

    def run(function: Callable[..., Any]) -> Any:
        given = returned(function(OURS | changes, set(KNOWN), per_device))
        if not isinstance(given, dict):
            return f"a {type(given).__name__}"
        if set(given) - KNOWN:
            return "refused: unexpected keyword arguments"
        given = dict(given)
        at_once = given.pop("per_device_train_batch_size", 8)
        accumulated = given.pop("gradient_accumulation_steps", 1)
        batch = given.pop("generation_batch_size", None)
        rounds = given.pop("steps_per_generation", None)
        if any(isinstance(number, float) for number in (at_once, accumulated, batch, rounds)):
            return "refused: a number of completions or micro-batches that is not an integer"
        if batch is not None and rounds is not None:
            return "refused: generation_batch_size and steps_per_generation together"
        if batch is None:
            batch = at_once * (accumulated if rounds is None else rounds)
        return {
            "the batch": [float(at_once), float(batch), batch / (at_once * accumulated)],
            "the rest": {k: v for k, v in given.items() if TRL_DEFAULTS.get(k, ...) != v},
        }

    return run


arguments = Exercise(
    "13",
    "arguments",
    solution_function=my_arguments,
    cases=[
        Case(
            "For the experiment of SmolLM2, 4 at a time (per device, generated at once, updates "
            "per batch; then the rest)",
            _read_by_trl(4),
        ),
        Case(
            "The same with groups of 4 and beta 0.04, 16 at a time",
            _read_by_trl(16, beta=0.04, num_generations=4),
        ),
    ],
    hints=[
        "Keep the names that are `known`, and leave the others out.",
        "One name needs a translation: generation_batch_size, all completions of a step. TRL "
        "computes it from two others.",
        "per_device_train_batch_size × gradient_accumulation_steps (× processes) equals "
        "generation_batch_size here.",
    ],
    well_done="your arguments give TRL the same experiment, update for update.",
)
