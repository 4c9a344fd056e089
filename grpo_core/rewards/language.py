"""DeepSeek R1's language-consistency reward: how much of a thought is in the right language."""

from collections.abc import Sequence
from typing import Any

from grpo_core.rewards.format import Completion, completion_text, parse
from grpo_core.tasks.languages import TARGET, said


def language_reward(
    prompts: Sequence[Any], completions: Sequence[Completion], **columns: Any
) -> list[float]:
    """The share of a thought's verdict words that are in the target language, 0 to 1.

    DeepSeek-R1 (arXiv 2501.12948, section 2.3.2): "the proportion of target language words in the
    CoT". Here only verdicts have a language, so the share is of them. A thought without any has
    nothing in a wrong language and earns 1, so that the reward pays for no more than its name says:
    with 0 there, it would also pay for checking.

    Args:
        prompts: not read.
        completions: untrusted texts, or conversations as TRL passes them. Without tags the whole
            text is taken for the thought.
        columns: not read.
    """
    return [_share(completion_text(completion)) for completion in completions]


def _share(text: str) -> float:
    think = parse(text).think
    counts = said(text if think is None else think)
    total = sum(counts.values())
    return counts[TARGET] / total if total else 1.0
