"""Exercise 3 of lesson 07: a test of the mask."""

import torch
from torch import Tensor

from grpo_core.algorithm.logprobs import completion_mask
from grpo_core.course.exercise import Exercise
from grpo_core.course.lesson07.cases import panel
from grpo_core.course.toys import loop_variants


def my_mask_test(mask_of: loop_variants.Mask) -> bool:
    """Return whether mask_of(ids (B, T), end) -> (B, T) is right."""
    end = 9
    ids = torch.tensor([[5, 6, end, end, end], [7, end, end, end, end], [5, 6, 7, 5, 6]])
    right = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 1, 1]])
    return torch.equal(mask_of(ids, end).long(), right)


def _by_length(ids: Tensor, end: int) -> Tensor:
    """The right mask, found in another way."""
    ends = ids == end
    first = torch.where(ends.any(1), ends.long().argmax(1), ids.shape[1] - 1)
    return torch.arange(ids.shape[1]) <= first.unsqueeze(1)


def _one_more(ids: Tensor, end: int) -> Tensor:
    right = completion_mask(ids, end)
    return torch.cat([torch.ones_like(right[:, :1]), right[:, :-1]], dim=1)


def _one_less(ids: Tensor, end: int) -> Tensor:
    right = completion_mask(ids, end)
    return torch.cat([right[:, 1:], torch.zeros_like(right[:, :1])], dim=1)


def _last_end(ids: Tensor, end: int) -> Tensor:
    later = (ids == end).flip(1).cumsum(1).flip(1)
    return (later > 0) | ~(ids == end).any(dim=1, keepdim=True)


def _ends_always(ids: Tensor, end: int) -> Tensor:
    """Broken where there is no end: `argmax` of a row without a True is 0."""
    first = (ids == end).long().argmax(dim=1, keepdim=True)
    return torch.arange(ids.shape[1]) <= first


def _rolled(ids: Tensor, end: int) -> Tensor:
    """As many tokens as there should be, in every row, and other ones."""
    return completion_mask(ids, end).roll(1, dims=1)


_MASKS: list[loop_variants.Mask] = [
    loop_variants.shifted_mask,
    loop_variants.mask_without_padding,
    _one_less,
    _one_more,
    _last_end,
    lambda ids, end: torch.ones_like(ids).bool(),
    _ends_always,
    _rolled,
]


mask_test = Exercise(
    "07",
    "mask_test",
    solution_function=my_mask_test,
    cases=panel("a mask", [completion_mask, _by_length], _MASKS),
    hints=[
        "Make a small example by hand: two or three rows of made-up ids, and the mask that each "
        "should have. Then compare.",
        "Use rows of different lengths, padding with the EOS id, and one row that was truncated "
        "and has no EOS.",
        "A right mask is True up to and including the first EOS, and False after it. "
        "`torch.equal` compares two tensors of the same type.",
    ],
    well_done=(
        "your test distinguishes right masks from eight broken ones, including a shifted one and "
        "one without EOS."
    ),
)
