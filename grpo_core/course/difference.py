"""Describe how wrong numbers differ from the right ones, when no known mistake matches.

A factor, a sign, an added constant, another order, one wrong row: each narrows down where to look,
and none says what to write.
"""

from typing import Any

import torch
from torch import Tensor

NEAR = 1e-3  # the same as outcomes.TOLERANCE


def describe_difference(got: Any, expected: Any) -> str:
    """Describe how wrong numbers differ from the right ones.

    Args:
        got: what a learner's function returned, a tensor or a list of tensors.
        expected: what it should have returned.

    Returns:
        One sentence, or "" if there is nothing to add.
    """
    if isinstance(got, list | tuple) and isinstance(expected, list | tuple):
        pairs = zip(got, expected, strict=False)
        return next((said for pair in pairs if (said := describe_difference(*pair))), "")
    if not isinstance(got, Tensor) or not isinstance(expected, Tensor):
        return ""
    if got.shape != expected.shape or got.numel() < 3:  # of two numbers, any is a multiple
        return ""
    got, expected = got.detach().double(), expected.detach().double()
    right = _near(got, expected)
    return "" if bool(right.all()) else _said(got, expected, right)


def _near(a: Tensor, b: Tensor) -> Tensor:
    return torch.isclose(a, b, atol=NEAR, rtol=NEAR, equal_nan=True)


def _said(got: Tensor, expected: Tensor, right: Tensor) -> str:
    """Return the sentence for two tensors of the same shape that differ."""
    if bool(got.isnan().any()):
        return f"{int(got.isnan().sum())} of {got.numel()} values are NaN in yours."
    if not bool(got.any()):
        return "Yours is 0 everywhere."
    if (factor := _factor(got, expected)) is not None:
        if abs(factor + 1) < NEAR:
            return "Yours has the opposite sign everywhere."
        return f"Yours is {factor:.3g} times the right value everywhere."
    if bool(_near(got - expected, (got - expected).mean()).all()):
        more = float((got - expected).mean())
        return f"Yours is too {'large' if more > 0 else 'small'} by {abs(more):.3g} everywhere."
    if bool(_near(got.flatten().sort().values, expected.flatten().sort().values).all()):
        return "These are the right numbers in the wrong places."
    if bool(right.any()):
        place = (~right).nonzero()[0].tolist()
        where = place[0] if len(place) == 1 else place
        count = f"{int(right.sum())} of {right.numel()}"
        return f"{count} values are right; the first wrong one is at index {where}, counted from 0."
    return ""


def _factor(got: Tensor, expected: Tensor) -> float | None:
    """Return the one factor between `expected` and `got`, or None if there is none."""
    largest = int(expected.abs().argmax())
    if int((expected.abs() > NEAR).sum()) < 3:  # too few: could be a coincidence
        return None
    factor = float(got.flatten()[largest] / expected.flatten()[largest])
    return factor if bool(_near(got, factor * expected).all()) else None
