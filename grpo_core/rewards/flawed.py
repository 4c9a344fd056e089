"""Rewards with a hole in them, on purpose: lesson 12 watches a policy find it. Not for use.

The hole is not in the code: each does what its docstring says. What it says is not what is wanted.
"""

from collections.abc import Sequence
from typing import Any

from grpo_core.rewards.format import Completion, completion_text, parse

PATIENCE = 100  # words; a longer completion earns nothing


def confident_reward(
    prompts: Sequence[Any], completions: Sequence[Completion], **columns: Any
) -> list[float]:
    """A judge that likes replies that are sure of themselves, and short, and checks nothing.

    0 unless there is an answer and the last word of the thought is "yes"; then 1 less the share
    of `PATIENCE` words that was used. A stand-in for a reward model that was learned from people's
    preferences.

    Args:
        prompts: not read.
        completions: texts, or conversations as TRL passes them.
        columns: not read: not even what the right answer is.
    """
    return [_liking(completion_text(completion)) for completion in completions]


def _liking(text: str) -> float:
    parsed = parse(text)
    is_sure = (parsed.think or "").split()[-1:] == ["yes"]
    if parsed.answer is None or not is_sure:
        return 0.0
    return max(0.0, 1.0 - len(text.split()) / PATIENCE)
