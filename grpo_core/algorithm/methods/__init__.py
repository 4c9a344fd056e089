"""The methods of the family, one module each: see `algorithm.method.Method`.

A module in this folder with a `METHOD` is a method: nothing else is to be edited. Its numbers are
options of a run, its loss types and presets can be chosen, and the lens, the page and
docs/algorithms.md show it. A module whose name begins with an underscore is skipped.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass, make_dataclass
from typing import TYPE_CHECKING, Any

from grpo_core.algorithm.choices import choose
from grpo_core.algorithm.method import Method, Number
from grpo_core.core.errors import LabError


def _found() -> dict[str, Method]:
    """Every method of this folder under its name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"{__name__}.{n}") for n in names if n[0] != "_"]
    return {module.METHOD.name: module.METHOD for module in modules}


def numbers_of(methods: Iterable[Method]) -> dict[str, Number]:
    """Name -> number, of all methods; several may share one.

    Raises:
        LabError: two methods mean different numbers by one name.
    """
    found: dict[str, Number] = {}
    for method in methods:
        for number in method.numbers:
            if found.setdefault(number.name, number) != number:
                raise LabError(
                    f"The method '{method.name}' declares the number '{number.name}' otherwise "
                    "than another method: share one declaration, or give it another name."
                )
    return found


def loss_types_of(methods: Iterable[Method]) -> dict[str, tuple[str, str]]:
    """loss_type -> (surrogate, aggregation), of all methods.

    Raises:
        LabError: two methods claim one loss_type.
    """
    found: dict[str, tuple[str, str]] = {}
    for method in methods:
        for loss_type, aggregation in method.loss_types.items():
            if loss_type in found:
                raise LabError(
                    f"The methods '{found[loss_type][0]}' and '{method.name}' both claim the "
                    f"loss_type '{loss_type}': rename one of them."
                )
            found[loss_type] = (method.name, aggregation)
    return found


METHODS: dict[str, Method] = _found()
NUMBERS: dict[str, Number] = numbers_of(METHODS.values())
LOSS_TYPES: dict[str, tuple[str, str]] = loss_types_of(METHODS.values())
"""TRL's loss_type sets two switches at once: (surrogate, aggregation)."""


def switches_of(loss_type: str) -> tuple[Method, str]:
    """The method and the name of the aggregation that a loss_type stands for.

    Raises:
        LabError: there is no such loss_type.
    """
    if loss_type not in LOSS_TYPES:
        known = ", ".join(LOSS_TYPES)
        raise LabError(f"There is no loss_type '{loss_type}' yet. Known: {known}.")
    surrogate, aggregation = LOSS_TYPES[loss_type]
    return choose(METHODS, surrogate, "The surrogate"), aggregation


if TYPE_CHECKING:  # the fields are not known before the modules are found

    @dataclass(frozen=True)
    class MethodNumbers:
        """The numbers of every method, as fields."""

else:
    MethodNumbers = make_dataclass(
        "MethodNumbers",
        [
            (n.name, float if n.default is not None else float | None, n.as_option())
            for n in NUMBERS.values()
        ],
        frozen=True,
        kw_only=True,
        namespace={"__doc__": "The numbers of every method, as fields."},
    )


def numbers_in(options: Any) -> dict[str, Any]:
    """Name -> value of every method's number in a configuration or a variant."""
    return {name: getattr(options, name) for name in NUMBERS}
