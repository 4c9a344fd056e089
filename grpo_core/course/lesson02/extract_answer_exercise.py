"""Exercise 1 of lesson 02: the answer that counts."""

import re
from collections.abc import Callable
from typing import Any

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import outcome_or_error, returned


def my_answer(completion: str) -> str | None:
    """Return the last complete answer outside thinking, or None."""
    spoken = completion.split("</think>")[-1].split("<think>")[0]
    pattern = r"<answer>(.*?)</answer>"
    found = re.findall(pattern, spoken, re.DOTALL)
    return found[-1].strip() if found else None


_ANSWERS = {
    "a completion as agreed": "<think> 10 + 5 = 15 </think> <answer> ( 10 + 5 ) * 3 </answer>",
    "two answers, one after the other": (
        "<think> hm </think> <answer> 10 * 3 + 5 </answer> wait <answer> ( 10 + 5 ) * 3 </answer>"
    ),
    "a completion on several lines": "<think>\n10 + 5\n</think>\n<answer>\n3 +\n4\n</answer>",
    "an answer that is quoted while thinking": (
        "<think> I am to write <answer> 45 </answer> but how </think> I give up"
    ),
    "an answer that is cut off": "<think> 10 + 5 = 15 </think> <answer> ( 10 +",
    "a thought that never ends": "<think> try <answer> 45 </answer> no , try",
    "a completion without any tag": "45",
    "an answer without a thought": "<answer> ( 10 + 5 ) * 3 </answer>",
    "an answer with a text after it": "<think> hm </think> <answer> 45 </answer> . I hope so",
}


def _read(text: str, first: bool) -> Callable[[Callable[..., Any]], Any]:
    # An answer of None is right for some; for the first, it means that nothing is written yet.
    return lambda f: returned(f(text)) if first else outcome_or_error(f, text)


extract_answer = Exercise(
    "02",
    "extract_answer",
    solution_function=my_answer,
    cases=[
        Case(f"For {name}", _read(text, first=i == 0))
        for i, (name, text) in enumerate(_ANSWERS.items())
    ],
    hints=[
        "Two steps: first cut away the thinking, then look for answers in what is left. Print what "
        "is left for each of the six completions above.",
        "`text.split(tag)` cuts at every tag; its last piece is the text after the last tag.",
        "`re.findall` returns a list of what the parentheses captured. It may be empty; if it is "
        "not, you want its last entry.",
    ],
    well_done="your function finds the last complete answer outside thinking, and nothing else.",
)
