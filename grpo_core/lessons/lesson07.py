"""Lesson 07, the whole loop: its checks, its mistakes, its quiz."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.algorithm.kl import k3
from grpo_core.algorithm.logprobs import completion_mask
from grpo_core.lessons import loop
from grpo_core.lessons.exercise import Case, Exercise, Mistake, WrongShape, returned, tensor
from grpo_core.lessons.lesson05 import my_surrogate
from grpo_core.lessons.quiz import Option, Question, Quiz

_RANDOM = torch.Generator().manual_seed(7)

# --- exercise 1: from logits to log-probs ---------------------------------------------------------


def my_logprobs(logits: Tensor, ids: Tensor, prompt: int, temperature: float) -> Tensor:
    """Logits (B, P + T, V), ids (B, P + T), P -> log-probs (B, T)."""
    before = logits[:, prompt - 1 : -1] / temperature
    logprobs = torch.log_softmax(before, dim=2)
    chosen = ids[:, prompt:].unsqueeze(2)
    return logprobs.gather(2, chosen).squeeze(2)


_LOGITS = torch.randn(2, 7, 5, generator=_RANDOM) * 2
_IDS = torch.tensor([[0, 1, 2, 3, 4, 1, 0], [4, 2, 0, 1, 1, 3, 2]])
_PROMPT = 3


def _logprobs(
    cut: Callable[[Tensor, int], Tensor] = lambda z, p: z[:, p - 1 : -1],
    scale: Callable[[Tensor, float], Tensor] = lambda z, t: z / t,
    score: Callable[[Tensor], Tensor] = lambda z: torch.log_softmax(z, dim=2),
) -> Callable[..., Tensor]:
    """Log-probs that are right but for what is passed in."""

    def logprobs(z: Tensor, ids: Tensor, prompt: int, temperature: float) -> Tensor:
        values = score(scale(cut(z, prompt), temperature))
        chosen = ids[:, ids.shape[1] - values.shape[1] :].unsqueeze(2)
        return values.gather(2, chosen).squeeze(2)

    return logprobs


def _scored(temperature: float, prompt: int = _PROMPT) -> Callable[[Callable[..., Any]], Tensor]:
    return lambda f: tensor(f(_LOGITS.clone(), _IDS.clone(), prompt, temperature))


logprobs = Exercise(
    "07",
    "logprobs",
    solution_function=my_logprobs,
    cases=[
        Case("For prompts of 3 tokens and completions of 4, at temperature 1", _scored(1.0)),
        Case("At temperature 2", _scored(2.0)),
        Case("For prompts of 5 tokens and completions of 2", _scored(1.0, prompt=5)),
    ],
    mistakes=[
        Mistake(
            "not_shifted",
            "You took the logits at the token's own position. There the model has read it already, "
            "and speaks of the next one. It was drawn from what was said one position before.",
            (_logprobs(lambda z, p: z[:, p:]),),
        ),
        Mistake(
            "shifted_too_far",
            "You took the logits two positions before the token. One before is enough: the last "
            "token of the prompt speaks of the first of the completion.",
            (_logprobs(lambda z, p: z[:, p - 2 : -2]),),
        ),
        Mistake(
            "no_temperature",
            "Right at temperature 1, and at 2 the same. Tokens are drawn from the softmax of "
            "logits / temperature: that is the policy, and what has to be scored.",
            (_logprobs(scale=lambda z, t: z),),
        ),
        Mistake(
            "multiplied",
            "You multiplied by the temperature. A high temperature makes all tokens more alike, so "
            "it divides.",
            (_logprobs(scale=lambda z, t: z * t),),
        ),
        Mistake(
            "temperature_too_late",
            "You divided log-probs by the temperature. What comes out is no logarithm of a "
            "probability any more: over the vocabulary it does not sum to 1. The logits are "
            "divided, before the softmax.",
            (
                lambda z, ids, p, t: _logprobs(scale=lambda z, t: z)(z, ids, p, t) / t,
                lambda z, ids, p, t: (
                    torch.log_softmax(z[:, p - 1 : -1], 2)
                    .div(t)
                    .gather(2, ids[:, p:, None])[..., 0]
                ),
            ),
        ),
        Mistake(
            "softmax_divided",
            "You divided the *probabilities* by the temperature, and took the logarithm then. That "
            "makes each log-prob less by the same amount, and no token more or less likely than "
            "another. The scores are divided, before the softmax.",
            (_logprobs(scale=lambda z, t: (torch.softmax(z, dim=2) / t).log(), score=lambda z: z),),
        ),
        Mistake(
            "always_three",
            "Right for prompts of 3 tokens. How many there are is handed in, and other prompts are "
            "longer.",
            (lambda z, ids, p, t: my_logprobs(z, ids, _PROMPT, t),),
        ),
        Mistake(
            "other_base",
            "Your logarithm has another base. Log-probs are natural logarithms everywhere: only "
            "then does `exp` bring the probability back.",
            (
                lambda *x: my_logprobs(*x) / math.log(2),
                lambda *x: my_logprobs(*x) / math.log(10),
            ),
        ),
        Mistake(
            "probabilities",
            "These are probabilities. Asked for are their logarithms, which add up over tokens.",
            (_logprobs(score=lambda z: torch.softmax(z, dim=2)),),
        ),
        Mistake(
            "scores",
            "These are scores, as they come from the model. They become log-probs by a "
            "log-softmax over the vocabulary.",
            (_logprobs(score=lambda z: z),),
        ),
        Mistake(
            "likeliest",
            "You took the likeliest token at every position, and not the one that was sampled. "
            "GRPO scores what was done.",
            (
                lambda z, ids, p, t: (
                    torch.log_softmax(z[:, p - 1 : -1] / t, dim=2).max(dim=2).values
                ),
            ),
        ),
        Mistake(
            "over_positions",
            "Your softmax goes over positions, or over rows. It goes over the vocabulary, the last "
            "dimension.",
            (
                _logprobs(score=lambda z: torch.log_softmax(z, dim=1)),
                _logprobs(score=lambda z: torch.log_softmax(z, dim=0)),
                lambda z, ids, p, t: torch.log_softmax(z / t, 1)[:, p - 1 : -1].gather(
                    2, ids[:, p:, None]
                )[..., 0],
            ),
        ),
        Mistake(
            "minus_forgotten",
            "These are *minus* the log-probs: a cross entropy is a loss. The logarithm of a "
            "probability is never above 0.",
            (lambda *x: -my_logprobs(*x),),
        ),
        Mistake(
            "cut_too_late",
            "You looked up each token at its own position, and moved by one afterwards. What you "
            "cut out are then other tokens. Pair first: logits one position before, ids from "
            "the first token of the completion on.",
            (
                lambda z, ids, p, t: torch.log_softmax(z / t, 2).gather(2, ids[..., None])[
                    :, p - 1 : -1, 0
                ],
            ),
        ),
        Mistake(
            "prompt_too",
            "You scored the prompt as well. The policy did not write it: keep the T last.",
            (_logprobs(lambda z, p: z[:, :-1]),),
        ),
    ],
    hints=[
        "Three steps: cut out the logits that the completion was drawn from, turn them into "
        "log-probs over the vocabulary, and look up the sampled tokens.",
        "With a prompt of 3 the first token of the completion is number 3, counted from 0, and it "
        "was drawn from logits number 2. The last logits of all speak of a token that never came.",
        "`gather(2, index)` looks up along the vocabulary; the index needs a third dimension, and "
        "the result has one too many.",
    ],
    well_done="your log-probs are those that the tokens were drawn with.",
)


# --- exercise 2: the loss -------------------------------------------------------------------------


def my_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    ref_logprobs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    beta: float,
    tokens: int,
) -> Tensor:
    """This part's share of the batch's loss, one number."""
    gain = my_surrogate(logprobs, old_logprobs, advantages, 0.2, 0.2)
    per_token = gain - beta * k3(logprobs, ref_logprobs)
    return -per_token[mask].sum() / tokens


_OLD = torch.tensor([[-1.0, -2.0, -0.5, -0.7], [-0.3, -1.5, -1.0, -2.0]])
_NEW = _OLD + torch.tensor([[0.1, 0.5, -0.05, 3.0], [-0.1, -0.4, 2.5, 1.0]])
# row 1 was good and is rarer now, row 2 was bad and likelier: there nothing may be clipped
_BACK = _OLD + torch.tensor([[-0.5, 0.1, -0.3, 3.0], [0.6, 0.4, 2.5, 1.0]])
_FAR = _OLD + torch.tensor([[1.2, -2.0, 0.25, 3.0], [-1.9, 1.1, 2.5, 1.0]])
_REF = _OLD + torch.tensor([[-0.4, 0.3, 0.2, -4.0], [0.6, -0.2, -3.0, 3.0]])
_A = torch.tensor([1.5, -0.5])
_MASK = torch.tensor([[True, True, True, False], [True, True, False, False]])
_TOKENS = 12  # of the batch that these two rows are a part of


def _loss_and_gradient(value: Any, logprobs: Tensor) -> Tensor:
    """The loss, and its gradient by the log-probs behind it."""
    loss = tensor(value)
    if loss.numel() != 1:
        raise WrongShape(f"One number is wanted; yours has the shape {tuple(loss.shape)}.")
    gradient = torch.full_like(logprobs, float("nan"))
    if loss.requires_grad:
        (found,) = torch.autograd.grad(loss.sum(), logprobs, allow_unused=True)
        gradient = gradient if found is None else found
    return torch.cat([loss.detach().view(1), gradient.flatten()])


def _lost(new: Tensor, beta: float) -> Callable[[Callable[..., Any]], Tensor]:
    def run(f: Callable[..., Any]) -> Tensor:
        leaf = new.clone().requires_grad_()
        value = f(leaf, _OLD.clone(), _REF.clone(), _A.clone(), _MASK.clone(), beta, _TOKENS)
        return _loss_and_gradient(value, leaf)

    return run


Combined = Callable[[Tensor, Tensor, Tensor, float], Tensor]
"""Gain, KL, advantages (B, 1) and beta -> one number a token, to be made large."""


def _loss(
    combine: Combined = lambda gain, kl, a, beta: gain - beta * kl,
    total: Callable[[Tensor, Tensor, int], Tensor] = lambda x, mask, n: -x[mask].sum() / n,
    kl: Callable[[Tensor, Tensor], Tensor] = k3,
    gain: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda new, old, a: my_surrogate(
        new, old, a, 0.2, 0.2
    ),
) -> Callable[..., Tensor]:
    """A loss that is right but for what is passed in."""

    def loss(
        new: Tensor, old: Tensor, ref: Tensor, a: Tensor, mask: Tensor, beta: float, tokens: int
    ) -> Tensor:
        each = combine(gain(new, old, a), kl(new, ref), a.unsqueeze(1), beta)
        return total(each, mask, tokens)

    return loss


def _loss_with_ratio_to_reference(
    new: Tensor, old: Tensor, ref: Tensor, a: Tensor, mask: Tensor, beta: float, tokens: int
) -> Tensor:
    each = my_surrogate(new, ref, a, 0.2, 0.2) - beta * k3(new, ref)
    return -each[mask].sum() / tokens


loss = Exercise(
    "07",
    "loss",
    solution_function=my_loss,
    cases=[
        Case("For two rows of a batch of 12 tokens, beta 0.1: the loss, then its gradient",
             _lost(_NEW, 0.1)),
        Case("With beta 0", _lost(_NEW, 0.0)),
        Case("On the first update, beta 0.5", _lost(_OLD, 0.5)),
        Case("Where tokens have moved the wrong way", _lost(_BACK, 0.1)),
        Case("Where tokens have moved far", _lost(_FAR, 0.1)),
    ],
    mistakes=[
        Mistake(
            "kl_sign",
            "You pay the policy for leaving the reference. The gain is to be large and the KL "
            "small: mind its sign before the minus of the loss, and after it.",
            (_loss(lambda gain, kl, a, beta: gain + beta * kl),),
        ),
        Mistake(
            "sign",
            "The sign is flipped: an optimizer makes a loss small.",
            (_loss(total=lambda x, mask, n: x[mask].sum() / n),),
        ),
        Mistake(
            "kl_over_padding",
            "The gain is masked in yours, and the KL is not: padding has a KL too, of tokens that "
            "nobody sampled.",
            (
                lambda new, old, ref, a, mask, beta, n: (
                    -(my_surrogate(new, old, a, 0.2, 0.2)[mask].sum() - beta * k3(new, ref).sum())
                    / n
                ),
                lambda new, old, ref, a, mask, beta, n: (
                    -my_surrogate(new, old, a, 0.2, 0.2)[mask].sum() / n
                    + beta * k3(new, ref).mean()
                ),
            ),
        ),
        Mistake(
            "no_mask",
            "You did not use the mask: what lies behind the end of a completion counts in yours.",
            (
                _loss(total=lambda x, mask, n: -x.sum() / n),
                _loss(total=lambda x, mask, n: -x.mean()),
            ),
        ),
        Mistake(
            "own_tokens",
            "You divided by the tokens of this part. It is one of several, and their gradients are "
            "added: each is to be divided by the tokens of the whole batch, or a part with few "
            "tokens counts as much as one with many.",
            (
                _loss(total=lambda x, mask, n: -x[mask].mean()),
                _loss(total=lambda x, mask, n: -(x * mask).sum() / mask.sum()),
                lambda new, old, ref, a, mask, beta, n: (
                    -my_surrogate(new, old, a, 0.2, 0.2)[mask].sum() / n
                    + beta * k3(new, ref)[mask].mean()
                ),
            ),
        ),
        Mistake(
            "divided_by_completions",
            "You divided by the number of completions. Every *token* of the batch is to have the "
            "same weight, 1 / tokens.",
            (_loss(total=lambda x, mask, n: -(x * mask).sum() / len(mask)),),
        ),
        Mistake(
            "mask_upside_down",
            "You added up what the mask leaves out: padding. It is True on the tokens that count.",
            (_loss(total=lambda x, mask, n: -x[~mask].sum() / n),),
        ),
        Mistake(
            "padding_in_the_mean",
            "You divided by the number of places, padding included. Then a group with one long "
            "completion learns less from all the others.",
            (_loss(total=lambda x, mask, n: -(x * mask).mean()),),
        ),
        Mistake(
            "sequence_mean",
            "You took the mean of each completion first. So did the first GRPO paper; this loop "
            "gives every token of the batch the same weight, 1 / tokens.",
            (
                _loss(total=lambda x, mask, n: -((x * mask).sum(1) / mask.sum(1)).mean()),
                _loss(total=lambda x, mask, n: -((x * mask).sum(1) / mask.sum(1)).sum() / n),
            ),
        ),
        Mistake(
            "no_kl",
            "There is no KL in it.",
            (_loss(lambda gain, kl, a, beta: gain),),
        ),
        Mistake(
            "beta_forgotten",
            "Your KL is there in full; it counts beta times.",
            (_loss(lambda gain, kl, a, beta: gain - kl),),
        ),
        Mistake(
            "kl_with_advantage",
            "You multiplied the KL by the advantage: bad completions would be pushed *away* from "
            "the reference. The leash is the same for all.",
            (_loss(lambda gain, kl, a, beta: gain - beta * a * kl),),
        ),
        Mistake(
            "kl_reversed",
            "Policy and reference are swapped in your KL.",
            (_loss(kl=lambda new, ref: k3(ref, new)),),
        ),
        Mistake(
            "k1",
            "You took k1 for the KL. In a loss it is no leash at all: notebook 06, section 3.",
            (_loss(kl=lambda new, ref: new - ref),),
        ),
        Mistake(
            "k2",
            "You took k2 for the KL. It is a fine leash (notebook 06); this loop has k3, so that "
            "it can be held against another loop that has it.",
            (_loss(kl=lambda new, ref: (new - ref) ** 2 / 2),),
        ),
        Mistake(
            "kl_with_ratio",
            "Your KL has the ratio in front. That is notebook 06's repair, and a good one; asked "
            "for here is k3 as it is, so that the loop can be held against another one.",
            (
                lambda new, old, ref, a, mask, beta, n: (
                    -(my_surrogate(new, old, a, 0.2, 0.2) - beta * (new - old).exp() * k3(new, ref))
                    [mask].sum() / n
                ),
            ),
        ),
        Mistake(
            "kl_in_the_advantage",
            "You took the KL from the advantages. That is another place for it (in the reward: "
            "notebook 06, section 4); here it stands in the loss, beside the gain, token by token.",
            (
                lambda new, old, ref, a, mask, beta, n: (
                    -my_surrogate(
                        new, old, a - beta * ((new - ref) * mask).sum(dim=1), 0.2, 0.2
                    )[mask].sum() / n
                ),
                lambda new, old, ref, a, mask, beta, n: (
                    -my_surrogate(
                        new, old, a - beta * (k3(new, ref) * mask).sum(dim=1), 0.2, 0.2
                    )[mask].sum() / n
                ),
            ),
        ),
        Mistake(
            "upside_down",
            "Your ratio is upside down: it is the new probability over the old one. (Were the "
            "first two arguments of `my_surrogate` swapped?)",
            (
                _loss(gain=lambda new, old, a: my_surrogate(2 * old - new, old, a, 0.2, 0.2)),
                _loss(gain=lambda new, old, a: my_surrogate(old, new, a, 0.2, 0.2)),
                _loss(gain=lambda new, old, a: (old - new).exp() * a[:, None]),
            ),
        ),
        Mistake(
            "no_ratio",
            "There is no ratio in your gain: it is the log-prob (or the probability, or how far "
            "the log-prob has moved) times the advantage. With one update that has the right "
            "direction; what is asked for is the clipped gain of notebook 05.",
            (
                _loss(gain=lambda new, old, a: new * a[:, None]),
                _loss(gain=lambda new, old, a: new.exp() * a[:, None]),
                _loss(gain=lambda new, old, a: (new - old) * a[:, None]),
            ),
        ),
        Mistake(
            "no_advantage",
            "The advantages play no part in your loss: every token would be made likelier, "
            "whatever its completion earned.",
            (
                _loss(gain=lambda new, old, a: (new - old).exp()),
                _loss(gain=lambda new, old, a: my_surrogate(new, old, 0 * a + 1, 0.2, 0.2)),
            ),
        ),
        Mistake(
            "ratio_to_reference",
            "Your ratio is the policy over the *reference*. The one that is clipped says how far "
            "the policy has moved from where the tokens were sampled: over the old one.",
            (_loss_with_ratio_to_reference,),
        ),
        Mistake(
            "other_bounds",
            "Clipped, and at other bounds than 0.8 and 1.2. `my_surrogate` takes the *distances* "
            "from 1, the same on both sides here.",
            (
                _loss(gain=lambda new, old, a: my_surrogate(new, old, a, 0.8, 1.2)),
                _loss(gain=lambda new, old, a: my_surrogate(new, old, a, 0.2, 0.28)),
                _loss(
                    gain=lambda new, old, a: torch.minimum(
                        (new - old).exp() * a[:, None],
                        (new - old).exp().clamp(0.2, 0.2) * a[:, None],
                    )
                ),
            ),
        ),
        Mistake(
            "product_clipped",
            "You clipped the product of ratio and advantage. The bounds are for the ratio alone.",
            (
                _loss(gain=lambda new, old, a: ((new - old).exp() * a[:, None]).clamp(0.8, 1.2)),
                _loss(
                    gain=lambda new, old, a: torch.minimum(
                        (new - old).exp() * a[:, None],
                        ((new - old).exp() * a[:, None]).clamp(0.8, 1.2),
                    )
                ),
            ),
        ),
        Mistake(
            "gain_without_gradient",
            "The value is right, and the gain has no gradient: only the KL would be learned. What "
            "is constant in it are the old log-probs and the advantages.",
            (_loss(gain=lambda new, old, a: my_surrogate(new.detach(), old, a, 0.2, 0.2)),),
        ),
        Mistake(
            "no_gradient",
            "The value is right, and the KL has no gradient: it was detached.",
            (_loss(kl=lambda new, ref: k3(new, ref).detach()),),
        ),
        Mistake(
            "only_a_number",
            "The value is right, and no gradient comes of it. The optimizer needs the tensor, "
            "not what `.item()` or `.detach()` makes of it.",
            (lambda *x: my_loss(*x).detach(),),
        ),
        Mistake(
            "gain_over_padding",
            "The KL is masked in yours, and the gain is not: padding was never chosen by anybody.",
            (
                lambda new, old, ref, a, mask, beta, n: (
                    -(my_surrogate(new, old, a, 0.2, 0.2).sum() - beta * k3(new, ref)[mask].sum())
                    / n
                ),
            ),
        ),
        Mistake(
            "not_divided",
            "That is the sum over the tokens, and not yet their mean (or only a part of it is "
            "divided).",
            (
                _loss(total=lambda x, mask, n: -x[mask].sum()),
                lambda new, old, ref, a, mask, beta, n: (
                    -my_surrogate(new, old, a, 0.2, 0.2)[mask].sum()
                    + beta * k3(new, ref)[mask].sum() / n
                ),
                lambda new, old, ref, a, mask, beta, n: (
                    -my_surrogate(new, old, a, 0.2, 0.2)[mask].sum() / n
                    + beta * k3(new, ref)[mask].sum()
                ),
            ),
        ),
        Mistake(
            "divided_twice",
            "You divided twice: by the tokens of this part, and by those of the batch.",
            (_loss(total=lambda x, mask, n: -x[mask].mean() / n),),
        ),
        Mistake(
            "kl_to_old",
            "Your KL is to the policy that sampled. The leash goes to the reference.",
            (lambda new, old, ref, a, mask, beta, n: my_loss(new, old, old, a, mask, beta, n),),
        ),
        Mistake(
            "stretched_twice",
            "`my_surrogate` makes a column (B, 1) of the advantages by itself. Handed a column, "
            "it makes (B, 1, 1) of it, and every row meets the advantages of all rows: no error, "
            "and another loss. Hand in (B,).",
            (
                lambda new, old, ref, a, mask, beta, n: (
                    -(
                        (my_surrogate(new, old, a[:, None], 0.2, 0.2) - beta * k3(new, ref)) * mask
                    ).sum()
                    / n
                ),
            ),
        ),
        Mistake(
            "not_clipped",
            "Your gain is ratio times advantage, and nothing is clipped (or you took the larger "
            "of the two products): notebook 05.",
            (
                _loss(gain=lambda new, old, a: (new - old).exp() * a[:, None]),
                _loss(
                    gain=lambda new, old, a: torch.maximum(
                        (new - old).exp() * a[:, None],
                        (new - old).exp().clamp(0.8, 1.2) * a[:, None],
                    )
                ),
            ),
        ),
        Mistake(
            "clip_without_min",
            "Only the clipped product counts in yours. A token that has moved the *wrong* way, "
            "and too far, gets no gradient, and cannot come back. The gain is the smaller of the "
            "two products.",
            (_loss(gain=lambda new, old, a: (new - old).exp().clamp(0.8, 1.2) * a[:, None]),),
        ),
    ],
    hints=[
        "One number a token first: the gain of notebook 05, less beta times the KL of notebook 06.",
        "Then the tokens that count: x[mask] picks them out of a (B, T).",
        "Then their sum, over the tokens of the whole batch, and a minus.",
    ],
    well_done="your loss is right, and parts of a batch add up to the whole.",
)  # fmt: skip


# --- exercises 3 to 5: tests that catch a bug -----------------------------------------------------


def _verdict(value: Any) -> str:
    """What a learner's test said."""
    value = returned(value)
    if isinstance(value, Tensor) and value.numel() != 1:
        raise WrongShape(f"True or False is wanted, not a tensor of {value.numel()}.")
    return "right" if bool(value) else "broken"


