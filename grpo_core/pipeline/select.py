"""Which completions are worth imitating: right, readable, not there already. No torch in here."""

import re
from collections import Counter
from collections.abc import Sequence

from grpo_core.rewards.format import parse
from grpo_core.tasks.languages import TARGET, VERDICTS, said

KEPT, WRONG, MALFORMED, MIXED, REPEATS, DUPLICATE, ENOUGH = (
    "kept",
    "wrong",
    "malformed",
    "mixed languages",
    "repeats itself",
    "duplicate",
    "enough",
)
FATES = (KEPT, WRONG, MALFORMED, MIXED, REPEATS, DUPLICATE, ENOUGH)
"""What can become of a completion, in the order in which it is asked."""

_VERDICT = re.compile(
    r"(?<!\S)(?:" + "|".join(word for pair in VERDICTS.values() for word in pair) + r")(?!\S)"
)


def unreadable(completion: str) -> str:
    """Why a completion is not readable, or "" where it is.

    DeepSeek-R1 (arXiv 2501.12948, section 2.3.3) drops thoughts in mixed languages, long paragraphs
    and blocks of code. Here: what is not well-formed, a thought with verdicts in another language
    than the target, and one that tries the same line twice.
    """
    parsed = parse(completion)
    if not parsed.well_formed:
        return MALFORMED
    think = parsed.think or ""
    if any(count for language, count in said(think).items() if language != TARGET):
        return MIXED
    tries = [line.strip() for line in _VERDICT.split(think) if line.strip()]
    return REPEATS if len(set(tries)) < len(tries) else ""


def fates(completions: Sequence[str], right: Sequence[bool], most: int) -> list[str]:
    """What becomes of each completion of one problem.

    Kept are right and readable ones, each once, in the order in which they were sampled, until
    there are enough. Not the shortest or the likeliest: that would teach something else besides.

    Args:
        completions: of one problem, untrusted.
        right: what the verifier said of each.
        most: how many to keep at most.

    Returns:
        one of `FATES` each.
    """
    result: list[str] = []
    seen: set[str] = set()
    for completion, is_right in zip(completions, right, strict=True):
        text = " ".join(completion.split())
        if not is_right:
            fate = WRONG
        elif not (fate := unreadable(completion)):
            fate = DUPLICATE if text in seen else ENOUGH if len(seen) == most else KEPT
        if fate == KEPT:
            seen.add(text)
        result.append(fate)
    return result


def counted(all_fates: Sequence[str]) -> dict[str, int]:
    """How many completions met each fate; those that none met are left out."""
    counts = Counter(all_fates)
    return {fate: counts[fate] for fate in FATES if counts[fate]}
