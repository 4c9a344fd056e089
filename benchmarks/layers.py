"""The quick layers against the layers that they replace: forward and backward, one thread.

    python benchmarks/layers.py [--model tiny] [--tokens 1024] [--repeats 20]

The same model twice, as transformers makes it and quickened (`grpo_core/fast/layers.py`), on the
same rows. Every kind of layer is timed alone, on random hidden states, and then the whole model.
Times are the best of some repeats.
"""

import argparse
import copy
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from transformers import AutoModelForCausalLM

from grpo_core.fast.layers import quicken
from grpo_core.models.policy import load_policy

WIDTH = 96  # tokens of a row


def seconds(work, repeats: int) -> float:
    """The best of some repeats, after one that warms up."""
    work()
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def both(plain, quick, call, repeats: int) -> tuple[float, float]:
    """Seconds of a forward and a backward pass of each."""

    def once(module) -> None:
        call(module).square().sum().backward()
        module.zero_grad(set_to_none=True)

    return seconds(lambda: once(plain), repeats), seconds(lambda: once(quick), repeats)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    policy = load_policy(options.model)
    config = copy.deepcopy(policy.model.config)
    plain = AutoModelForCausalLM.from_config(
        config, attn_implementation="eager", trust_remote_code=False
    ).eval()
    quick = copy.deepcopy(plain)
    quicken(quick)
    rows = max(options.tokens // WIDTH, 1)
    hidden = torch.randn(rows, WIDTH, config.hidden_size, requires_grad=True)
    ids = torch.randint(config.vocab_size, (rows, WIDTH))
    angles = plain.model.rotary_emb(hidden, torch.arange(WIDTH).unsqueeze(0))
    mask = torch.full((1, 1, WIDTH, WIDTH), float("-inf")).triu(1)
    calls = {
        "linear": (lambda m: m.model.layers[0].mlp.down_proj, lambda layer: layer(wide)),
        "norm": (lambda m: m.model.norm, lambda layer: layer(hidden)),
        "feed-forward": (lambda m: m.model.layers[0].mlp, lambda layer: layer(hidden)),
        "attention": (
            lambda m: m.model.layers[0].self_attn,
            lambda layer: layer(hidden, angles, mask)[0],
        ),
        "whole model": (lambda m: m, lambda model: model(ids, use_cache=False).logits),
    }
    wide = torch.randn(rows, WIDTH, config.intermediate_size, requires_grad=True)
    print(f"{options.model}, {rows} rows of {WIDTH} tokens, forward and backward, milliseconds")
    print(f"{'':14}{'as it was':>12}{'quick':>12}{'ratio':>8}")
    for name, (part, call) in calls.items():
        before, after = both(part(plain), part(quick), call, options.repeats)
        print(f"{name:14}{1e3 * before:12.2f}{1e3 * after:12.2f}{before / after:8.1f}")


if __name__ == "__main__":
    main()
