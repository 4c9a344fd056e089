"""The mistakes that the exercise `arguments` of lesson 13 recognises."""

from collections.abc import Callable
from typing import Any

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson13.arguments_exercise import arguments


def _known_ones(config: dict[str, Any], known: set[str]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name in known}


def _told(
    kept: Callable[[dict[str, Any], set[str]], dict[str, Any]] = _known_ones,
    drop: tuple[str, ...] = ("generation_batch_size",),
    more: Callable[[dict[str, Any], int], dict[str, Any]] = lambda config, per_device: {
        "per_device_train_batch_size": per_device,
        "gradient_accumulation_steps": config["generation_batch_size"] // per_device,
    },
) -> Callable[..., dict[str, Any]]:
    """Arguments for TRL, right but for what is passed in."""

    def arguments(config: dict[str, Any], known: set[str], per_device: int) -> dict[str, Any]:
        some = {k: v for k, v in kept(config, known).items() if k not in drop}
        return some | more(config, per_device)

    return arguments


@arguments.mistake(
    "TRL's configuration refuses names that it does not know. The model, the task (as a data set) "
    "and the reward functions go to the *trainer*; options on how this kit computes have no "
    "counterpart."
)
def unknown_names() -> WrongAnswers:
    yield _told(lambda config, known: config)
    yield lambda config, known, per_device: dict(config)


@arguments.mistake(
    "TRL refuses generation_batch_size and steps_per_generation together: each follows from the "
    "other. Leave one of them out, or both."
)
def two_names_for_one_thing() -> WrongAnswers:
    yield _told(
        drop=(),
        more=lambda config, per_device: {
            "per_device_train_batch_size": per_device,
            "steps_per_generation": config["generation_batch_size"] // per_device,
        },
    )


@arguments.mistake(
    "One of your numbers is a float, such as 8.0. Completions and micro-batches are counts, and "
    "TRL's data loader refuses a float: divide with `//`."
)
def no_whole_number() -> WrongAnswers:
    yield _told(
        more=lambda config, per_device: {
            "per_device_train_batch_size": per_device,
            "steps_per_generation": config["generation_batch_size"] / per_device,
        }
    )
    yield _told(
        more=lambda config, per_device: {
            "per_device_train_batch_size": per_device,
            "gradient_accumulation_steps": config["generation_batch_size"] / per_device,
        }
    )


@arguments.mistake(
    "Your step is too large by a factor of num_generations. generation_batch_size already counts "
    "completions, not prompts."
)
def generations_twice() -> WrongAnswers:
    yield from (
        _told(
            drop=drop,
            more=lambda config, per_device: {
                "per_device_train_batch_size": per_device,
                "gradient_accumulation_steps": config["generation_batch_size"]
                * config["num_generations"]
                // per_device,
            },
        )
        for drop in ((), ("generation_batch_size",))
    )


@arguments.mistake(
    "TRL would generate 32 completions and make *several* updates from them: with "
    "generation_batch_size alone, each micro-batch of per_device completions is an optimizer step "
    "of its own, since gradient_accumulation_steps is 1 by default. From the second update on, "
    "that is off-policy."
)
def several_updates_a_batch() -> WrongAnswers:
    yield _told(
        drop=(),
        more=lambda config, per_device: {"per_device_train_batch_size": per_device},
    )
    yield _told(drop=(), more=lambda config, per_device: {})


@arguments.mistake(
    "Your step has only one micro-batch: per_device completions instead of 32. Accumulate the rest."
)
def small_batch() -> WrongAnswers:
    yield _told(more=lambda config, per_device: {"per_device_train_batch_size": per_device})
    yield _told(
        more=lambda config, per_device: {
            "per_device_train_batch_size": per_device,
            "gradient_accumulation_steps": 1,
        }
    )


@arguments.mistake(
    "You did not say how many completions are processed at once. TRL then takes 8, whether they "
    "fit or not."
)
def per_device_forgotten() -> WrongAnswers:
    yield _told(
        more=lambda config, per_device: {
            "gradient_accumulation_steps": config["generation_batch_size"] // per_device
        }
    )


@arguments.mistake(
    "You pass the whole batch through the model at once. That is right but does not fit in "
    "memory: per_device is what fits."
)
def whole_batch_at_once() -> WrongAnswers:
    yield _told(
        more=lambda config, per_device: {
            "per_device_train_batch_size": config["generation_batch_size"]
        }
    )


@arguments.mistake(
    "You accumulate as many micro-batches as there are *prompts*. Count completions: all of a "
    "step, divided by those processed at once."
)
def accumulation_of_prompts() -> WrongAnswers:
    yield _told(
        more=lambda config, per_device: {
            "per_device_train_batch_size": per_device,
            "gradient_accumulation_steps": config["generation_batch_size"]
            // config["num_generations"],
        }
    )


@arguments.mistake(
    "You swapped the two numbers: `per_device` is how many fit at once, and the other is how "
    "often that is repeated."
)
def swapped() -> WrongAnswers:
    yield _told(
        more=lambda config, per_device: {
            "per_device_train_batch_size": config["generation_batch_size"] // per_device,
            "gradient_accumulation_steps": per_device,
        }
    )


@arguments.mistake(
    "You used the size of the group as the number that fits at once. The two are unrelated: what "
    "fits is an argument."
)
def group_for_device() -> WrongAnswers:
    yield _told(
        more=lambda config, per_device: {
            "per_device_train_batch_size": config["num_generations"],
            "gradient_accumulation_steps": config["generation_batch_size"]
            // config["num_generations"],
        }
    )
    yield _told(
        more=lambda config, per_device: {
            "per_device_train_batch_size": config["num_generations"],
            "gradient_accumulation_steps": config["generation_batch_size"] // per_device,
        }
    )


@arguments.mistake(
    "You returned a list of names, or a string. The arguments are a dict from name to value."
)
def names_only() -> WrongAnswers:
    yield lambda config, known, per_device: [name for name in config if name in known]
    yield lambda config, known, per_device: sorted(config)


@arguments.mistake(
    "Something is missing, and TRL fills in its default:  a learning rate of 1e-6, a linear "
    "schedule without warm-up, an adam_beta2 of 0.999. Two libraries whose names agree can still "
    "differ in every default. Pass everything that you know."
)
def left_to_the_defaults() -> WrongAnswers:
    yield _told(
        lambda config, known: {
            name: config[name] for name in ("max_steps", "num_generations", "max_completion_length")
        }
    )
    yield _told(
        lambda config, known: {
            name: config[name]
            for name in known & set(config)
            if name not in ("learning_rate", "lr_scheduler_type", "warmup_steps", "adam_beta2")
        }
    )
    yield _told(lambda config, known: {})