def _on(candidate: Any) -> Callable[[Callable[..., Any]], str]:
    """A case: the learner's test on one candidate, or on a tuple of arguments.

    A test that says no by an AssertionError says no.
    """

    def run(f: Callable[..., Any]) -> str:
        try:
            return _verdict(f(*candidate) if isinstance(candidate, tuple) else f(candidate))
        except AssertionError:
            return "broken"

    return run


# what is tested has a name in the message, and no word about what is wrong with it
def _panel(what: str, right: list[Any], broken: list[Any]) -> list[Case]:
    cases = [Case(f"For {what} that is right (number {i})", _on(c)) for i, c in enumerate(right, 1)]
    return cases + [
        Case(f"For {what} that is broken (number {i})", _on(c)) for i, c in enumerate(broken, 1)
    ]


def my_mask_test(mask_of: loop.Mask) -> bool:
    """Whether mask_of(ids (B, T), end) -> (B, T) is right."""
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


_MASKS: list[loop.Mask] = [
    loop.shifted_mask,
    loop.mask_without_padding,
    _one_less,
    _one_more,
    _last_end,
    lambda ids, end: torch.ones_like(ids).bool(),
    _ends_always,
    _rolled,
]

_E = 9
_MIXED = torch.tensor([[5, 6, _E, _E, _E], [7, _E, _E, _E, _E], [5, 6, 7, 5, 6]])


