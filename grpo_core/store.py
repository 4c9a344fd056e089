"""The run folder: everything a run leaves behind, with one writer and any number of readers.

    run.db         SQLite: steps, groups, completions (the schema is `SCHEMA`, below)
    config.json    the GRPOConfig, as `GRPOConfig.from_dict` reads it
    control.json   what the viewer wants: {"sequence": n, "want": "run" | "pause" | "step" | "stop"}
    state.json     what the writer is doing: status, step, pid, heartbeat, acknowledged sequence
    writer.lock    held by the one writer, let go by the operating system when it dies
    checkpoints/   last.pt to resume from, and step-000025/ ... to load as models

While a run is written its database is in WAL mode, so readers and the writer never wait for each
other; closing the writer folds it back into the one file run.db, which can be copied, mailed or
put on a read-only disk. Small files are replaced whole (`os.replace`), never written in place.

Per-token arrays are blobs: `zlib.compress(array with the bytes of its numbers regrouped, 1)`;
`unpack` reads one back, and pandas reads every other column as it is. Measured on two cores, for a
step of 8 groups x 16 completions x 100 tokens: of random numbers, 256 kB raw, 237 kB by zlib level
3, 214 kB regrouped at level 1 (14 ms; level 3 gains 0.4%), and 28 ms for the whole `append`. A real
step of the tiny model took 14 ms and 160 kB, text included: `push` is all but constant over a
completion while there is one update a batch, and `logprobs` are the old ones, so stored as NULL.

No torch in here: the dashboard reads runs, and must start quickly.
"""

import contextlib
import errno
import json
import os
import re
import shutil
import socket
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import filelock
import numpy as np
import psutil  # type: ignore[import-untyped]
from numpy.typing import NDArray

from grpo_core.config import GRPOConfig
from grpo_core.errors import LabError
from grpo_core.records import Completion, Group, Step

if TYPE_CHECKING:
    import pandas

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS steps (
    step INTEGER PRIMARY KEY,
    time REAL NOT NULL,               -- Unix time of recording
    metrics TEXT NOT NULL             -- JSON, name -> number (NaN, Infinity as in Python)
);
CREATE TABLE IF NOT EXISTS groups (
    step INTEGER NOT NULL,
    group_index INTEGER NOT NULL,
    prompt TEXT NOT NULL,
    columns TEXT NOT NULL,            -- JSON
    PRIMARY KEY (step, group_index)
);
CREATE TABLE IF NOT EXISTS completions (
    step INTEGER NOT NULL,
    group_index INTEGER NOT NULL,
    completion_index INTEGER NOT NULL,
    text TEXT NOT NULL,
    length INTEGER NOT NULL,          -- tokens
    truncated INTEGER NOT NULL,       -- 0 or 1
    reward REAL,                      -- NULL is NaN
    advantage REAL,                   -- NULL is NaN
    rewards TEXT NOT NULL,            -- JSON, reward name -> number
    tokens BLOB NOT NULL,             -- zlib, JSON list of strings
    token_ids BLOB NOT NULL,          -- this and the following: see unpack()
    old_logprobs BLOB NOT NULL,
    logprobs BLOB,                    -- NULL: the same as old_logprobs
    ref_logprobs BLOB,
    entropy BLOB,
    push BLOB,
    PRIMARY KEY (step, group_index, completion_index)
);
"""

Want = Literal["run", "pause", "step", "stop"]
LIVE = ("starting", "running", "paused")
STALE_SECONDS = 30.0
"""A writer that beats once a second and has not for so long is lost, whatever its pid says."""


@dataclass(frozen=True)
class Control:
    """What the viewer last asked for; a higher sequence number is a newer wish."""

    sequence: int = 0
    want: Want = "run"


# --- names -------------------------------------------------------------------------------------

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


# --- errors ------------------------------------------------------------------------------------


@contextlib.contextmanager
def _told_plainly(path: Path, doing: str) -> Iterator[None]:
    """Turn what disks and databases raise into one sentence.

    Args:
        path: the run folder.
        doing: what was being attempted, such as "recording step 3".

    Raises:
        LabError: in place of any OSError or sqlite3.Error.
    """
    start = f"{doing[0].upper()}{doing[1:]} of run '{path.name}' failed: "
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise LabError(start + _reason(error, path)) from error


def _reason(error: sqlite3.Error | OSError, path: Path) -> str:
    """Why, and what to do about it."""
    code = (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
    number = getattr(error, "errno", 0)
    if code == sqlite3.SQLITE_FULL or number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            "the disk is full. What was recorded before is safe: "
            f"free some space, then run `grpo-lab resume {path}`."
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return (
            f"{path / 'run.db'} is damaged. Move it away and run `grpo-lab resume {path}` "
            "to compute its steps again."
        )
    if code == sqlite3.SQLITE_READONLY or number in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{path} cannot be written to. Copy the folder to where you can write."
    if code == sqlite3.SQLITE_BUSY:
        return "another program keeps run.db locked. Close it and try again."
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return f"{error}. Check that the disk of {path} is healthy and has space left."
    return f"{error}."


# --- small files -------------------------------------------------------------------------------


def _read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; {} when there is no such file.

    Raises:
        LabError: the file is damaged (cut short, not JSON, not an object) or unreadable.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise LabError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise LabError(f"{path} is damaged: it is not a JSON file.") from error
    if not isinstance(value, dict):
        raise LabError(f"{path} is damaged: it does not hold a JSON object.")
    return value


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace `path` whole. A reader sees the old file or the new one, nothing between.

    Raises:
        OSError: not written; the old file is still there.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        temporary.write_text(json.dumps(value), encoding="utf-8")
        _replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _replace(source: Path, target: Path) -> None:
    """os.replace, patient with Windows, where a reader's open file delays it for a moment."""
    for _ in range(20):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(0.02)
    os.replace(source, target)


