"""What a viewer asks of a run, in control.json."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from grpo_core.core.errors import LabError
from grpo_core.runs.disk import read_json

Want = Literal["run", "pause", "step", "stop"]
MOST = 2**53
"""Sequence numbers are below it, as every program that reads JSON can count so far."""


@dataclass(frozen=True)
class Control:
    """What the viewer last asked for; a higher sequence number is a newer wish."""

    sequence: int = 0
    want: Want = "run"


def read_control(path: Path) -> Control:
    """What a control file asks for; the default where there is none.

    Raises:
        LabError: it is damaged.
    """
    value = read_json(path)
    sequence, want = value.get("sequence", 0), value.get("want", "run")
    if type(sequence) is not int or not 0 <= sequence < MOST or want not in get_args(Want):
        raise LabError(f"{path} is damaged: it asks for {want!r:.40}, number {sequence!r:.40}.")
    return Control(sequence, want)


def last_sequence(path: Path) -> int:
    """The sequence number in a control file; 0 where it is missing or damaged."""
    try:
        return read_control(path).sequence
    except LabError:
        return 0
