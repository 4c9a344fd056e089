"""run.db: its schema, and how it is opened."""

import os
import sqlite3
from pathlib import Path

from grpo_core.errors import LabError

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


def check_version(connection: sqlite3.Connection, path: Path) -> None:
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


def open_for_reading(path: Path) -> sqlite3.Connection | None:
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

    Raises:
        LabError: it is of a newer version.
        sqlite3.Error: it is damaged, or the disk full or read-only.
    """
    db = sqlite3.connect(path / "run.db", timeout=10, isolation_level=None, check_same_thread=False)
    try:
        if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone():
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
