"""The run or the model that a user means."""

import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from grpo_core.core.errors import LabError
from grpo_core.core.paths import data_dir, runs_dir
from grpo_core.models import MODELS

if TYPE_CHECKING:
    from grpo_core.runs import Run


def find_run(name_or_path: str) -> "Run":
    """A run of the user's, by name or path, or a recorded one that is shipped.

    Raises:
        LabError: there is none; the message names the closest.
    """
    from grpo_core.runs import Run, is_run, list_runs, run_path

    path = run_path(runs_dir(), name_or_path)
    recorded = data_dir() / "runs" / path.name
    for candidate in (path, Path(name_or_path).absolute(), recorded):
        if is_run(candidate):
            return Run(candidate)
    names = [run.name for run in list_runs(runs_dir())]
    close = difflib.get_close_matches(path.name, names, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else " `grpo-lab runs` lists those there are."
    raise LabError(f"There is no run called '{name_or_path}'.{hint}")


def find_model(name: str, step: int | None = None) -> tuple[str, int, "Run | None"]:
    """What to load for `--model`: a model's name or folder stays; a run gives one of its models.

    Args:
        name: a model's name, a folder, a hub id, or a run's name or folder.
        step: which of a run's models; None for the last.

    Returns:
        what `load_policy` takes, the step it was saved after (0: no run's), and the run.

    Raises:
        LabError: the run has no such model.
    """
    from grpo_core.runs import Run, check_model, is_run

    folders = [Path(name), runs_dir() / name]
    run_folder = next((p for p in folders if name not in MODELS and is_run(p)), None)
    if run_folder is None:
        inside = Path(name).absolute()
        if re.fullmatch(r"step-\d+", inside.name) and is_run(inside.parent.parent):
            return str(check_model(inside)), int(inside.name[5:]), Run(inside.parent.parent)
        if name not in MODELS and "/" not in name and not os.path.isdir(name):
            raise LabError(
                f"There is no model, folder or run called '{name}'. Shipped: {', '.join(MODELS)}. "
                "From the hub, with a network: owner/name."
            )
        return name, 0, None
    run = Run(run_folder)
    models = dict(run.models())
    if not models:
        raise LabError(f"Run '{run.name}' has saved no model yet: it does so when it evaluates.")
    step = max(models) if step is None else step
    if step not in models:
        steps = ", ".join(map(str, models))
        raise LabError(f"Run '{run.name}' has no model of step {step}; it has {steps}.")
    return str(check_model(models[step])), step, run


def name_of(run: "Run") -> str:
    """How to name a run on the command line: by its name where that is enough."""
    return run.name if run.path.parent == runs_dir() else str(run.path)
