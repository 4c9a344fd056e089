"""Choose the number of threads within and between torch operations.

There are two ways to use a second core. Within an operation, torch splits a large product with
OpenMP. Between operations, two Python threads each process their own completions (torch releases
Python's lock while it computes). The tiny model's operations take about ten microseconds, as long
as handing half of one to another thread takes; so it uses threads between operations and one
within. A large model's operations take milliseconds, and its weights are then read from memory once
for both.
"""

import os
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]

LARGE = 20_000_000  # parameters; above this, threads within an operation pay off
MOST = 4  # maximum by default: a laptop has other work to do


@dataclass(frozen=True)
class Threads:
    """The number of threads of each kind.

    Attributes:
        workers: Python threads, each with its own completions.
        within: torch threads per operation.
    """

    workers: int
    within: int


def choose_threads(asked: int, parameters: int) -> Threads:
    """Choose the threads for a model on this machine.

    Args:
        asked: total number of threads, or 0 for the number of cores, up to `MOST`.
        parameters: number of the model's parameters.
    """
    count = asked or min(cores(), MOST)
    return Threads(1, count) if parameters >= LARGE else Threads(count, 1)


def cores() -> int:
    """Return the number of physical cores that this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, psutil.cpu_count(logical=False) or 1))
