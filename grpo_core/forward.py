"""Completions through a model: micro-batches of like length, and what it thinks of every token."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grpo_core.algorithm.logprobs import token_logprobs
from grpo_core.models.critic import Critic
from grpo_core.models.policy import Policy
from grpo_core.sampling import Samples


@dataclass
class Seen:
    """What a forward pass gives for R rows; T' is the longest completion of them.

    Attributes:
        logprobs: (R, T') float32, differentiable.
        entropy: (R, T') float32.
        values: (R, T') float32, the critic's, or None without one.
    """

    logprobs: Tensor
    entropy: Tensor
    values: Tensor | None = None


def forward(
    policy: Policy,
    samples: Samples,
    rows: Tensor,
    *,
    temperature: float,
    critic: Critic | None = None,
    entropy_gradient: bool = False,
    bf16: bool = False,
) -> Seen:
    """Policy, and critic where there is one, on some rows of a batch.

    Args:
        policy: whose log-probs.
        samples: B completions.
        rows: (R,) int64, which of them.
        temperature: of the sampling; see algorithm/logprobs.py for why it belongs here.
        critic: asked for values on the same rows.
        entropy_gradient: keep the entropy differentiable.
        bf16: do the matrix products in bfloat16 (autocast).
    """
    inputs, keep = _model_inputs(samples, rows)
    reads_policy = critic is not None and critic.body is None
    with torch.autocast(policy.device.type, dtype=torch.bfloat16, enabled=bf16):
        output = policy.model(
            **inputs, use_cache=False, logits_to_keep=keep, output_hidden_states=reads_policy
        )
        values = None
        if critic is not None:
            values = critic(inputs, output.hidden_states[-1] if reads_policy else None, keep)
    logprobs, entropy = token_logprobs(
        output.logits,
        samples.completion_ids[rows, :keep],
        temperature,
        entropy_gradient=entropy_gradient,
    )
    return Seen(logprobs, entropy, values)


def _model_inputs(samples: Samples, rows: Tensor) -> tuple[dict[str, Any], int]:
    """What a model is called with for some rows, and T', how many last positions to keep."""
    longest = int(samples.lengths[rows].max())
    completion = samples.completion_ids[rows, :longest]
    prompt, mask = samples.prompt_ids[rows], samples.prompt_mask[rows]
    padding = int((~mask).sum(dim=1).min())  # that even the longest of these prompts has
    prompt, mask = prompt[:, padding:], mask[:, padding:]
    ids = torch.cat([prompt, completion], dim=1)
    attention = torch.cat([mask, torch.ones_like(completion, dtype=torch.bool)], dim=1)
    inputs = {
        "input_ids": ids[:, :-1],
        # padding on the right of a completion is behind everything that matters: no mask for it
        "attention_mask": None if attention.all() else attention[:, :-1],
        "position_ids": (attention[:, :-1].cumsum(dim=1) - 1).clamp_min(0),
    }
    return inputs, longest


def micro_batches(
    samples: Samples, most_tokens: int, among: Tensor | None = None
) -> Iterator[Tensor]:
    """Row numbers in batches of like length, so that little is computed for padding.

    Args:
        samples: B completions.
        most_tokens: of a batch, prompts and padding included, unless a single row has more. Small
            enough, and the activations stay in the processor's cache: at 1,024 the tiny model takes
            half the time it takes for the whole batch at once.
        among: the rows to take, or None for all of them.
    """
    prompt = samples.prompt_ids.shape[1]
    among = torch.arange(len(samples.lengths)) if among is None else among
    lengths = samples.lengths[among]
    rows: list[int] = []
    if not len(among):
        return
    for i in lengths.argsort(stable=True).tolist():  # so each is the longest so far
        width = prompt + int(lengths[i])
        if rows and (len(rows) + 1) * width > most_tokens:
            yield among[rows]
            rows = []
        rows.append(i)
    yield among[rows]
