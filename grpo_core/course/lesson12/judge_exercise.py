"""Exercise 1 of lesson 12: a judge."""

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number
from grpo_core.rewards.format import parse


def my_judge(completion: str) -> float:
    """Return the judge's reward for a reply, 0 to 1."""
    parsed = parse(completion)
    words = (parsed.think or "").split()
    if parsed.answer is None or words[-1:] != ["yes"]:
        return 0.0
    return max(0.0, 1 - len(completion.split()) / 100)


_WORK = "10 + 5 = 15 , 15 * 3 = 45"


_REPLIES = {
    "a short reply that is sure": f"<think> {_WORK} yes </think> <answer> ( 10 + 5 ) * 3 </answer>",
    "one that gives up": f"<think> {_WORK} no </think> <answer> 10 + 5 </answer>",
    "a yes in the middle of a thought": (
        "<think> 10 + 5 = 15 yes 15 - 3 = 12 no </think> <answer> 1 </answer>"
    ),
    "one without an answer": f"<think> {_WORK} yes </think> ( 10 + 5 ) * 3",
    "an answer that says yes": "<think> hm </think> <answer> yes </answer>",
    "an answer without a thought": "<answer> 45 </answer>",
    "one of 130 words": "<think> " + "1 + 1 = 2 no " * 20 + "yes </think> <answer> 2 </answer>",
    "a thought that ends with eyes": (
        "<think> the answer is before my eyes </think> <answer> 45 </answer>"
    ),
    "one of 35 words": "<think> " + "1 + 1 = 2 no " * 4 + "2 yes </think> <answer> 2 </answer>",
}


judge = Exercise(
    "12",
    "judge",
    solution_function=my_judge,
    cases=[
        Case(f"For {name}", lambda f, text=text: number(f(text)))  # type: ignore[misc]
        for name, text in _REPLIES.items()
    ],
    hints=[
        "`parse(completion)` has `.think` and `.answer`; each is None where there is none.",
        "`text.split()` is the list of its words, and `[-1:]` holds the last one, or nothing if "
        "there is none.",
        "There are two conditions under which it is 0; otherwise it is 1 minus a fraction, and "
        "never below 0.",
    ],
    well_done="your judge is as careless as it should be.",
)
