"""The quick layers compute what the layers that they replace compute, forward and backward."""

import copy
import subprocess
import sys

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from grpo_core.fast import layers
from grpo_core.fast.layers import Attention, FeedForward, Linear, RMSNorm, quicken


def _model(kind: str, kv_heads: int = 2, **options) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=kv_heads, attn_implementation=kind, **options,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    for parameter in model.parameters():  # norms of 1 would hide a mistake
        parameter.data += 0.1 * torch.randn_like(parameter)
    return model


def _loss_and_gradients(model, mask, ids):
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    mask = torch.ones_like(ids) if mask is None else mask
    chosen = logits.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1) * mask
    model.zero_grad()
    chosen.square().sum().backward()
    return chosen.detach(), [p.grad.clone() for p in model.parameters()]


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("kind", ["eager", "sdpa"])
def test_a_quickened_llama_is_the_same_llama(kind: str, kv_heads: int, padded: bool) -> None:
    plain = _model(kind, kv_heads, tie_word_embeddings=kv_heads == 1)
    quick = copy.deepcopy(plain)
    quicken(quick)
    assert {type(m) for m in quick.modules()} >= {Attention, FeedForward, Linear, RMSNorm}
    ids = torch.randint(50, (3, 11))
    mask = (torch.arange(11) >= torch.tensor([[0], [4], [2]])).long() if padded else None
    expected, gradients = _loss_and_gradients(plain, mask, ids)
    got, quick_gradients = _loss_and_gradients(quick, mask, ids)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(quick_gradients, gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * theirs.abs().max().item())


@pytest.mark.parametrize(
    "function",
    [
        layers.norm, layers.norm_backward, layers.feed_forward, layers.feed_forward_backward,
        layers.attention, layers.attention_backward,
    ],
)  # fmt: skip
def test_torchscript_takes_every_pass(function) -> None:
    assert layers.scripted(function) is not function


def test_what_is_saved_is_what_was_loaded(tmp_path) -> None:
    model = _model("eager")
    names = list(model.state_dict())
    quicken(model)
    model.save_pretrained(tmp_path)
    again = LlamaForCausalLM.from_pretrained(tmp_path)
    assert list(again.state_dict()) == names
    for ours, theirs in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_other_precisions_and_biases_are_left_alone() -> None:
    model = _model("eager", attention_bias=True)
    quicken(model)
    assert type(model.model.layers[0].self_attn.q_proj) is torch.nn.Linear
    ids = torch.randint(50, (2, 5))
    double = copy.deepcopy(model).double()
    torch.testing.assert_close(double(ids).logits.float(), model(ids).logits, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model(ids).logits.dtype == torch.bfloat16
    half = model(ids).logits
    torch.testing.assert_close(double(ids).logits.float(), half, rtol=1e-4, atol=1e-4)


def test_under_autocast_everything_is_close_to_what_it_was() -> None:
    plain = _model("eager")
    quick = copy.deepcopy(plain)
    quicken(quick)
    ids = torch.randint(50, (3, 11))
    exact, _ = _loss_and_gradients(plain, None, ids)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough, gradients = _loss_and_gradients(plain, None, ids)
        got, quick_gradients = _loss_and_gradients(quick, None, ids)
    error = (rough - exact).abs().max()
    assert 0 < (got - exact).abs().max() < 2 * error
    for ours, theirs in zip(quick_gradients, gradients, strict=True):
        assert ours.dtype == torch.float32
        similarity = torch.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0)
        assert similarity > 0.99


PRODUCTS = """
import psutil, torch
from grpo_core.fast.layers import product

torch.set_num_threads(1)
weight = torch.ones(384, 128)
for rows in range(1, 401):
    product(torch.ones(rows, 128), weight)
    if rows == 50:
        before = psutil.Process().memory_info().rss
print((psutil.Process().memory_info().rss - before) / 2**20)
"""


def test_products_of_ever_new_shapes_leave_nothing_behind() -> None:
    """By default oneDNN keeps half a MiB of each: 190 here, 1,500 in a training run."""
    made = subprocess.run(
        [sys.executable, "-c", PRODUCTS], capture_output=True, text=True, check=True
    )
    assert float(made.stdout) < 60
