"""The mistakes that the exercise `logprobs` of lesson 07 recognises."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson07.logprobs_exercise import PROMPT, logprobs, my_logprobs


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


@logprobs.mistake(
    "You took the logits at the token's own position. Logits at position t predict token t + 1, "
    "so a token was sampled from the logits one position before it."
)
def not_shifted() -> WrongAnswers:
    yield _logprobs(lambda z, p: z[:, p:])


@logprobs.mistake(
    "You took the logits two positions before the token. One before is right: the logits at the "
    "last token of the prompt predict the first token of the completion."
)
def shifted_too_far() -> WrongAnswers:
    yield _logprobs(lambda z, p: z[:, p - 2 : -2])


@logprobs.mistake(
    "Right at temperature 1, but unchanged at 2. Tokens are sampled from the softmax of logits / "
    "temperature: that is the policy whose log-probabilities you need."
)
def no_temperature() -> WrongAnswers:
    yield _logprobs(scale=lambda z, t: z)


@logprobs.mistake(
    "You multiplied by the temperature. A high temperature makes all tokens more equally likely, "
    "so divide by it."
)
def multiplied() -> WrongAnswers:
    yield _logprobs(scale=lambda z, t: z * t)


@logprobs.mistake(
    "You divided log-probabilities by the temperature. The results are no longer logarithms of "
    "probabilities that sum to 1. Divide the logits, before the softmax."
)
def temperature_too_late() -> WrongAnswers:
    yield lambda z, ids, p, t: _logprobs(scale=lambda z, t: z)(z, ids, p, t) / t
    yield (
        lambda z, ids, p, t: (
            torch.log_softmax(z[:, p - 1 : -1], 2).div(t).gather(2, ids[:, p:, None])[..., 0]
        )
    )


@logprobs.mistake(
    "You divided the *probabilities* by the temperature, and then took the logarithm. That lowers "
    "every log-probability by the same amount, and does not make any token more or less likely "
    "than another. Divide the logits, before the softmax."
)
def softmax_divided() -> WrongAnswers:
    yield _logprobs(scale=lambda z, t: (torch.softmax(z, dim=2) / t).log(), score=lambda z: z)


@logprobs.mistake(
    "Right for prompts of 3 tokens. The number of prompt tokens is an argument, and other prompts "
    "are longer."
)
def always_three() -> WrongAnswers:
    yield lambda z, ids, p, t: my_logprobs(z, ids, PROMPT, t)


@logprobs.mistake(
    "Your logarithm has another base. Log-probabilities are natural logarithms: only then does "
    "`exp` return the probability."
)
def other_base() -> WrongAnswers:
    yield lambda *x: my_logprobs(*x) / math.log(2)
    yield lambda *x: my_logprobs(*x) / math.log(10)


@logprobs.mistake("These are probabilities. Return their logarithms, which add up over tokens.")
def probabilities() -> WrongAnswers:
    yield _logprobs(score=lambda z: torch.softmax(z, dim=2))


@logprobs.mistake(
    "These are logits, as they come from the model. A log-softmax over the vocabulary turns them "
    "into log-probabilities."
)
def scores() -> WrongAnswers:
    yield _logprobs(score=lambda z: z)


@logprobs.mistake(
    "You took the most likely token at every position instead of the one that was sampled. GRPO "
    "needs the sampled tokens' log-probabilities."
)
def likeliest() -> WrongAnswers:
    yield lambda z, ids, p, t: torch.log_softmax(z[:, p - 1 : -1] / t, dim=2).max(dim=2).values


@logprobs.mistake(
    "Your softmax runs over positions, or over rows. It must run over the vocabulary, the last "
    "dimension."
)
def over_positions() -> WrongAnswers:
    yield _logprobs(score=lambda z: torch.log_softmax(z, dim=1))
    yield _logprobs(score=lambda z: torch.log_softmax(z, dim=0))
    yield lambda z, ids, p, t: torch.log_softmax(z / t, 1)[:, p - 1 : -1].gather(
        2, ids[:, p:, None]
    )[..., 0]


@logprobs.mistake(
    "These are *minus* the log-probabilities: a cross-entropy is a loss. The logarithm of a "
    "probability is never above 0."
)
def minus_forgotten() -> WrongAnswers:
    yield lambda *x: -my_logprobs(*x)


@logprobs.mistake(
    "You looked up each token at its own position, and shifted by one afterwards. That selects "
    "other tokens. Pair first: logits one position before, ids from the first token of the "
    "completion on."
)
def cut_too_late() -> WrongAnswers:
    yield lambda z, ids, p, t: torch.log_softmax(z / t, 2).gather(2, ids[..., None])[
        :, p - 1 : -1, 0
    ]


@logprobs.mistake("You included the prompt. The policy did not write it: keep the last T.")
def prompt_too() -> WrongAnswers:
    yield _logprobs(lambda z, p: z[:, :-1])
