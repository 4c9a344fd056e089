"""Find the run or the model that a user names."""

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
    """Return one of the user's runs, by name or path, or a shipped recorded run.

    Raises:
        LabError: there is no such run; the message suggests the closest name.
    """
    from grpo_core.runs import Run, is_run, list_runs, run_path

    path = run_path(runs_dir(), name_or_path)
    recorded = data_dir() / "runs" / path.name
    for candidate in (path, Path(name_or_path).absolute(), recorded):
        if is_run(candidate):
            return Run(candidate)
    names = [run.name for run in list_runs(runs_dir())]
    close = difflib.get_close_matches(path.name, names, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else " `grpo-lab runs` lists your runs."
    raise LabError(f"Unknown run '{name_or_path}'.{hint}")


def find_model(name: str, step: int | None = None) -> tuple[str, int, "Run | None"]:
    """Return what to load for `--model`; for a run, one of its saved models.

    Args:
        name: a model's name, a folder, a hub id, or a run's name or folder.
        step: the step of the run's saved model; None for the last.

    Returns:
        the name or folder for `load_policy`, the step it was saved after (0: not a run's), and
        the run.

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
                f"Unknown model, folder or run '{name}'. Shipped models: {', '.join(MODELS)}. "
                "For a model of the hub, which needs a network, use owner/name."
            )
        return name, 0, None
    run = Run(run_folder)
    models = dict(run.models())
    if not models:
        raise LabError(f"Run '{run.name}' has no saved model yet. It saves one at each evaluation.")
    step = max(models) if step is None else step
    if step not in models:
        steps = ", ".join(map(str, models))
        raise LabError(f"Run '{run.name}' has no model of step {step}. Use one of: {steps}.")
    return str(check_model(models[step])), step, run


def name_of(run: "Run") -> str:
    """Return a run's name for the command line, or its path if the name is not enough."""
    return run.name if run.path.parent == runs_dir() else str(run.path)
