"""How wrong numbers are related to the right ones: a last hint where no known mistake fits.

A factor, a sign, a constant on top, another order, one row that is wrong: each narrows down where
to look, and none says what to write.
"""

from typing import Any

import torch
from torch import Tensor

NEAR = 1e-3  # as exact as exercises compare


def describe_difference(got: Any, expected: Any) -> str:
    """What there is to say about wrong numbers beside the right ones.

    Args:
        got: what a learner's function gave, a tensor or a list of tensors.
        expected: what it should have given.

    Returns:
        A sentence; nothing where there is no more to see than that they differ.
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
    """The sentence, for tensors of one shape that differ."""
    if bool(got.isnan().any()):
        return f"{int(got.isnan().sum())} of {got.numel()} are no numbers (nan) in yours."
    if not bool(got.any()):
        return "Yours is 0 everywhere."
    if (factor := _factor(got, expected)) is not None:
        if abs(factor + 1) < NEAR:
            return "Yours has the other sign, everywhere."
        return f"Yours is {factor:.3g} times what it should be, everywhere."
    if bool(_near(got - expected, (got - expected).mean()).all()):
        more = float((got - expected).mean())
        return f"Yours is {'more' if more > 0 else 'less'} by {abs(more):.3g}, everywhere."
    if bool(_near(got.flatten().sort().values, expected.flatten().sort().values).all()):
        return "These are the right numbers, in other places."
    if bool(right.any()):
        place = (~right).nonzero()[0].tolist()
        where = place[0] if len(place) == 1 else place
        count = f"{int(right.sum())} of {right.numel()}"
        return f"Right are {count}; the first that is not stands at place {where}, counted from 0."
    return ""


def _factor(got: Tensor, expected: Tensor) -> float | None:
    """By what all of `expected` is multiplied in `got`, if by one number."""
    largest = int(expected.abs().argmax())
    if int((expected.abs() > NEAR).sum()) < 3:  # too few to be more than chance
        return None
    factor = float(got.flatten()[largest] / expected.flatten()[largest])
    return factor if bool(_near(got, factor * expected).all()) else None
