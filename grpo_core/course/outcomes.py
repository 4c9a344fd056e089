"""Turn what a learner's function returned into outcomes that can be compared and printed."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

TOLERANCE = 1e-3  # loose enough that the choice of a small epsilon does not matter


class Unfinished(Exception):
    """The learner's function returned None or `...`: its body has not been written yet."""


class WrongShape(Exception):
    """The learner's function returned a value of the wrong shape; the message says which."""


def returned(value: Any) -> Any:
    """Return the value that a learner's function returned, unchanged. Every case calls this.

    Raises:
        Unfinished: the value is None or `...`.
    """
    if value is None or value is Ellipsis:
        raise Unfinished
    return value


def tensor(value: Any) -> Tensor:
    """Return what a learner's function returned, as a tensor.

    Raises:
        Unfinished: the value is None or `...`.
    """
    value = returned(value)
    if isinstance(value, Tensor):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(v, Tensor) for v in value):
        return torch.stack(list(value))  # as `return k1, k2, k3`
    return torch.as_tensor(value, dtype=torch.float32)


def number(value: Any) -> float:
    """Return what a learner's function returned, as one number.

    Raises:
        Unfinished: the value is None or `...`.
        WrongShape: it holds more or fewer than one number.
    """
    value = tensor(value)
    if value.numel() != 1:
        raise WrongShape(f"Return one number; yours has the shape {tuple(value.shape)}.")
    return float(value.detach())  # a loss that needs a gradient is a number too


def outcome_or_error(function: Callable[..., Any], *inputs: Any) -> Any:
    """Return what a function returns, or the name of its exception where that is an outcome too."""
    try:
        return function(*inputs)
    except (NotImplementedError, Unfinished):
        raise
    except Exception as error:  # whatever a learner's code may raise
        return f"raised {type(error).__name__}"


def same(got: Any, expected: Any) -> bool:
    """Return whether two outcomes are equal: numbers within `TOLERANCE`, NaN to NaN, True to 1."""
    if isinstance(got, Tensor) and isinstance(expected, Tensor):
        return got.shape == expected.shape and torch.allclose(
            got.float(), expected.float(), atol=TOLERANCE, rtol=TOLERANCE, equal_nan=True
        )
    if isinstance(got, int | float) and isinstance(expected, int | float):
        return same(torch.tensor(float(got)), torch.tensor(float(expected)))
    if isinstance(got, list | tuple) and isinstance(expected, list | tuple):
        return len(got) == len(expected) and all(map(same, got, expected))
    if isinstance(got, dict) and isinstance(expected, dict):
        return got.keys() == expected.keys() and all(same(got[k], expected[k]) for k in got)
    return type(got) is type(expected) and bool(got == expected)


def shown(value: Any) -> str:
    """Return an outcome as text for a sentence: at most eight numbers, at most 100 characters."""
    if isinstance(value, Tensor):
        flat = value.detach().flatten().tolist()
        numbers = ", ".join(f"{v:.3g}" for v in flat[:8])
        return f"[{numbers}{', …' if len(flat) > 8 else ''}]" if value.dim() else f"{flat[0]:.4g}"
    if isinstance(value, list | tuple) and any(isinstance(v, Tensor) for v in value):
        return " and ".join(map(shown, value))  # as a loss and its gradient
    if isinstance(value, bool) or not isinstance(value, int | float):
        text = repr(value)
        return text if len(text) <= 100 else f"{text[:99]}…"
    return f"{value:.4g}"
