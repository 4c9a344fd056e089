"""Lesson 11, the family: its checks, its mistakes, its quiz."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.lessons.exercise import Case, Exercise, Mistake, WrongShape, number, tensor
from grpo_core.lessons.quiz import Option, Question, Quiz

# --- exercise 1: who gets how large a say ---------------------------------------------------------

# Three completions of 2, 3 and 5 tokens in a tensor of 6, where 12 would have been allowed: the
# longest, the width and the limit are three numbers.
_LENGTHS = (2, 3, 5)
_WIDTH, _LIMIT = 6, 12
_MASK = torch.arange(_WIDTH)[None] < torch.tensor(_LENGTHS)[:, None]

Weights = Callable[[Tensor, str, int], Tensor]


def my_weights(mask: torch.Tensor, how: str, max_length: int) -> torch.Tensor:
    """What each token counts, 0 on padding: mask (B, T) -> (B, T)."""
    if how == "sequence_mean":
        return mask / mask.sum(dim=1, keepdim=True) / len(mask)
    if how == "token_mean":
        return mask / mask.sum()
    return mask / (len(mask) * max_length)  # "constant"


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


def _weighed(how: str) -> Callable[[Callable[..., Any]], Tensor]:
    return lambda f: tensor(f(_MASK.clone(), how, _LIMIT)).float()


weights = Exercise(
    "11",
    "weights",
    solution_function=my_weights,
    cases=[
        Case('For completions of 2, 3 and 5 tokens, "sequence_mean"', _weighed("sequence_mean")),
        Case('For the same three, "token_mean"', _weighed("token_mean")),
        Case('For the same three, "constant" with a limit of 12', _weighed("constant")),
    ],
    mistakes=[
        Mistake(
            "padding_weighted",
            "Padding has a weight in yours. Behind the end of a completion there is no token, so "
            "there the weight is 0.",
            (_unmasked, *(_unmasked_in(how) for how in ("token_mean", "constant"))),
        ),
        Mistake(
            "width_for_length",
            "In `sequence_mean` you divided every completion by the width of the tensor. That is "
            "how far the padding goes. Each completion is divided by its own number of tokens.",
            (
                _weights(sequence_mean=lambda m, limit: torch.tensor(m.shape[0] * m.shape[1])),
                _weights(sequence_mean=lambda m, limit: torch.tensor(m.shape[1])),
            ),
        ),
        Mistake(
            "completions_added",
            "Your `sequence_mean` is a mean within each completion and a *sum* over completions. "
            "With twice as many completions the gradient would be twice as long.",
            (_weights(sequence_mean=lambda m, limit: _lengths(m)),),
        ),
        Mistake(
            "down_the_columns",
            "In `sequence_mean` you counted down the columns: how many completions have a token "
            "at that place. A row is a completion, and its length is the sum along dim=1.",
            (_weights(sequence_mean=lambda m, limit: len(m) * m.sum(dim=0).clamp(min=1)),),
        ),
        Mistake(
            "tokens_for_completions",
            "Your `sequence_mean` has one divisor for all tokens: that is `token_mean`. Here each "
            "completion is divided by its own length.",
            (_weights(sequence_mean=lambda m, limit: m.sum()),),
        ),
        Mistake(
            "brackets",
            "In `constant` brackets are missing: `a / b * c` divides by b, and multiplies by c.",
            (_weights(constant=lambda m, limit: torch.tensor(len(m) / limit)),),
        ),
        Mistake(
            "length_for_all",
            "In `token_mean` each completion is still divided by its own length. Here there is one "
            "divisor for all, the number of tokens in the batch: completions do not exist for it.",
            (
                _weights(token_mean=lambda m, limit: len(m) * _lengths(m)),
                _weights(token_mean=lambda m, limit: _lengths(m)),
            ),
        ),
        Mistake(
            "padding_counted",
            "In `token_mean` you divided by all places of the tensor, padding too. Then what a "
            "token counts depends on the longest completion beside it.",
            (_weights(token_mean=lambda m, limit: torch.tensor(m.numel())),),
        ),
        Mistake(
            "one_completion_forgotten",
            "In `token_mean` you divided by the tokens and by the completions. The tokens of the "
            "batch are all there is to divide by.",
            (_weights(token_mean=lambda m, limit: len(m) * m.sum()),),
        ),
        Mistake(
            "longest_for_limit",
            "Your constant is not constant: it is the longest completion, or the width, of *this* "
            "batch. One long completion would then make all others count for less. It is the "
            "length that a completion may have at most, the same at every step of the run. (This "
            "slip has been in several public trainers.)",
            (
                _weights(constant=lambda m, limit: len(m) * _lengths(m).max()),
                _weights(constant=lambda m, limit: torch.tensor(m.numel())),
            ),
        ),
        Mistake(
            "constant_is_not",
            "In `constant` a token's weight still depends on how long its completion is. That is "
            "what Dr. GRPO takes out: one divisor for every token, whatever was sampled.",
            (
                _weights(constant=lambda m, limit: len(m) * _lengths(m)),
                _weights(constant=lambda m, limit: limit * _lengths(m)),
                _weights(constant=lambda m, limit: m.sum()),
            ),
        ),
        Mistake(
            "limit_alone",
            "In `constant` you divided by the limit alone. It is a mean over completions too, as "
            "the other two are.",
            (_weights(constant=lambda m, limit: torch.tensor(limit)),),
        ),
        Mistake(
            "ways_swapped",
            "Two of the three ways are right, under each other's names.",
            (
                lambda m, how, limit: my_weights(m, _swap(how, "token_mean", "constant"), limit),
                lambda m, how, limit: my_weights(
                    m, _swap(how, "token_mean", "sequence_mean"), limit
                ),
                lambda m, how, limit: my_weights(m, _swap(how, "sequence_mean", "constant"), limit),
            ),
        ),
        Mistake(
            "not_divided_by_completions",
            "In `token_mean` you multiplied by the number of completions: your tokens count that "
            "many times too much. The weights of a whole batch sum to 1 there.",
            (_weights(token_mean=lambda m, limit: m.sum() / len(m)),),
        ),
        Mistake(
            "limit_of_something_else",
            "In `constant` the limit is right, and stands beside the tokens or the width. Each "
            "completion has room for `limit` tokens, so there are as many of them as completions.",
            (
                _weights(constant=lambda m, limit: m.sum() * limit),
                _weights(constant=lambda m, limit: torch.tensor(m.shape[1] * limit)),
            ),
        ),
        Mistake(
            "long_ones_count_more",
            "In `sequence_mean` you multiplied by the length. Dividing by it makes a token of a "
            "long completion count *less*: together its tokens have the weight of one completion.",
            (
                lambda m, how, limit: (
                    m * _lengths(m) / m.sum() / len(m)
                    if how == "sequence_mean"
                    else my_weights(m, how, limit)
                ),
                lambda m, how, limit: (
                    m * _lengths(m) / m.sum()
                    if how == "sequence_mean"
                    else my_weights(m, how, limit)
                ),
            ),
        ),
    ],
    hints=[
        "In each of the three a token's weight is 1 over something. Only that something differs: "
        "it is a column in the first, and one number in the other two.",
        "Sum the weights of a whole batch, in your head: 1 in the first (each completion has "
        "1/B), 1 in the second, and below 1 in the third, for nobody used up the room.",
        "`mask.sum(dim=1, keepdim=True)` has the lengths as a column. A mask divided by a number "
        "is 0 on padding by itself.",
    ],
    well_done="your weights are right: by completion, by token, and by a constant.",
)


# --- exercise 2: one ratio a completion -----------------------------------------------------------

_OLD = torch.tensor([[-1.0, -2.0, -0.5, -1.5], [-0.7, -0.3, -9.0, -9.0], [-1.1, -0.2, -2.0, -7.0]])
_MOVES = torch.tensor([[0.1, -0.3, 0.05, 0.6], [0.4, -0.1, 5.0, 5.0], [-0.9, 0.1, -0.2, -4.0]])
_HERE = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]).bool()


def my_ratio(
    logprobs: torch.Tensor, old_logprobs: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """Log-probs and mask (B, T) -> one ratio a completion, (B,)."""
    moved = (logprobs - old_logprobs.detach()) * mask
    return torch.exp(moved.sum(dim=1) / mask.sum(dim=1))


def _ratio(
    combine: Callable[[Tensor, Tensor], Tensor] = lambda d, m: ((d * m).sum(1) / m.sum(1)).exp(),
    moved: Callable[[Tensor, Tensor], Tensor] = lambda new, old: new - old.detach(),
) -> Callable[..., Tensor]:
    """A ratio that is right but for what is passed in."""
    return lambda new, old, mask: combine(moved(new, old), mask)


def _ratio_and_gradient(first: bool) -> Callable[[Callable[..., Any]], Any]:
    """Three ratios, and their slopes by every log-prob; before any update or after some."""

    def run(f: Callable[..., Any]) -> Any:
        logprobs = (_OLD if first else _OLD + _MOVES).clone().requires_grad_()
        old = logprobs if first else _OLD.clone()
        value = tensor(f(logprobs, old, _HERE.clone()))
        if value.shape not in ((3,), (3, 1)):
            raise WrongShape(
                f"One number a completion is wanted, so the shape (3,); yours has "
                f"{tuple(value.shape)}."
            )
        value, gradient = value.flatten(), None
        if value.requires_grad:
            (gradient,) = torch.autograd.grad(value.sum(), logprobs, allow_unused=True)
        if gradient is None:
            gradient = torch.full_like(logprobs, float("nan"))
        return [value.detach(), gradient]

    return run


ratio = Exercise(
    "11",
    "ratio",
    solution_function=my_ratio,
    cases=[
        Case(
            "For completions of 4, 2 and 3 tokens: ratios, then slopes", _ratio_and_gradient(False)
        ),
        Case("On the first update, where old_logprobs is logprobs", _ratio_and_gradient(True)),
    ],
    mistakes=[
        Mistake(
            "sum",
            "You added the log-ratios up: pi(o) / pi_old(o), the ratio of the whole completion. "
            "It is RLOO's, and it runs away with length: a hundred tokens that have risen by 1% "
            "each make 2.7. GSPO takes the mean, so that one pair of bounds fits all lengths.",
            (_ratio(lambda d, m: (d * m).sum(1).exp()),),
        ),
        Mistake(
            "padding_counted",
            "You divided by the width of the tensor. The mean is over the completion's own tokens: "
            "with more padding beside it, a ratio would come closer to 1.",
            (_ratio(lambda d, m: ((d * m).sum(1) / m.shape[1]).exp()),),
        ),
        Mistake(
            "padding_added",
            "What stands on the padding is in your mean. Multiply with the mask first.",
            (
                _ratio(lambda d, m: d.mean(1).exp()),
                _ratio(lambda d, m: (d.sum(1) / m.sum(1)).exp()),
                _ratio(lambda d, m: d.sum(1).exp()),
            ),
        ),
        Mistake(
            "mean_of_ratios",
            "You took the mean of the tokens' ratios, and GSPO takes that of their *logarithms*, "
            "and the exponential afterwards: a geometric mean. One token that has risen a "
            "thousandfold would carry yours.",
            (_ratio(lambda d, m: (d.exp() * m).sum(1) / m.sum(1)),),
        ),
        Mistake(
            "no_exponential",
            "That is the logarithm of the ratio: 0 where nothing has moved, and it should be 1.",
            (_ratio(lambda d, m: (d * m).sum(1) / m.sum(1)),),
        ),
        Mistake(
            "whole_batch",
            "You took one mean over all completions. Each has a ratio of its own.",
            (_ratio(lambda d, m: ((d * m).sum() / m.sum()).exp().expand(len(m))),),
        ),
        Mistake(
            "logs_divided",
            "You divided one log-prob by the other. The logarithm of a ratio is a *difference* of "
            "logarithms.",
            (
                _ratio(moved=lambda new, old: new / old.detach()),
                _ratio(moved=lambda new, old: (new / old.detach()).log()),
            ),
        ),
        Mistake(
            "upside_down",
            "Your ratio is upside down: it is the new policy over the old one.",
            (_ratio(moved=lambda new, old: old.detach() - new),),
        ),
        Mistake(
            "no_detach",
            "Right, except on the first update, where old_logprobs is the same tensor as "
            "logprobs: both move together then, and the slope is 0. The old policy is a constant.",
            (_ratio(moved=lambda new, old: new - old),),
        ),
        Mistake(
            "no_gradient",
            "The ratios are right, and nothing flows back to logprobs: only the old log-probs are "
            "to be detached.",
            (_ratio(moved=lambda new, old: (new - old).detach()),),
        ),
        Mistake(
            "clipped",
            "You clipped the ratio. That is the surrogate's work, which still needs the plain one "
            "beside it; here the ratio is as large as it is.",
            (
                _ratio(lambda d, m: ((d * m).sum(1) / m.sum(1)).exp().clamp(0.8, 1.2)),
                _ratio(lambda d, m: ((d * m).sum(1) / m.sum(1)).exp().clamp(0.8, 1.28)),
            ),
        ),
        Mistake(
            "root_of_the_length",
            "You divided by the *root* of the length. The mean of the log-ratios is their sum over "
            "their number.",
            (_ratio(lambda d, m: ((d * m).sum(1) / m.sum(1).sqrt()).exp()),),
        ),
        Mistake(
            "one_token",
            "You took one token's ratio for the whole completion's, the last or the largest. All "
            "tokens have a part in it.",
            (
                _ratio(lambda d, m: d.exp()[torch.arange(len(m)), m.sum(1) - 1]),
                _ratio(lambda d, m: d.masked_fill(~m, float("-inf")).amax(1).exp()),
                _ratio(lambda d, m: d.amax(1).exp()),
            ),
        ),
        Mistake(
            "down_the_columns",
            "You added up down the columns, over completions. A row is a completion: dim=1.",
            (_ratio(lambda d, m: ((d * m).sum(0) / m.sum(0)).exp()[: len(m)]),),
        ),
        Mistake(
            "probabilities_added",
            "You added probabilities up, and divided the sums. The probability of a completion is "
            "a product: what adds up is the logarithms.",
            (
                lambda new, old, mask: (
                    (new.exp() * mask).sum(1) / (old.detach().exp() * mask).sum(1)
                ),
            ),
        ),
        Mistake(
            "one_plus",
            "You took 1 + x for exp(x). That is near it where little has moved, and 0 or less "
            "where much has.",
            (_ratio(lambda d, m: 1 + (d * m).sum(1) / m.sum(1)),),
        ),
    ],
    hints=[
        "Three steps: how far each token has moved, in logarithms; the mean of that over the "
        "completion; an exponential.",
        "The mean over the completion's own tokens: a sum of what the mask lets through, over the "
        "number of tokens it lets through.",
        "Both sums run along dim=1. And the old log-probs are a record, so detach them.",
    ],
    well_done="your ratio is GSPO's: the geometric mean of the tokens' ratios.",
)


# --- exercise 3: DAPO's loss, a micro-batch at a time ---------------------------------------------

LOW, HIGH = 0.2, 0.28
_RATIOS = torch.tensor([[0.5, 1.1, 1.25, 2.0], [0.7, 1.4, 9.0, 9.0], [1.24, 0.9, 0.75, 9.0]])
_A = torch.tensor([1.0, -2.0, 0.5])
_SHARES = ([0, 1], [2])  # what goes through the model at once


def my_dapo(
    logprobs: torch.Tensor,
    old_logprobs: torch.Tensor,
    advantages: torch.Tensor,
    mask: torch.Tensor,
    low: float,
    high: float,
    tokens: int,
) -> torch.Tensor:
    """A micro-batch (B, T) -> its share of the loss of the whole batch."""
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio.clamp(1 - low, 1 + high)
    a = advantages.unsqueeze(1)
    surrogate = torch.minimum(ratio * a, clipped * a)
    return -(surrogate * mask).sum() / tokens


def _dapo(
    total: Callable[[Tensor, Tensor, int], Tensor] = lambda s, m, tokens: (s * m).sum() / tokens,
    clamp: Callable[[Tensor, float, float], Tensor] = lambda r, lo, hi: r.clamp(1 - lo, 1 + hi),
    pick: Callable[[Tensor, Tensor], Tensor] = torch.minimum,
    sign: float = -1.0,
    moved: Callable[[Tensor, Tensor], Tensor] = lambda new, old: (new - old.detach()).exp(),
) -> Callable[..., Tensor]:
    """DAPO's loss, right but for what is passed in."""

    def loss(
        new: Tensor, old: Tensor, a: Tensor, m: Tensor, lo: float, hi: float, tokens: int
    ) -> Tensor:
        r, a = moved(new, old), a.unsqueeze(1)
        return sign * total(pick(r * a, clamp(r, lo, hi) * a), m, tokens)

    return loss


