"""The floor counts what is really multiplied."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from grpo_core.analysis.speed.floor import floor_seconds, machine_rates, step_flops

SHAPE = {"multiplied": 1000, "layers": 2, "attention_width": 16, "prompts": 1}


def test_a_forward_pass_is_a_third_of_an_update() -> None:
    """Torch's own count of one forward pass over prompt and completion, causal halves apart."""
    config = LlamaConfig(
        vocab_size=50, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=True,
        attn_implementation="eager",
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    prompt, length = 7, 20
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.randint(50, (1, prompt + length)))
    norms = sum(p.numel() for n, p in model.named_parameters() if "norm" in n)
    shape = {
        "multiplied": model.num_parameters() - norms, "layers": 2, "attention_width": 32,
        "prompt_tokens": prompt, "prompts": 1, "lengths": [length],
    }  # fmt: skip
    total = prompt + length
    both_halves = 4 * 2 * 32 * total**2  # torch multiplies what the mask hides, too
    causal = 4 * 2 * 32 * total * (total + 1) / 2
    expected = 3 * (counter.get_total_flops() - both_halves + causal)
    assert step_flops(shape)["update"] == pytest.approx(expected)


@given(st.lists(st.integers(1, 200), min_size=2, max_size=20), st.integers(1, 50))
def test_more_is_never_less(lengths: list[int], prompt: int) -> None:
    shape = {**SHAPE, "prompt_tokens": prompt, "lengths": lengths}
    more = shape | {"lengths": [*lengths[:-1], lengths[-1] + 1]}
    for phase, flops in step_flops(shape).items():
        assert step_flops(more)[phase] > flops > 0
    assert floor_seconds(shape, 2.0) == pytest.approx(floor_seconds(shape, 1.0) / 2)


def test_the_machine_is_left_as_it_was() -> None:
    threads = torch.get_num_threads()
    rates = machine_rates(1)
    assert torch.get_num_threads() == threads
    assert rates["float32"] >= rates["float32_mkl"] > 0.1
    assert rates["bfloat16"] > 0 and rates["bandwidth"] > 0.1
