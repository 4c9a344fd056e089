"""Look up objects by the names that users type.

A registry is a plain dict from a name to `"package.module:attribute"`. A module is imported only
when its name is used, so an optional dependency, or torch, is loaded only where it is needed. An
addition of a plugin (see plugins.py) is already loaded and registered as the object itself.
"""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

from grpo_core.core.errors import LabError, format_error


def check(registry: Mapping[str, object], name: str, kind: str) -> None:
    """Raise LabError if a name is not registered; import nothing.

    Args:
        registry: names and the objects they stand for.
        name: the name that the user typed.
        kind: the singular noun used in the error message, such as "task".

    Raises:
        LabError: `name` is not registered; the message lists the names and the closest one.
    """
    if name not in registry:
        close = difflib.get_close_matches(name, registry, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        known = ", ".join(sorted(registry))
        raise LabError(f"Unknown {kind} '{name}'.{hint} Use one of: {known}.")


def load(registry: Mapping[str, Any], name: str, kind: str) -> Any:
    """Return the object registered as `name`.

    Raises:
        LabError: `name` is not registered, or its object cannot be imported.
    """
    check(registry, name, kind)
    registered = registry[name]
    if not isinstance(registered, str):
        return registered
    module_name, _, attribute = registered.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except Exception as error:
        raise LabError(
            f"The {kind} '{name}', registered as '{registered}', cannot be loaded: "
            f"{format_error(error)}."
        ) from error
