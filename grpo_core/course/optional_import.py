"""Run what needs an optional package, or say in one sentence what is missing. For lesson 13."""

import importlib.util
import textwrap
from collections.abc import Callable
from typing import TypeVar

from grpo_core.core.errors import LabError
from grpo_core.course.exercise import WIDTH

_T = TypeVar("_T")


def try_or_explain(what: Callable[[], _T]) -> _T | None:
    """Return what `what` returns; if something is missing, print why and return None.

    Args:
        what: raises LabError if something is missing.
    """
    try:
        return what()
    except LabError as error:
        text = f"Left out: {error}"  # commands in it must stay in one piece
        print(textwrap.fill(text, WIDTH, break_on_hyphens=False, break_long_words=False))
        return None


def require_package(package: str, install: str) -> None:
    """Check that a package is installed.

    Args:
        package: the name under which it is imported.
        install: what to give to `pip install`.

    Raises:
        LabError: it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise LabError(f"the package '{package}' is not installed. Run: pip install {install}")
