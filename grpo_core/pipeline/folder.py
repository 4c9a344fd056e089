"""A stage's folder: its record says what is in it, so that nothing is done twice or mixed up.

record.json    {"what", "config", "finished", ...}: what the stage was asked, and found
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grpo_core.core.errors import LabError
from grpo_core.runs.disk import disk_error, read_json, write_json

RECORD = "record.json"


def begin(folder: Path, what: str, config: Any) -> dict[str, Any]:
    """Open a stage's folder, which is made if it is missing, and return its record so far.

    Args:
        folder: where everything of the stage goes.
        what: the kind of stage, such as "sft".
        config: a frozen dataclass; what the stage is asked to do.

    Returns:
        the record; its "finished" is True where there is nothing left to do.

    Raises:
        LabError: the folder holds something else, or the same by other settings, or cannot be
            written to.
    """
    wanted = json.loads(json.dumps(asdict(config)))  # tuples become lists, as in the file
    if folder.exists() and not folder.is_dir():
        raise LabError(f"{folder} is a file: name a new folder.")
    record = read_json(folder / RECORD)
    if not record:
        if folder.exists() and _strangers(folder):
            raise LabError(f"{folder} holds something else: name a new folder.")
        record = {"what": what, "config": wanted, "finished": False}
        with saving(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / RECORD, record)
        return record
    if record.get("what") != what:
        raise LabError(f"{folder} holds a '{record.get('what')}', no '{what}': name a new folder.")
    held = record.get("config")
    if held != wanted:
        held = held if isinstance(held, dict) else {}
        changed = [name for name, value in wanted.items() if held.get(name) != value]
        raise LabError(
            f"{folder} was begun with other settings ({', '.join(changed) or 'of another version'})"
            ": name a new folder, or give the same settings again."
        )
    return record


def _strangers(folder: Path) -> bool:
    """Whether a folder without a record has anything but what a killed process left of one."""
    return any(not path.name.startswith(RECORD) for path in folder.iterdir())


def keep(folder: Path, record: dict[str, Any]) -> None:
    """Write a record down. Raises LabError where that is not possible."""
    with saving(folder):
        write_json(folder / RECORD, record)


def finish(folder: Path, record: dict[str, Any], **found: Any) -> dict[str, Any]:
    """Write down what a stage found, as its last act, and return the whole record."""
    record = record | found | {"finished": True}
    keep(folder, record)
    return record


@contextmanager
def saving(path: Path) -> Iterator[None]:
    """What goes wrong with the disk inside, as one sentence.

    Raises:
        LabError: in place of an OSError, and of what torch and safetensors raise for one.
    """
    try:
        yield
    except LabError:
        raise
    except Exception as error:
        if (reason := disk_error(error)) is None:
            raise
        raise LabError(
            f"Cannot write to {path}: {reason.strerror or reason}. Put that right and give the "
            "same command again; what was done before is kept."
        ) from error


def fresh(folder: Path) -> Path:
    """A folder beside it to be filled, empty; `os.replace` then puts it in place whole."""
    temporary = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    return temporary


def fingerprint(path: Path) -> str:
    """A short name of a file's exact content. Raises LabError where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise LabError(f"Cannot read {path}: {error.strerror}.") from error
