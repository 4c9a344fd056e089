"""Exercise 3 of lesson 09: a matched comparison."""

from itertools import accumulate

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number


def my_accuracy_at(budget: int, tokens: list[int], accuracy: dict[int, float]) -> float:
    """Return the accuracy of a run after sampling `budget` tokens."""
    spent = [0, *accumulate(tokens)]  # after 0 steps, 1 step, ...
    within = [step for step in accuracy if spent[step] <= budget]
    return accuracy[max(within)]


TOKENS = [100, 100, 200, 200, 400]
_ACCURACY = {0: 0.1, 2: 0.6, 4: 0.3, 5: 0.5}


def _at(budget: int, accuracy: dict[int, float] = _ACCURACY) -> Case:
    text = f"For a budget of {budget} tokens, steps of {TOKENS} tokens and accuracies {accuracy}"
    return Case(text, lambda f: number(f(budget, list(TOKENS), dict(accuracy))))


accuracy_at = Exercise(
    "09",
    "accuracy_at",
    solution_function=my_accuracy_at,
    cases=[
        _at(250),
        _at(450),
        _at(600),
        _at(5000),
        _at(150),
        _at(650),
        _at(950),
        _at(250, {0: 0.1, 3: 0.6, 4: 0.3, 5: 0.5}),  # step 2: nearer to a later evaluation
    ],
    hints=[
        "How much has the run spent after step s? The sum of the tokens of steps 1 to s.",
        "`itertools.accumulate` gives running sums. Put a 0 in front of them; then entry s is the "
        "amount spent after s steps.",
        "Of the steps that were evaluated, keep those within the budget; the last of them counts.",
    ],
    well_done="your comparison is matched in tokens, and uses only measured values.",
)
