"""The floor: how long a step would take if arithmetic were all there is, at this machine's rate.

No step can be faster than its multiplications, done as fast as this machine does any. A step also
waits for memory, goes through dozens of small operations, and draws one token after another; so the
distance to the floor says how much of the time is not arithmetic.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from grpo_core.fast.layers import can_multiply, packed, product

SIZE = 1024  # of the square matrices: large enough that nothing but arithmetic counts
REPEATS = 7


def machine_rates(threads: int) -> dict[str, float]:
    """What this machine reaches with so many threads, the best of several tries.

    Returns:
        float32, float32_mkl and bfloat16, in GFLOP/s: a square matrix product by whatever is
        fastest, by torch.matmul as it comes, and in bfloat16; bandwidth, in GB/s: a copy, its
        reading and its writing counted.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        x, weight = torch.randn(2, SIZE, SIZE).unbind()
        flops = 2 * SIZE**3
        rates = {"float32_mkl": flops / _seconds(lambda: torch.matmul(x, weight)) / 1e9}
        rates["float32"] = max(rates["float32_mkl"], flops / _linear_seconds(x, weight) / 1e9)
        half = flops / _linear_seconds(x.bfloat16(), weight.bfloat16()) / 1e9
        source = torch.ones(2**26)  # 256 MB: no cache holds it
        target = torch.empty_like(source)
        moved = 2 * source.numel() * source.element_size()
        rate = moved / _seconds(lambda: target.copy_(source)) / 1e9
        return rates | {"bfloat16": half, "bandwidth": rate}
    finally:
        torch.set_num_threads(before)


def _linear_seconds(x: Tensor, weight: Tensor) -> float:
    if can_multiply(x.dtype):
        held = packed(weight)
        return _seconds(lambda: product(x, held))
    return _seconds(lambda: F.linear(x, weight))


def _seconds(work: Callable[[], Any]) -> float:
    """The fastest of several runs."""
    work()
    best = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def step_flops(shape: dict[str, Any]) -> dict[str, float]:
    """Floating-point operations that a step without a reference cannot do without.

    A weight is multiplied with once a token, 2 operations: once while sampling, where a prompt is
    read once for its group, and three times in the update, forward and twice backward, where a
    prompt is read again with each of its completions. Attention multiplies each token's query with
    every key before it, and each value by what came out.

    Args:
        shape: as `contest.Ours.shape` gives it.

    Returns:
        sampling and update.
    """
    lengths, prompt = shape["lengths"], shape["prompt_tokens"]
    tokens = sum(lengths)
    weights = 2 * shape["multiplied"]
    sampled = tokens + shape["prompts"] * prompt
    trained = tokens + len(lengths) * prompt
    # of a pair of a token and one before it: two products of the attention's width, a layer
    a_pair = 4 * shape["layers"] * shape["attention_width"]
    pairs = sum(length * (prompt + (length + 1) / 2) for length in lengths)
    prompt_pairs = prompt * (prompt + 1) / 2
    return {
        "sampling": weights * sampled + a_pair * (pairs + shape["prompts"] * prompt_pairs),
        "update": 3 * (weights * trained + a_pair * (pairs + len(lengths) * prompt_pairs)),
    }


def floor_seconds(shape: dict[str, Any], gflops: float) -> float:
    """The floor of a step at a rate in GFLOP/s."""
    return sum(step_flops(shape).values()) / (gflops * 1e9)
