"""Sampling: the cache, the compaction, the masks and the randomness change nothing."""

import pytest
import torch

from grpo_core.algorithm.logprobs import completion_mask
from grpo_core.core.errors import LabError
from grpo_core.models.policy import Policy
from grpo_core.models.pretrain import PretrainConfig, build_model
from grpo_core.models.tokenizer import build_tokenizer
from grpo_core.training.sampling import Samples, sample_groups

PROMPTS = ["Use 3 , 5 , 10 to make 12 .", "Use 3 , 5 to make 8 .", "Check 12 :"]


@pytest.fixture(scope="module")
def policy() -> Policy:
    """An untrained model with many end tokens, so that rows end at many lengths."""
    model = build_model(PretrainConfig(hidden_size=32, layers=2, heads=2, feed_forward=32))
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(8)  # else every token is as likely as any other
    model.generation_config.eos_token_id = [2, *range(40, 60)]
    return Policy(model, build_tokenizer())


def _sample(policy: Policy, prompts: list[str] = PROMPTS, seed: int = 0, **options) -> Samples:
    settings = {"max_completion_length": 24, "temperature": 1.0} | options
    generator = torch.Generator().manual_seed(seed)
    return sample_groups(policy, prompts, 8, generator=generator, **settings)


@torch.no_grad()
def _by_whole_forwards(
    policy: Policy, samples: Samples, noise: torch.Tensor, row: int
) -> list[int]:
    """Sample one row the slow way: no cache, no batch, no padding."""
    ids = samples.prompt_ids[row][samples.prompt_mask[row]].tolist()
    start = len(ids)
    for position in range(len(noise)):
        logits = policy.model(input_ids=torch.tensor([ids])).logits[0, -1].float()
        cumulative = logits.softmax(-1).cumsum(-1)
        token = int((cumulative <= noise[position, row] * cumulative[-1]).sum())
        ids.append(token)
        if token in policy.eos_ids:
            break
    return ids[start:]


def test_the_tokens_are_those_of_the_slow_way(policy: Policy) -> None:
    samples = _sample(policy)
    noise = torch.rand(24, 24, generator=torch.Generator().manual_seed(0))
    assert len({int(n) for n in samples.lengths}) > 3  # rows ended at several lengths
    for row in range(24):
        assert samples.completion(row) == _by_whole_forwards(policy, samples, noise, row)


def test_a_prompt_is_sampled_alike_with_and_without_longer_neighbours(policy: Policy) -> None:
    short = _sample(policy, PROMPTS[1:2])
    beside = _sample(policy, [PROMPTS[1], PROMPTS[0]], temperature=0.0)
    alone = _sample(policy, PROMPTS[1:2], temperature=0.0)
    assert [beside.completion(r) for r in range(8)] == [alone.completion(r) for r in range(8)]
    assert short.prompt_mask.all() and not beside.prompt_mask.all()


def test_lengths_masks_and_truncation_agree(policy: Policy) -> None:
    samples = _sample(policy)
    assert samples.truncated.any() and not samples.truncated.all()
    assert torch.equal(
        samples.mask, completion_mask(samples.completion_ids, policy.eos_ids) & samples.mask
    )
    for row, length in enumerate(samples.lengths.tolist()):
        ids = samples.completion(row)
        ended = [i for i in ids if i in policy.eos_ids]
        assert len(ids) == length
        assert len(ended) == (0 if samples.truncated[row] else 1)
        assert not samples.truncated[row] or length == 24
        assert (samples.completion_ids[row, length:] == policy.pad_id).all()


def test_the_same_seed_gives_the_same_tokens_and_another_one_others(policy: Policy) -> None:
    first, again, other = (_sample(policy, seed=s).completion_ids for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert first.shape != other.shape or not torch.equal(first, other)


def test_frequencies_are_those_of_the_softmax_at_the_temperature(policy: Policy) -> None:
    generator = torch.Generator().manual_seed(0)
    samples = sample_groups(
        policy, PROMPTS[:1], 4000, max_completion_length=1, temperature=0.7, generator=generator
    )
    with torch.no_grad():
        logits = policy.model(input_ids=samples.prompt_ids[:1]).logits[0, -1]
    expected = (logits / 0.7).softmax(-1)
    counts = torch.bincount(samples.completion_ids[:, 0], minlength=len(expected))
    spread = (expected * (1 - expected) / 4000).sqrt()
    assert ((counts / 4000 - expected).abs() <= 5 * spread + 1e-3).all()


def test_temperature_zero_takes_the_likeliest(policy: Policy) -> None:
    samples = _sample(policy, temperature=0.0)
    assert (samples.completion_ids[:8] == samples.completion_ids[0]).all()


def test_a_word_the_model_does_not_know_is_named(policy: Policy) -> None:
    with pytest.raises(LabError, match="'seven'"):
        _sample(policy, ["Use seven to make 7 ."])