# --- blobs and rows ----------------------------------------------------------------------------


def pack(array: NDArray[Any]) -> bytes:
    """A (T,) array of 4-byte numbers as a blob: all first bytes, all second bytes, ... in zlib."""
    little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return zlib.compress(little.view(np.uint8).reshape(-1, 4).T.tobytes(), 1)


def unpack(blob: bytes, dtype: str = "<f4") -> NDArray[Any]:
    """The (T,) array that `pack` was given. `token_ids` has dtype "<i4", all others "<f4"."""
    planes = np.frombuffer(zlib.decompress(blob), np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).reshape(-1).view(dtype)


def clean(text: str) -> str:
    """`text` with lone surrogates replaced by U+FFFD.

    They cannot be encoded, so one of them would break the database, a WebSocket or a saved page.
    What the model really sampled is in `token_ids`.
    """
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _plain(value: Any) -> Any:
    """What JSON cannot write but numpy likes to return."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be recorded")


def _json(value: Any) -> str:
    return clean(json.dumps(value, ensure_ascii=False, default=_plain))


def _optional(array: NDArray[np.float32] | None) -> bytes | None:
    return None if array is None else pack(array.astype(np.float32, copy=False))


def _completion_row(c: Completion) -> tuple[Any, ...]:
    """The columns of `completions` after its key, in `_COLUMNS`' order."""
    old, new = _optional(c.old_logprobs), _optional(c.logprobs)
    return (
        clean(c.text),
        len(c),
        int(c.truncated),
        float(c.reward),
        float(c.advantage),
        _json(c.rewards),
        zlib.compress(_json(c.tokens).encode(), 1),
        pack(c.token_ids.astype(np.int32, copy=False)),
        old,
        None if new == old else new,
        _optional(c.ref_logprobs),
        _optional(c.entropy),
        _optional(c.push),
    )


_COLUMNS = (
    "text, length, truncated, reward, advantage, rewards, tokens, token_ids, "
    "old_logprobs, logprobs, ref_logprobs, entropy, push"
)


