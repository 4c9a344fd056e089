"""Run folders: what they may be called, and making a new one."""

import contextlib
import os
import re
import time
from pathlib import Path

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.runs.database import open_for_writing
from grpo_core.runs.disk import told_plainly, write_json
from grpo_core.runs.origin import mark_as_own

_NAME = re.compile(r"\w[\w.-]{0,79}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def check_name(name: str) -> str:
    """Return `name` if it can be a run's folder name on any system.

    Raises:
        LabError: it is empty, leads elsewhere, is too long, or has characters that shells or
            file systems treat specially.
    """
    if not _NAME.fullmatch(name) or name.endswith(".") or _RESERVED.fullmatch(name):
        raise LabError(
            f"{name!r} cannot be a run's name: use up to 80 letters, digits, '-', '_' and '.', "
            "beginning with a letter or digit."
        )
    return name


def run_path(root: Path, name_or_path: str) -> Path:
    """The folder a user means by a run's name, or by a path to it (what has a '/' is a path).

    The folder need not exist. For names that come from a web page, call `check_name` first.

    Raises:
        LabError: the name, or the last part of the path, cannot be a run's name.
    """
    if "/" in name_or_path or os.sep in name_or_path:
        path = Path(os.path.abspath(os.path.expanduser(name_or_path)))
        check_name(path.name)
        return path
    return Path(root) / check_name(name_or_path)


def is_run(path: Path) -> bool:
    """Whether a folder holds a run, whole or damaged; a model's folder has a config.json, too."""
    # os.path, as Path.is_file raises where a folder is private or a name too long
    files = (path / name for name in ("config.json", "state.json"))
    return os.path.isfile(path / "run.db") or all(map(os.path.isfile, files))


def create_run(root: Path, name: str | None, config: GRPOConfig) -> Path:
    """Make a run folder, ready for a worker, and return it.

    Args:
        root: the folder runs live in; made if missing.
        name: the new folder's name; None for `<task>-<model>-seed<k>-<n>` with the next free n.
        config: what to train. A model given as a folder is recorded with its absolute path, so
            that `resume` works from anywhere.

    Raises:
        LabError: the name is taken or cannot be one, or `root` cannot be written to.
    """
    if os.sep in config.model and os.path.isdir(config.model):
        absolute = str(Path(config.model).absolute())
        config = GRPOConfig.from_dict({**config.to_dict(), "model": absolute})
    path = _make_folder(Path(root).absolute(), name, config)
    with told_plainly(path, "creation"):
        mark_as_own(path)
        with contextlib.closing(open_for_writing(path)):
            pass
        state = {"status": "new", "created": time.time(), "acknowledged": 0, "step": None}
        write_json(path / "state.json", state)
        write_json(path / "control.json", {"sequence": 0, "want": "run"})
        write_json(path / "config.json", config.to_dict())
    return path


def _make_folder(root: Path, name: str | None, config: GRPOConfig) -> Path:
    if name is not None:
        path = root / check_name(name)
        with told_plainly(path, "creation"):
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                raise LabError(
                    f"{path} exists already: choose another name, or continue that run with "
                    f"`grpo-lab resume {name}`."
                ) from None
        return path
    model = Path(config.model).name if config.model.strip("/.") else "model"
    stem = re.sub(r"[^\w.-]+", "-", f"{config.task}-{model}")[:60]
    for n in range(1, 1_000_000):
        path = root / f"{stem}-seed{config.seed}-{n}"
        with told_plainly(path, "creation"), contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
    raise LabError(f"{root} has no free run name left: give one with --run.")
