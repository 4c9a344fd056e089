"""run.db: its schema, how it is opened, and what is refused."""

import contextlib
import functools
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grpo_core.core.errors import LabError
from grpo_core.core.regular import check_regular, open_regular
from grpo_core.runs import limits

SCHEMA_VERSION = 3
# What versions 2 and 3 added to version 1's table of completions.
ADDED_COLUMNS = ("token_advantages", '"values"', "after_logprobs")

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
    token_advantages BLOB,            -- NULL: `advantage` for every token
    "values" BLOB,
    after_logprobs BLOB,
    PRIMARY KEY (step, group_index, completion_index)
);
"""

TABLES = ("meta", "steps", "groups", "completions")
FILES = ("run.db", "run.db-wal", "run.db-shm", "run.db-journal")
_PRAGMAS = "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
_JOURNAL_END = bytes.fromhex("d9d505f920a163d7")


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a folder that a later version of this program wrote.

    Raises:
        LabError: it is newer than `SCHEMA_VERSION`, or its version is no number.
    """
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    if row is None:
        return
    if not re.fullmatch(r"[0-9]{1,9}", str(row[0])):
        raise LabError(f"{path / 'run.db'} is damaged: its schema_version is no number.")
    if int(row[0]) > SCHEMA_VERSION:
        raise LabError(
            f"Run '{path.name}' was written by a newer GRPO Lab (run format {row[0]}; this one "
            f"knows {SCHEMA_VERSION}): update GRPO Lab to open it."
        )


# --- what is refused ---------------------------------------------------------------------------


def check_schema(connection: sqlite3.Connection, path: Path) -> frozenset[str]:
    """Refuse a database with anything but our tables; return which of them it has.

    A trigger runs at an INSERT of ours, a view may never end, and an index, a generated column, a
    CHECK and a DEFAULT evaluate expressions of whoever wrote the file. SQLite reads all of them as
    it opens a database, but runs none before it is asked for a row.

    Raises:
        LabError: there is anything else in it.
        sqlite3.Error: it is damaged.
    """
    query = "SELECT type, name, tbl_name, sql FROM sqlite_schema LIMIT 20"
    found = tuple(connection.execute(query).fetchall())
    tables, strange = _sort_out(found)
    if strange is not None:
        raise LabError(
            f"{path / 'run.db'} is refused: it holds {strange}, which GRPO Lab never made."
        )
    return tables


@functools.lru_cache(maxsize=64)
def _sort_out(found: tuple[tuple[object, ...], ...]) -> tuple[frozenset[str], str | None]:
    """Which tables of ours a schema has, and the first thing in it that is none of them."""
    seen = set()
    for kind, name, table, sql in found:
        if kind == "index" and sql is None and str(name).startswith("sqlite_autoindex_"):
            if table in TABLES:
                continue
        elif kind == "table" and name == table and _plain(str(sql)) in _known().get(str(name), ()):
            seen.add(str(name))
            continue
        return frozenset(seen), f"the {str(kind)[:20]} '{str(name)[:60]}'"
    return frozenset(seen), None


@functools.cache
def _known() -> dict[str, tuple[str, ...]]:
    """Table -> every definition of it that some version wrote, as `_plain` has them."""
    statements = [_plain(sql) for sql in SCHEMA.split(";") if sql.strip()]
    known: dict[str, tuple[str, ...]] = {re.findall(r"\w+", sql)[2]: (sql,) for sql in statements}
    (newest,) = known["completions"]
    for column in reversed(ADDED_COLUMNS):
        newest = newest.replace(f" {column} BLOB,", "")
        known["completions"] += (newest,)
    return known


def _plain(sql: str) -> str:
    """A definition as SQLite keeps it, without comments and with single blanks."""
    bare = re.sub(r"--[^\n]*", "", sql.replace("IF NOT EXISTS ", ""))
    return " ".join(bare.split())


def check_files(folder: Path) -> None:
    """Refuse what SQLite would follow or obey before it is asked for anything.

    It opens run.db-wal, run.db-shm and run.db-journal by name, links too. A journal that ends in
    the name of another file makes it delete that file; ours never do.

    Raises:
        LabError: one of them is no regular file of one name, or the journal names another file.
        OSError: one cannot be looked at.
    """
    for name in FILES:
        status = check_regular(folder / name, written=True)
        if status is None or name != "run.db-journal" or status.st_size < len(_JOURNAL_END):
            continue
        with open_regular(folder / name) as journal:
            journal.seek(-len(_JOURNAL_END), os.SEEK_END)
            if journal.read() == _JOURNAL_END:
                raise LabError(
                    f"{folder / name} is refused: it tells SQLite to delete another file. "
                    "Delete it."
                )