def _shared_ratio(
    new: Tensor, old: Tensor, a: Tensor, m: Tensor, lo: float, hi: float, tokens: int
) -> Tensor:
    shared = my_ratio(new, old, m).unsqueeze(1).log().expand_as(new)
    return my_dapo(shared, torch.zeros_like(new), a, m, lo, hi, tokens)


def _product_clipped(
    new: Tensor, old: Tensor, a: Tensor, m: Tensor, lo: float, hi: float, tokens: int
) -> Tensor:
    product = (new - old.detach()).exp() * a.unsqueeze(1)
    return -(torch.minimum(product, product.clamp(1 - lo, 1 + hi)) * m).sum() / tokens


def _min_of_ratios(
    new: Tensor, old: Tensor, a: Tensor, m: Tensor, lo: float, hi: float, tokens: int
) -> Tensor:
    r = (new - old.detach()).exp()
    return -(torch.minimum(r, r.clamp(1 - lo, 1 + hi)) * a.unsqueeze(1) * m).sum() / tokens


def _batch_loss(
    first: bool, low: float = LOW, high: float = HIGH, worth: Tensor = _A
) -> Callable[[Callable[..., Any]], Any]:
    """The loss and its slopes, added up over two micro-batches."""

    def run(f: Callable[..., Any]) -> Any:
        logprobs = (_OLD if first else _OLD + _RATIOS.log()).clone().requires_grad_()
        old = logprobs if first else _OLD.clone()
        loss, tokens = torch.zeros(()), int(_HERE.sum())
        for rows in _SHARES:
            share = tensor(
                f(logprobs[rows], old[rows], worth[rows], _HERE[rows], low, high, tokens)
            )
            if share.numel() != 1:
                raise WrongShape(f"One number is wanted; yours has the shape {tuple(share.shape)}.")
            loss = loss + share.reshape(())
        gradient = None
        if loss.requires_grad:
            (gradient,) = torch.autograd.grad(loss, logprobs, allow_unused=True)
        if gradient is None:
            gradient = torch.full_like(logprobs, float("nan"))
        return [loss.detach(), gradient]

    return run


