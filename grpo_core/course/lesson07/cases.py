"""What the cases of several exercises of lesson 07 have in common."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case
from grpo_core.course.outcomes import WrongShape, returned

_RANDOM = torch.Generator().manual_seed(7)
LOGITS = torch.randn(2, 7, 5, generator=_RANDOM) * 2


def _verdict(value: Any) -> str:
    """What a learner's test said."""
    value = returned(value)
    if isinstance(value, Tensor) and value.numel() != 1:
        raise WrongShape(f"Return True or False, not a tensor of {value.numel()}.")
    return "right" if bool(value) else "broken"


def _on(candidate: Any) -> Callable[[Callable[..., Any]], str]:
    """A case: the learner's test on one candidate, or on a tuple of arguments.

    A test that says no by an AssertionError says no.
    """

    def run(f: Callable[..., Any]) -> str:
        try:
            return _verdict(f(*candidate) if isinstance(candidate, tuple) else f(candidate))
        except AssertionError:
            return "broken"

    return run


def panel(what: str, right: list[Any], broken: list[Any]) -> list[Case]:
    """Return a case for every candidate; its message does not say what is wrong with it."""
    cases = [Case(f"For {what} that is right (number {i})", _on(c)) for i, c in enumerate(right, 1)]
    return cases + [
        Case(f"For {what} that is broken (number {i})", _on(c)) for i, c in enumerate(broken, 1)
    ]


SAMPLED = -torch.rand(4, 10, generator=_RANDOM) * 3
NOISE = torch.randn(4, 10, generator=_RANDOM)