def _completion(row: tuple[Any, ...]) -> Completion:
    """The inverse of `_completion_row`."""
    text, _, truncated, reward, advantage, rewards, tokens, ids, old, new, ref, entropy, push = row
    old_logprobs = unpack(old)
    return Completion(
        text=text,
        tokens=json.loads(zlib.decompress(tokens)),
        token_ids=unpack(ids, "<i4"),
        rewards=json.loads(rewards),
        reward=float("nan") if reward is None else reward,
        advantage=float("nan") if advantage is None else advantage,
        truncated=bool(truncated),
        old_logprobs=old_logprobs,
        logprobs=old_logprobs.copy() if new is None else unpack(new),
        ref_logprobs=None if ref is None else unpack(ref),
        entropy=None if entropy is None else unpack(entropy),
        push=None if push is None else unpack(push),
    )


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a folder that a later version of this program wrote.

    Raises:
        LabError: it is newer than `SCHEMA_VERSION`.
    """
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    if row is not None and int(row[0]) > SCHEMA_VERSION:
        raise LabError(
            f"Run '{path.name}' was written by a newer GRPO Lab (run format {row[0]}; this one "
            f"knows {SCHEMA_VERSION}): update GRPO Lab to open it."
        )


# --- creating and listing ----------------------------------------------------------------------


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
    if os.sep in config.model and Path(config.model).is_dir():
        absolute = str(Path(config.model).absolute())
        config = GRPOConfig.from_dict({**config.to_dict(), "model": absolute})
    path = _make_folder(Path(root).absolute(), name, config)
    with _told_plainly(path, "creation"):
        with contextlib.closing(_open_for_writing(path)):
            pass
        state = {"status": "new", "created": time.time(), "acknowledged": 0, "step": None}
        _write_json(path / "state.json", state)
        _write_json(path / "control.json", {"sequence": 0, "want": "run"})
        _write_json(path / "config.json", config.to_dict())
    return path


def _make_folder(root: Path, name: str | None, config: GRPOConfig) -> Path:
    if name is not None:
        path = root / check_name(name)
        with _told_plainly(path, "creation"):
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
        with _told_plainly(path, "creation"), contextlib.suppress(FileExistsError):
            path.mkdir(parents=True)
            return path
    raise LabError(f"{root} has no free run name left: give one with --run.")


def is_run(path: Path) -> bool:
    """Whether a folder holds a run, whole or damaged; a model's folder has a config.json, too."""
    files = (path / name for name in ("config.json", "state.json"))
    return (path / "run.db").is_file() or all(file.is_file() for file in files)


def list_runs(root: Path) -> list["Run"]:
    """The runs in a folder, newest first; [] when there is no such folder."""
    try:
        paths = [p for p in Path(root).iterdir() if is_run(p)]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return sorted((Run(p) for p in paths), key=lambda run: (run.created, run.name), reverse=True)


# --- reading -----------------------------------------------------------------------------------


