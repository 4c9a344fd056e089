"""What is said about wrong numbers beside the right ones."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from grpo_core.course.difference import describe_difference

RIGHT = torch.tensor([[0.5, -1.0, 2.0], [0.25, 3.0, -0.75]])


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (2.5 * RIGHT, "Yours is 2.5 times the right value everywhere."),
        (RIGHT / 4, "Yours is 0.25 times the right value everywhere."),
        (-RIGHT, "Yours has the opposite sign everywhere."),
        (RIGHT + 0.3, "Yours is too large by 0.3 everywhere."),
        (RIGHT - 0.3, "Yours is too small by 0.3 everywhere."),
        (0 * RIGHT, "Yours is 0 everywhere."),
        (RIGHT.flip(0), "These are the right numbers in the wrong places."),
        (RIGHT.log(), "2 of 6 values are NaN in yours."),
        (RIGHT.clamp(max=2.5), "5 of 6 values are right; the first wrong one is at index [1, 1]"),
        (RIGHT.flatten().clamp(max=2.5), ""),  # another shape is said elsewhere
        (RIGHT.exp(), ""),
        (RIGHT, ""),
    ],
)
def test_what_is_said(got: Tensor, said: str) -> None:
    assert describe_difference(got, RIGHT).startswith(said)
    assert bool(describe_difference(got, RIGHT)) is bool(said)


def test_of_a_row_the_place_is_a_number() -> None:
    row = torch.arange(5.0)
    assert "index 4," in describe_difference(row.clamp(max=3.5), row)


def test_few_numbers_say_nothing() -> None:
    assert describe_difference(torch.tensor([2.0, 4.0]), torch.tensor([1.0, 2.0])) == ""
    assert describe_difference(
        torch.tensor([2.0, 0, 0, 0]), torch.tensor([1.0, 0, 0, 0])
    ).startswith("3 of 4 values are right")


def test_of_several_outcomes_the_first_that_differs_is_looked_at() -> None:
    assert (
        describe_difference([RIGHT, -RIGHT], [RIGHT, RIGHT])
        == "Yours has the opposite sign everywhere."
    )
    assert describe_difference([torch.tensor(1.0), RIGHT], [torch.tensor(1.0), RIGHT]) == ""


@pytest.mark.parametrize("value", [None, "text", 3.0, [1, 2, 3], {"a": RIGHT}])
def test_of_what_is_no_tensor_nothing_is_said(value: object) -> None:
    assert (
        describe_difference(value, value)
        == ""
        == describe_difference(value, RIGHT)
        == describe_difference(RIGHT, value)
    )


@given(st.floats(-50, 50).filter(lambda c: abs(c) > 0.1 and abs(c - 1) > 0.1 and abs(c + 1) > 0.1))
def test_every_factor_is_found(factor: float) -> None:
    assert (
        describe_difference(factor * RIGHT, RIGHT)
        == f"Yours is {factor:.3g} times the right value everywhere."
    )
