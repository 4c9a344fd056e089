"""Exercise 2 of lesson 03: pass@k."""

import math

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number


def my_pass_at_k(n: int, c: int, k: int) -> float:
    """Return pass@k from n samples, of which c are right."""
    return 1 - math.comb(n - c, k) / math.comb(n, k)


def _drawn(n: int, c: int, k: int) -> Case:
    text = f"For {n} samples, {c} of them right, and k = {k}"
    return Case(text, lambda f: number(f(n, c, k)))


pass_at_k = Exercise(
    "03",
    "pass_at_k",
    solution_function=my_pass_at_k,
    cases=[_drawn(12, 3, 3), _drawn(16, 1, 16), _drawn(10, 3, 1), _drawn(5, 0, 3), _drawn(6, 5, 3)],
    hints=[
        "Ask the opposite: how many of the ways to pick k out of n contain no right sample?",
        "There are `math.comb(n, k)` ways in all. How many samples are wrong, and in how many "
        "ways can k be picked from those alone?",
    ],
    well_done="your pass@k is the unbiased one.",
)