class Run:
    """A run folder, read-only, safe to use while its writer writes and from any thread.

    Nothing is kept open: each method connects, reads one consistent snapshot and closes, which
    takes a fraction of a millisecond.

    Attributes:
        path: the folder.
        name: the folder's name.
    """

    def __init__(self, path: Path | str) -> None:
        """Raises LabError when there is no run in `path`."""
        self.path = Path(path).absolute()
        self.name = self.path.name
        if not is_run(self.path):
            raise LabError(f"There is no run in {self.path}: `grpo-lab runs` lists the runs.")

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    # What it is and does

    @property
    def options(self) -> dict[str, Any]:
        """config.json as it stands. Raises LabError when it is damaged."""
        return _read_json(self.path / "config.json")

    @property
    def config(self) -> GRPOConfig:
        """The configuration. Raises LabError when it is missing, damaged, or refused."""
        options = self.options
        if not options:
            raise LabError(f"{self.path / 'config.json'} is missing or empty.")
        return GRPOConfig.from_dict(options)

    @property
    def state(self) -> dict[str, Any]:
        """state.json as its writer last left it; {} when there is none or it is damaged.

        The state tells what a process is doing and nothing of what the run has done, so a damaged
        one is as good as none; `problem` mentions it.
        """
        try:
            return _read_json(self.path / "state.json")
        except LabError:
            return {}

    @property
    def created(self) -> float:
        """Unix time of creation."""
        created = self.state.get("created")
        if isinstance(created, int | float):
            return float(created)
        try:
            return self.path.stat().st_mtime
        except OSError:
            return 0.0

    @property
    def status(self) -> str:
        """One of new, starting, running, paused, finished, stopped, failed, lost.

        "lost" is a run that says it is live and whose process is gone (killed, or the machine was
        switched off) or has not beaten for STALE_SECONDS; `grpo-lab resume` continues it.
        """
        state = self.state
        status = state.get("status", "new" if self.last_step_or_none() is None else "stopped")
        return "lost" if status in LIVE and not _writer_lives(state) else str(status)

    @property
    def problem(self) -> str | None:
        """One sentence on what is wrong with the run, None while nothing is."""
        try:
            _read_json(self.path / "state.json")
            self.config  # noqa: B018 (read for its errors)
            self.last_step()
        except LabError as error:
            return str(error)
        if self.status == "lost":
            return (
                f"The process training run '{self.name}' is gone: "
                f"`grpo-lab resume {self.name}` continues where it was."
            )
        error_text = self.state.get("error")
        return str(error_text) if error_text else None

    # What it has recorded

    @contextlib.contextmanager
    def _read(self) -> Iterator[sqlite3.Connection | None]:
        """A read-only snapshot of run.db; None while there is nothing in it.

        Raises:
            LabError: run.db is damaged, locked, or of a newer version.
        """
        with _told_plainly(self.path, "reading"):
            connection = _open_for_reading(self.path / "run.db")
            if connection is None:
                yield None
                return
            with contextlib.closing(connection):
                connection.execute("BEGIN")
                tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
                if not tables:
                    yield None
                    return
                _check_version(connection, self.path)
                yield connection

    def last_step(self) -> int | None:
        """The highest step recorded, None while there is none. Raises LabError as all below."""
        with self._read() as db:
            return None if db is None else db.execute("SELECT max(step) FROM steps").fetchone()[0]

    def last_step_or_none(self) -> int | None:
        """`last_step`, and None too where the database cannot be read."""
        try:
            return self.last_step()
        except LabError:
            return None

    def metrics(self, after: int = -1) -> list[tuple[int, dict[str, float]]]:
        """(step, metrics) of every step above `after`, in order. Cheap to poll."""
        with self._read() as db:
            if db is None:
                return []
            rows = db.execute(
                "SELECT step, metrics FROM steps WHERE step > ? ORDER BY step", (after,)
            ).fetchall()
        return [(step, json.loads(metrics)) for step, metrics in rows]

    def frame(self) -> "pandas.DataFrame":
        """The metrics as a table: one row a step, one column a metric."""
        import pandas as pd

        rows = self.metrics()
        index = pd.Index([step for step, _ in rows], name="step", dtype="int64")
        return pd.DataFrame([metrics for _, metrics in rows], index=index)

    def step(self, index: int) -> Step:
        """A whole step. Raises LabError when it was not recorded."""
        with self._read() as db:
            query = "SELECT metrics FROM steps WHERE step = ?"
            row = None if db is None else db.execute(query, (index,)).fetchone()
            if db is None or row is None:
                raise LabError(f"Run '{self.name}' has no step {index}.")
            return Step(index, json.loads(row[0]), _groups(db, index))

    def group(self, step: int, group_index: int) -> Group:
        """One group of a step. Raises LabError when it was not recorded."""
        with self._read() as db:
            groups = [] if db is None else _groups(db, step, group_index)
        if not groups:
            raise LabError(f"Run '{self.name}' has no group {group_index} in step {step}.")
        return groups[0]

    def group_count(self, step: int) -> int:
        """How many groups a step has; 0 for a step that was not recorded."""
        with self._read() as db:
            if db is None:
                return 0
            query = "SELECT count(*) FROM groups WHERE step = ?"
            return int(db.execute(query, (step,)).fetchone()[0])

    # Its models

    def models(self) -> list[tuple[int, Path]]:
        """(step, folder) of every model saved, in order; `load_policy` takes the folder."""
        found = (self.path / "checkpoints").glob("step-*")
        return sorted((int(p.name[5:]), p) for p in found if p.name[5:].isdecimal())

    # The one thing a viewer may say

    def control(self, want: str) -> int:
        """Ask the writer for something; returns the sequence number it will acknowledge.

        Raises:
            LabError: there is no such wish, or the folder cannot be written to.
        """
        if want not in get_args(Want):
            raise LabError(f"A run cannot be asked to {want!r}: {', '.join(get_args(Want))}.")
        path = self.path / "control.json"
        lock = filelock.FileLock(self.path / "control.lock", timeout=5)
        with _told_plainly(self.path, "control"), lock:
            sequence = 1 + max(_sequence(path), int(self.state.get("acknowledged") or 0))
            _write_json(path, {"sequence": sequence, "want": want})
        return sequence


def _sequence(path: Path) -> int:
    """The sequence number in a control file; 0 where it is missing or damaged."""
    try:
        return _parse_control(_read_json(path), path).sequence
    except LabError:
        return 0


def _parse_control(value: dict[str, Any], path: Path) -> Control:
    sequence, want = value.get("sequence", 0), value.get("want", "run")
    if type(sequence) is not int or want not in get_args(Want):
        raise LabError(f"{path} is damaged: it asks for {want!r}, number {sequence!r}.")
    return Control(sequence, want)


