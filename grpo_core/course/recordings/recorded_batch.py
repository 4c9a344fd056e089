"""Apply any method of the family to one recorded batch. For lesson 11.

Samples and rewards stay fixed; only the method's settings change. So any difference between two
pictures comes from the method.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.aggregation import BatchSize
from grpo_core.algorithm.critic import gae, token_rewards, whiten
from grpo_core.algorithm.kl import KL_ESTIMATORS, sequence_penalty
from grpo_core.algorithm.objective import token_push
from grpo_core.algorithm.presets import PRESETS
from grpo_core.algorithm.variant import Variant
from grpo_core.core.config import GRPOConfig
from grpo_core.core.records import Completion, Group
from grpo_core.course.recordings.reused_batch import batch_of, logprobs_of
from grpo_core.models.policy import Policy


@dataclass(frozen=True)
class RecordedBatch:
    """N groups of G completions, B = N * G rows, with everything that a method needs.

    Attributes:
        completions: B.
        rewards: (N, G) float32.
        mask: (B, T) bool.
        old_logprobs: (B, T) under the policy that sampled.
        logprobs: (B, T) under the policy as it was at the last update of the step.
        ref_logprobs: (B, T) under the reference.
        max_completion_length: the divisor of `constant` aggregation.
    """

    completions: list[Completion]
    rewards: Tensor
    mask: Tensor
    old_logprobs: Tensor
    logprobs: Tensor
    ref_logprobs: Tensor
    max_completion_length: int

    @property
    def first(self) -> "RecordedBatch":
        """The same batch before the first update, when `logprobs` still were `old_logprobs`."""
        return RecordedBatch(**{**vars(self), "logprobs": self.old_logprobs})


def load_batch(
    groups: Sequence[Group], reference: Policy, max_completion_length: int = 256
) -> RecordedBatch:
    """Return the recorded groups of one step as a batch.

    Args:
        groups: groups with recorded old_logprobs and logprobs.
        reference: the reference policy of the KL.
        max_completion_length: the run's limit.
    """
    batch = batch_of(reference, groups)
    with torch.no_grad():
        ref_logprobs = logprobs_of(reference, batch)
    completions = [c for group in groups for c in group.completions]

    def padded(name: str) -> Tensor:
        rows = [torch.from_numpy(getattr(c, name)).float() for c in completions]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)

    return RecordedBatch(
        completions,
        torch.tensor([[c.reward for c in group.completions] for group in groups]),
        batch.mask,
        padded("old_logprobs"),
        padded("logprobs"),
        ref_logprobs,
        max_completion_length,
    )


def variant_of(preset: str, **changes: object) -> Variant:
    """Return a preset as a `Variant`, with some of its settings changed."""
    return Variant.from_config(GRPOConfig.from_dict({**PRESETS[preset], **changes}))


def advantages_of(batch: RecordedBatch, variant: Variant, lam: float = 1.0) -> Tensor:
    """Return the advantage of each completion, (B,), or with a critic of each token, (B, T).

    The critic is untrained and predicts 0 everywhere, as in the first step of a run.

    Args:
        batch: the recorded batch.
        variant: the method.
        lam: lambda of GAE, for a method with a critic.
    """
    rewards = batch.rewards
    kl = KL_ESTIMATORS[variant.kl_estimator](batch.old_logprobs, batch.ref_logprobs)
    if variant.scale_rewards == "gae":
        per_token = token_rewards(rewards.flatten(), kl, batch.mask, variant.beta)
        advantages, _ = gae(per_token, torch.zeros_like(kl), batch.mask, lam=lam)
        return whiten(advantages, batch.mask)
    if variant.kl_in_reward:
        rewards = rewards - sequence_penalty(kl, batch.mask, variant.beta).view_as(rewards)
    return group_advantages(rewards, variant.scale_rewards).flatten()


def push_of(batch: RecordedBatch, variant: Variant, lam: float = 1.0) -> Tensor:
    """Return each token's push, (B, T): minus the gradient of the loss by its log-probability."""
    return token_push(
        batch.logprobs,
        batch.old_logprobs,
        batch.ref_logprobs,
        advantages_of(batch, variant, lam),
        batch.mask,
        variant,
        BatchSize.of(batch.mask, batch.max_completion_length),
    )


def likeness(pushes: Sequence[Tensor]) -> Tensor:
    """Return the cosine similarities of several pushes, (M, M).

    Their lengths do not matter, since Adam normalises them.
    """
    flat = torch.stack([push.flatten().double() for push in pushes])
    unit = flat / flat.norm(dim=1, keepdim=True)
    return unit @ unit.T
