"""Update a policy many times on one batch of completions. For lesson 05.

The samples stay fixed while the policy changes: this is why there is a clip.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grpo_core.algorithm.logprobs import token_logprobs
from grpo_core.core.records import Group
from grpo_core.models.policy import Policy

Surrogate = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Log-probabilities (B, T), old ones (B, T), advantages (B, 1) -> (B, T), to be maximised."""


@dataclass(frozen=True)
class Batch:
    """B recorded completions as tensors.

    Attributes:
        ids: (B, P + T) int64, prompts padded on the left and completions on the right.
        attention: (B, P + T) bool, False on the padding on the left.
        prompt: P, the width of the prompts.
        mask: (B, T) bool, the completions' tokens.
        advantages: (B, 1) float32.
    """

    ids: Tensor
    attention: Tensor
    prompt: int
    mask: Tensor
    advantages: Tensor


def batch_of(policy: Policy, groups: Sequence[Group]) -> Batch:
    """Return recorded groups as tensors to train on.

    Args:
        policy: a policy with the tokenizer that the groups were recorded with.
        groups: the groups of one step.
    """
    completions = [c for group in groups for c in group.completions]
    prompts = [group.prompt for group in groups for _ in group.completions]
    prompt_ids, prompt_mask = policy.encode(prompts)
    longest = max(len(c) for c in completions)
    ids = torch.full((len(completions), longest), policy.pad_id)
    mask = torch.zeros(len(completions), longest, dtype=torch.bool)
    for i, c in enumerate(completions):
        ids[i, : len(c)] = torch.from_numpy(c.token_ids).long()
        mask[i, : len(c)] = True
    return Batch(
        torch.cat([prompt_ids, ids], dim=1),
        torch.cat([prompt_mask, torch.ones_like(mask)], dim=1),
        prompt_ids.shape[1],
        mask,
        torch.tensor([[c.advantage] for c in completions]),
    )


def logprobs_of(policy: Policy, batch: Batch) -> Tensor:
    """Return the log-probabilities (B, T) of a batch's tokens, 0 on padding; differentiable."""
    positions = (batch.attention.cumsum(dim=1) - 1).clamp_min(0)
    logits = policy.model(
        input_ids=batch.ids[:, :-1],
        attention_mask=batch.attention[:, :-1],
        position_ids=positions[:, :-1],
        use_cache=False,
    ).logits
    from_prompt = batch.prompt - 1
    logprobs, _ = token_logprobs(logits[:, from_prompt:], batch.ids[:, batch.prompt :])
    return logprobs.masked_fill(~batch.mask, 0.0)


def updates(
    policy: Policy, batch: Batch, surrogate: Surrogate, count: int, learning_rate: float = 1e-3
) -> Iterator[Tensor]:
    """Update a copy of the policy on one batch `count` times; the policy itself does not change.

    Args:
        policy: the policy that sampled.
        batch: its samples.
        surrogate: the objective per token, whose mean over all tokens is maximised.
        count, learning_rate: the number of updates, and AdamW's learning rate.

    Yields:
        (B, T) log-ratios to the policy that sampled, before the first update and after each.
    """
    learner = policy.frozen_copy()
    learner.model.requires_grad_(True)
    parameters = list(learner.model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.0)
    with torch.no_grad():
        old = logprobs_of(policy, batch)
    for update in range(count + 1):
        logprobs = logprobs_of(learner, batch)
        yield logprobs.detach() - old
        if update == count:
            return
        per_token = surrogate(logprobs, old, batch.advantages)
        optimizer.zero_grad()
        (-per_token[batch.mask].mean()).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
