"""What a run is and does, by what its small files say; none of them is trusted.

The state tells what a process is doing and nothing of what the run has done.
"""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.runs.control import MOST
from grpo_core.runs.disk import read_json

LIVE = ("starting", "running", "paused")
STALE_SECONDS = 30.0
"""A writer that beats once a second and has not for so long is lost, whatever its pid says."""
_STATUSES = ("new", *LIVE, "finished", "stopped", "failed")
_LATEST = 2**34
"""A Unix time in the year 2514: dates up to there can be written on every system."""
MAX_PROBLEM = 1000  # characters


@dataclass(frozen=True)
class Description:
    """A run as its files had it at one moment, each of them read once.

    Attributes:
        options: config.json; {} where it is damaged, which `problem` says.
        state: state.json, see `read_state`.
        status: see `Run.status`.
        created: Unix time.
        step: the last one recorded; None while there is none, or where run.db cannot be read.
        problem: one sentence on what is wrong, None while nothing is.
    """

    options: dict[str, Any]
    state: dict[str, Any]
    status: str
    created: float
    step: int | None
    problem: str | None


def read_state(path: Path) -> tuple[dict[str, Any], str | None]:
    """Read state.json of a run folder.

    Returns:
        its values without those that no writer writes, and {} when there is no such file or it is
        damaged, for then it is as good as none; and, of a damaged one, a sentence that says so.
    """
    try:
        state = read_json(path / "state.json")
    except LabError as error:
        return {}, str(error)
    return {k: v for k, v in state.items() if k not in _STATE or v is None or _STATE[k](v)}, None


def as_config(options: dict[str, Any], path: Path) -> GRPOConfig:
    """Return config.json as a configuration. Raises LabError when it is missing or refused."""
    if not options:
        raise LabError(f"{path / 'config.json'} is missing or empty.")
    try:
        return GRPOConfig.from_dict(options)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LabError(f"{path / 'config.json'} is damaged: {error}.") from error


def created_at(path: Path, state: dict[str, Any]) -> float:
    """Return the Unix time at which a run was made, the folder's own where the state lacks it."""
    created = state.get("created")
    if created is not None:
        return float(created)
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def status_of(state: dict[str, Any], step: int | None) -> str:
    """Return a run's status; `step` is its last one, which matters where the state has none."""
    status = state.get("status")
    if status is None:
        return "new" if step is None else "stopped"
    return "lost" if status in LIVE and not _writer_lives(state) else str(status)


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= _LATEST  # NaN is neither


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < MOST


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_STATE: dict[str, Callable[[Any], bool]] = {
    "status": lambda value: value in _STATUSES,
    "created": _is_time,
    "started": _is_time,
    "heartbeat": _is_time,
    "pid_started": _is_time,
    "pid": _is_count,
    "step": _is_count,
    "acknowledged": _is_count,
    "host": _is_text,
    "error": _is_text,
}
"""What state.json may hold, by name."""


def _writer_lives(state: dict[str, Any]) -> bool:
    """Whether the process that wrote `state` is still there and beating.

    A pid alone proves nothing, as systems reuse them: the process must also have started when the
    state says (or, should the clock have been set since, have beaten just now).
    """
    try:
        age = time.time() - float(state.get("heartbeat") or 0)
        if abs(age) > STALE_SECONDS:  # what is ahead was made up, or the clock has been set
            return False
        if state.get("host") != socket.gethostname():
            return True
        process = psutil.Process(int(state.get("pid") or 0))
        same = abs(process.create_time() - float(state.get("pid_started") or 0)) < 2
        return process.status() != psutil.STATUS_ZOMBIE and (same or age < 3)
    except (psutil.NoSuchProcess, ValueError, TypeError, OverflowError):  # or edited by hand
        return False
    except psutil.AccessDenied:
        return True
