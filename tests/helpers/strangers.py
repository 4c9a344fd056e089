"""Run folders as a stranger might make them: whole ones, and each kind of harm."""

import os
import shutil
import sqlite3
import struct
from pathlib import Path
from unittest.mock import patch

from make_steps import step

from grpo_core.core.config import GRPOConfig
from grpo_core.runs import RunWriter, create_run

PAGE = 4096


def stranger(root: Path, name: str = "gift", steps: int = 3, **options: object) -> Path:
    """A run as somebody sent it: another installation made it."""
    with patch.dict(os.environ, GRPO_LAB_STATE=str(root / f".{name}.state")):
        path = create_run(root, name, GRPOConfig(**options))
        with RunWriter(path) as writer:
            for index in range(1, steps + 1):
                writer.append(step(index))
            writer.write_state(status="stopped", step=steps)
    shutil.rmtree(root / f".{name}.state", ignore_errors=True)
    return path


def change(path: Path, *statements: str) -> None:
    """Run statements in a run.db that need not fit each other."""
    db = sqlite3.connect(path / "run.db", isolation_level=None)
    for statement in statements:
        db.execute(statement)
    db.close()


def unfolded(path: Path, index: int) -> None:
    """Leave a step in run.db-wal only, as a killed writer does."""
    other = path.with_name(path.name + ".live")
    db = sqlite3.connect(path / "run.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("INSERT INTO steps VALUES (?, 1.0, '{\"reward\": 0.5}')", (index,))
    shutil.copytree(path, other)  # while the log is there
    db.close()
    (other / "run.db-shm").unlink()
    shutil.rmtree(path)
    other.rename(path)


def deleting_journal(path: Path, victim: Path) -> None:
    """Add a hot run.db-journal that names another file: rolling it back deletes that file.

    The format is in sqlite.org/fileformat2.html, section 3 (the name: pager.c, writeSuperJournal).
    """
    pages = (path / "run.db").stat().st_size // PAGE
    magic = bytes.fromhex("d9d505f920a163d7")
    header = magic + struct.pack(">IIIII", 0, 1, pages, 512, PAGE)
    name = os.fsencode(victim)
    end = struct.pack(">I", 0x40000000 // PAGE + 1) + name
    end += struct.pack(">II", len(name), sum(name)) + magic
    (path / "run.db-journal").write_bytes(header.ljust(512, b"\0") + end)
