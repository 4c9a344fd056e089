"""What happened in a class, one event a line, so that a new start of the server loses nothing.

    <runs>/.class/NAME.jsonl    the events; the first line has the title and the code
    <runs>/.class/NAME.key      the secret that signs the cookies

Both can be read by their owner alone: there are names in one, and whoever has the other can be
anybody. A class that was started over leaves its old events behind under their date.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from grpo_core.core.errors import LabError

MAX_EVENTS = 100_000
RESERVED = 10_000  # of them, which only the teacher can use
MAX_LINE = 4_000  # characters of an event
MAX_TITLE = 60
FOLDER = ".class"


def file_name(title: str) -> str:
    """What the files of a class are called: its title as far as every system takes it."""
    plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40]
    if plain == title:
        return plain
    return f"{plain or 'class'}-{hashlib.sha256(title.encode()).hexdigest()[:6]}"


class Journal:
    """The files of one class. Open it once, read `events` once, then append."""

    def __init__(self, root: Path, title: str, new: bool = False) -> None:
        """Open the class of this title in a folder of runs, or begin it.

        Args:
            new: put what there is of it aside first.

        Raises:
            LabError: it is served already, or the folder cannot be written.
        """
        self.folder = root / FOLDER
        name = file_name(title)
        self.path = self.folder / f"{name}.jsonl"
        self._key = self.folder / f"{name}.key"
        self.written = 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            self._lock = FileLock(self.folder / f"{name}.lock")
            self._lock.acquire(timeout=0)
            if new:
                self._put_aside()
            self.secret = self._secret()
            self._end_line()
        except Timeout:
            raise LabError(
                f"The class '{title}' is being served already. Stop that dashboard first."
            ) from None
        except OSError as error:
            raise LabError(f"Cannot write to {self.folder}: {error.strerror or error}.") from error

    def _put_aside(self) -> None:
        moment = time.strftime("%Y%m%d-%H%M%S")
        if self.path.exists():
            self.path.rename(self.path.with_suffix(f".{moment}.jsonl"))
        self._key.unlink(missing_ok=True)

    def _secret(self) -> bytes:
        with contextlib.suppress(FileNotFoundError):
            secret = self._key.read_bytes()
            if len(secret) >= 32:
                self._key.chmod(0o600)
                return secret
        secret = secrets.token_bytes(32)
        self._key.unlink(missing_ok=True)
        with _private(self._key, os.O_EXCL) as key:
            key.write(secret)
        return secret

    def _end_line(self) -> None:
        """End a line that a crash left unfinished, so that the next event is not lost with it."""
        with _private(self.path, os.O_APPEND) as file:
            size = file.seek(0, os.SEEK_END)
            with self.path.open("rb") as reader:
                reader.seek(max(size - 1, 0))
                if reader.read(1) not in (b"", b"\n"):
                    file.write(b"\n")

    def events(self) -> Iterator[dict[str, Any]]:
        """What was written so far; lines that are damaged are left out."""
        with self.path.open("rb") as lines:
            for line in lines:
                self.written += 1
                with contextlib.suppress(ValueError, RecursionError):
                    event = json.loads(line)
                    if isinstance(event, dict):
                        yield event

    @property
    def left(self) -> int:
        """How many events students may still write, all together."""
        return max(0, MAX_EVENTS - RESERVED - self.written)

    def append(self, event: dict[str, Any], of_student: bool = False) -> None:
        """Write one event.

        Args:
            of_student: a student caused it, so that the teacher's reserve is not for it.

        Raises:
            LabError: there are too many, or the disk does not take it.
        """
        line = json.dumps(event, separators=(",", ":"))
        is_full = self.left == 0 if of_student else self.written >= MAX_EVENTS
        if is_full or len(line) > MAX_LINE:
            raise LabError("The journal of this class is full. Start a new class with --new-class.")
        try:
            with _private(self.path, os.O_APPEND) as file:
                file.write(line.encode() + b"\n")
        except OSError as error:
            raise LabError(f"Cannot write {self.path}: {error.strerror or error}.") from error
        self.written += 1

    def close(self) -> None:
        """Let another process serve the class."""
        self._lock.release()


def _private(path: Path, flag: int) -> io.FileIO:
    """Open a file for writing that only its owner can read."""
    binary = getattr(os, "O_BINARY", 0)  # on Windows
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | binary | flag, 0o600)
    return io.FileIO(descriptor, "wb")
