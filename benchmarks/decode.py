"""Tokens a second of the kit's sampler and of transformers' `generate`, by turns, on one model.

    python benchmarks/decode.py [--model smollm2] [--prompts 2] [--num-generations 8]
                                [--tokens 64] [--rounds 5] [--out data/results/decode.json]

Both draw as many tokens for the same prompts, as a step of training has them: each prompt
`num-generations` times. Plain sampling (no top-k, no top-p) at temperature 1; the end token may be
drawn and ends nothing. Each in float32 and with bfloat16 weights.

Two rates: *whole*, prompts included, and *decode*, one token after the other: what is left when
the time that the first token takes, prompts included, is taken off both time and tokens.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from transformers.utils.logging import disable_progress_bar

from grpo_core.core import machine
from grpo_core.models.policy import Policy, load_policy
from grpo_core.tasks import get_task
from grpo_core.training.sampling import sample_groups

TASK = {"smollm2": "arithmetic"}  # every other model of the kit knows Countdown


def by_kit(policy: Policy, prompts: list[str], each: int, tokens: int, dtype: torch.dtype) -> None:
    """Draw by the kit's sampler: every prompt goes through the model once."""
    samples = sample_groups(
        policy, prompts, each, max_completion_length=tokens, temperature=1.0,
        generator=torch.Generator().manual_seed(0), dtype=dtype,
    )  # fmt: skip
    assert samples.completion_ids.shape == (len(prompts) * each, tokens)


def by_generate(policy: Policy, prompts: list[str], each: int, tokens: int) -> None:
    """Draw by transformers, as TRL does."""
    ids, mask = (t.repeat_interleave(each, dim=0) for t in policy.encode(prompts))
    drawn = policy.model.generate(
        input_ids=ids, attention_mask=mask.long(), do_sample=True, temperature=1.0, top_k=0,
        top_p=1.0, max_new_tokens=tokens, pad_token_id=policy.pad_id,
    )  # fmt: skip
    assert drawn.shape == (len(ids), ids.shape[1] + tokens)


def measure(options: argparse.Namespace) -> dict[str, dict[str, list[float]]]:
    """Tokens a second, `whole` and `decode`, of every contestant, round by round."""
    disable_progress_bar()
    policy, cast = load_policy(options.model), load_policy(options.model)
    cast.model.to(torch.bfloat16)
    for each in (policy, cast):  # an id that no token has: nothing ends a row
        each.model.generation_config.eos_token_id = each.model.config.vocab_size
    problems = get_task(TASK.get(options.model, "countdown")).problems("train")
    prompts = [problem.prompt for problem in problems[: options.prompts]]
    size, rows = options.num_generations, options.prompts * options.num_generations
    contestants: dict[str, Callable[[int], None]] = {
        "generate, float32": lambda n: by_generate(policy, prompts, size, n),
        "this kit, float32": lambda n: by_kit(policy, prompts, size, n, torch.float32),
        "generate, bfloat16": lambda n: by_generate(cast, prompts, size, n),
        "this kit, bfloat16": lambda n: by_kit(policy, prompts, size, n, torch.bfloat16),
    }
    results: dict[str, dict[str, list[float]]] = {
        name: {"whole": [], "decode": []} for name in contestants
    }
    for turn in range(options.rounds + 1):  # the first round warms up
        for name, draw in contestants.items():
            first, all_of_them = (seconds(draw, n) for n in (1, options.tokens))
            if turn:
                results[name]["whole"].append(rows * options.tokens / all_of_them)
                decoded = rows * (options.tokens - 1)
                results[name]["decode"].append(decoded / (all_of_them - first))
    return results


def seconds(draw: Callable[[int], None], tokens: int) -> float:
    """Return the wall time, in seconds, of sampling that many tokens per row."""
    started = time.perf_counter()
    with torch.no_grad():
        draw(tokens)
    return time.perf_counter() - started


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--prompts", type=int, default=2)
    parser.add_argument("--num-generations", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    results = measure(options)
    for name, kinds in results.items():
        for kind, rates in kinds.items():
            middle = statistics.median(rates)
            print(f"{name:20}{kind:8}{middle:8.0f} ({min(rates):.0f} to {max(rates):.0f})")
    if options.out:
        written = {
            "model": options.model, "prompts": options.prompts,
            "num_generations": options.num_generations, "tokens": options.tokens,
            "threads": torch.get_num_threads(), "machine": machine.describe(),
            "tokens_a_second": results,
        }  # fmt: skip
        options.out.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
