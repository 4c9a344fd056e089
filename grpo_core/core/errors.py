"""LabError, the exception with a message for users, and the formatting of other errors."""

import importlib
import re
import traceback

# Controls (terminals obey them, a line break forges a line of a log), invisible and direction
# marks, and halves of characters, which cannot be encoded.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    """Return `text` with control characters and invisible characters escaped.

    Use it for untrusted text (the name of a folder, a value in a file, the text of an error) before
    it goes to a terminal or a log: the result is one line without terminal control sequences.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class LabError(Exception):
    """An error that the user can fix; the message says what is wrong, where, and what to do.

    The command line prints it without a traceback; the dashboard shows it in a banner. Every other
    exception is a bug in the kit and keeps its traceback. The message may quote untrusted text, so
    it is always `printable`.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


def format_error(error: Exception) -> str:
    """Format an exception from a user's code as part of a sentence, with its file and line.

    Call this where the exception is caught. The line is the deepest one in the user's file, rather
    than one in a library that it calls.
    """
    below = traceback.extract_tb(error.__traceback__)[1:]
    frames = [f for f in below if not f.filename.startswith(("<", importlib.__file__))]
    lines = [f.lineno for f in frames if f.filename == frames[0].filename]
    place = ""
    if lines and not isinstance(error, SyntaxError):  # which says its own line
        place = f" ({frames[0].filename}, line {lines[-1]})"
    return f"{type(error).__name__}: {error}{place}"
