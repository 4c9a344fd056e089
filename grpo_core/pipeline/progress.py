"""What a stage says while it works."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Progress:
    """How far a stage is.

    Attributes:
        doing: what it does, in a word or two.
        done, total: in its own units.
        figures: name -> value, the few that matter now.
    """

    doing: str
    done: int
    total: int
    figures: dict[str, float] = field(default_factory=dict)


Watch = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Nobody is watching."""


class Stopped(Exception):
    """Somebody asked the run of a stage to stop; the same command goes on."""