dapo = Exercise(
    "11",
    "dapo",
    solution_function=my_dapo,
    cases=[
        Case("For two micro-batches, of 6 and 3 tokens: loss, then slopes", _batch_loss(False)),
        Case("On the first update, where old_logprobs is logprobs", _batch_loss(True)),
        Case(
            "With epsilons of 0.1 and 0.4, and other advantages",
            _batch_loss(False, 0.1, 0.4, torch.tensor([2.0, -1.0, 0.6])),
        ),
    ],
    mistakes=[
        Mistake(
            "micro_batch_mean",
            "You divided each micro-batch by its own tokens. Then the tokens of a small one count "
            "for more, and what is learned depends on how the batch was cut up. (It is what TRL "
            'calls "bnpo".) What is divided by is handed in: `tokens`, of the whole batch.',
            (
                _dapo(lambda s, m, tokens: (s * m).sum() / m.sum()),
                _dapo(lambda s, m, tokens: (s * m).sum() / m.sum() / 2),
            ),
        ),
        Mistake(
            "sequence_mean",
            "You averaged within each completion first: that is GRPO's paper, and what DAPO "
            "changed. Every token of the batch has the same say.",
            (
                _dapo(lambda s, m, tokens: ((s * m).sum(1) / m.sum(1)).sum() / 3),
                _dapo(lambda s, m, tokens: ((s * m).sum(1) / m.sum(1)).mean()),
                _dapo(lambda s, m, tokens: ((s * m).sum(1) / m.sum(1)).sum() / tokens),
            ),
        ),
        Mistake(
            "divided_by_completions",
            "You divided by the completions as well, or by them alone. All that is divided by is "
            "`tokens`, of the whole batch.",
            (
                _dapo(lambda s, m, tokens: (s * m).sum() / len(m)),
                _dapo(lambda s, m, tokens: (s * m).sum() / tokens / len(m)),
            ),
        ),
        Mistake(
            "epsilons_as_bounds",
            "You clipped the ratio to between the two epsilons. They are distances from 1: the "
            "bounds are 1 - low and 1 + high.",
            (_dapo(clamp=lambda r, lo, hi: r.clamp(lo, hi)),),
        ),
        Mistake(
            "upside_down",
            "Your ratio is upside down: it is the new policy over the old one.",
            (_dapo(moved=lambda new, old: (old.detach() - new).exp()),),
        ),
        Mistake(
            "ratio_of_the_completion",
            "Your tokens share one ratio a completion, as in exercise 2. That is GSPO; in DAPO "
            "every token has its own.",
            (_shared_ratio,),
        ),
        Mistake(
            "product_clipped",
            "You clipped the product of ratio and advantage. The bounds are for the ratio alone; "
            "the advantage is multiplied in behind it.",
            (_product_clipped,),
        ),
        Mistake(
            "no_gradient",
            "The loss is right, and nothing flows back to logprobs: only the old log-probs are to "
            "be detached.",
            (_dapo(moved=lambda new, old: (new - old).detach().exp()),),
        ),
        Mistake(
            "padding_added",
            "What stands on the padding is in your loss. Multiply with the mask before you sum.",
            (
                _dapo(lambda s, m, tokens: s.sum() / tokens),
                _dapo(lambda s, m, tokens: s.mean()),
            ),
        ),
        Mistake(
            "padding_counted",
            "You divided by all places of the tensor, padding too.",
            (
                _dapo(lambda s, m, tokens: (s * m).sum() / m.numel()),
                _dapo(lambda s, m, tokens: (s * m).mean() / 2),
            ),
        ),
        Mistake(
            "not_divided",
            "You added up all tokens and divided by nothing: the longer the completions, the "
            "larger the step.",
            (_dapo(lambda s, m, tokens: (s * m).sum()),),
        ),
        Mistake(
            "one_epsilon",
            "You used one epsilon on both sides. DAPO's point is that they differ: a good token "
            "may rise further than a bad one may fall.",
            (
                _dapo(clamp=lambda r, lo, hi: r.clamp(1 - lo, 1 + lo)),
                _dapo(clamp=lambda r, lo, hi: r.clamp(1 - hi, 1 + hi)),
            ),
        ),
        Mistake(
            "bounds_swapped",
            "Your epsilons are swapped: `low` belongs to 1 - low, `high` to 1 + high.",
            (_dapo(clamp=lambda r, lo, hi: r.clamp(1 - hi, 1 + lo)),),
        ),
        Mistake(
            "clip_without_min",
            "You used the clipped ratio alone. Without the comparison a token that went the wrong "
            "way has no way back (notebook 05).",
            (_dapo(pick=lambda plain, clipped: clipped),),
        ),
        Mistake(
            "max",
            "You took the larger of the two products. The smaller one is the cautious one.",
            (_dapo(pick=torch.maximum),),
        ),
        Mistake(
            "no_clip",
            "Nothing is clipped: this is ratio times advantage.",
            (_dapo(pick=lambda plain, clipped: plain),),
        ),
        Mistake(
            "sign",
            "The sign is flipped: an optimizer makes a loss *small*.",
            (_dapo(sign=1.0),),
        ),
        Mistake(
            "no_detach",
            "Right, except on the first update, where old_logprobs is the same tensor as "
            "logprobs: both move together then, and nothing is learned. Detach the old ones.",
            (_dapo(moved=lambda new, old: (new - old).exp()),),
        ),
        Mistake(
            "epsilons_ignored",
            "Right for 0.2 and 0.28. Both are handed in, and may be others.",
            (_dapo(clamp=lambda r, lo, hi: r.clamp(0.8, 1.28)),),
        ),
        Mistake(
            "logarithm_clipped",
            "You clipped the logarithm of the ratio, and exp(-0.2) is 0.82 and not 0.8. The bounds "
            "are on the ratio.",
            (_dapo(clamp=lambda r, lo, hi: r.log().clamp(-lo, hi).exp()),),
        ),
        Mistake(
            "one_bound",
            "Your ratio is bounded on one side only. A good token is stopped above 1 + high, and a "
            "bad one below 1 - low.",
            (
                _dapo(clamp=lambda r, lo, hi: r.clamp(max=1 + hi)),
                _dapo(clamp=lambda r, lo, hi: r.clamp(min=1 - lo)),
            ),
        ),
        Mistake(
            "min_of_ratios",
            "You took the smaller ratio and multiplied then. For a bad token the smaller ratio "
            "makes the larger product: multiply first, then compare.",
            (_min_of_ratios,),
        ),
        Mistake(
            "no_advantage",
            "The advantages play no part in yours: every token is made likelier.",
            (
                lambda new, old, a, m, lo, hi, tokens: my_dapo(
                    new, old, torch.ones_like(a), m, lo, hi, tokens
                ),
            ),
        ),
        Mistake(
            "compared_again",
            "You took a mean off the advantages, that of the micro-batch. They have been compared "
            "already, each in its own group; which completions share a micro-batch is chance.",
            (
                lambda new, old, a, m, lo, hi, tokens: my_dapo(
                    new, old, a - a.mean(), m, lo, hi, tokens
                ),
            ),
        ),
        Mistake(
            "no_ratio",
            "There is no ratio in yours: it is the log-prob (or the probability, or how far the "
            "log-prob has moved) times the advantage. With several updates a batch that is another "
            "objective, and nothing in it says how far a token has moved.",
            (
                _dapo(pick=lambda plain, clipped: plain, moved=lambda new, old: new),
                _dapo(pick=lambda plain, clipped: plain, moved=lambda new, old: new.exp()),
                _dapo(moved=lambda new, old: new - old.detach()),
                _dapo(pick=lambda plain, clipped: plain, moved=lambda new, old: new - old.detach()),
            ),
        ),
        Mistake(
            "logs_divided",
            "You divided one log-prob by the other. The logarithm of a ratio is a *difference* of "
            "logarithms.",
            (
                _dapo(moved=lambda new, old: new / old.detach()),
                _dapo(moved=lambda new, old: (new / old.detach()).exp()),
            ),
        ),
    ],
    hints=[
        "It is notebook 00's loss with two changes: two bounds, and another divisor.",
        "Ratio, clipped ratio, the smaller of the two products: as in notebook 05. Then one sum "
        "over all tokens of the micro-batch.",
        "The shares of all micro-batches are added up by whoever calls you. So each is divided by "
        "the same number, and the function is given that number.",
    ],
    well_done="your loss is DAPO's, and it does not matter how the batch is cut up.",
)


