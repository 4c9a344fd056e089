"""The one rule for `<think> ... </think> <answer> ... </answer>`, used by everything that asks.

**Well-formed.** Blanks around the text aside, a completion is well-formed when

1. `<think>`, `</think>`, `<answer>` and `</answer>` occur once each, in this order;
2. it starts with `<think>`, it ends with `</answer>`, and between `</think>` and `<answer>` there
   is nothing but blanks;
3. neither content is blank.

**The answer.** A completion need not be well-formed to have one, so that accuracy and format are
two separate rewards. Thinking is whatever stands between `<think>` and the next `</think>`. A
`<think>` that is never closed lasts to the end of the text; a `</think>` that nothing opened means
that everything before it was thinking (some prompts end with the opening tag). The answer is the
content of the last complete `<answer> ... </answer>` that is no part of thinking. So an answer
that is quoted while thinking does not count, an answer that is cut off does not count, and a bare
`<answer> 3 + 4 </answer>` does.

Tags are lower case and without blanks inside. The text is untrusted and may be long: it is read
once, from left to right.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grpo_core.core.errors import LabError

Completion = str | Sequence[dict[str, Any]]

# An alternative of fixed words: it cannot backtrack, so reading takes linear time on any text.
_TAG = re.compile(r"<think>|</think>|<answer>|</answer>")
_ORDER = ["<think>", "</think>", "<answer>", "</answer>"]


@dataclass(frozen=True)
class Parsed:
    """What the rule finds in a completion.

    Attributes:
        think: the content of the first thinking, or None when there is none.
        answer: the content of the answer, or None when there is none; may be empty.
        well_formed: whether the completion keeps all three parts of the rule.
    """

    think: str | None
    answer: str | None
    well_formed: bool


def parse(completion: str) -> Parsed:
    """Read one completion by the rule above. Contents come back without surrounding blanks."""
    text = completion.strip()
    tags = list(_TAG.finditer(text))
    return Parsed(_think(text, tags), _answer(text, tags), _is_well_formed(text, tags))


def format_reward(
    prompts: Sequence[Any], completions: Sequence[Completion], **columns: Any
) -> list[float]:
    """1.0 for a well-formed completion, else 0.0: the format reward of DeepSeek R1-Zero.

    Args:
        prompts: not read.
        completions: texts, or conversations as TRL passes them (see `completion_text`).
        columns: not read.
    """
    return [float(parse(completion_text(c)).well_formed) for c in completions]


def completion_text(completion: Completion) -> str:
    """The text of a completion, whichever of TRL's two shapes it has.

    Args:
        completion: a string, or for conversational data sets a list of messages such as
            `[{"role": "assistant", "content": "..."}]`, of which the last one counts.

    Raises:
        LabError: neither of the two.
    """
    if isinstance(completion, str):
        return completion
    try:
        content = completion[-1]["content"]
    except (TypeError, LookupError):
        content = None
    if not isinstance(content, str):
        raise LabError(
            "A completion must be a string or a list of messages with a text as 'content', "
            f"not {type(completion).__name__}: {str(completion)[:80]!r}."
        )
    return content


def _is_well_formed(text: str, tags: list[re.Match[str]]) -> bool:
    """Parts 1, 2 and 3 of the rule, on a text without blanks around it."""
    if [tag.group() for tag in tags] != _ORDER:
        return False
    think, end_think, answer, end_answer = tags
    return (
        think.start() == 0
        and end_answer.end() == len(text)
        and not text[end_think.end() : answer.start()].strip()
        and bool(text[think.end() : end_think.start()].strip())
        and bool(text[answer.end() : end_answer.start()].strip())
    )


def _think(text: str, tags: list[re.Match[str]]) -> str | None:
    """From the first `<think>` to the next `</think>`, or to the end of the text.

    When a `</think>` comes first, from the start of the text to there.
    """
    start = None
    for tag in tags:
        if tag.group() == "<think>" and start is None:
            start = tag.end()
        elif tag.group() == "</think>":
            return text[start or 0 : tag.start()].strip()
    return None if start is None else text[start:].strip()


def _answer(text: str, tags: list[re.Match[str]]) -> str | None:
    """The last complete answer outside thinking, found in one pass over the tags."""
    thinking, opened, answer = False, None, None
    for tag in tags:
        match tag.group():
            case "<think>":
                thinking, opened = True, None
            case "</think>":
                if not thinking:  # opened before the text began: all of it was thinking so far
                    answer = None
                thinking, opened = False, None
            case "<answer>":
                opened = None if thinking else tag.end()
            case "</answer>" if opened is not None:
                answer, opened = text[opened : tag.start()].strip(), None
    return answer
