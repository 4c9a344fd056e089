"""A preference for short thoughts where nothing needs thinking about."""

from collections.abc import Sequence
from typing import Any

from grpo_core.rewards.format import Completion, completion_text, parse

LONG = 40  # words, from which on a thought earns nothing


def brevity_reward(
    prompts: Sequence[Any],
    completions: Sequence[Completion],
    kind: Sequence[str],
    **columns: Any,
) -> list[float]:
    """On a general prompt 1 for no thought at all, falling to 0 at `LONG` words; elsewhere 0.

    It stands where DeepSeek-R1's last stage has a learned preference model: a taste, which a rule
    for right and wrong does not cover. On prompts that need reasoning it says nothing, the same for
    every completion of a group, so it moves no advantage there.

    Args:
        prompts: not read.
        completions: untrusted texts, or conversations as TRL passes them. Without tags the whole
            text is taken for the thought.
        kind: each prompt's kind, "general" or "reasoning" (see tasks/scenarios.py).
        columns: not read.
    """
    return [
        _shortness(completion_text(completion)) if what == "general" else 0.0
        for completion, what in zip(completions, kind, strict=True)
    ]


def _shortness(text: str) -> float:
    think = parse(text).think
    words = len((text if think is None else think).split())
    return max(0.0, 1.0 - words / LONG)