def _compares(ids: Tensor) -> Callable[[loop.Mask], bool]:
    """A test that compares whole masks, on ids that may be too easy."""
    return lambda mask_of: torch.equal(mask_of(ids, _E).bool(), completion_mask(ids, _E))


mask_test = Exercise(
    "07",
    "mask_test",
    solution_function=my_mask_test,
    cases=_panel("a mask", [completion_mask, _by_length], _MASKS),
    mistakes=[
        Mistake(
            "passes_everything",
            "Your test calls every mask right. It has to look at what the mask says, token by "
            "token.",
            (lambda mask_of: True, lambda mask_of: mask_of(_MIXED, _E).shape == _MIXED.shape),
            entirely=True,
        ),
        Mistake(
            "fails_everything",
            "Your test calls every mask wrong, a right one too. Is the first end in your "
            "expectation, and are you comparing the same types?",
            (
                lambda mask_of: False,
                lambda mask_of: torch.equal(mask_of(_MIXED, _E).long(), (_MIXED != _E).long() * 2),
            ),
            entirely=True,
        ),
        Mistake(
            "upside_down",
            "Your answers are the right ones, turned round: True means that the mask is right.",
            (lambda mask_of: not my_mask_test(mask_of),),
        ),
        Mistake(
            "expects_no_end",
            "Your test wants the end left out of the mask: it calls the right one wrong, and one "
            "that never trains an end right. The end is a token like any other; it is the "
            "decision to stop.",
            (lambda mask_of: torch.equal(mask_of(_MIXED, _E).bool(), _MIXED != _E),),
        ),
        Mistake(
            "counted_only",
            "You compare how many tokens the mask has. A mask that is shifted by one has as many, "
            "and others: it passes your test.",
            (
                lambda mask_of: torch.equal(
                    mask_of(_MIXED, _E).sum(1), completion_mask(_MIXED, _E).sum(1)
                ),
                lambda mask_of: int(mask_of(_MIXED, _E).sum()) == 10,
                lambda mask_of: torch.equal(
                    mask_of(_MIXED[:2], _E).sum(1), completion_mask(_MIXED[:2], _E).sum(1)
                ),
                lambda mask_of: int(mask_of(_MIXED[:2], _E).sum()) == 5,
            ),
        ),
        Mistake(
            "no_end_in_it",
            "No completion of your example has an end, and most bugs are at the end.",
            (_compares(_MIXED[2:]),),
        ),
        Mistake(
            "all_end",
            "Every completion of your example ends. One that was cut off at the longest length "
            "allowed has no end in it, and all of its tokens count: some masks go wrong only "
            "there.",
            (_compares(_MIXED[:2]),),
        ),
        Mistake(
            "nothing_behind_it",
            "In your example nothing follows the end. Padding is what makes it hard: let some "
            "completions be shorter than others, filled up with the end's own id.",
            (_compares(torch.tensor([[5, 6, 7, 5, _E]])),),
        ),
        Mistake(
            "padding_of_its_own",
            "Your example is filled up with another id than the end's. Where the two are one, "
            "some masks go wrong that are right in yours.",
            (_compares(torch.tensor([[5, 6, _E, 0, 0], [7, _E, 0, 0, 0], [5, 6, 7, 5, 6]])),),
        ),
        Mistake(
            "only_behind",
            "You look only at what follows the end. A mask that leaves the end out passes.",
            (
                lambda mask_of: not mask_of(_MIXED, _E)[~completion_mask(_MIXED, _E)].any(),
                lambda mask_of: not bool(mask_of(_MIXED[:1], _E)[0, 3:].any()),
            ),
        ),
        Mistake(
            "only_the_end",
            "You look only at whether the end is in. A mask that has too much of everything "
            "passes.",
            (
                lambda mask_of: bool(mask_of(_MIXED[:1], _E)[0, 2]),
                lambda mask_of: bool(mask_of(_MIXED[:2], _E)[[0, 1], [2, 1]].all()),
            ),
        ),
        Mistake(
            "one_place",
            "You look at one place of each row, the first or the last. A mask can be right there "
            "and wrong everywhere else: compare all of it.",
            (
                lambda mask_of: bool(mask_of(_MIXED, _E)[:, 0].all()),
                lambda mask_of: bool(mask_of(_MIXED[:1], _E)[0, 0]),
                lambda mask_of: not bool(mask_of(_MIXED[:2], _E)[:, -1].any()),
            ),
        ),
    ],
    hints=[
        "Make a small example by hand: two or three rows of made-up ids, and what the mask of each "
        "ought to be. Then compare.",
        "Rows of different lengths; padding with the id of the end; and one row that was cut off "
        "and has no end at all.",
        "A right mask is True up to the first end, with that end, and False behind it. "
        "`torch.equal` compares two tensors of one type.",
    ],
    well_done="your test tells right masks from eight broken ones, a shifted one and one without "
    "ends among them.",
)


