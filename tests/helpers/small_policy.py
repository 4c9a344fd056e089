"""A policy small enough to train in a blink, and batches of its completions, made up or sampled."""

import torch

from grpo_core.models.policy import Policy
from grpo_core.models.pretrain import PretrainConfig, build_model
from grpo_core.models.tokenizer import build_tokenizer
from grpo_core.tasks import Problem
from grpo_core.training.rollout import Rollout
from grpo_core.training.sampling import Samples, sample_groups

PROMPTS = ["Use 3 , 5 , 10 to make 12 .", "Use 3 , 5 to make 8 .", "Check 12 :"]


def make_policy(seed: int = 0) -> Policy:
    """An untrained model with many end tokens, so that completions end at many lengths.

    Every seed but 0 adds its own noise to the same weights.
    """
    model = build_model(PretrainConfig(hidden_size=32, layers=2, heads=2, feed_forward=32))
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(8)  # else every token is as likely as any other
        generator = torch.Generator().manual_seed(seed)
        for weights in model.parameters() if seed else ():
            weights.add_(0.03 * torch.randn(weights.shape, generator=generator))
    model.generation_config.eos_token_id = [2, *range(40, 60)]
    return Policy(model, build_tokenizer())


def sample(policy: Policy, g: int = 4, temperature: float = 1.0, seed: int = 0) -> Samples:
    """G completions of at most 16 tokens for each of three prompts of unequal length."""
    return sample_groups(
        policy,
        PROMPTS,
        g,
        max_completion_length=16,
        temperature=temperature,
        generator=torch.Generator().manual_seed(seed),
    )


def make_samples(lengths: list[int], width: int | None = None, prompt: int = 3) -> Samples:
    """Completions of these lengths that nobody sampled: ids 3, 4, 5 ... in every row."""
    width = max(lengths) if width is None else width
    rows = len(lengths)
    return Samples(
        torch.full((rows, prompt), 7),
        torch.ones(rows, prompt, dtype=torch.bool),
        3 + torch.arange(rows * width).view(rows, width) % 100,
        torch.tensor(lengths),
        torch.zeros(rows, dtype=torch.bool),
        torch.zeros(rows, width),
    )


def make_rollout(
    rewards: list[list[float]], lengths: list[int] | None = None, names: str = "p", **parts: list
) -> Rollout:
    """Groups that earned this; without `parts` the weighted sum is the only reward."""
    n, g = len(rewards), len(rewards[0])
    problems = [Problem(f"{names}{i}", {}) for i in range(n)]
    flat = [reward for group in rewards for reward in group]
    return Rollout(
        problems,
        make_samples(lengths or [1 + row % 3 for row in range(n * g)]),
        [f"{names}{row // g}.{row % g}" for row in range(n * g)],
        parts or {"only": flat},
        dict.fromkeys(parts or {"only": flat}, 1.0),
        torch.tensor(rewards, dtype=torch.float64),
    )
