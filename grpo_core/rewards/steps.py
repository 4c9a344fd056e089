"""Step rewards, for process supervision: every line of work judged for itself."""

import re
from collections.abc import Sequence
from typing import Any

from grpo_core.rewards.format import Completion, completion_text

# Bounded digits and bounded white space: linear in the text, and no number is large. What stands
# before and behind must not belong to it: in "2 + 3 * 4 = 14", "-3 + 5 = 2" and "1 + 2 = 3.5" there
# is no `a + b = c` to be judged.
_EQUATION = re.compile(
    r"(?<![\d.])(?<![-+*/])(?<![-+*/] )"
    r"(\d{1,9}) ?([-+*/]) ?(\d{1,9}) ?= ?(\d{1,12})"
    r"(?!\d|\.\d| ?[-+*/] ?\d)",
    re.ASCII,
)


def equations_true(
    prompts: Sequence[Any], completions: Sequence[Completion], **columns: Any
) -> list[list[tuple[int, float]]]:
    """Each `a + b = c` is a step: 1.0 where the arithmetic is true, else 0.0.

    It judges the work and not where it leads: a true line in a hopeless direction earns as much as
    one that reaches the target. That is what a rule can see, and what a model can exploit.

    Args:
        prompts: not read.
        completions: untrusted texts, or conversations as TRL passes them.
        **columns: not read.

    Returns:
        For each completion its steps in order, as (offset in the text just behind the step, 1.0 or
        0.0).
    """
    return [
        [(match.end(), float(_is_true(*match.groups()))) for match in _EQUATION.finditer(text)]
        for text in map(completion_text, completions)
    ]


def _is_true(left: str, operator: str, right: str, result: str) -> bool:
    a, b, c = int(left), int(right), int(result)
    if operator == "/":
        return b != 0 and b * c == a
    return c == {"+": a + b, "-": a - b, "*": a * b}[operator]