def my_ratio_test(logprobs: Tensor, sampled: Tensor, mask: Tensor) -> bool:
    """Whether log-probs (B, T) are those the tokens were sampled with."""
    off = (logprobs - sampled)[mask].abs()
    return bool(off.max() < 1e-3)


_SAMPLED = -torch.rand(4, 10, generator=_RANDOM) * 3
_SEEN = torch.arange(10) < torch.tensor([[10], [6], [8], [3]])
_WAVE = torch.tensor([1.0, -1.0]).repeat(5)


def _scores(change: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What a loop computed, what was recorded at sampling, and the mask."""
    return _SAMPLED + change, _SAMPLED, _SEEN


_ONE_TOKEN = torch.zeros(4, 10)
_ONE_TOKEN[2, 5] = 0.6
_RARE = torch.where(_ONE_TOKEN > 0, torch.tensor(-9.0), _SAMPLED)  # that token, one in 8,000
_SURE = _SAMPLED.clone()
_SURE[:, 0] = -2e-5  # a token that could hardly have been another
_PADDING = torch.where(_SEEN, torch.zeros(()), torch.tensor(-20.0))
_EVEN = torch.ones(4, 10, dtype=torch.bool)

_RIGHT_SCORES = [
    _scores(torch.zeros(4, 10)),
    _scores(torch.randn(4, 10, generator=_RANDOM) * 1e-5),
    _scores(_PADDING),
    (_SURE - 1e-5, _SURE, _SEEN),
]
_BROKEN_SCORES = [
    _scores(torch.tensor(0.6)),
    _scores(torch.tensor(-0.6)),
    (_SAMPLED + 0.3 * _WAVE, _SAMPLED, _EVEN),
    (_SAMPLED + (1 + 0.3 * _WAVE).log(), _SAMPLED, _EVEN),
    _scores(_ONE_TOKEN),
    _scores(torch.tensor(0.08)),
    _scores(torch.tensor(0.02)),
    _scores(_ONE_TOKEN / 30),
    (_RARE + _ONE_TOKEN, _RARE, _SEEN),
]


def _apart(test: Callable[[Tensor], Any]) -> Callable[..., bool]:
    """A test of the differences on the tokens that count."""
    return lambda new, sampled, mask: bool(test((new - sampled)[mask]))


ratio_test = Exercise(
    "07",
    "ratio_test",
    solution_function=my_ratio_test,
    cases=_panel("a set of log-probs", _RIGHT_SCORES, _BROKEN_SCORES),
    mistakes=[
        Mistake(
            "passes_everything",
            "Your test calls all log-probs right.",
            (lambda new, sampled, mask: True,),
            entirely=True,
        ),
        Mistake(
            "fails_everything",
            "Your test calls all log-probs wrong, even those that were recorded at sampling.",
            (lambda new, sampled, mask: False,),
            entirely=True,
        ),
        Mistake(
            "upside_down",
            "Your answers are the right ones, turned round: True means that the log-probs are "
            "right.",
            (_apart(lambda d: d.abs().max() > 1e-3),),
        ),
        Mistake(
            "to_the_last_bit",
            "You want the two equal to the last bit. Sampling goes token by token, the loss reads "
            "a whole completion at once, and their sums are rounded differently: 0.00001 apart is "
            "no bug. Leave some room.",
            (
                _apart(lambda d: (d == 0).all()),
                lambda new, sampled, mask: torch.equal(new[mask], sampled[mask]),
                _apart(lambda d: d.abs().max() < 1e-7),
            ),
        ),
        Mistake(
            "padding_too",
            "You compare padding as well. Nobody sampled it, and what stands there is anything.",
            (
                lambda new, sampled, mask: bool((new - sampled).abs().max() < 1e-3),
                lambda new, sampled, mask: torch.allclose(new, sampled, atol=1e-3),
            ),
        ),
        Mistake(
            "bit_and_padding",
            "You want all places equal to the last bit: padding counts, and so does a rounding of "
            "0.00001. Look only where the mask is True, and leave some room.",
            (
                lambda new, sampled, mask: torch.equal(new, sampled),
                lambda new, sampled, mask: bool((new == sampled).all()),
            ),
        ),
        Mistake(
            "one_sided",
            "You look in one direction only. Log-probs may be too small as well as too large.",
            (
                _apart(lambda d: d.max() < 1e-3),
                _apart(lambda d: d.min() > -1e-3),
            ),
        ),
        Mistake(
            "mean_log",
            "You look at the mean difference, where errors up and down cancel. In a real batch "
            "they do: some tokens get likelier, others rarer.",
            (
                _apart(lambda d: d.mean().abs() < 1e-3),
                _apart(lambda d: d.sum().abs() < 1e-3),
            ),
        ),
        Mistake(
            "mean_ratio",
            "You look at the mean ratio. It can be exactly 1 while no single ratio is.",
            (_apart(lambda d: (d.exp().mean() - 1).abs() < 1e-3),),
        ),
        Mistake(
            "mean_of_errors",
            "The mean error is small where one token in many is far off. One is a bug: take the "
            "worst.",
            (
                _apart(lambda d: d.abs().mean() < 0.05),
                _apart(lambda d: (d.exp() - 1).abs().mean() < 0.05),
                _apart(lambda d: d.abs().mean() < 1e-3),
            ),
        ),
        Mistake(
            "some_are_enough",
            "You are content when *some* tokens agree: any of them, the middle one, or the first. "
            "One that is off is a bug, wherever it stands: take the worst.",
            (
                _apart(lambda d: (d.abs() < 1e-3).any()),
                _apart(lambda d: d.abs().median() < 1e-3),
                _apart(lambda d: d.abs().min() < 1e-3),
            ),
        ),
        Mistake(
            "probabilities",
            "You compare probabilities. A token of one in ten thousand can become twice as likely "
            "there, and hardly anything is seen: compare log-probs, or look at the ratio.",
            (
                lambda new, s, mask: bool((new.exp() - s.exp())[mask].abs().max() < 1e-3),
                lambda new, s, mask: torch.allclose(new[mask].exp(), s[mask].exp(), atol=1e-3),
            ),
        ),
        Mistake(
            "quotient",
            "You divide one log-prob by the other. Where a token is all but certain both are all "
            "but 0, and rounding makes anything of 0 / 0. The *difference* says how many times "
            "likelier it is.",
            (
                lambda new, s, mask: bool((new / s - 1)[mask].abs().max() < 1e-3),
                lambda new, s, mask: torch.allclose(new[mask], s[mask], atol=0.0, rtol=1e-3),
            ),
        ),
        Mistake(
            "too_lenient",
            "You let errors pass that are inside the clip's bounds, or nearly. Rounding is a "
            "hundred-thousandth; even 2% is a bug.",
            (
                _apart(lambda d: (d.exp() - 1).abs().max() < 0.2),
                _apart(lambda d: d.abs().max() < 0.1),
                _apart(lambda d: d.abs().max() < 0.05),
            ),
        ),
    ],
    hints=[
        "Before the first update the ratio of every token is 1: its log-probs, now and at "
        "sampling, are the same number.",
        "Where the mask is True only; and the worst of them, in either direction.",
        "How close? Rounding makes differences of about 0.00001, bugs of more than 0.01.",
    ],
    well_done="your test tells rounding from a bug, and is not fooled by errors that cancel.",
)


def my_constant_test(advantages_of: Callable[..., Tensor]) -> bool:
    """Whether no gradient flows through advantages_of(...): see below."""
    rewards = torch.tensor([[1.0, 0.0, 0.3, 0.0]])
    logprobs = torch.randn(4, 6, requires_grad=True)
    ref_logprobs, mask = torch.randn(4, 6), torch.ones(4, 6).bool()
    advantages = advantages_of(rewards, logprobs, ref_logprobs, mask, 0.1)
    return not advantages.requires_grad


def _without_grad(r: Tensor, new: Tensor, ref: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Right, and written in another way."""
    with torch.no_grad():
        return loop.compared_and_differentiated(r, new, ref, mask, beta)


def _scale_detached(r: Tensor, new: Tensor, ref: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Broken by half: mean and spread are constants, the reward itself is none."""
    less = r - beta * ((new - ref) * mask).sum(1).view_as(r)
    mean, std = less.mean(1, keepdim=True), less.std(1, keepdim=True)
    return ((less - mean.detach()) / (std.detach() + 1e-4)).flatten()


def _wrong_one_detached(r: Tensor, new: Tensor, ref: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Broken: it is the reference that was detached, which needed no gradient anyway."""
    return loop.compared_and_differentiated(r, new, ref.detach(), mask, beta)


def _asked(
    look: Callable[[Tensor, Tensor], Any], beta: float = 0.1, needs: bool = True
) -> Callable[[Callable[..., Tensor]], bool]:
    """A test that looks at (advantages, log-probs) in some way."""

    def test(advantages_of: Callable[..., Tensor]) -> bool:
        new = _SAMPLED[:, :6].clone().requires_grad_(needs)
        ref, mask = _SAMPLED[:, 1:7].clone(), torch.ones(4, 6).bool()
        advantages = advantages_of(torch.tensor([[1.0, 0.0, 0.3, 0.0]]), new, ref, mask, beta)
        return bool(look(advantages, new))

    return test


def _slope_is_zero(value: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], bool]:
    """Whether the gradient of something made from the advantages is 0, or there is none."""

    def look(advantages: Tensor, new: Tensor) -> bool:
        if not advantages.requires_grad:
            return True
        (slope,) = torch.autograd.grad(value(advantages), new)
        return bool(slope.abs().max() < 1e-3)

    return look


def _gives_the_same_again(advantages_of: Callable[..., Tensor]) -> bool:
    """Whether advantages are the same under other log-probs."""
    rewards, mask = torch.tensor([[1.0, 0.0, 0.3, 0.0]]), torch.ones(4, 6).bool()
    one, other = (
        advantages_of(rewards, new, _SAMPLED[:, 1:7], mask, 0.1)
        for new in (_SAMPLED[:, :6], _SAMPLED[:, 4:])
    )
    return torch.allclose(one, other)


def _with_rewards_that_need_one(advantages_of: Callable[..., Tensor]) -> bool:
    """Whether no gradient flows from the *rewards*."""
    rewards = torch.tensor([[1.0, 0.0, 0.3, 0.0]], requires_grad=True)
    mask = torch.ones(4, 6).bool()
    advantages = advantages_of(rewards, _SAMPLED[:, :6], _SAMPLED[:, 1:7], mask, 0.1)
    return not advantages.requires_grad


constant_test = Exercise(
    "07",
    "constant_test",
    solution_function=my_constant_test,
    cases=_panel(
        "an `advantages_of`",
        [loop.compared, _without_grad],
        [loop.compared_and_differentiated, _wrong_one_detached, _scale_detached],
    ),
    mistakes=[
        Mistake(
            "passes_everything",
            "Your test calls every version right. Either the log-probs that you hand in need no "
            "gradient, and then there is nothing to flow; or you look at values, and detaching "
            "changes none; or the KL you made is 0, whatever the log-probs; or you have switched "
            "gradients off.",
            (
                lambda advantages_of: True,
                _asked(lambda a, new: not a.requires_grad, needs=False),
                _asked(lambda a, new: a.sum().abs() < 1e-3),
                _asked(lambda a, new: new.grad is None),
                _asked(_slope_is_zero(lambda a: a[0]), beta=0.0),
                torch.no_grad()(my_constant_test),
            ),
            entirely=True,
        ),
        Mistake(
            "fails_everything",
            "Your test calls right versions wrong, one of them or both. Are you asking the "
            "log-probs? They do need a gradient. It is the advantages that must not. Or do the "
            "rewards of your example need one? Then advantages rightly do. Only the log-probs may. "
            "Or do you want the same numbers for other log-probs? They may differ, since the KL "
            "is in the rewards: a *constant* is what no gradient flows through.",
            (
                lambda advantages_of: False,
                _gives_the_same_again,
                _with_rewards_that_need_one,
                _asked(lambda a, new: not new.requires_grad),
                _asked(lambda a, new: a.requires_grad and a.grad_fn is None),
            ),
            entirely=True,
        ),
        Mistake(
            "upside_down",
            "Your answers are the right ones, turned round: an advantage that a gradient flows "
            "through is broken.",
            (_asked(lambda a, new: a.requires_grad), _asked(lambda a, new: a.grad_fn is not None)),
        ),
        Mistake(
            "sum_is_constant",
            "You differentiate the sum of the advantages (or of their squares). In a group that is "
            "0 (or G - 1), whatever the log-probs: a constant has no slope. So the worst bug "
            "passes. Look at one advantage, or ask the tensor itself.",
            (
                _asked(_slope_is_zero(lambda a: a.sum())),
                _asked(_slope_is_zero(lambda a: a.square().sum())),
                _asked(_slope_is_zero(lambda a: a.mean())),
            ),
        ),
        Mistake(
            "reference_only",
            "In your example the reference's log-probs need a gradient, and the policy's do not. "
            "The reference is frozen; what must not flow is the policy's gradient.",
            (
                lambda advantages_of: (
                    not advantages_of(
                        torch.tensor([[1.0, 0.0, 0.3, 0.0]]),
                        _SAMPLED[:, :6].clone(),
                        _SAMPLED[:, 1:7].clone().requires_grad_(),
                        torch.ones(4, 6).bool(),
                        0.1,
                    ).requires_grad
                ),
            ),
        ),
    ],
    hints=[
        "Make log-probs that need a gradient (`requires_grad=True`), call `advantages_of` with "
        "them, and ask whether the gradient would get through.",
        "Whatever depends on a tensor that needs a gradient needs one itself, unless it was "
        "detached on the way. A tensor says so: it has an attribute for it.",
        "Any rewards of shape (1, 4), log-probs and mask of shape (4, 6), and a beta that is not 0 "
        "will do.",
    ],
    well_done="your test tells a constant from something that only looks like one.",
)


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "07",
    Question(
        "a",
        "What is wrong with loop A?",
        [
            Option(
                "The reference moves along with the policy.",
                "Its KL is measured to the same frozen copy as in the loop beside it.",
            ),
            Option(
                "A gradient flows through its advantages.",
                "The KL in the reward was not detached, so completions are pushed by what they do "
                "to the comparison, and not only by what they earned.",
                right=True,
            ),
            Option(
                "Its KL has the wrong sign.",
                "Its advantages have the right values. What was it that the third test asked?",
            ),
        ],
    ),
    Question(
        "b",
        "What is wrong with loop B?",
        [
            Option(
                "It scores each token by the logits of the next.",
                "Its log-probs pass the second test. Look at what its mask says.",
            ),
            Option(
                "Its mask leaves the end out.",
                "In the print-out the end is in. What is not?",
            ),
            Option(
                "Its mask is shifted by one token.",
                "The first token is never trained, and one behind the end is.",
                right=True,
            ),
        ],
    ),
    Question(
        "c",
        "What is wrong with loop C?",
        [
            Option(
                "Its log-probs leave the temperature out.",
                "It samples at 1.3 and scores at 1: the ratio is not 1 before the first update.",
                right=True,
            ),
            Option(
                "It samples at the wrong temperature.",
                "1.3 is unusual, and no mistake: the right loop beside it does so too.",
            ),
            Option(
                "Its old log-probs are not detached.",
                "They were recorded when the tokens were drawn, and are plain numbers.",
            ),
        ],
    ),
    Question(
        "d",
        "What is wrong with loop D?",
        [
            Option(
                "It trains what lies behind the end.",
                "In the print-out there is nothing behind it.",
            ),
            Option(
                "Nothing: its curves are those of the right loop.",
                "A bug that costs nothing on one model in thirty steps is still one.",
            ),
            Option(
                "It never trains a first token.",
                "That was another one of the four.",
            ),
            Option(
                "It takes the end for padding and never trains it.",
                "They have the same id. So the decision to stop is never rewarded and never "
                "punished.",
                right=True,
            ),
        ],
    ),
    Question(
        "proof",
        "You rewrite a part of a loop that is right. With the same seed, the reward of the first "
        "30 steps looks like before, as a curve. What do you know?",
        [
            Option(
                "The new part is right.",
                "Then loop D would be right.",
            ),
            Option(
                "That it does not break everything. Compare the losses, digit by digit.",
                "The same seed and the same mathematics give the same numbers, for some steps at "
                "least. That is a far sharper test than a curve, and takes as long as five steps.",
                right=True,
            ),
            Option(
                "Nothing can be known without three seeds.",
                "Seeds are for comparing methods. Whether two programs compute the same can be "
                "seen on one.",
            ),
        ],
    ),
)