def _groups(db: sqlite3.Connection, step: int, only: int | None = None) -> list[Group]:
    """The groups of a step in order, or the one with index `only`."""
    where = "WHERE step = ?" + ("" if only is None else " AND group_index = ?")
    key = (step,) if only is None else (step, only)
    query = f"SELECT group_index, {_COLUMNS} FROM completions {where} "
    completions: dict[int, list[Completion]] = {}
    for index, *row in db.execute(query + "ORDER BY group_index, completion_index", key):
        completions.setdefault(index, []).append(_completion(tuple(row)))
    query = f"SELECT group_index, prompt, columns FROM groups {where} ORDER BY group_index"
    return [
        Group(prompt, json.loads(columns), completions.get(index, []))
        for index, prompt, columns in db.execute(query, key)
    ]


def _open_for_reading(path: Path) -> sqlite3.Connection | None:
    """A connection that cannot write; None when the file is missing or empty.

    A database left in WAL mode on a read-only disk cannot be opened the usual way, since readers
    of a WAL share a small file beside it; nobody writes there, so it is opened as immutable.
    """
    try:
        if path.stat().st_size == 0:
            return None
    except FileNotFoundError:
        return None
    uri = path.absolute().as_uri() + "?mode=ro"
    for address in (uri, uri + "&immutable=1"):
        connection = sqlite3.connect(address, uri=True, timeout=5, isolation_level=None)
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            return connection
        except sqlite3.OperationalError:
            connection.close()
            if address != uri or _can_write(path.parent):
                raise
        except sqlite3.Error:
            connection.close()
            raise
    raise AssertionError("unreachable")


def _can_write(folder: Path) -> bool:
    """Whether files can be made in `folder`, found without making one where that suffices."""
    if not os.access(folder, os.W_OK):
        return False
    flags = getattr(os, "statvfs", None)
    return flags is None or not flags(folder).f_flag & os.ST_RDONLY


def _writer_lives(state: dict[str, Any]) -> bool:
    """Whether the process that wrote `state` is still there and beating.

    A pid alone proves nothing, as systems reuse them: the process must also have started when the
    state says (or, should the clock have been set since, have beaten just now).
    """
    age = time.time() - float(state.get("heartbeat") or 0)
    if age > STALE_SECONDS:
        return False
    if state.get("host") != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(state.get("pid") or 0))
        same = abs(process.create_time() - float(state.get("pid_started") or 0)) < 2
        return process.status() != psutil.STATUS_ZOMBIE and (same or age < 3)
    except (psutil.NoSuchProcess, ValueError):
        return False
    except psutil.AccessDenied:
        return True


# --- writing -----------------------------------------------------------------------------------


