"""What a trace does on the way to its answer: attempts, and verdicts on them. No torch in here.

An attempt is a stretch of work with a result, such as `10 - 3 = 7 , 7 + 5 = 12`. It ends at a
verdict ("yes" or "no", in any language), at a tag, or with the text. Texts are hostile: they are
split into words and compared, and never worked out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grpo_core.tasks.languages import NO, VERDICTS

YES = frozenset(yes for yes, _ in VERDICTS.values())
_TAGS = frozenset(("<think>", "</think>", "<answer>", "</answer>"))
_LONGEST = 9  # digits of a result that is read


@dataclass(frozen=True)
class Attempt:
    """One attempt.

    Attributes:
        work: its words, verdict left out.
        result: the whole number after its last equals sign, or None without one.
        verdict: True where it is followed by a yes, False by a no, None by neither.
    """

    work: tuple[str, ...]
    result: int | None
    verdict: bool | None


def attempts(text: str) -> Iterator[Attempt]:
    """The attempts of an (untrusted) text, in order."""
    work: list[str] = []
    for word in [*text.split(), ""]:  # the end closes an attempt that nobody judged
        if word and word not in YES and word not in NO and word not in _TAGS:
            work.append(word)
            continue
        if "=" in work:
            verdict = True if word in YES else False if word in NO else None
            yield Attempt(tuple(work), _result(work), verdict)
        work = []


def _result(work: list[str]) -> int | None:
    last = len(work) - work[::-1].index("=")
    word = work[last] if last < len(work) else ""
    return int(word) if word.isascii() and word.isdecimal() and len(word) < _LONGEST else None


def searched(completion: str, **_: Any) -> bool:
    """Whether the (untrusted) completion makes two attempts or more that differ."""
    return len({attempt.work for attempt in attempts(completion)}) > 1


def checked(completion: str, *, target: int, **_: Any) -> bool:
    """Whether a verdict in the (untrusted) completion says rightly if an attempt hit the target."""
    return any(
        attempt.verdict == (attempt.result == target)
        for attempt in attempts(completion)
        if attempt.verdict is not None and attempt.result is not None
    )
