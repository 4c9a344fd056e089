"""Exercise 4 of lesson 08: the bytes."""

from typing import Any

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number


def my_bytes(weights: int, critic: int, reference: bool, itemsize: int) -> int:
    """Return the bytes that a method holds in training with AdamW."""
    trained = weights + critic
    frozen = weights if reference else 0
    return itemsize * (4 * trained + frozen)


def _held_by(weights: int, critic: int, reference: bool, itemsize: int) -> Any:
    return lambda f: number(f(weights, critic, reference, itemsize))


bytes_held = Exercise(
    "08",
    "bytes_held",
    solution_function=my_bytes,
    cases=[
        Case("For PPO, 100 weights, a critic of 90, 4 bytes each", _held_by(100, 90, True, 4)),
        Case("For GRPO with a reference, 100 weights of 4 bytes", _held_by(100, 0, True, 4)),
        Case("For GRPO without one, 100 weights of 4 bytes", _held_by(100, 0, False, 4)),
        Case("For GRPO without one, 100 weights of 2 bytes", _held_by(100, 0, False, 2)),
    ],
    hints=[
        "There are two kinds of weights: those that are trained, and those that are frozen.",
        "What does a trained weight need? Itself, and three more numbers of its size.",
        "A critic is trained. A reference is not.",
    ],
    well_done="your bytes are right: four times the trained weights, once the frozen ones.",
)
