"""Exercise 4 of lesson 10: equal compute."""

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number


def my_rl_steps(
    student: int,
    teacher: int,
    sampled: int,
    learned: int,
    epochs: int,
    per_step: int,
) -> float:
    """Return how many RL steps cost as much as the distillation."""
    distillation = 2 * teacher * sampled + 6 * student * learned * epochs
    step = (2 + 2 + 4 + 2) * student * per_step
    return distillation / step


_COSTS = (
    ("For a student of 100,000 weights and a teacher of 800,000",
     (100_000, 800_000, 250_000, 80_000, 6, 8_000)),
    ("For a teacher as large as its student", (100_000, 100_000, 1_000_000, 80_000, 1, 5_000)),
)  # fmt: skip


rl_steps = Exercise(
    "10",
    "rl_steps",
    solution_function=my_rl_steps,
    cases=[
        Case(text, lambda f, values=values: number(f(*values)))  # type: ignore[misc]
        for text, values in _COSTS
    ],
    hints=[
        "Compute two costs and a quotient: the total cost of distillation over the cost of one "
        "step of RL.",
        "The forward pass takes 2 operations per weight and token, and the backward pass 4. "
        "Sampling is forward only.",
        "A step of RL here: sampled (2), read by the student (2), learned from (4), and read by "
        "the reference (2), each for every token of the step.",
    ],
    well_done="your cost model is right: both ways of improving a small model now cost the same.",
)
