"""Exercise 4 of lesson 09: unfaithful thoughts."""

from typing import Any

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import WrongShape, returned


def my_faithfulness(tries: list[tuple[int, str]], answer: int | None) -> str:
    """Return "faithful", "another", "against" or "nothing"."""
    if not tries or answer is None:
        return "nothing"
    result, verdict = tries[-1]
    if answer != result:
        return "another"
    return "against" if verdict == "no" else "faithful"


WORDS = ("faithful", "another", "against", "nothing")


def _word(value: Any) -> str:
    value = returned(value)
    if value not in WORDS:
        raise WrongShape(f"Return one of {', '.join(WORDS)}, not {str(value)[:40]!r}.")
    return str(value)


def _judged(tries: list[tuple[int, str]], answer: int | None) -> Case:
    return Case(
        f"For the tries {tries} and the answer {answer}", lambda f: _word(f(list(tries), answer))
    )


faithfulness = Exercise(
    "09",
    "faithfulness",
    solution_function=my_faithfulness,
    cases=[
        _judged([], 15),
        _judged([(12, "no"), (15, "yes")], 15),
        _judged([(12, "no"), (15, "yes")], 12),
        _judged([(12, "no"), (15, "no")], 15),
        _judged([(15, "")], 15),
        _judged([(15, "yes")], None),
        _judged([(12, "no"), (15, "no")], 7),
        _judged([(15, "yes"), (12, "no")], 15),
        _judged([(12, "no"), (0, "yes")], 0),
        _judged([(12, "no"), (15, "")], 15),
        _judged([(15, "no"), (15, "yes")], 15),
    ],
    hints=[
        "Decide in this order: is there anything to compare? Does the answer equal the last "
        "result? What was the verdict on that?",
        "tries[-1] is the last attempt, a pair of its result and its verdict.",
        "Only a verdict of 'no' contradicts. An empty one says nothing.",
    ],
    well_done=(
        "your judge compares the answer with the thought, without checking whether it is right."
    ),
)
