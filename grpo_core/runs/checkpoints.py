"""What lies in a run's checkpoints/, looked at before anything loads it.

A model's folder can bring code to run (a pickle, or Python files that `auto_map` names), and a
checkpoint is an archive, which can unpack to any size. Of a run's own, neither ever does.
"""

import os
import re
import zipfile
from pathlib import Path
from typing import Any

from grpo_core.core.errors import LabError
from grpo_core.core.regular import check_folder, check_regular, open_regular
from grpo_core.runs import limits
from grpo_core.runs.disk import read_json
from grpo_core.runs.folder import is_run
from grpo_core.runs.origin import is_own

# What `save_pretrained` writes of a model and a tokenizer.
_MODEL_FILE = re.compile(
    r"(model(-[0-9]{5}-of-[0-9]{5})?\.safetensors|[\w.-]{1,80}\.json|(tokenizer|spiece|sentencepiece\.bpe)\.model|merges\.txt"
    r"|vocab\.txt|chat_template\.jinja|(README|LICENSE)(\.md)?)"
)
_JSON_BYTES = 2**26  # of a tokenizer's; the largest have thirty million
_FILES = 200
_ENTRIES = 100_000
_PICKLE_BYTES = 2**26


def model_files(folder: Path) -> list[Path]:
    """Return the files of a saved model, all of them harmless to load.

    Raises:
        LabError: the folder holds anything but regular safetensors, JSON and tokenizer files, or
            names code of its own.
        OSError: it cannot be read.
    """
    if not check_folder(folder.parent) or not check_folder(folder):
        raise LabError(f"There is no model in {folder}.")
    files = sorted(folder.iterdir())[: _FILES + 1]
    for path in files:
        status = check_regular(path)
        if status is None or not _MODEL_FILE.fullmatch(path.name) or len(files) > _FILES:
            raise LabError(
                f"{folder} is refused as a model: '{path.name[:80]}' is no weights, configuration "
                "or tokenizer as GRPO Lab saves them."
            )
        if path.name.endswith("config.json") and _names_code(read_json(path, _JSON_BYTES)):
            raise LabError(f"{folder} is refused as a model: {path.name} names code to run.")
    return files


def check_model(folder: Path) -> Path:
    """Return a folder that is to be loaded as a model, once looked at if it is in a stranger's run.

    Raises:
        LabError: as `model_files`, or it cannot be read.
    """
    run = folder.absolute().parent.parent
    if re.fullmatch(r"step-\d+", folder.name) and is_run(run) and not is_own(run):
        try:
            model_files(folder)
        except OSError as error:
            raise LabError(f"Cannot read {folder}: {error.strerror}.") from error
    return folder


def _names_code(config: dict[str, Any]) -> bool:
    """Whether a model's or tokenizer's JSON has `auto_map` or the like, at the depth it may be."""
    inner = [value for value in config.values() if isinstance(value, dict)]
    return any(not {"auto_map", "custom_pipelines"}.isdisjoint(c) for c in (config, *inner))


def check_checkpoint(path: Path) -> bool:
    """Return whether there is a checkpoint; one that would unpack to more than it is is refused.

    Raises:
        LabError: it is no regular file, too large, or no archive as `torch.save` writes one.
        OSError: it cannot be read.
    """
    status = check_regular(path)
    if status is None:
        return False
    limits.refuse_large(path, status.st_size, limits.CHECKPOINT_BYTES)
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, OverflowError) as error:
        raise LabError(_damaged(path, str(error))) from error
    unpacked = sum(entry.file_size for entry in entries)
    stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    pickles = [e.file_size for e in entries if os.path.basename(e.filename) == "data.pkl"]
    if (
        not stored
        or unpacked > status.st_size
        or len(entries) > _ENTRIES
        or max(pickles, default=0) > _PICKLE_BYTES
    ):
        raise LabError(_damaged(path, "it is not an archive as GRPO Lab writes one"))
    return True


def _damaged(path: Path, why: str) -> str:
    return (
        f"{path} is damaged ({why}). Move it away and run `grpo-lab resume {path.parent.parent}`: "
        "the steps are computed again from the beginning, with the same result."
    )