def _harden(connection: sqlite3.Connection, more: str = "") -> None:
    """Turn off what our own tables need nothing of."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limits.VALUE_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False)
    connection.executescript(_PRAGMAS + more)


# --- opening -----------------------------------------------------------------------------------


def open_for_reading(path: Path) -> sqlite3.Connection | None:
    """A connection that cannot write; None when the file is missing or empty.

    A database left in WAL mode on a read-only disk cannot be opened the usual way, since readers
    of a WAL share a small file beside it; nobody writes there, so it is opened as immutable.

    Raises:
        LabError: a file of the database is refused.
        sqlite3.Error: it is damaged or locked.
    """
    if not _has_content(path):
        return None
    check_files(path.parent)
    try:
        return _connect(path, "mode=ro")
    except sqlite3.OperationalError:
        if _can_write(path.parent):
            raise
    return _connect(path, "mode=ro&immutable=1")


def open_foreign(path: Path, seconds: float) -> sqlite3.Connection | None:
    """Open a stranger's run.db alone, as it is; None when the file is missing or empty.

    As immutable, SQLite opens no other file, locks nothing and rolls nothing back. What the
    connection does is interrupted after so many seconds.

    Raises:
        LabError: run.db is no regular file.
        sqlite3.Error: it is damaged, or its tables are too many.
    """
    return _connect(path, "mode=ro&immutable=1", seconds) if _has_content(path) else None


def open_unfolded(path: Path) -> sqlite3.Connection:
    """Open our own copy of a stranger's run.db with its write-ahead log, to fold them together.

    Raises:
        sqlite3.Error: it is damaged, or its tables are too many.
    """
    db = sqlite3.connect(path, isolation_level=None)
    try:
        _set_deadline(db, limits.SCHEMA_SECONDS + limits.READ_SECONDS)
        _harden(db)
    except BaseException:
        db.close()
        raise
    return db


def _has_content(path: Path) -> bool:
    status = check_regular(path)
    return status is not None and status.st_size > 0


def _connect(path: Path, how: str, seconds: float | None = None) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    connection = sqlite3.connect(uri, uri=True, timeout=5, isolation_level=None)
    try:
        if seconds is not None:
            _set_deadline(connection, limits.SCHEMA_SECONDS)
        _harden(connection, "PRAGMA query_only = ON;")
        connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()
        if seconds is not None:
            _set_deadline(connection, seconds)
        return connection
    except BaseException:
        connection.close()
        raise


def _set_deadline(connection: sqlite3.Connection, seconds: float) -> None:
    """Interrupt whatever the connection does, so many seconds from now."""
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, 10_000)


def _can_write(folder: Path) -> bool:
    """Whether files can be made in `folder`, found without making one where that suffices."""
    if not os.access(folder, os.W_OK):
        return False
    flags = getattr(os, "statvfs", None)
    return flags is None or not flags(folder).f_flag & os.ST_RDONLY


def completion_columns(db: sqlite3.Connection) -> set[str]:
    """The columns that the table of completions has, of which older versions have fewer."""
    return {row[1] for row in db.execute("PRAGMA table_info(completions)")}


def _upgrade(db: sqlite3.Connection) -> None:
    """Add what an older version's table lacks; no row changes."""
    have = completion_columns(db)
    for column in ADDED_COLUMNS:
        if column.strip('"') not in have:
            db.execute(f"ALTER TABLE completions ADD COLUMN {column} BLOB")


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open run.db in WAL mode, made if missing. Every commit reaches the disk before it returns.

    Args:
        path: a run folder that was made here.

    Raises:
        LabError: it is of a newer version, or something in it is refused.
        sqlite3.Error: it is damaged, or the disk full or read-only.
    """
    check_files(path)
    db = sqlite3.connect(path / "run.db", timeout=10, isolation_level=None, check_same_thread=False)
    try:
        _harden(db)
        if "meta" in check_schema(db, path):
            check_version(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(SCHEMA)
        _upgrade(db)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", (SCHEMA_VERSION,))
    except BaseException:
        db.close()
        raise
    return db


@contextlib.contextmanager
def new_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Make a database with our tables in the journal mode that is one file, for a copy to fill."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(SCHEMA)
        version = ("schema_version", SCHEMA_VERSION)
        db.execute("INSERT INTO meta VALUES (?, ?)", version)
        yield db
        db.commit()


_TYPES: dict[str, tuple[type, ...]] = {
    "INTEGER": (int,),
    "REAL": (int, float, type(None)),
    "TEXT": (str,),
    "BLOB": (bytes, type(None)),
}


def copy_rows(
    source: sqlite3.Connection, target: sqlite3.Connection, which: dict[str, str], keep: Any
) -> None:
    """Copy rows of steps, groups and completions into a database of our own, each one looked at.

    Args:
        source: a connection whose schema was checked; an older version's has fewer columns.
        target: of `new_database`.
        which: table -> the WHERE of its rows.
        keep: what the WHERE clauses refer to.

    Raises:
        ValueError: a value is of another type than its column, or the rows are too large.
        sqlite3.Error: the source is damaged.
    """
    (pages,), (page,) = (
        source.execute(f"PRAGMA {x}").fetchone() for x in ("page_count", "page_size")
    )
    most = pages * page  # rows cannot have more bytes than the file they come from
    for table in TABLES[1:]:
        rows = source.execute(f"SELECT * FROM {table} {which.get(table, '')}", keep)
        names = [name for name, *_ in rows.description]
        kinds = {name: kind for _, name, kind, *_ in target.execute(f"PRAGMA table_info({table})")}
        types = [_TYPES[kinds[name]] for name in names]
        columns, marks = ", ".join(f'"{n}"' for n in names), ", ".join("?" * len(names))
        insert = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
        for row in rows:
            for name, value, allowed in zip(names, row, types, strict=True):
                if not isinstance(value, allowed):
                    raise ValueError(f"{table}.{name} holds a value of another type")
                most -= len(value) if isinstance(value, str | bytes) else 0
            if most < 0:
                raise ValueError("its rows are larger than its file")
            target.execute(insert, row)
