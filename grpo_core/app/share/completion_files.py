"""Read TRL's Parquet files, which may come from a stranger, within limits.

A few kilobytes of Parquet can stand for gigabytes: a text that is stored once and repeated a
million times, a page of zeros, a list of millions of empty lists. So a file is looked at before it
is read (its size, its columns, how many rows and values it says it has), read a few rows at a time
with repeated texts stored once, and each piece is measured before it becomes Python's objects.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grpo_core.app.share.tables import pyarrow
from grpo_core.core import regular
from grpo_core.core.errors import LabError

MIB = 2**20
MAX_FILE_BYTES = 256 * MIB
MAX_COLUMNS = 1_000
MAX_DEPTH = 16  # lists and structs in one another: a conversation with tool calls has six
MAX_ROWS = 200_000  # of a file, which is one step
MAX_VALUES = 4_000_000  # of a column: a row may hold a list
MAX_CELL_BYTES = 16 * MIB
MAX_UNPACKED_BYTES = 256 * MIB  # of a file's rows, with `OBJECT_BYTES` for each value
OBJECT_BYTES = 64
ROWS_AT_ONCE = 64
MAX_FOOTER_BYTES = 10 * MIB


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """A file as pyarrow's ParquetFile, once its footer is found to be within the limits.

    Raises:
        LabError: it is no regular file, damaged (in the block, too), or beyond a limit.
    """
    pa = pyarrow()
    handle = regular.open_bounded(file, MAX_FILE_BYTES)
    # Whatever Arrow raises on rubbish: its own exceptions are among these types.
    rubbish = (pa.ArrowException, OSError, ValueError, KeyError, OverflowError, MemoryError)
    with handle:
        try:
            limits = {
                "thrift_string_size_limit": MAX_FOOTER_BYTES,
                "thrift_container_size_limit": 100 * MAX_COLUMNS,
            }
            _check_footer(file, pa.parquet.ParquetFile(handle, **limits))
            handle.seek(0)
            texts = _texts(pa.parquet.read_schema(handle))
            handle.seek(0)
            yield pa.parquet.ParquetFile(handle, read_dictionary=texts, **limits)
        except rubbish as error:
            raise LabError(f"{file} is damaged: it cannot be read as Parquet.") from error


def _check_footer(file: Path, parquet: Any) -> None:
    """Compare what a file says of itself with the limits. Raises LabError."""
    footer = parquet.metadata
    names = parquet.schema_arrow.names
    if footer.num_columns > MAX_COLUMNS:
        raise LabError(
            f"{file} has {footer.num_columns:,} columns; at most {MAX_COLUMNS:,} are read."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise LabError(f"{file} has two columns '{twice}': TRL did not write it.")
    if max(map(_depth, parquet.schema_arrow.types), default=0) > MAX_DEPTH:
        raise LabError(f"{file} has lists in lists, more than {MAX_DEPTH} deep: it is not read.")
    if footer.num_rows > MAX_ROWS:
        raise LabError(
            f"{file} has {footer.num_rows:,} rows; at most {MAX_ROWS:,} are read of a step."
        )
    values, unpacked = [0] * footer.num_columns, 0
    for group in map(footer.row_group, range(footer.num_row_groups)):
        for number in range(group.num_columns):
            column = group.column(number)
            values[number] += column.num_values
            unpacked += column.total_uncompressed_size
    if max(values, default=0) > MAX_VALUES:
        raise LabError(
            f"{file} has a column of {max(values):,} values; at most {MAX_VALUES:,} are read."
        )
    _check_unpacked(file, unpacked)


def _check_unpacked(file: Path, unpacked: int) -> None:
    if unpacked > MAX_UNPACKED_BYTES:
        raise LabError(
            f"{file} unpacks to more than the {MAX_UNPACKED_BYTES // MIB:,} MiB that are read of a "
            "step."
        )


def _depth(kind: Any) -> int:
    """How deep lists, structs and the like of a column's type are in one another."""
    return 1 + max((_depth(kind.field(i).type) for i in range(kind.num_fields)), default=0)


def _texts(schema: Any) -> list[str]:
    """The columns of plain text, which Arrow can keep as it finds them: each text once."""
    pa = pyarrow()
    return [
        field.name
        for field in schema
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]


def schema_of(file: Path) -> Any:
    """Return the columns of a file, as pyarrow's schema. Raises LabError as `read_rows`."""
    with _opened(file) as parquet:
        return parquet.schema_arrow


def read_rows(file: Path, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a file, or some columns of them.

    Args:
        file: a regular file, no link.
        columns: their names; None for all, of which TRL's own have to be there.

    Raises:
        LabError: the file is damaged, beyond a limit, or lacks a column that TRL always writes.
    """
    rows: list[dict[str, Any]] = []
    unpacked = 0
    with _opened(file) as parquet:
        for name in columns or ("prompt", "completion", "advantage"):
            if name not in parquet.schema_arrow.names:
                raise LabError(
                    f"{file} has no column '{name}': TRL's log_completions did not write it."
                )
        for batch in parquet.iter_batches(ROWS_AT_ONCE, columns=columns, use_threads=False):
            batch.validate(full=True)
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                largest, total = _measured(column)
                if largest > MAX_CELL_BYTES:
                    raise LabError(
                        f"{file} has a text of {largest:,} bytes in column '{name}'; at most "
                        f"{MAX_CELL_BYTES:,} are read."
                    )
                unpacked += total
            _check_unpacked(file, unpacked)
            rows += batch.to_pylist()
            if len(rows) > MAX_ROWS:
                raise LabError(
                    f"{file} has more than the {MAX_ROWS:,} rows that are read of a step."
                )
    return rows


def _measured(array: Any) -> tuple[int, int]:
    """The bytes of an array's largest text, and of all of it as Python's objects, about."""
    pa = pyarrow()
    pc, kind, overhead = pa.compute, array.type, OBJECT_BYTES * len(array)
    if pa.types.is_dictionary(kind):
        sizes = pc.binary_length(array.dictionary).take(array.indices)
    elif pa.types.is_struct(kind):
        inner = [_measured(field) for field in array.flatten()]
        return max((a for a, _ in inner), default=0), overhead + sum(b for _, b in inner)
    elif kind.num_fields:  # a list of any kind, or a map
        largest, total = _measured(array.values if pa.types.is_map(kind) else array.flatten())
        return largest, overhead + total
    elif any(check(kind) for check in (pa.types.is_string, pa.types.is_large_string,
                                       pa.types.is_binary, pa.types.is_large_binary)):  # fmt: skip
        sizes = pc.binary_length(array)
    else:
        return 0, overhead
    return pc.max(sizes).as_py() or 0, overhead + (pc.sum(sizes).as_py() or 0)
