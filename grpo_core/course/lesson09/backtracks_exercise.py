"""Exercise 1 of lesson 09: counting backtracks."""

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number


def my_backtracks(completion: str) -> int:
    """Return how many attempts were abandoned for another one."""
    words = completion.split()
    return sum(word == "no" and "=" in words[i:] for i, word in enumerate(words))


def _counted(text: str) -> Case:
    short = text if len(text) < 60 else f"{text[:57]}..."
    return Case(f"For the completion '{short}'", lambda f: number(f(text)))


backtracks = Exercise(
    "09",
    "backtracks",
    solution_function=my_backtracks,
    cases=[
        _counted(
            "<think> 5 - 3 = 2 , 10 * 2 = 20 no 5 * 3 = 15 , 15 - 10 = 5 no 10 + 5 = 15 , "
            "15 * 3 = 45 yes </think> <answer> ( 10 + 5 ) * 3 </answer>"
        ),
        _counted("<think> 5 - 3 = 2 , 10 * 2 = 20 no </think> <answer> 10 * ( 5 - 3 ) </answer>"),
        _counted("note : not yet . 5 + 3 = 8 no 10 + 3 = 13 , 13 - 5 = 8 yes , and now we know"),
        _counted("<answer> ( 10 + 5 ) * 3 </answer>"),
        _counted("<think> 5 + 3 = 8 no 5 * 3 = 15 no 10 + 3 = 13 no"),
        _counted("5 + 3 = 8 no\n10 + 3 = 13 no\n13 - 5 = 8 yes"),
        _counted("5 + 3 = 8 no , let me try 10 + 3 = 13 yes"),
        _counted("there is no way ."),
        _counted("5 + 3 = 8 yes 13 - 8 = 5 yes"),
        _counted("<think> 5 + 3 = 8 no 10 + 3 ="),
    ],
    hints=[
        "Split the text into words. Which words reject an attempt, and what must follow them?",
        "Another attempt contains an equals sign. Is there one after this 'no'?",
        "`enumerate` gives each word its index, and words[i:] are the words from there on.",
    ],
    well_done="your function counts backtracks, not words or verdicts.",
)
