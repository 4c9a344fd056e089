"""Looking a choice up by its name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from grpo_core.core.errors import LabError

TensorFunction = Callable[..., Any]
Choice = TypeVar("Choice")
Array = Any
"""A numpy array of float64. numpy, like torch, is imported inside the functions that need it: the
options of a run are read from here by commands that need neither."""


def choose(choices: Mapping[str, Choice], name: str, switch: str) -> Choice:
    """The choice that stands under `name` on a switch.

    Raises:
        LabError: the switch has no such choice; the message lists those it has.
    """
    if name not in choices:
        close = difflib.get_close_matches(name, choices, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        known = ", ".join(choices)
        raise LabError(f"{switch} has no choice called '{name}' yet.{hint} Known: {known}.")
    return choices[name]


def source_name(function: Callable[..., Any]) -> str:
    """Where a function of the package stands, "algorithm.kl:k3"."""
    return f"{function.__module__.removeprefix('grpo_core.')}:{function.__name__}"
