"""Names that users type, and the objects they stand for.

A registry is a plain dict from a name to `"package.module:attribute"`. Modules are imported only
when a name is used, so an optional dependency, or torch, is loaded only where it is needed. What a
plugin adds (see plugins.py) is loaded already, and registered as the object itself.
"""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

from grpo_core.core.errors import LabError, told


def check(registry: Mapping[str, object], name: str, kind: str) -> None:
    """Refuse a name that is not registered; nothing is imported.

    Args:
        registry: the names, with what they stand for.
        name: what the user typed.
        kind: the singular noun used in the error message, such as "task".

    Raises:
        LabError: `name` is not registered; the message lists the names and the closest one.
    """
    if name not in registry:
        close = difflib.get_close_matches(name, registry, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        known = ", ".join(sorted(registry))
        raise LabError(f"There is no {kind} called '{name}'.{hint} Known: {known}.")


def load(registry: Mapping[str, Any], name: str, kind: str) -> Any:
    """Return the object registered as `name`.

    Raises:
        LabError: `name` is not registered, or what it stands for cannot be imported.
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
            f"The {kind} '{name}', registered as '{registered}', cannot be loaded: {told(error)}."
        ) from error
