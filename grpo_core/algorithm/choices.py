"""Looking a choice up by its name."""

import difflib
from collections.abc import Callable, Mapping

from torch import Tensor

from grpo_core.errors import LabError

TensorFunction = Callable[..., Tensor]


def choose(choices: Mapping[str, TensorFunction], name: str, switch: str) -> TensorFunction:
    """The function that stands for `name` on a switch.

    Raises:
        LabError: the switch has no such choice; the message lists those it has.
    """
    if name not in choices:
        close = difflib.get_close_matches(name, choices, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        known = ", ".join(choices)
        raise LabError(f"{switch} has no choice called '{name}' yet.{hint} Known: {known}.")
    return choices[name]
