"""What may be missing on a machine: said in a sentence, and the notebook goes on. For lesson 13."""

import importlib.util
import textwrap
from collections.abc import Callable
from typing import TypeVar

from grpo_core.course.exercise import WIDTH
from grpo_core.errors import LabError

_T = TypeVar("_T")


def try_or_explain(what: Callable[[], _T]) -> _T | None:
    """What `what` gives; where that is not to be had, None, and a printed sentence that says why.

    Args:
        what: raises LabError where something is missing.
    """
    try:
        return what()
    except LabError as error:
        text = f"Left out: {error}"  # with commands in it, which stay in one piece
        print(textwrap.fill(text, WIDTH, break_on_hyphens=False, break_long_words=False))
        return None


def require_package(package: str, install: str) -> None:
    """Go on where a package is installed.

    Args:
        package: as it is imported.
        install: how it is installed, after "pip install".

    Raises:
        LabError: it is missing.
    """
    if importlib.util.find_spec(package) is None:
        raise LabError(f"the package '{package}' is missing here: pip install {install}")
