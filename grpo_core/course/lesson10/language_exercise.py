"""Exercise 2 of lesson 10: one language."""

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number


def my_language(completion: str) -> float:
    """Return the English share of the thought's verdicts, 0 to 1."""
    thought = completion.split("<think>")[-1].split("</think>")[0]
    words = thought.split()
    english = sum(word in ("yes", "no") for word in words)
    german = sum(word in ("ja", "nein") for word in words)
    return english / (english + german) if english + german else 1.0


_THOUGHTS = {
    "a thought with three English verdicts and two German": (
        "<think> 3 - 1 = 2 no 3 - 3 = 0 nein 1 - 1 = 0 nein 3 * 1 = 3 no 1 + 3 = 4 yes </think> "
        "<answer> 1 + 3 </answer>"
    ),
    "a thought entirely in German": "<think> 3 - 1 = 2 nein 3 + 1 = 4 ja </think>",
    "an English thought with German after it": (
        "<think> 3 + 1 = 4 yes </think> <answer> ja ja ja </answer>"
    ),
    "a thought with words that begin like verdicts": "<think> nobody knows January nein </think>",
    "a thought that is German until its last verdict": (
        "<think> 3 - 1 = 2 nein 3 * 1 = 3 nein 3 + 1 = 4 yes </think>"
    ),
    "a thought that is English at first": (
        "<think> 2 - 1 = 1 no 3 * 1 = 3 nein 3 + 1 = 4 ja </think>"
    ),
    "a thought without any verdict": "<think> 3 + 1 = 4 </think> <answer> 3 + 1 </answer>",
    "a German thought with English before it": "yes , yes : <think> 3 + 1 = 4 ja </think>",
}


language = Exercise(
    "10",
    "language",
    solution_function=my_language,
    cases=[
        Case(f"For {name}", lambda f, text=text: number(f(text)))  # type: ignore[misc]
        for name, text in _THOUGHTS.items()
    ],
    hints=[
        "First take the thought: the text between its two tags. Then split it into words. Then "
        "make two counts.",
        "`text.split(tag)` gives the text before and after a tag.",
        "The denominator is the number of verdicts, in both languages together. What if it is 0?",
    ],
    well_done="your reward pays for the language of a thought, and for nothing else.",
)
