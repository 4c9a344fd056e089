"""Packed or padded, alone or in company: a completion's log-probs and gradients are the same."""

import pytest
import torch
from small_policy import make_policy, make_samples, sample
from transformers import Qwen2Config, Qwen2ForCausalLM

from grpo_core.models.critic import Critic
from grpo_core.models.policy import Policy
from grpo_core.models.tokenizer import build_tokenizer
from grpo_core.training.forward import can_pack, forward, micro_batches, packed, padded


def _both(monkeypatch, policy, samples, rows, **options):
    """Packed, padded."""
    assert can_pack(policy)
    first = forward(policy, samples, rows, temperature=0.7, **options)
    monkeypatch.setattr("grpo_core.training.forward.can_pack", lambda policy: False)
    second = forward(policy, samples, rows, temperature=0.7, **options)
    monkeypatch.undo()
    return first, second


@pytest.mark.parametrize("rows", [[0], [3, 1], [0, 1, 2, 3], [11, 4, 0, 7], list(range(12))])
def test_packing_changes_nothing(monkeypatch, rows: list[int]) -> None:
    policy, samples = make_policy(), sample(make_policy())
    which = torch.tensor(rows)
    mask = torch.arange(int(samples.lengths[which].max())) < samples.lengths[which].unsqueeze(1)
    gradients = []
    ours, theirs = _both(monkeypatch, policy, samples, which, entropy_gradient=True)
    for seen in (ours, theirs):
        assert seen.logprobs.shape == mask.shape
        loss = ((seen.logprobs.square() + seen.entropy) * mask).sum()
        parameters = list(policy.model.parameters())
        gradients.append(torch.autograd.grad(loss, parameters))
    torch.testing.assert_close(ours.logprobs[mask], theirs.logprobs[mask], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.entropy[mask], theirs.entropy[mask], rtol=1e-4, atol=1e-5)
    assert (ours.logprobs[~mask] == 0).all()
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4 * b.abs().max().item())


@pytest.mark.parametrize("kind", ["separate", "value_head"])
def test_a_critic_sees_the_same_packed_or_padded(monkeypatch, kind: str) -> None:
    policy, samples = make_policy(), sample(make_policy())
    critic = Critic(policy, kind)
    torch.nn.init.normal_(critic.head.weight)
    rows = torch.tensor([0, 5, 9])
    ours, theirs = _both(monkeypatch, policy, samples, rows, critic=critic)
    mask = torch.arange(ours.logprobs.shape[1]) < samples.lengths[rows].unsqueeze(1)
    torch.testing.assert_close(ours.values[mask], theirs.values[mask], rtol=1e-4, atol=1e-5)


def test_every_token_is_there_once() -> None:
    samples = sample(make_policy())
    rows = torch.arange(12)
    inputs = packed(samples, rows)
    prompts = {tuple(p[m].tolist()) for p, m in zip(samples.prompt_ids, samples.prompt_mask)}  # noqa: B905
    tokens = sum(map(len, prompts)) + int((samples.lengths - 1).sum())
    assert inputs.arguments["input_ids"].shape == (1, tokens)
    assert len(inputs.keep) == int(samples.lengths.sum())
    assert padded(samples, rows).arguments["input_ids"].numel() > tokens


def test_completions_of_one_token_and_prompts_longer_than_they() -> None:
    policy, samples = make_policy(), make_samples([1, 1, 2], prompt=9)
    seen = forward(policy, samples, torch.arange(3), temperature=1.0)
    assert seen.logprobs.shape == (3, 2) and torch.isfinite(seen.logprobs).all()


def test_other_architectures_are_padded() -> None:
    config = Qwen2Config(
        vocab_size=125, hidden_size=32, intermediate_size=48, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=2,
    )  # fmt: skip
    assert not can_pack(Policy(Qwen2ForCausalLM(config), build_tokenizer()))


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("most", [1, 40, 100, 10_000])
def test_micro_batches_hold_every_row_once_and_no_more_than_allowed(most: int, pack: bool) -> None:
    samples = sample(make_policy())
    found = list(micro_batches(samples, most, pack=pack))
    assert sorted(torch.cat(found).tolist()) == list(range(12))
    for rows in found:
        inputs = packed(samples, rows) if pack else padded(samples, rows)
        assert len(rows) == 1 or inputs.arguments["input_ids"].numel() <= most
    if most == 10_000:
        assert len(found) == 1
    assert list(micro_batches(samples, most, torch.arange(0), pack=pack)) == []
