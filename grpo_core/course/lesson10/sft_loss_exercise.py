"""Exercise 1 of lesson 10: the loss of fine-tuning."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import Case, Exercise
from grpo_core.course.outcomes import number, tensor

PAD = 2  # the end token pads, too, as with many models


def my_sft_loss(logits: Tensor, ids: Tensor, prompts: Tensor, lengths: Tensor) -> Tensor:
    """Return the loss; logits (N, T, V), ids (N, T), others (N,)."""
    logprobs = torch.log_softmax(logits[:, :-1], dim=2)
    targets = ids[:, 1:]
    chosen = logprobs.gather(2, targets.unsqueeze(2)).squeeze(2)
    position = torch.arange(1, ids.shape[1])
    learned = (position >= prompts.unsqueeze(1)) & (position < lengths.unsqueeze(1))
    return -chosen[learned].mean()


def _batch() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Three rows: prompts of 4, 3 and 2 tokens, completions of 4, 2 and 1 with their end."""
    logits = 2 * torch.randn(3, 9, 6, generator=torch.Generator().manual_seed(6))
    rows = ([1, 4, 3, 5, 3, 5, 4], [1, 3, 5, 4], [1, 4])
    ids = torch.full((3, 9), PAD)  # what is left of a row is its end token, and padding
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
    return logits, ids, torch.tensor([4, 3, 2]), torch.tensor([8, 5, 3])


def _gradient(f: Callable[..., Any]) -> Tensor:
    """The gradient of the loss by the logits; NaN where none comes of it."""
    logits, *rest = _batch()
    loss = tensor(f(logits.requires_grad_(), *rest))
    gradient = None
    if loss.requires_grad:
        (gradient,) = torch.autograd.grad(loss.sum(), logits, allow_unused=True)
    return torch.full_like(logits, float("nan")) if gradient is None else gradient


sft_loss = Exercise(
    "10",
    "sft_loss",
    solution_function=my_sft_loss,
    cases=[
        Case("For three completions of 4, 2 and 1 tokens", lambda f: number(f(*_batch()))),
        Case("For its gradient with respect to the logits", _gradient),
    ],
    hints=[
        "Take four steps: the log-probabilities, those of the actual tokens, a mask of the ones "
        "that count, and a mean.",
        "The logits at position t predict the token at t + 1. So drop the last logits and the "
        "first ids, and the two line up.",
        "A row's completion is at the positions from its prompt's length up to, not including, its "
        "length. Compare `torch.arange` with both, after `unsqueeze(1)`.",
    ],
    well_done="your loss learns the completions, including their EOS tokens, and nothing else.",
)
