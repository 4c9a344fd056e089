"""PPO's critic: a model of its own or a head on the policy, and what each of them trains."""

import pytest
import torch
from small_policy import make_policy

from grpo_core.models.critic import Critic
from grpo_core.models.policy import Policy

KINDS = ("separate", "value_head")


@pytest.fixture
def policy() -> Policy:
    return make_policy()


def values_of(critic: Critic, policy: Policy, ids: torch.Tensor, keep: int) -> torch.Tensor:
    """As the update calls it: the critic's values, and the policy's hidden states for a head."""
    inputs = {"input_ids": ids}
    hidden = None
    if critic.body is None:
        output = policy.model(**inputs, output_hidden_states=True, use_cache=False)
        hidden = output.hidden_states[-1]
    return critic(inputs, hidden, keep)


@pytest.mark.parametrize("kind", KINDS)
def test_before_it_has_learned_it_expects_nothing(policy: Policy, kind: str) -> None:
    critic = Critic(policy, kind)
    values = values_of(critic, policy, torch.arange(3, 13).view(2, 5), keep=3)
    assert values.shape == (2, 3) and values.dtype == torch.float32 and values.eq(0).all()
    assert not critic.training


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_sees_the_tokens_before_its_own_and_no_others(policy: Policy, kind: str) -> None:
    critic = Critic(policy, kind)
    torch.nn.init.normal_(critic.head.weight)
    ids = torch.arange(3, 9).view(1, 6)
    # position t of the last `keep` is the state that token t + 1 is drawn from
    whole = values_of(critic, policy, ids, keep=4)
    other = ids.clone()
    other[0, 4] = 20
    changed = values_of(critic, policy, other, keep=4)
    torch.testing.assert_close(changed[0, :2], whole[0, :2])
    assert (changed[0, 2:] - whole[0, 2:]).abs().min() > 1e-4
    torch.testing.assert_close(values_of(critic, policy, ids, keep=2), whole[:, 2:])


def test_both_kinds_begin_by_seeing_the_same(policy: Policy) -> None:
    separate, head = Critic(policy, "separate"), Critic(policy, "value_head")
    torch.nn.init.normal_(separate.head.weight)
    head.head.load_state_dict(separate.head.state_dict())
    ids = torch.arange(3, 13).view(2, 5)
    torch.testing.assert_close(values_of(head, policy, ids, 3), values_of(separate, policy, ids, 3))


def test_a_separate_critic_shares_no_weight_with_the_policy(policy: Policy) -> None:
    critic = Critic(policy, "separate")
    torch.nn.init.normal_(critic.head.weight)
    values_of(critic, policy, torch.arange(3, 13).view(2, 5), 3).sum().backward()
    assert all(p.grad is None for p in policy.model.parameters())
    assert all(p.grad is not None and p.grad.any() for p in critic.parameters())
    addresses = {p.data_ptr() for p in policy.model.parameters()}
    assert not addresses & {p.data_ptr() for p in critic.parameters()}
    body = sum(p.numel() for p in policy.model.base_model.parameters())
    assert sum(p.numel() for p in critic.parameters()) == body + 33


def test_a_value_head_trains_the_policys_body_too(policy: Policy) -> None:
    critic = Critic(policy, "value_head")
    assert [name for name, _ in critic.named_parameters()] == ["head.weight", "head.bias"]
    torch.nn.init.normal_(critic.head.weight)
    values_of(critic, policy, torch.arange(3, 13).view(2, 5), 3).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in policy.model.base_model.parameters())


def test_it_can_be_trained_although_the_policy_is_left_alone(policy: Policy) -> None:
    critic = Critic(policy, "separate")
    before = [p.detach().clone() for p in policy.model.parameters()]
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.01)
    ids, target = torch.arange(3, 13).view(2, 5), torch.tensor([[1.0], [-1.0]])
    for _ in range(60):
        loss = (values_of(critic, policy, ids, 3) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
    assert all(p.equal(q) for p, q in zip(policy.model.parameters(), before, strict=True))
