"""How many threads, and where: what is fast on a machine that does other things too.

There are two ways to use a second core. Within an operation: torch cuts a large product in two, by
OpenMP. Between operations: two Python threads, each with completions of its own (torch lets go of
Python's lock while it computes). The tiny model's operations take some ten microseconds, which is
what handing half of one to another thread costs; so it gets threads between operations, and one
within. A large model's take milliseconds, and its weights are read from memory once for both.
"""

import os
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]

LARGE = 20_000_000  # parameters, from which on threads pay within an operation
MOST = 4  # threads chosen unasked: a laptop has other things to do


@dataclass(frozen=True)
class Threads:
    """A division of labour.

    Attributes:
        workers: Python threads, each with its share of the completions.
        within: torch threads of each operation.
    """

    workers: int
    within: int


def choose_threads(asked: int, parameters: int) -> Threads:
    """The division for a model with so many parameters on this machine.

    Args:
        asked: how many threads in all, or 0 for as many as there are cores, up to `MOST`.
        parameters: of the model.
    """
    count = asked or min(cores(), MOST)
    return Threads(1, count) if parameters >= LARGE else Threads(count, 1)


def cores() -> int:
    """Physical cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, psutil.cpu_count(logical=False) or 1))
