"""Exercise 3 of lesson 02: the format reward."""

import re
from collections.abc import Callable
from typing import Any

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import returned


def my_format(completion: str) -> float:
    """Return 1.0 for a completion in the required format, else 0.0."""
    pattern = r"<think>(.+?)</think>\s*<answer>(.+?)</answer>"
    match = re.fullmatch(pattern, completion.strip(), re.DOTALL)
    if match is None:
        return 0.0
    thought, answer = match.groups()
    tags = ("<think>", "</think>", "<answer>", "</answer>")
    tidy = not any(tag in thought + answer for tag in tags)
    return float(tidy and bool(thought.strip()) and bool(answer.strip()))


_FORMS = {
    "a completion as agreed": "<think> 2 + 1 = 3 </think> <answer> 2 + 1 </answer>",
    "a bare answer": "2 + 1",
    "all tags in the wrong order": "<answer> 2 + 1 </answer> <think> 2 + 1 = 3 </think>",
    "a text after the answer": "<think> 2 + 1 = 3 </think> <answer> 2 + 1 </answer> done",
    "a text before the thought": "well <think> 2 + 1 = 3 </think> <answer> 2 + 1 </answer>",
    "a text between the two": "<think> 2 + 1 </think> so <answer> 2 + 1 </answer>",
    "a completion on several lines": "<think>\n2 + 1\n= 3\n</think>\n<answer>\n2 + 1\n</answer>",
    "blanks around it": "\n <think> 2 + 1 = 3 </think> <answer> 2 + 1 </answer> \n",
    "two answers": "<think> 3 </think> <answer> 1 + 2 </answer> <answer> 2 + 1 </answer>",
    "an empty thought": "<think>  </think> <answer> 2 + 1 </answer>",
    "an empty answer": "<think> 2 + 1 = 3 </think> <answer>  </answer>",
    "a thought with a tag in it": "<think> 3 <think> 2 + 1 </think> <answer> 2 + 1 </answer>",
}


def _reward(text: str) -> Callable[[Callable[..., Any]], Any]:
    return lambda f: float(returned(f(text)))


format_reward = Exercise(
    "02",
    "format_reward",
    solution_function=my_format,
    cases=[Case(f"For {name}", _reward(text)) for name, text in _FORMS.items()],
    hints=[
        "Write the form as one pattern with two pairs of parentheses, one for the thought and one "
        "for the answer, and `\\s*` between the two parts.",
        "Ask for it from end to end, with the flag that lets a dot be a line break, on a text "
        "without whitespace around it.",
        "Then look at what the two pairs of parentheses captured: is one of them blank, or is "
        "there a tag in one of them?",
    ],
    well_done="your reward pays for the agreed form, and for nothing that resembles it.",
)
