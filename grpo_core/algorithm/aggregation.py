"""From one loss per token to one loss per batch: how much each token weighs.

It looks like bookkeeping and decides what is learned. Averaging within each completion first
(`sequence_mean`) makes the tokens of a long wrong answer cheap; averaging over all tokens
(`token_mean`) gives every token the same weight; dividing by a constant (`constant`) removes the
influence of length altogether (Dr. GRPO, arXiv 2503.20783, section 3).

A batch may be too large for one backward pass and be fed in micro-batches whose gradients add up.
For the sum to be the whole batch's gradient, each must be divided by the size of the whole: that
is what `BatchSize` carries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grpo_core.algorithm.formula import Formula, frac, num, op, sym
from grpo_core.core.errors import LabError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class BatchSize:
    """The size of everything that one optimizer step averages over.

    Attributes:
        sequences: completions with at least one token that is not masked.
        tokens: tokens that are not masked.
        max_completion_length: the L that `constant` divides by.
    """

    sequences: int
    tokens: int
    max_completion_length: int | None = None

    @classmethod
    def of(cls, mask: Tensor, max_completion_length: int | None = None) -> BatchSize:
        """The size of the batch with this (B, T) mask.

        A completion that is masked as a whole, because it was truncated or is only filling, is
        counted nowhere: it adds nothing to a loss, so it must not dilute it either. TRL masks such
        rows in the numerator and still counts them in the mean of loss_type "grpo".
        """
        mask = mask.bool()
        return cls(int(mask.any(dim=1).sum()), int(mask.sum()), max_completion_length)


def sequence_mean(values: Tensor, mask: Tensor, size: BatchSize | None = None) -> Tensor:
    """Mean over each completion's tokens, then over completions: loss_type "grpo".

    1/B sum_i 1/len_i sum_t values_it. DeepSeekMath (arXiv 2402.03300), equation 3.

    Args:
        values: (B, T) one number per token.
        mask: (B, T) bool; masked positions count for nothing, whatever they hold.
        size: the whole batch's, when this is one micro-batch of several.

    Returns:
        A scalar; 0 when everything is masked.
    """
    size = size or BatchSize.of(mask)
    lengths = mask.sum(dim=1).clamp(min=1)
    return (_masked(values, mask).sum(dim=1) / lengths).sum() / max(size.sequences, 1)


def token_mean(values: Tensor, mask: Tensor, size: BatchSize | None = None) -> Tensor:
    """Mean over all tokens of the batch: loss_type "dapo".

    sum_it values_it / sum_i len_i. DAPO (arXiv 2503.14476), equation 12. Arguments and result as
    in `sequence_mean`.
    """
    size = size or BatchSize.of(mask)
    return _masked(values, mask).sum() / max(size.tokens, 1)


def local_token_mean(values: Tensor, mask: Tensor, size: BatchSize | None = None) -> Tensor:
    """Mean over the tokens of each micro-batch, then over micro-batches: TRL's "bnpo".

    A micro-batch weighs by its share of the completions. So the result depends on how the batch
    was cut up: with a single micro-batch it is `token_mean`, with one completion in each it is
    `sequence_mean`. Arguments and result as in `sequence_mean`.
    """
    here = BatchSize.of(mask)
    size = size or here
    share = here.sequences / max(size.sequences, 1)
    return _masked(values, mask).sum() / max(here.tokens, 1) * share


def constant(values: Tensor, mask: Tensor, size: BatchSize | None = None) -> Tensor:
    """Sum over all tokens, divided by B * max_completion_length: loss_type "dr_grpo".

    Dr. GRPO (arXiv 2503.20783), section 3.2. Arguments and result as in `sequence_mean`.

    Raises:
        LabError: `size` does not tell max_completion_length. The width of the tensors would not
            do: it is the length of the longest completion that happens to be in it.
    """
    if size is None or size.max_completion_length is None:
        raise LabError('loss_type "dr_grpo" divides by max_completion_length: pass it in `size`.')
    return _masked(values, mask).sum() / max(size.sequences * size.max_completion_length, 1)


def length_weighted(values: Tensor, mask: Tensor, size: BatchSize | None = None) -> Tensor:
    """Sum over each completion's tokens, then mean over completions: loss_type "luspo".

    1/B sum_i sum_t values_it. With one ratio per completion that is GSPO's term times its length:
    LUSPO (arXiv 2602.05261). With log-probs for values it is the textbook policy gradient, since
    log pi(o) is the sum over the tokens. Arguments and result as in `sequence_mean`.
    """
    size = size or BatchSize.of(mask)
    return _masked(values, mask).sum() / max(size.sequences, 1)


def _masked(values: Tensor, mask: Tensor) -> Tensor:
    """0 where masked, even over a NaN, which a product with 0 would keep."""
    return values.masked_fill(~mask.bool(), 0.0)


@dataclass(frozen=True)
class Aggregation:
    """A way from one loss per token to one loss per batch.

    Attributes:
        function: torch. ((B, T) values, mask, size) -> a scalar.
        share: (sequences, tokens, length of the completion, max_completion_length) -> what one of
            its tokens counts in the loss, with a single micro-batch.
        formula: the share as data.
        local: whether the mean is that of each micro-batch.
    """

    function: Callable[..., Any]
    share: Callable[[float, float, int, int], float]
    formula: Formula
    local: bool = False

    def __call__(self, values: Tensor, mask: Tensor, size: BatchSize | None = None) -> Tensor:
        """Return the loss by `function`."""
        loss: Tensor = self.function(values, mask, size)
        return loss


def _one_over(*below: str) -> Formula:
    symbols = [node for name in below for node in (op("·"), sym(name))][1:]
    return (frac((num("1"),), tuple(symbols)),)


AGGREGATIONS: dict[str, Aggregation] = {
    "sequence_mean": Aggregation(
        sequence_mean, lambda b, tokens, length, most: 1 / (b * length), _one_over("B", "len")
    ),
    "token_mean": Aggregation(
        token_mean, lambda b, tokens, length, most: 1 / tokens, _one_over("tokens")
    ),
    "local_token_mean": Aggregation(
        local_token_mean,
        lambda b, tokens, length, most: 1 / tokens,
        _one_over("tokens"),
        local=True,
    ),
    "constant": Aggregation(
        constant, lambda b, tokens, length, most: 1 / (b * most), _one_over("B", "L")
    ),
    "length_weighted": Aggregation(
        length_weighted, lambda b, tokens, length, most: 1 / b, _one_over("B")
    ),
}
