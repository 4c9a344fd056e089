"""How large and how deep what a run folder holds may be, so that no folder can fill the memory.

Two kilobytes of zlib unpack to two megabytes, and one page of a database can be referred to a
million times. Every limit is far above what a run of this kit records.
"""

import json
import zlib
from typing import Any

from grpo_core.core.errors import LabError

FILE_BYTES = 2**20  # of config.json, state.json, control.json; they have one or two thousand
VALUE_BYTES = 2**26  # of one value in run.db
JSON_BYTES = 2**22  # of one JSON value in run.db
UNPACKED_BYTES = 2**22  # of one array or list of a completion: a million tokens
READ_BYTES = 2**30  # of memory for what one call reads of a stranger's run
READ_SECONDS = 30.0  # for what one call reads of a stranger's run.db
SCHEMA_SECONDS = 5.0  # for SQLite to read which tables there are
SNAPSHOT_BYTES = (
    2**30
)  # of a stranger's run.db and run.db-wal, to look at a run that was not closed
COPY_BYTES = 2**36  # of a stranger's run.db, to copy the run
COPY_SECONDS = 3600.0  # for reading it meanwhile
_EXPANSION = 1040  # zlib packs no more bytes into one
DEPTH = 32  # of lists and objects in each other
MODELS = 10_000  # folders in checkpoints/ that are looked at
CHECKPOINT_BYTES = 2**36  # of checkpoints/last.pt; SmolLM2-1.7B with its optimizer has 27 GB


class Budget:
    """The memory that one call may still take for a stranger's run; none but that is counted."""

    def __init__(self, limit: int | None) -> None:
        self._left = limit

    def spend(self, size: int) -> None:
        """Raise ValueError when what was read, with these bytes more, is too much."""
        if self._left is None:
            return
        self._left -= size
        if self._left < 0:
            raise ValueError(f"it takes more than {READ_BYTES:,} bytes of memory")


def parse_json(text: Any, limit: int = JSON_BYTES) -> Any:
    """Parse JSON of bounded length and depth. Raises ValueError when it is none, or beyond."""
    if not isinstance(text, str | bytes) or len(text) > limit:
        raise ValueError(f"JSON text of at most {limit:,} bytes is expected")
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error
    flat = text if isinstance(text, bytes) else text.encode(errors="replace")
    if flat.count(b"[") + flat.count(b"{") <= DEPTH:  # as in almost every row
        return value
    level, depth = [value], 0
    while level := [
        item
        for outer in level
        if isinstance(outer, dict | list)
        for item in (outer.values() if isinstance(outer, dict) else outer)
    ]:
        depth += 1
        if depth > DEPTH:
            raise ValueError("JSON is nested too deeply")
    return value


def inflate(blob: Any, limit: int = UNPACKED_BYTES) -> bytes:
    """Unpack what zlib packed. Raises ValueError when it is damaged or unpacks to more bytes."""
    if not isinstance(blob, bytes):
        raise ValueError("a blob is missing")
    try:
        if len(blob) <= limit // _EXPANSION:  # it cannot be too large, and this is quicker
            return zlib.decompress(blob)
    except zlib.error as error:
        raise ValueError(f"a blob does not unpack ({error})") from error
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(blob, limit + 1)
    except zlib.error as error:
        raise ValueError(f"a blob does not unpack ({error})") from error
    if len(content) > limit:
        raise ValueError(f"a blob unpacks to more than {limit:,} bytes")
    if not unpacker.eof:
        raise ValueError("a blob is cut short")
    return content


def as_numbers(value: Any) -> dict[str, float]:
    """Return a JSON object whose values are all numbers. Raises ValueError when it is none."""
    if isinstance(value, dict) and all(map(_is_number, value.values())):
        return value
    raise ValueError("a JSON object of numbers is expected")


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)


def refuse_large(path: object, size: int, limit: int) -> None:
    """Raise LabError when a file is larger than it may be."""
    if size > limit:
        raise LabError(f"{path} has {size:,} bytes, more than the {limit:,} that are read.")
