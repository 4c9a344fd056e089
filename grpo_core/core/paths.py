"""Where things lie: shipped data, the runs a user makes, and what can be made again."""

import os
from pathlib import Path

from platformdirs import user_cache_path, user_state_path

_PACKAGE = Path(__file__).resolve().parents[1]  # grpo_core/


def data_dir() -> Path:
    """The shipped data: `data/` beside the package in a clone, `grpo_core/_data` in a wheel."""
    clone = _PACKAGE.parent / "data"
    return clone if clone.is_dir() else _PACKAGE / "_data"


def glossary_file() -> Path:
    """docs/glossary.md, which a wheel has in `grpo_core/_docs`."""
    clone = _PACKAGE.parent / "docs" / "glossary.md"
    return clone if clone.is_file() else _PACKAGE / "_docs" / "glossary.md"


def runs_dir() -> Path:
    """Where run folders are made: $GRPO_LAB_RUNS, or `runs/` in the current folder."""
    return Path(os.environ.get("GRPO_LAB_RUNS") or "runs").absolute()


def cache_dir() -> Path:
    """What takes long to make and may be deleted: $GRPO_LAB_CACHE, or the user's cache folder."""
    chosen = os.environ.get("GRPO_LAB_CACHE")
    return Path(chosen).absolute() if chosen else user_cache_path("grpo-lab", appauthor=False)


def state_dir() -> Path:
    """What this installation must remember: $GRPO_LAB_STATE, or the user's folder for that."""
    chosen = os.environ.get("GRPO_LAB_STATE")
    return Path(chosen).absolute() if chosen else user_state_path("grpo-lab", appauthor=False)
