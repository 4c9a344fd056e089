"""Exercise 1 of lesson 07: from logits to log-probabilities."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.lesson07.cases import LOGITS
from grpo_core.course.outcomes import tensor


def my_logprobs(logits: Tensor, ids: Tensor, prompt: int, temperature: float) -> Tensor:
    """Return the completions' log-probs (B, T); logits (B, P + T, V)."""
    before = logits[:, prompt - 1 : -1] / temperature
    logprobs = torch.log_softmax(before, dim=2)
    chosen = ids[:, prompt:].unsqueeze(2)
    return logprobs.gather(2, chosen).squeeze(2)


_IDS = torch.tensor([[0, 1, 2, 3, 4, 1, 0], [4, 2, 0, 1, 1, 3, 2]])
PROMPT = 3


def _scored(temperature: float, prompt: int = PROMPT) -> Callable[[Callable[..., Any]], Tensor]:
    return lambda f: tensor(f(LOGITS.clone(), _IDS.clone(), prompt, temperature))


logprobs = Exercise(
    "07",
    "logprobs",
    solution_function=my_logprobs,
    cases=[
        Case("For prompts of 3 tokens and completions of 4, at temperature 1", _scored(1.0)),
        Case("At temperature 2", _scored(2.0)),
        Case("For prompts of 5 tokens and completions of 2", _scored(1.0, prompt=5)),
    ],
    hints=[
        "Take three steps: cut out the logits that the completion was sampled from, turn them "
        "into log-probabilities over the vocabulary, and look up the sampled tokens.",
        "With a prompt of 3 the first token of the completion is number 3, counted from 0, and it "
        "was sampled from logits number 2. The very last logits predict a token that was never "
        "sampled.",
        "`gather(2, index)` looks up along the vocabulary; the index needs a third dimension, and "
        "the result has one dimension too many.",
    ],
    well_done="your log-probabilities are those that the tokens were sampled with.",
)
