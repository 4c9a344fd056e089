"""The one exception type that is written for people, and how it tells of other people's."""

import importlib
import traceback


class LabError(Exception):
    """Something the user can put right; the message is one sentence that says what to do.

    The command line prints it without a traceback, the dashboard shows it in a banner. Every
    other exception is a bug of ours and keeps its traceback.
    """


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
