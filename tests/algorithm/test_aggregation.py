"""Invariants 8, 10 and 11: lengths, padding, micro-batches."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.algorithm.aggregation import (
    AGGREGATIONS,
    BatchSize,
    constant,
    length_weighted,
    local_token_mean,
    sequence_mean,
    token_mean,
)
from grpo_core.core.errors import LabError

L = 12  # max_completion_length
EXACT = [
    "sequence_mean",
    "token_mean",
    "constant",
    "length_weighted",
]  # under gradient accumulation


@st.composite
def ragged(draw: st.DrawFn, min_length: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, T) float64 values and a mask of completions of any lengths, padded on the right."""
    lengths = draw(st.lists(st.integers(min_length, 6), min_size=1, max_size=6))
    width = max([*lengths, 1])
    mask = torch.arange(width) < torch.tensor(lengths).unsqueeze(1)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    return torch.randn(mask.shape, generator=generator, dtype=torch.float64), mask


def test_the_five_by_hand() -> None:
    values = torch.tensor([[1.0, 2.0, 3.0], [10.0, 0.0, 0.0]])
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]]).bool()
    size = BatchSize.of(mask, max_completion_length=8)
    assert size == BatchSize(sequences=2, tokens=4, max_completion_length=8)
    assert sequence_mean(values, mask) == (2 + 10) / 2
    assert token_mean(values, mask) == 16 / 4
    assert local_token_mean(values, mask) == 16 / 4
    assert constant(values, mask, size) == 16 / 16
    assert length_weighted(values, mask) == (6 + 10) / 2


@given(ragged(min_length=1))
def test_constant_is_token_mean_times_the_share_of_room_that_is_used(
    batch: tuple[torch.Tensor, torch.Tensor],
) -> None:
    values, mask = batch
    expected = token_mean(values, mask) * mask.sum() / (len(mask) * L)
    torch.testing.assert_close(constant(values, mask, BatchSize.of(mask, L)), expected)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 9))
def test_with_equal_lengths_the_three_means_agree(rows: int, length: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, length + 1, generator=generator, dtype=torch.float64)
    mask = torch.ones(rows, length + 1, dtype=torch.bool)
    mask[:, length:] = False
    for mean in (sequence_mean, token_mean, local_token_mean):
        torch.testing.assert_close(mean(values, mask), values[:, :length].mean())


@pytest.mark.parametrize("name", list(AGGREGATIONS))
@given(batch=ragged(), left=st.integers(0, 3), right=st.integers(0, 3), below=st.integers(0, 2))
def test_padding_on_any_side_changes_nothing(
    name: str, batch: tuple[torch.Tensor, torch.Tensor], left: int, right: int, below: int
) -> None:
    values, mask = batch
    pad = (left, right, 0, below)
    padded = torch.nn.functional.pad(values, pad, value=float("nan"))
    padded_mask = torch.nn.functional.pad(mask, pad, value=False)
    aggregate = AGGREGATIONS[name]
    torch.testing.assert_close(
        aggregate(padded, padded_mask, BatchSize.of(padded_mask, L)),
        aggregate(values, mask, BatchSize.of(mask, L)),
    )


@pytest.mark.parametrize("name", list(AGGREGATIONS))
def test_masked_positions_get_no_gradient_and_the_others_do(name: str) -> None:
    values = torch.tensor([[1.0, float("inf")], [2.0, 3.0]], requires_grad=True)
    mask = torch.tensor([[1, 0], [1, 1]])  # 0/1 does as well as bool
    loss = AGGREGATIONS[name](values, mask, BatchSize.of(mask, L))
    (gradient,) = torch.autograd.grad(loss, values)
    assert torch.isfinite(loss)
    assert gradient.ne(0).equal(mask.bool())


@pytest.mark.parametrize("name", EXACT)
@given(batch=ragged(), data=st.data())
def test_micro_batches_add_up(
    name: str, batch: tuple[torch.Tensor, torch.Tensor], data: st.DataObject
) -> None:
    values, mask = batch
    size = BatchSize.of(mask, L)
    whole = AGGREGATIONS[name](values, mask, size)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(mask)), max_size=3)))
    parts = zip(values.tensor_split(cuts), mask.tensor_split(cuts), strict=True)
    summed = sum(AGGREGATIONS[name](v, m, size) for v, m in parts)
    torch.testing.assert_close(summed, whole)


def test_local_token_mean_depends_on_the_cut_by_design() -> None:
    values = torch.tensor([[1.0, 1.0, 1.0], [9.0, 0.0, 0.0]])
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]]).bool()
    size = BatchSize.of(mask)
    one_by_one = sum(local_token_mean(values[i : i + 1], mask[i : i + 1], size) for i in range(2))
    assert local_token_mean(values, mask, size) == token_mean(values, mask) == 3
    assert one_by_one == sequence_mean(values, mask) == 5


@pytest.mark.parametrize("name", list(AGGREGATIONS))
@pytest.mark.parametrize("shape", [(2, 3), (2, 0), (0, 3)])
def test_nothing_but_masked_positions_gives_zero(name: str, shape: tuple[int, int]) -> None:
    values = torch.full(shape, float("nan"), requires_grad=True)
    mask = torch.zeros(shape, dtype=torch.bool)
    for size in (BatchSize.of(mask, L), BatchSize(4, 10, L)):
        loss = AGGREGATIONS[name](values, mask, size)
        (gradient,) = torch.autograd.grad(loss, values)
        assert loss.item() == 0
        assert gradient.eq(0).all()


def test_a_row_that_is_masked_as_a_whole_is_counted_nowhere() -> None:
    values = torch.tensor([[4.0, 4.0], [9.0, 9.0]])
    mask = torch.tensor([[1, 1], [0, 0]]).bool()
    for name, expected in [("sequence_mean", 4), ("token_mean", 4), ("local_token_mean", 4)]:
        assert AGGREGATIONS[name](values, mask) == expected
    assert constant(values, mask, BatchSize.of(mask, 2)) == 4


def test_constant_needs_to_be_told_the_constant() -> None:
    values, mask = torch.ones(1, 2), torch.ones(1, 2).bool()
    for size in (None, BatchSize.of(mask)):
        with pytest.raises(LabError, match="max_completion_length"):
            constant(values, mask, size)
