"""One recorded batch, learned from again: the same log-probs as recorded, and it moves."""

import numpy as np
import pytest
import torch

from grpo_core.course.recordings import replay, reused_batch
from grpo_core.models.policy import Policy, load_policy


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.set_num_threads(1)
    return load_policy("tiny")


@pytest.fixture(scope="module")
def batch(policy: Policy) -> reused_batch.Batch:
    groups = replay.recorded("countdown-mu4-seed0").step(1).groups[:2]
    for group in groups:
        group.completions = group.completions[:4]
    return reused_batch.batch_of(policy, groups)


def test_the_log_probs_are_those_that_were_recorded(
    policy: Policy, batch: reused_batch.Batch
) -> None:
    groups = replay.recorded("countdown-mu4-seed0").step(1).groups[:2]
    completions = [c for group in groups for c in group.completions[:4]]
    logprobs = reused_batch.logprobs_of(policy, batch).detach()
    for row, mask, c in zip(logprobs, batch.mask, completions, strict=True):
        assert int(mask.sum()) == len(c)
        assert not row[~mask].any()
        np.testing.assert_allclose(row[mask].numpy(), c.old_logprobs, atol=1e-4)


def test_updates_start_at_the_policy_move_away_and_leave_it_alone(
    policy: Policy, batch: reused_batch.Batch
) -> None:
    before = [p.clone() for p in policy.model.parameters()]

    def surrogate(new: torch.Tensor, old: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        return torch.exp(new - old) * a

    first, second, third = reused_batch.updates(policy, batch, surrogate, 2)
    assert not first.any()
    gains = [float((d * batch.advantages)[batch.mask].mean()) for d in (first, second, third)]
    assert gains == sorted(gains) and gains[2] > 0  # good up, bad down
    for p, was in zip(policy.model.parameters(), before, strict=True):
        assert torch.equal(p, was)
