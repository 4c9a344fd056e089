"""A recorded run in place of a long training: minutes become a second.

    for step in replay.steps("countdown-seed0", full=False):
        ...

With `full` the same configuration is trained, here and now; so it is wherever the variable
GRPO_LAB_FULL is 1, which is how every notebook can be run in full without an edit.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grpo_core.core.paths import data_dir
from grpo_core.core.records import Step
from grpo_core.runs import Run


def is_full(full: bool = False) -> bool:
    """Return whether to train for real: `full`, or GRPO_LAB_FULL=1."""
    return full or os.environ.get("GRPO_LAB_FULL") == "1"


def recorded(name: str) -> Run:
    """Return a shipped run, read-only, from `data/lessons` or `data/runs`.

    Raises:
        LabError: there is none of this name.
    """
    of_a_lesson = data_dir() / "lessons" / name
    return Run(of_a_lesson if of_a_lesson.is_dir() else data_dir() / "runs" / name)


def steps(name: str, full: bool = False) -> Iterator[Step]:
    """Yield the steps of a run: recorded, or trained from its configuration.

    Args:
        name: of a run that is shipped. A recording may hold fewer groups than were trained on.
        full: train.

    Raises:
        LabError: there is no such run.
    """
    run = recorded(name)
    if is_full(full):
        from grpo_core.training.trainer import Trainer

        yield from Trainer(run.config)
        return
    for index, _ in run.metrics():
        yield run.step(index)


def pipelines(full: bool = False) -> list[dict[str, Any]]:
    """Return the records of R1's pipeline, one per seed: recorded, or computed now.

    With `full` each seed takes some ten minutes, in `runs/r1-seed<k>` of the current folder, where
    it can be stopped and gone on with.
    """
    results = sorted((data_dir() / "results").glob("r1-seed*.json"))
    records: list[dict[str, Any]] = [json.loads(path.read_text("utf-8")) for path in results]
    if not is_full(full):
        return records
    import pandas as pd

    from grpo_core.pipeline.compute import of_stage_three
    from grpo_core.pipeline.config import R1Config
    from grpo_core.pipeline.r1 import r1

    made = []
    for seed in (record["config"]["seed"] for record in records):
        record = r1(Path("runs") / f"r1-seed{seed}", R1Config(seed=seed))
        default_run = data_dir() / "results" / f"countdown-seed{seed}.csv"
        frame = pd.read_csv(default_run, index_col=0)
        made.append(record | {"same_size": of_stage_three(record, frame)})
    return made