# --- exercise 4: the yardstick --------------------------------------------------------------------


def my_error(finals: torch.Tensor) -> float:
    """One number a run (M, S) -> standard error of the difference of two means."""
    variance = finals.var(dim=1).mean()
    return (2 * variance / finals.shape[1]).sqrt().item()


_FINALS = torch.tensor(
    [
        [0.70, 0.76, 0.73, 0.81, 0.78],
        [0.60, 0.61, 0.59, 0.62, 0.60],
        [0.80, 0.85, 0.90, 0.82, 0.84],
    ]
)


def _error(
    spread: Callable[[Tensor], Tensor] = lambda f: f.var(dim=1).mean(),
    scale: Callable[[Tensor, Tensor], Tensor] = lambda v, f: (2 * v / f.shape[1]).sqrt(),
) -> Callable[[Tensor], float]:
    """A standard error that is right but for what is passed in."""
    return lambda f: float(scale(spread(f), f))


error = Exercise(
    "11",
    "error",
    solution_function=my_error,
    cases=[
        Case(
            "For three methods with five seeds each",
            lambda f: 100 * number(f(_FINALS.clone())),  # in percent: TOLERANCE is 0.001
        ),
        Case(
            "For two methods with three seeds each",
            lambda f: 100 * number(f(_FINALS[:2, :3].clone())),
        ),
    ],
    mistakes=[
        Mistake(
            "all_together",
            "You took the spread of all runs together, so that methods which differ make it large, "
            "and hide that they differ. Take the variance within each method, then the mean of "
            "those.",
            (_error(lambda f: f.var()), _error(lambda f: f.var(correction=0))),
        ),
        Mistake(
            "between_methods",
            "You took the spread of the methods' means. That is what is to be judged; the "
            "yardstick is how far the seeds of *one* method lie apart.",
            (
                _error(lambda f: f.mean(dim=1).var()),
                _error(lambda f: f.mean(dim=1).var(correction=0)),
                _error(lambda f: f.mean(dim=1).var(), lambda v, f: v.sqrt()),
                _error(lambda f: f.mean(dim=1).var(), lambda v, f: (2 * v).sqrt()),
            ),
        ),
        Mistake(
            "across_seeds",
            "You took the variance down the columns, over methods. A row is a method: its seeds "
            "lie along dim=1.",
            (
                _error(lambda f: f.var(dim=0).mean()),
                _error(lambda f: f.var(dim=0).mean(), lambda v, f: (2 * v / f.shape[0]).sqrt()),
            ),
        ),
        Mistake(
            "population",
            "You divided the squares by S. Of a few seeds one divides by S - 1, as torch does by "
            "itself: their mean lies closer to them than the true one does.",
            (_error(lambda f: f.var(dim=1, correction=0).mean()),),
        ),
        Mistake(
            "variances_added",
            "You added the variances of all methods up. They are averaged, to know better how far "
            "*one* method scatters; two of those make a difference.",
            (
                _error(lambda f: f.var(dim=1).sum()),
                _error(lambda f: f.var(dim=1).sum(), lambda v, f: (v / f.shape[1]).sqrt()),
            ),
        ),
        Mistake(
            "seeds_outside_the_root",
            "You divided by S behind the root. It is the *variance* of a mean that is 1/S; its "
            "root is smaller by the root of S.",
            (_error(scale=lambda v, f: (2 * v).sqrt() / f.shape[1]),),
        ),
        Mistake(
            "one_less_twice",
            "You divided by S - 1 once more. That belongs to the variance, and `var` has done it; "
            "the mean is over S seeds.",
            (_error(scale=lambda v, f: (2 * v / (f.shape[1] - 1)).sqrt()),),
        ),
        Mistake(
            "one_mean",
            "That is the standard error of *one* method's mean. A difference has two means in it, "
            "and both scatter: variances add up.",
            (_error(scale=lambda v, f: (v / f.shape[1]).sqrt()),),
        ),
        Mistake(
            "one_run",
            "You forgot that each mean is over S seeds: this is how far two single *runs* differ.",
            (_error(scale=lambda v, f: (2 * v).sqrt()), _error(scale=lambda v, f: v.sqrt())),
        ),
        Mistake(
            "all_runs_counted",
            "You divided by the number of all runs. A mean is over the S seeds of its own method; "
            "the other methods help to learn the variance and not the mean.",
            (
                _error(scale=lambda v, f: (2 * v / f.numel()).sqrt()),
                _error(scale=lambda v, f: (2 * v / f.shape[0]).sqrt()),
            ),
        ),
        Mistake(
            "mean_of_stds",
            "You averaged standard deviations. What can be averaged is variances; the root comes "
            "last.",
            (_error(lambda f: f.std(dim=1).mean() ** 2),),
        ),
        Mistake(
            "no_root",
            "That is a variance, in squared units. The error has the unit of the numbers: take "
            "the root.",
            (_error(scale=lambda v, f: 2 * v / f.shape[1]),),
        ),
        Mistake(
            "deviations_added",
            "You added the two standard errors. Errors that have nothing to do with each other add "
            "up in squares.",
            (_error(scale=lambda v, f: 2 * (v / f.shape[1]).sqrt()),),
        ),
        Mistake(
            "one_method_for_all",
            "You took the spread of some of the methods: the first two, the largest, the middle "
            "one. Three seeds say little about a spread; the mean over all methods says more.",
            (
                _error(lambda f: f.var(dim=1).amax()),
                _error(lambda f: f.var(dim=1).median()),
                _error(lambda f: f.var(dim=1).amin()),
                _error(lambda f: f[:2].var(dim=1).mean()),
            ),
        ),
        Mistake(
            "always_five",
            "Right for five seeds. How many there are is the number of columns.",
            (_error(scale=lambda v, f: (2 * v / 5).sqrt()),),
        ),
        Mistake(
            "range",
            "You took the best run less the worst. That grows with the number of runs, and one "
            "unlucky seed decides it; a standard error asks all of them.",
            (
                lambda f: float((f.amax(dim=1) - f.amin(dim=1)).mean()),
                lambda f: float((f.amax(dim=1) - f.amin(dim=1)).mean() / f.shape[1] ** 0.5),
            ),
        ),
        Mistake(
            "difference_of_means",
            "That is the difference between two methods, which is to be judged. Asked for is by "
            "how much two means differ when nothing is behind it.",
            (
                lambda f: float((f.mean(dim=1)[0] - f.mean(dim=1)[1]).abs()),
                lambda f: float(f.mean(dim=1).amax() - f.mean(dim=1).amin()),
            ),
        ),
        Mistake(
            "two_standard_errors",
            "You multiplied by about 2 at the end, as one does for an interval. Asked for is one "
            "standard error; the text says afterwards what to make of it.",
            (lambda f: 1.96 * my_error(f),),
        ),
    ],
    hints=[
        "Three questions in a row: how much does one run scatter? How much the mean of S runs? "
        "How much the difference of two such means?",
        "The variance of a mean of S is 1/S of the variance of one; the variance of a difference "
        "is the sum of the two variances. The root comes last.",
        "`finals.var(dim=1)` has a variance for each method (and divides by S - 1). Three seeds "
        "know too little alone, so take the mean over methods.",
    ],
    well_done="your yardstick is right: what two means differ by when nothing is behind it.",
)


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "11",
    Question(
        "once",
        "One update a batch, no KL. You change the preset from grpo to gspo. What changes in what "
        "is learned?",
        [
            Option(
                "Completions are clipped as a whole and no longer token by token.",
                "All ratios are 1 in the only update there is. Who clips at 1?",
            ),
            Option(
                "Nothing.",
                "At a ratio of 1 the slope of the completion's ratio is the mean of the tokens' "
                "slopes, which is what sequence_mean does already.",
                right=True,
            ),
            Option(
                "Long completions count for more.",
                "GSPO's mean of log-ratios divides by the length as well.",
            ),
        ],
    ),
    Question(
        "long",
        "Two wrong completions of the same group, one of 20 tokens and one of 200. Under which "
        "aggregation is a token of the long one pushed down a tenth as hard?",
        [
            Option(
                "sequence_mean",
                "Each completion has the same say, so its tokens share it: 1/20 against 1/200.",
                right=True,
            ),
            Option(
                "token_mean",
                "There each token of the batch has the same say.",
            ),
            Option(
                "constant",
                "One divisor for all tokens, whichever completion they are in.",
            ),
        ],
    ),
    Question(
        "budget",
        "DAPO is ahead of GRPO after 60 steps. What is to be asked first?",
        [
            Option(
                "Whether its learning rate was the same.",
                "Worth knowing. But there is something that DAPO does more of in every step.",
            ),
            Option(
                "How high its clip was.",
                "With one update a batch nothing is clipped.",
            ),
            Option(
                "How many completions it drew for those 60 steps.",
                "Groups that teach nothing are drawn again. What was thrown away was paid for.",
                right=True,
            ),
        ],
    ),
    Question(
        "seeds",
        "Your method has three seeds at 0.80, 0.82 and 0.84, the best of seven others three at "
        "0.77, 0.79 and 0.81. What may you write?",
        [
            Option(
                "That it is better: its mean is higher, and so is its best seed.",
                "The seeds of one method differ by more than the two means do.",
            ),
            Option(
                "That three seeds cannot tell, with all runs shown.",
                "Two means lie 0.03 apart and their difference scatters by 0.016; and the best of "
                "seven is no method that was named beforehand.",
                right=True,
            ),
            Option(
                "That both are the same.",
                "A difference that cannot be seen need not be none. More seeds would tell.",
            ),
        ],
    ),
    Question(
        "lam",
        "PPO with lambda 0.95 and a critic that has learned nothing. Which tokens of a completion "
        "of 90 tokens hear about its reward?",
        [
            Option(
                "All alike, since gamma is 1.",
                "gamma does not fade it. What else is multiplied into it at every token?",
            ),
            Option(
                "The first ones, where the decisions are made.",
                "Look from which end the reward is passed on.",
            ),
            Option(
                "The last twenty or so.",
                "0.95 to the power of the distance to the end: 0.36 at twenty tokens, 0.01 at "
                "ninety. What the critic does not pass on, earlier tokens do not hear.",
                right=True,
            ),
        ],
    ),
    Question(
        "variant",
        "You invent an advantage, train it on one seed, and it comes out above all eight. What is "
        "the next step?",
        [
            Option(
                "Other seeds, with nothing changed.",
                "One run says what can happen, not what does.",
                right=True,
            ),
            Option(
                "A finer choice of its learning rate on that seed.",
                "Then you would be choosing for the luck of that seed.",
            ),
            Option(
                "A paper.",
                "By luck alone, one of nine that are all the same comes first in a ninth of the "
                "cases.",
            ),
        ],
    ),
)
