"""Whether a JSON value is what a TypedDict declares."""

import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict


def mismatches(value: Any, kind: Any, where: str = "it") -> list[str]:
    """Where a value is not of its kind, in words; [] where it is."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return []
    if is_typeddict(kind):
        return _of_object(value, kind, where)
    if origin in (Union, types.UnionType):
        found = [mismatches(value, one, where) for one in inner]
        return min(found, key=len)
    if origin is Literal:
        return [] if value in inner else [f"{where} is {value!r}"]
    if origin is list and isinstance(value, list):
        return [
            w for i, item in enumerate(value) for w in mismatches(item, inner[0], f"{where}[{i}]")
        ]
    if origin is dict and isinstance(value, dict):
        return [w for k, item in value.items() for w in mismatches(item, inner[1], f"{where}.{k}")]
    if kind is float:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        fits = type(value) is (origin or kind)
    return [] if fits else [f"{where} is {value!r}, not {kind}"]


def _of_object(value: Any, kind: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    fields = get_type_hints(kind)
    found = [f"{where}.{name} is not declared" for name in value.keys() - fields.keys()]
    found += [f"{where}.{name} is missing" for name in kind.__required_keys__ - value.keys()]
    for name in value.keys() & fields.keys():
        found += mismatches(value[name], fields[name], f"{where}.{name}")
    return found
