"""A stranger's run becomes one of our own: copied row by row, before anything else is done with it.

Rows of known tables, of known types; the configuration, as this version reads it; the checkpoint
to continue from; saved models that consist of weights, configuration and tokenizer. The original
stays as it is. Not copied: who trained it and on which process, logs, wishes, locks.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grpo_core.core.errors import LabError, printable
from grpo_core.core.regular import open_regular
from grpo_core.runs import limits
from grpo_core.runs.checkpoints import check_checkpoint, model_files
from grpo_core.runs.database import copy_rows, new_database
from grpo_core.runs.description import LIVE
from grpo_core.runs.disk import remove, replace_file, told_plainly, write_json
from grpo_core.runs.folder import check_name, create_run
from grpo_core.runs.reader import Run


@dataclass(frozen=True)
class Adopted:
    """A run of our own to continue.

    Attributes:
        path: its folder.
        notice: one sentence on what was done; "" where the run was our own already.
    """

    path: Path
    notice: str = ""


def adopt(run: Run, root: Path, plugins: Sequence[str] = ()) -> Adopted:
    """Return a run to continue: the run itself where it was made here, else a copy of it.

    A copy is called NAME-copy, and the one that was made before is returned while there is one, so
    that what is continued twice is one run.

    Args:
        run: any run.
        root: the folder that the copy is made in.
        plugins: files that the user named, which take the place of those that the run names: their
            code is run, so a stranger's configuration must not choose them.

    Raises:
        LabError: the run is being trained elsewhere, needs plugins and the user named none,
            something in it is refused or damaged, or the copy cannot be written.
    """
    if run.is_own:
        return Adopted(run.path)
    if run.status in LIVE:
        raise LabError(f"Run '{run.name}' is being trained elsewhere. Stop it there first.")
    if run.config.plugins and not plugins:
        raise LabError(
            f"Run '{run.name}' was not made by this installation of GRPO Lab and needs plugins, "
            f"whose code is run: name files that you trust with --plugin, in place of "
            f"{', '.join(run.config.plugins)}."
        )
    source = printable(str(run.path))
    why = f"Run '{run.name}' was not made by this installation of GRPO Lab"
    for path in _names(run, root):
        with contextlib.suppress(LabError):
            known = Run(path)
            if known.is_own and known.state.get("copied_from") == source:
                return Adopted(path, f"{why}: its copy '{path.name}' is continued.")
        if not os.path.lexists(path):
            left_out = _copy(run, path, plugins)
            also = f" Left out: {left_out}" if left_out else ""
            return Adopted(
                path, f"{why}: it was copied to '{path.name}', which is continued.{also}"
            )
    raise LabError(f"{root} has no free name for a copy of '{run.name}'.")


def _names(run: Run, root: Path) -> list[Path]:
    """Where a copy may be, in the order in which it is tried."""
    name = re.sub(r"-copy(-\d+)?$", "", run.path.name)
    stem = re.sub(r"[^\w.-]+", "-", name).lstrip(".-")[:60] or "run"
    endings = ["-copy", *(f"-copy-{n}" for n in range(2, 1000))]
    return [Path(root).absolute() / check_name(stem + ending) for ending in endings]


def _copy(run: Run, target: Path, plugins: Sequence[str]) -> str:
    """Make the copy, whole or not at all; returns why a model was left out, if one was."""
    room = target.with_name(target.name + ".tmp")
    with told_plainly(target, "making"):
        try:
            remove(room)
            made = create_run(room, target.name, replace(run.config, plugins=tuple(plugins)))
            with run.reading(copying=True) as source:
                remove(made / "run.db")
                with new_database(made / "run.db") as db:
                    if source is not None:
                        copy_rows(source, db, {}, ())
            left_out = _copy_checkpoints(run, made / "checkpoints")
            copy = Run(made)
            write_json(
                made / "state.json",
                {
                    "status": "finished" if run.status == "finished" else "stopped",
                    "created": copy.created,
                    "acknowledged": 0,
                    "step": copy.last_step(),
                    "copied_from": printable(str(run.path)),
                },
            )
            replace_file(made, target)
            return left_out
        finally:
            with contextlib.suppress(OSError):
                remove(room)


def _copy_checkpoints(run: Run, target: Path) -> str:
    """Copy last.pt and the models; returns why one was left out, if one was."""
    source, left_out = run.path / "checkpoints", ""
    target.mkdir()
    if check_checkpoint(source / "last.pt"):
        _copy_file(source / "last.pt", target / "last.pt", limits.CHECKPOINT_BYTES)
    for _, folder in run.models():
        try:
            files = model_files(folder)
        except LabError as error:
            left_out = left_out or str(error)
            continue
        (target / folder.name).mkdir()
        for file in files:
            _copy_file(file, target / folder.name / file.name, limits.CHECKPOINT_BYTES)
    return left_out


def _copy_file(source: Path, target: Path, limit: int) -> None:
    with open_regular(source) as read, open_regular(target, "xb") as write:
        limits.refuse_large(source, os.fstat(read.fileno()).st_size, limit)
        shutil.copyfileobj(read, write, 2**20)
