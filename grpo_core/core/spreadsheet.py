"""CSV for people, who open it in a spreadsheet program: no text in it can become a formula.

Such a program takes what is between two separators for a cell, and evaluates one that begins with
`=`, in some programs also with `+`, `-` or `@`. Which separator that is depends on the country
(`,` or `;`) and on what someone chose in a dialog, and with another one than the file was written
with, quotes around a cell protect nothing: `"a","x;=1+1;"` then has the cell `=1+1`. So a sign that
begins a formula gets an apostrophe in front wherever a cell could begin, inside a text as well:

    =1+1            '=1+1
    x;=1+1          x;'=1+1
    3 - 1 = 2       3 - 1 = 2

A space between words is no separator here: text would no longer be readable.

Numbers stay numbers. What a program should read goes out without this (`app/share/tables.py`).
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

ENCODING = "utf-8-sig"
"""With a byte order mark, by which spreadsheet programs recognise UTF-8."""

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫"
"""What begins a formula; the wide and small ones where East Asian programs make them plain."""

_SIGNS = re.escape(SIGNS)  # a bare "-" in a set of characters would be a range
_LINE_ENDS = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_SEPARATORS = rf",;|\t{_LINE_ENDS}"
# What a program may leave out at a cell's beginning: blanks, quotes, control and format characters.
_LEFT_OUT = r"\s\"'`\x00-\x20\x7f-\xa0\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
# Each run of such characters is looked at once, whole, so that a long text takes linear time.
_RUN = re.compile(rf"(?<![{_SEPARATORS}{_LEFT_OUT}])[{_SEPARATORS}{_LEFT_OUT}]++(?=[{_SIGNS}])")
_HAS_SEPARATOR = re.compile(rf"[{_SEPARATORS}]")
_BEGINS_A_FORMULA = re.compile(rf"[{_LEFT_OUT}]*+[{_SIGNS}]|[ ]*+[\t\r\n]")


def cell(value: Any) -> Any:
    """Return what to write for a value: a number as it is, a text that no program evaluates.

    Args:
        value: None and NaN make an empty cell; an infinite number is written as a text.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Empty()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    text = str(value)
    guarded = _RUN.sub(_with_apostrophe, text)
    return f"'{guarded}" if _BEGINS_A_FORMULA.match(text) else guarded


def _with_apostrophe(run: re.Match[str]) -> str:
    """A run of characters before a sign, guarded where a cell could begin inside it."""
    return f"{run[0]}'" if _HAS_SEPARATOR.search(run[0]) else run[0]


class Empty(float):
    """A cell with nothing in it: csv takes it for a number, and so never writes quotes."""

    def __str__(self) -> str:
        return ""

    __repr__ = __str__


def write(file: TextIO, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table: texts guarded, numbers as they are.

    Args:
        file: opened with `ENCODING` and newline="".
        header: the columns' names.
        rows: one value per column, see `cell`.
    """
    table = csv.writer(file)
    table.writerow(map(cell, header))
    table.writerows(map(cell, row) for row in rows)


def text_of(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as `write` writes it, as text with a byte order mark."""
    stream = io.StringIO(newline="")
    write(stream, header, rows)
    return f"\ufeff{stream.getvalue()}"
