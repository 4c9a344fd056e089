"""A recorded run in place of a long training: minutes become a second.

    for step in replay.steps("countdown-seed0", full=False):
        ...

With `full` the same configuration is trained, here and now; so it is wherever the variable
GRPO_LAB_FULL is 1, which is how every notebook can be run in full without an edit.
"""

import os
from collections.abc import Iterator

from grpo_core.paths import data_dir
from grpo_core.records import Step
from grpo_core.store import Run


def is_full(full: bool = False) -> bool:
    """Whether to train for real: `full`, or GRPO_LAB_FULL=1."""
    return full or os.environ.get("GRPO_LAB_FULL") == "1"


def recorded(name: str) -> Run:
    """A run that is shipped, read-only.

    Raises:
        LabError: there is none of this name.
    """
    return Run(data_dir() / "runs" / name)


def steps(name: str, full: bool = False) -> Iterator[Step]:
    """The steps of a run: recorded, or trained from its configuration.

    Args:
        name: of a run under `data/runs`. A recording may hold fewer groups than were trained on.
        full: train.

    Raises:
        LabError: there is no such run.
    """
    run = recorded(name)
    if is_full(full):
        from grpo_core.training import Trainer

        yield from Trainer(run.config)
        return
    for index, _ in run.metrics():
        yield run.step(index)
