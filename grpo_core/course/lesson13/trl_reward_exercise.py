"""Exercise 1 of lesson 13: a reward function for TRL."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import Unfinished, returned
from grpo_core.rewards.format import parse


def my_reward(completions: list[Any], solution: list[str], **columns: Any) -> list[float]:
    """Return 1.0 if the answer in the tags is `solution`, else 0.0."""
    rewards = []
    for completion, right in zip(completions, solution, strict=True):
        if not isinstance(completion, str):  # a conversation
            completion = completion[-1]["content"]
        rewards.append(float(parse(completion).answer == right))
    return rewards


_RIGHT = "<think> 3 + 4 = 7 </think> <answer> 7 </answer>"
_TEXTS = [
    _RIGHT,
    "<think> 9 + 8 = 17 </think> <answer> 17 </answer>",
    "It is 7 of course.",
    "<think> <answer> 5 </answer> is wrong </think>\n<answer>\n7\n</answer>",
    "<think> 7 is the solution </think> <answer> 5 </answer>",
    "<think> 9 - 4 = 5 </think> <answer>5</answer>",
    "<think>\n4 + 4 = 8\n</think>\n<answer>\n8\n</answer>",
]
_SOLUTIONS = ["7", "7", "7", "7", "7", "5", "8"]


def _called(chat: bool, **extras: Any) -> Callable[[Callable[..., Any]], Any]:
    """As TRL calls a reward function: everything by name. What is raised is an outcome, too."""

    def run(function: Callable[..., Any]) -> Any:
        completions: list[Any] = list(_TEXTS)
        prompts: list[Any] = ["What is ... ?"] * len(_TEXTS)
        if chat:
            completions = [[{"role": "assistant", "content": text}] for text in _TEXTS]
            prompts = [[{"role": "user", "content": prompt}] for prompt in prompts]
        try:
            value = returned(
                function(
                    prompts=prompts, completions=completions, solution=list(_SOLUTIONS), **extras
                )
            )
        except (NotImplementedError, Unfinished):
            raise
        except Exception as error:
            if "unexpected keyword argument" in str(error):
                _raise_if_stub(function, completions)
                return "does not take everything that is passed"
            if "required positional argument" in str(error):
                return "asks for something that is not passed"
            if "indices must be integers" in str(error):
                return "looks up a name in a string or a list"
            # what a missing answer makes of `None`, an empty list or a text without a tag
            missing = isinstance(error, AttributeError | TypeError | IndexError | ValueError)
            return "raised an error" if missing else f"raised {type(error).__name__}: {error}"
        if isinstance(value, Tensor | np.ndarray):
            return f"a tensor of shape {tuple(value.shape)}"
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [_plain(v) for v in value]
        return _plain(value)

    return run


def _raise_if_stub(function: Callable[..., Any], completions: list[Any]) -> None:
    """The notebook's stub takes too little, and is a stub all the same: raise what it raises."""
    try:
        returned(function(completions=completions, solution=list(_SOLUTIONS)))
    except (NotImplementedError, Unfinished):
        raise
    except Exception:  # a mistake of its own; what it does not take was seen first
        return


def _plain(value: Any) -> Any:
    """A number as a float, anything else as what kind of thing it is."""
    return float(value) if isinstance(value, int | float) else f"a {type(value).__name__}"


_EXTRAS: dict[str, Any] = {"completion_ids": [[1, 2]] * len(_TEXTS), "trainer_state": None}


trl_reward = Exercise(
    "13",
    "trl_reward",
    solution_function=my_reward,
    cases=[
        Case("For seven completions, called with what TRL passes", _called(False, **_EXTRAS)),
        Case("With another column in the data set", _called(False, **_EXTRAS, task=["sum"] * 7)),
        Case("For conversations, as chat models have them", _called(True, **_EXTRAS)),
    ],
    hints=[
        "TRL passes everything by name. Name what you need in the signature, and let `**columns` "
        "take the rest.",
        "Go through completions and solutions in parallel. `parse(text).answer` is the answer, or "
        "None.",
        "If a completion is not a `str`, it is a list of messages: the last one's `content`.",
    ],
    well_done="your reward works in TRL: any columns, plain texts and conversations.",
)
