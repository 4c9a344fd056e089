"""The one exception type that is written for people."""


class LabError(Exception):
    """Something the user can put right; the message is one sentence that says what to do.

    The command line prints it without a traceback, the dashboard shows it in a banner. Every
    other exception is a bug of ours and keeps its traceback.
    """
