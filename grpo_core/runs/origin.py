"""Whether a run folder was made here, or by a stranger.

A folder made here holds origin.json: the time at which that file was made, and a code (HMAC) of
that time under a key that only this installation knows, kept in the user's state folder. A stranger
cannot compute the code. A file that is copied, unpacked or restored gets a new change time, which
no program can set, so a code that was handed out with its folder proves nothing when it comes back.
Of a folder that is renamed or moved on one disk the change times stay, and so does its origin.

Whatever is in doubt counts as a stranger's: a run by a version before this existed, on another
machine, restored from a backup, or after a `chmod -R`. It is read as one, and copied row by row
before it is gone on with; see `adopt`.
"""

import contextlib
import functools
import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from pathlib import Path

import filelock

from grpo_core.core.errors import LabError
from grpo_core.core.paths import state_dir
from grpo_core.core.regular import check_regular, open_regular, read_bytes

ORIGIN = "origin.json"
_KEY = "run.key"
_KEY_BYTES = 32
_SLACK_NS = 2 * 10**9
"""Between making the file and the end of writing it; on a network disk both are the server's."""
_TRIES = 20


def mark_as_own(folder: Path) -> None:
    """Write a run folder's origin.json; the folder is new and ours.

    Raises:
        LabError: there is no place to keep the key.
        OSError: the folder cannot be written to.
    """
    key = _make_key()
    for _ in range(_TRIES):
        with open_regular(folder / ORIGIN, "xb") as file:
            made = os.fstat(file.fileno())
            content = {"made": made.st_ctime_ns, "code": _code(key, made.st_ctime_ns, made)}
            file.write(json.dumps(content).encode())
        if is_own(folder):
            return
        (folder / ORIGIN).unlink()  # the machine was so busy that writing it took too long
    raise LabError(f"{folder} is on a disk that keeps no change times: choose another folder.")


def is_own(folder: Path) -> bool:
    """Return whether this installation made a run folder."""
    path = folder / ORIGIN
    try:
        status = check_regular(path)
    except (LabError, OSError):
        return False
    if status is None or status.st_nlink != 1:
        return False
    state = os.environ.get("GRPO_LAB_STATE")
    try:
        return _verified(str(path), status.st_dev, status.st_ino, status.st_ctime_ns, state)
    except LookupError:
        return False


@functools.lru_cache(maxsize=4096)
def _verified(path: str, device: int, inode: int, changed_ns: int, state: str | None) -> bool:
    """Return True, which is kept: a folder is asked about many times a second.

    Raises:
        LookupError: it is not so, which may change.
    """
    try:
        with open_regular(Path(path)) as file:
            status = os.fstat(file.fileno())
            content = json.loads(file.read(1000))
        made, code = content["made"], content["code"]
        genuine = (
            type(made) is int
            and isinstance(code, str)
            and status.st_ctime_ns == changed_ns
            and 0 <= changed_ns - made <= _SLACK_NS
            and any(
                hmac.compare_digest(code.encode(), _code(key, made, status).encode())
                for key in filter(None, map(_read_key, _places()))
            )
        )
    except (LabError, OSError, ValueError, TypeError, KeyError, RecursionError):
        genuine = False
    if not genuine:
        raise LookupError(path)
    return True


def _code(key: bytes, made: int, status: os.stat_result) -> str:
    """The code of a file made at a time.

    What Python calls the change time is on Windows that of creation, which programs can set; there
    the number of the file, which is never given twice, goes in too.
    """
    number = status.st_ino if os.name == "nt" else 0
    return hmac.new(key, f"grpo-lab run {made} {number}".encode(), hashlib.sha256).hexdigest()


def _places() -> list[Path]:
    """The folders that may hold the key: the user's, or one for as long as the system runs."""
    if os.environ.get("GRPO_LAB_STATE"):
        return [state_dir()]
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    spare = Path(tempfile.gettempdir()) / f"grpo-lab-state-{user}"
    # Without a home, "~" stays as it is, and would be a folder in the current one.
    return [place for place in (state_dir(), spare) if place.is_absolute()]


def _read_key(place: Path) -> bytes | None:
    """The key kept in a folder that nobody else can write to; None where there is none."""
    try:
        status = os.stat(place)
        others = stat.S_IMODE(status.st_mode) & 0o022
        if os.name != "nt" and (status.st_uid != os.geteuid() or others):
            return None
        key = read_bytes(place / _KEY, _KEY_BYTES)
    except (LabError, OSError):
        return None
    return key if len(key) == _KEY_BYTES else None


def _make_key() -> bytes:
    """The key, made where there is none.

    Raises:
        LabError: no place for it can be written to.
    """
    for place in _places():
        if key := _read_key(place):
            return key
        with contextlib.suppress(OSError, filelock.Timeout):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            with filelock.FileLock(place / f"{_KEY}.lock", timeout=10):
                if not _read_key(place):
                    temporary = place / f"{_KEY}.{os.getpid()}.tmp"
                    temporary.unlink(missing_ok=True)
                    with open_regular(temporary, "xb") as file:
                        os.chmod(temporary, 0o600)
                        file.write(secrets.token_bytes(_KEY_BYTES))
                    os.replace(temporary, place / _KEY)
            if key := _read_key(place):
                return key
    raise LabError(
        "Which runs were made here cannot be remembered: none of "
        f"{', '.join(map(str, _places()))} can be written to by you alone. Set GRPO_LAB_STATE to a "
        "folder that can."
    )
