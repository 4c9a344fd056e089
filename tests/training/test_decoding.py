"""The quick decoder gives the logits of transformers' own, whatever is dropped on the way."""

import pytest
import torch
from mini_model import make_model
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from grpo_core.fast import layers, llama_decoder
from grpo_core.fast.llama_decoder import _ROOM, LlamaDecoder, llama_step
from grpo_core.models.policy import Policy, load_policy
from grpo_core.models.tokenizer import build_tokenizer
from grpo_core.training.decoding import TransformersDecoder, reader
from grpo_core.training.sampling import sample_groups

IDS = torch.tensor([[0, 0, 5, 6, 7], [8, 9, 10, 11, 12], [0, 4, 20, 21, 22]])
MASK = IDS != 0


def _llama(kv_heads: int = 2, **options) -> Policy:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=125, hidden_size=32, intermediate_size=48, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=kv_heads, **options,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return Policy(model, build_tokenizer())


@torch.no_grad()
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_both_decoders_give_the_same_logits(kv_heads: int, padded: bool) -> None:
    policy = _llama(kv_heads, tie_word_embeddings=kv_heads == 2)
    ids, mask = (IDS, MASK) if padded else (IDS[1:2], MASK[1:2])
    steps = _ROOM + 20  # the cache has to grow
    quick = reader(policy)(ids, mask, 3, steps)
    plain = TransformersDecoder(policy, ids, mask, 3)
    assert isinstance(quick, LlamaDecoder)
    torch.manual_seed(1)
    for step in range(steps):
        torch.testing.assert_close(quick.logits, plain.logits, rtol=1e-3, atol=1e-3)
        rows = torch.arange(len(quick.logits))
        if step in (3, 30):
            rows = rows[::2]
            quick.keep(rows)
            plain.keep(rows)
        tokens = torch.randint(1, 125, (len(rows),))
        quick.advance(tokens)
        plain.advance(tokens)


@torch.no_grad()
@pytest.mark.parametrize("rope", ["linear", "llama3"])
def test_stretched_rotations(rope: str) -> None:
    extra = {"factor": 2.0}
    if rope == "llama3":
        extra |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
        extra |= {"original_max_position_embeddings": 64}
    scaling = {"rope_type": rope, "rope_theta": 10000.0, **extra}
    policy = _llama(rope_parameters=scaling)
    quick, plain = reader(policy)(IDS, MASK, 1, 4), TransformersDecoder(policy, IDS, MASK, 1)
    for decoder in (quick, plain):
        decoder.advance(torch.tensor([7, 8, 9]))
    assert isinstance(quick, LlamaDecoder)
    torch.testing.assert_close(quick.logits, plain.logits, rtol=1e-3, atol=1e-3)


def test_without_torchscript_the_step_is_the_same(monkeypatch) -> None:
    policy = _llama()
    assert layers.scripted(llama_step) is not llama_step, "TorchScript did not take llama_step"
    quick = reader(policy)(IDS, MASK, 2, 4)
    monkeypatch.setattr(llama_decoder, "scripted", lambda function: function)
    plain = reader(policy)(IDS, MASK, 2, 4)
    with torch.no_grad():
        for decoder in (quick, plain):
            decoder.advance(torch.arange(1, 7))
    assert torch.equal(quick.logits, plain.logits)


def test_bfloat16_is_close() -> None:
    policy = _llama()
    with torch.no_grad():
        exact, rough = (reader(policy, d)(IDS, MASK, 2, 4) for d in (torch.float32, torch.bfloat16))
        for decoder in (exact, rough):
            decoder.advance(torch.arange(1, 7))
    assert rough.logits.dtype == torch.float32
    spread = exact.logits.std()
    assert (rough.logits - exact.logits).abs().max() < 0.1 * spread


def test_other_architectures_take_the_plain_way(tmp_path) -> None:
    config = Qwen2Config(
        vocab_size=125, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2,
    )  # fmt: skip
    qwen = Policy(Qwen2ForCausalLM(config), build_tokenizer())
    with torch.no_grad():
        assert isinstance(reader(qwen)(IDS, MASK, 2, 4), TransformersDecoder)
    samples = sample_groups(
        qwen, ["Check 12 :"], 4, max_completion_length=8, temperature=1.0,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    assert samples.completion_ids.shape[0] == 4


@pytest.mark.parametrize("workers", [2, 3])
def test_threads_change_no_token(tmp_path, workers: int) -> None:
    policy = load_policy(str(make_model(tmp_path / "mini")))
    prompts = ["Use 3 , 5 , 10 to make 12 .", "Use 3 , 5 to make 8 .", "Check 12 :"]

    def sample(count: int):
        return sample_groups(
            policy, prompts, 6, max_completion_length=40, temperature=1.0, workers=count,
            generator=torch.Generator().manual_seed(0),
        )  # fmt: skip

    alone, together = sample(1), sample(workers)
    assert torch.equal(alone.completion_ids, together.completion_ids)
    assert torch.equal(alone.lengths, together.lengths)
    torch.testing.assert_close(alone.logprobs, together.logprobs)
