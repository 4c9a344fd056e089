"""The mistakes that the exercise `weights` of lesson 11 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson11.weights_exercise import my_weights, weights

Weights = Callable[[Tensor, str, int], Tensor]


def _weights(**wrong: Callable[[Tensor, int], Tensor]) -> Weights:
    """Weights that are right but for what is passed in: of one way, what to divide by."""

    def weights(mask: Tensor, how: str, max_length: int) -> Tensor:
        if how in wrong:
            return mask / wrong[how](mask, max_length)
        return my_weights(mask, how, max_length)

    return weights


def _unmasked(mask: Tensor, how: str, max_length: int) -> Tensor:
    right = my_weights(mask, how, max_length)
    return right.amax(dim=1, keepdim=True).expand_as(right)


def _unmasked_in(one: str) -> Weights:
    """Weights that are right but for the padding in one of the three ways."""
    return lambda mask, how, limit: (_unmasked if how == one else my_weights)(mask, how, limit)


def _swap(how: str, one: str, other: str) -> str:
    return {one: other, other: one}.get(how, how)


def _lengths(mask: Tensor) -> Tensor:
    return mask.sum(dim=1, keepdim=True)


@weights.mistake(
    "You give padding a weight. After the end of a completion there is no token, so the weight "
    "there is 0."
)
def padding_weighted() -> WrongAnswers:
    yield _unmasked
    yield from (_unmasked_in(how) for how in ("token_mean", "constant"))


@weights.mistake(
    "In `sequence_mean` you divided every completion by the width of the tensor, padding "
    "included. Divide each completion by its own number of tokens."
)
def width_for_length() -> WrongAnswers:
    yield _weights(sequence_mean=lambda m, limit: torch.tensor(m.shape[0] * m.shape[1]))
    yield _weights(sequence_mean=lambda m, limit: torch.tensor(m.shape[1]))


@weights.mistake(
    "Your `sequence_mean` is a mean within each completion and a *sum* over completions. With "
    "twice as many completions the gradient would be twice as long."
)
def completions_added() -> WrongAnswers:
    yield _weights(sequence_mean=lambda m, limit: _lengths(m))


@weights.mistake(
    "In `sequence_mean` you counted down the columns: how many completions have a token at that "
    "position. A row is a completion, and its length is the sum along dim=1."
)
def down_the_columns() -> WrongAnswers:
    yield _weights(sequence_mean=lambda m, limit: len(m) * m.sum(dim=0).clamp(min=1))


@weights.mistake(
    "Your `sequence_mean` has one divisor for all tokens: that is `token_mean`. Here each "
    "completion is divided by its own length."
)
def tokens_for_completions() -> WrongAnswers:
    yield _weights(sequence_mean=lambda m, limit: m.sum())


@weights.mistake(
    "In `constant` parentheses are missing: `a / b * c` divides by b, and multiplies by c."
)
def brackets() -> WrongAnswers:
    yield _weights(constant=lambda m, limit: torch.tensor(len(m) / limit))


@weights.mistake(
    "In `token_mean` each completion is still divided by its own length. Here there is one "
    "divisor for all, the number of tokens in the batch, whichever completion they belong to."
)
def length_for_all() -> WrongAnswers:
    yield _weights(token_mean=lambda m, limit: len(m) * _lengths(m))
    yield _weights(token_mean=lambda m, limit: _lengths(m))


@weights.mistake(
    "In `token_mean` you divided by all positions of the tensor, padding included. Then a token's "
    "weight depends on the longest completion in the batch."
)
def padding_counted() -> WrongAnswers:
    yield _weights(token_mean=lambda m, limit: torch.tensor(m.numel()))


@weights.mistake(
    "In `token_mean` you divided by the tokens and by the completions. Divide only by the tokens "
    "of the batch."
)
def one_completion_forgotten() -> WrongAnswers:
    yield _weights(token_mean=lambda m, limit: len(m) * m.sum())


@weights.mistake(
    "Your constant is not constant: it is the longest completion, or the width, of *this* batch. "
    "One long completion would then make all others count for less. Use the maximum length of a "
    "completion, the same at every step of the run. (Several public trainers have had this bug.)"
)
def longest_for_limit() -> WrongAnswers:
    yield _weights(constant=lambda m, limit: len(m) * _lengths(m).max())
    yield _weights(constant=lambda m, limit: torch.tensor(m.numel()))


@weights.mistake(
    "In `constant` a token's weight still depends on how long its completion is. Dr. GRPO removes "
    "that: one divisor for every token, whatever was sampled."
)
def constant_is_not() -> WrongAnswers:
    yield _weights(constant=lambda m, limit: len(m) * _lengths(m))
    yield _weights(constant=lambda m, limit: limit * _lengths(m))
    yield _weights(constant=lambda m, limit: m.sum())


@weights.mistake(
    "In `constant` you divided by the limit alone. It is a mean over completions too, as the "
    "other two are."
)
def limit_alone() -> WrongAnswers:
    yield _weights(constant=lambda m, limit: torch.tensor(limit))


@weights.mistake("Two of the three ways are right but swapped.")
def ways_swapped() -> WrongAnswers:
    yield lambda m, how, limit: my_weights(m, _swap(how, "token_mean", "constant"), limit)
    yield lambda m, how, limit: my_weights(m, _swap(how, "token_mean", "sequence_mean"), limit)
    yield lambda m, how, limit: my_weights(m, _swap(how, "sequence_mean", "constant"), limit)


@weights.mistake(
    "In `token_mean` you multiplied by the number of completions: your weights are that many "
    "times too large. There the weights of a whole batch sum to 1."
)
def not_divided_by_completions() -> WrongAnswers:
    yield _weights(token_mean=lambda m, limit: m.sum() / len(m))


@weights.mistake(
    "In `constant` the limit is right, but you multiplied it by the tokens or the width. Each "
    "completion has room for `limit` tokens, so multiply by the number of completions."
)
def limit_of_something_else() -> WrongAnswers:
    yield _weights(constant=lambda m, limit: m.sum() * limit)
    yield _weights(constant=lambda m, limit: torch.tensor(m.shape[1] * limit))


@weights.mistake(
    "In `sequence_mean` you multiplied by the length. Dividing by it makes a token of a long "
    "completion count *less*: together its tokens have the weight of one completion."
)
def long_ones_count_more() -> WrongAnswers:
    yield (
        lambda m, how, limit: (
            m * _lengths(m) / m.sum() / len(m)
            if how == "sequence_mean"
            else my_weights(m, how, limit)
        )
    )
    yield (
        lambda m, how, limit: (
            m * _lengths(m) / m.sum() if how == "sequence_mean" else my_weights(m, how, limit)
        )
    )
