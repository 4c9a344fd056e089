"""The one exception type that is written for people, and how it tells of other people's."""

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
    """Return `text` with control characters and other invisible ones written as escapes.

    For whatever a stranger may have chosen (the name of a folder, a value in a file, the text of an
    error) on its way to a terminal or a log: the result is one line that moves no cursor.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class LabError(Exception):
    """Something the user can put right; the message is one sentence that says what to do.

    The command line prints it without a traceback, the dashboard shows it in a banner. Every
    other exception is a bug of ours and keeps its traceback. The message may quote what a stranger
    chose, so it is always `printable`.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


def told(error: Exception) -> str:
    """An exception from code that a learner wrote, as part of a sentence: what, and in which line.

    To be called where it was caught. The line is the deepest one in the file that was called from
    there, which is the learner's, rather than in a library that it calls.
    """
    below = traceback.extract_tb(error.__traceback__)[1:]
    frames = [f for f in below if not f.filename.startswith(("<", importlib.__file__))]
    lines = [f.lineno for f in frames if f.filename == frames[0].filename]
    place = ""
    if lines and not isinstance(error, SyntaxError):  # which says its own line
        place = f" ({frames[0].filename}, line {lines[-1]})"
    return f"{type(error).__name__}: {error}{place}"