def _open_for_writing(path: Path) -> sqlite3.Connection:
    """Open run.db in WAL mode, made if missing. Every commit reaches the disk before it returns.

    Raises:
        LabError: it is of a newer version.
        sqlite3.Error: it is damaged, or the disk full or read-only.
    """
    db = sqlite3.connect(path / "run.db", timeout=10, isolation_level=None, check_same_thread=False)
    try:
        if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone():
            _check_version(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(SCHEMA)
        db.execute("INSERT OR IGNORE INTO meta VALUES ('schema_version', ?)", (SCHEMA_VERSION,))
    except BaseException:
        db.close()
        raise
    return db


class RunWriter:
    """The one writer of a run folder; a context manager. All methods are safe from any thread.

    Attributes:
        run: the same folder, as a reader.
    """

    def __init__(self, path: Path | str) -> None:
        """Take the writer's lock and open the database.

        Raises:
            LabError: there is no run, it has a writer already, cannot be written to, is damaged
                or of a newer version.
        """
        self.run = Run(path)
        self.path = self.run.path
        self._mutex = threading.RLock()
        self._lock = filelock.FileLock(self.path / "writer.lock", timeout=0)
        with _told_plainly(self.path, "opening"):
            try:
                self._lock.acquire()
            except filelock.Timeout:
                pid = self.run.state.get("pid", "unknown")
                raise LabError(
                    f"Run '{self.run.name}' is being trained already, by process {pid}: "
                    "stop it first, or watch it in the dashboard."
                ) from None
            try:
                self._db = _open_for_writing(self.path)
            except BaseException:
                self._lock.release()
                raise
        self._state = {"created": self.run.created, **self.run.state}
        self._remove_leftovers()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _remove_leftovers(self) -> None:
        """Delete what a killed writer was in the middle of writing."""
        for pattern in ("*.tmp", "checkpoints/*.tmp"):
            for path in self.path.glob(pattern):
                if not path.name.startswith("control.json"):
                    _remove(path)

    def close(self) -> None:
        """Fold the write-ahead log into run.db, if no reader is in the way, and let go."""
        with self._mutex:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("PRAGMA busy_timeout = 500")
                self._db.execute("PRAGMA journal_mode = DELETE")
            self._db.close()
            self._lock.release()

    def append(self, step: Step) -> None:
        """Record a step in one transaction; a step recorded before is replaced.

        Raises:
            LabError: it could not be written; nothing of it was, and nothing else is lost.
        """
        key = (step.index,)
        metrics = _json({name: float(value) for name, value in step.metrics.items()})
        groups = [(*key, g, clean(x.prompt), _json(x.columns)) for g, x in enumerate(step.groups)]
        completions = [
            (*key, g, i, *_completion_row(completion))
            for g, group in enumerate(step.groups)
            for i, completion in enumerate(group.completions)
        ]
        marks = ", ".join("?" * (3 + len(_COLUMNS.split(","))))
        columns = f"step, group_index, completion_index, {_COLUMNS}"
        with self._mutex, _told_plainly(self.path, f"recording step {step.index}"):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for table in ("groups", "completions"):
                    self._db.execute(f"DELETE FROM {table} WHERE step = ?", key)
                self._db.execute(
                    "INSERT OR REPLACE INTO steps VALUES (?, ?, ?)", (*key, time.time(), metrics)
                )
                self._db.executemany("INSERT INTO groups VALUES (?, ?, ?, ?)", groups)
                query = f"INSERT INTO completions ({columns}) VALUES ({marks})"
                self._db.executemany(query, completions)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def write_state(self, **changes: Any) -> None:
        """Merge `changes` into state.json and set its heartbeat.

        On a full disk the file is overwritten in place, which takes no space: it must be able to
        say that the disk is full.

        Raises:
            LabError: it could not be written.
        """
        path = self.path / "state.json"
        with self._mutex, _told_plainly(self.path, "saving the state"):
            self._state.update(changes, heartbeat=time.time())
            try:
                _write_json(path, self._state)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
                with path.open("r+b") as file:
                    file.write(json.dumps(self._state).encode())
                    file.truncate()

    def read_control(self) -> Control:
        """What the viewer wants. Raises LabError when control.json is damaged."""
        path = self.path / "control.json"
        return _parse_control(_read_json(path), path)

    def save_checkpoint(self, write: Callable[[Path], None], step: int) -> Path:
        """Replace checkpoints/last.pt, from which `resume` starts.

        Args:
            write: writes the file whose path it is given.
            step: the step it was taken after, for the error message.

        Raises:
            LabError: it could not be written; the previous checkpoint is still there.
        """
        return self._save("last.pt", write, f"saving the checkpoint of step {step}")

    def save_model(self, write: Callable[[Path], None], step: int) -> Path:
        """Make checkpoints/step-<step>/, a folder to load as a model.

        Args:
            write: fills the empty folder whose path it is given.
            step: the step it was taken after.

        Raises:
            LabError: it could not be written; what was there before still is.
        """

        def fill(folder: Path) -> None:
            folder.mkdir()
            write(folder)

        return self._save(f"step-{step:06d}", fill, f"saving the model of step {step}")

    def _save(self, name: str, write: Callable[[Path], None], doing: str) -> Path:
        target = self.path / "checkpoints" / name
        temporary = target.with_name(name + ".tmp")
        with _told_plainly(self.path, doing):
            try:
                target.parent.mkdir(exist_ok=True)
                _remove(temporary)
                write(temporary)
                _flush(temporary)
                if target.is_dir():
                    _remove(target)
                _replace(temporary, target)
            except BaseException as error:
                with contextlib.suppress(OSError):
                    _remove(temporary)
                raise _disk_error(error) or error from error
        return target


def _disk_error(error: BaseException | None) -> OSError | None:
    """The OSError behind an error; torch and safetensors raise types of their own for it."""
    while error is not None:
        if isinstance(error, OSError):
            return error
        if re.search(r"No space left|os error (28|112)\b", str(error)):
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        error = error.__cause__ or error.__context__
    return None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until a file, or every file of a folder, is on the disk, and not only on its way."""
    for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        with file.open("rb+") as handle:
            os.fsync(handle.fileno())
