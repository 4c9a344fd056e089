"""The GRPO loop in one function, with parts that can be replaced by broken ones. For lesson 07.

Notebook 07 writes this loop out; here it can be run with a broken part. A broken part raises
nothing and is hard to see in the code. `LOOPS` has the right loops and the broken ones under the
names they have in the notebook, which do not say what is wrong; each is described where its part is
defined.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.kl import k1, k3
from grpo_core.algorithm.logprobs import completion_mask
from grpo_core.algorithm.methods.clip import clip
from grpo_core.core.records import Completion, Group
from grpo_core.models.policy import Policy
from grpo_core.rewards import RewardSum
from grpo_core.tasks import Problem, Task, columns_of
from grpo_core.training.forward import forward
from grpo_core.training.sampling import Samples, sample_groups

# --- the parts, as they should be -----------------------------------------------------------------


def scored(policy: Policy, samples: Samples, rows: Tensor, temperature: float) -> Tensor:
    """Return log-probabilities (R, T) of some completions, 0 on padding; differentiable.

    Args:
        policy: the policy that computes them.
        samples: B completions.
        rows: (R,) int64, which of them; T is the longest.
        temperature: the sampling temperature.
    """
    return forward(policy, samples, rows, temperature=temperature).logprobs


def compared(
    rewards: Tensor, logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    """Return advantages (B,), B = N * G, of the rewards (N, G) minus beta times the KL.

    Args:
        rewards: (N, G) float32.
        logprobs, ref_logprobs: (B, T) under policy and reference.
        mask: (B, T) bool.
        beta: 0 if the KL is in the loss.
    """
    kl = (k1(logprobs, ref_logprobs).detach() * mask).sum(dim=1)
    return group_advantages(rewards - beta * kl.view_as(rewards)).flatten()


Mask = Callable[[Tensor, int], Tensor]
"""Token ids (B, T) and the EOS id -> (B, T) bool, the tokens that are trained."""


@dataclass(frozen=True)
class Loop:
    """The parts and settings of one loop.

    Attributes:
        mask, logprobs, advantages: see `completion_mask`, `scored` and `compared`.
        temperature: the sampling temperature.
        beta: the coefficient of the KL.
        kl_in_reward: subtract the KL from the rewards (k1) instead of adding it to the loss (k3).
    """

    mask: Mask = completion_mask
    logprobs: Callable[[Policy, Samples, Tensor, float], Tensor] = scored
    advantages: Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor] = compared
    temperature: float = 1.0
    beta: float = 0.001
    kl_in_reward: bool = False


# --- the parts, broken ----------------------------------------------------------------------------


def shifted_mask(ids: Tensor, end: int) -> Tensor:
    """Return the mask shifted by one: the first token is left out, one after EOS is trained."""
    right = completion_mask(ids, end)
    return torch.cat([torch.zeros_like(right[:, :1]), right[:, :-1]], dim=1)


def mask_without_padding(ids: Tensor, end: int) -> Tensor:
    """Mask every padding id, where padding and EOS share one id: EOS is never trained."""
    return ids != end


def scored_at_one(policy: Policy, samples: Samples, rows: Tensor, temperature: float) -> Tensor:
    """Return log-probabilities that ignore the sampling temperature."""
    return scored(policy, samples, rows, 1.0)


def compared_and_differentiated(
    rewards: Tensor, logprobs: Tensor, ref_logprobs: Tensor, mask: Tensor, beta: float
) -> Tensor:
    """Return advantages through which a gradient flows: their KL is not detached."""
    kl = (k1(logprobs, ref_logprobs) * mask).sum(dim=1)
    return group_advantages(rewards - beta * kl.view_as(rewards)).flatten()


_WARM = Loop(temperature=1.3)
_IN_REWARD = Loop(kl_in_reward=True, beta=0.02)

# Each broken loop, and the right one with the same settings.
LOOPS: dict[str, Loop] = {
    "right": Loop(),
    "A": replace(_IN_REWARD, advantages=compared_and_differentiated),
    "right for A": _IN_REWARD,
    "B": Loop(mask=shifted_mask),
    "C": replace(_WARM, logprobs=scored_at_one),
    "right for C": _WARM,
    "D": Loop(mask=mask_without_padding),
}


# --- the loop -------------------------------------------------------------------------------------


def train(
    policy: Policy,
    task: Task,
    loop: Loop,
    *,
    steps: int,
    seed: int,
    prompts: int = 8,
    size: int = 16,
    most_tokens: int = 160,
    learning_rate: float = 3e-4,
    warmup_steps: int = 5,
) -> Iterator[dict[str, float]]:
    """Train `policy` by GRPO with one update per batch, and yield the metrics of each step.

    Args:
        policy: trained in place.
        task: the source of problems and rewards.
        loop: the parts and settings of the loop.
        steps: the number of steps.
        seed: random seed of the problems and samples.
        prompts, size: groups per step, and completions per group.
        most_tokens: the maximum length of a completion.
        learning_rate, warmup_steps: AdamW's, as in the kit's Trainer.

    Yields:
        accuracy, format, truncated: shares of this step's completions; length, in tokens; off, the
        mean of |log ratio| over the trained tokens before the update; grad_norm; loss.
    """
    reference = policy.frozen_copy()
    weights = list(policy.model.parameters())
    optimizer = torch.optim.AdamW(weights, lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.0)
    generator = torch.Generator().manual_seed(seed)
    reward_sum = RewardSum(["accuracy_reward", "format_reward"], [1.0, 0.3])
    for step, problems in enumerate(draw_problems(task, prompts, steps, seed), start=1):
        samples = sample_groups(
            policy,
            [problem.prompt for problem in problems],
            size,
            max_completion_length=most_tokens,
            temperature=loop.temperature,
            generator=generator,
        )
        texts = [policy.decode(samples.completion(row)) for row in range(len(problems) * size)]
        columns = columns_of(task, [problem for problem in problems for _ in range(size)])
        parts, rewards = reward_sum([], texts, **columns)
        optimizer.zero_grad()
        loss, off = _backward(
            loop, policy, reference, samples, torch.tensor(rewards).view(-1, size)
        )
        norm = torch.nn.utils.clip_grad_norm_(weights, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * min(1.0, step / warmup_steps)
        optimizer.step()
        yield {
            "accuracy": sum(parts["accuracy_reward"]) / len(texts),
            "format": sum(parts["format_reward"]) / len(texts),
            "length": float(samples.lengths.float().mean()),
            "truncated": float(samples.truncated.float().mean()),
            "off": off,
            "grad_norm": float(norm),
            "loss": loss,
        }


def draw_problems(task: Task, count: int, steps: int, seed: int) -> Iterator[list[Problem]]:
    """Yield the problems of each step, in the order in which the kit's Trainer takes them."""
    problems = list(task.problems("train"))
    per_epoch = len(problems) // count
    for step in range(steps):
        epoch, position = divmod(step, per_epoch)
        order = random.Random(f"{seed}:{epoch}").sample(range(len(problems)), len(problems))
        yield [problems[i] for i in order[position * count : (position + 1) * count]]


def _backward(
    loop: Loop, policy: Policy, reference: Policy, samples: Samples, rewards: Tensor
) -> tuple[float, float]:
    """Accumulate a batch's gradients group by group; return its loss and the mean |log ratio|."""
    # padded with EOS, as by a tokenizer without a padding token
    end = policy.eos_ids[0]
    mask = loop.mask(samples.completion_ids.masked_fill(~samples.mask, end), end)
    tokens = int(mask.sum())
    loss, off = 0.0, 0.0
    for number, rows in enumerate(torch.arange(len(mask)).split(rewards.shape[1])):
        logprobs, ref_logprobs = (
            loop.logprobs(model, samples, rows, loop.temperature) for model in (policy, reference)
        )
        width = logprobs.shape[1]
        here, old_logprobs = mask[rows, :width], samples.logprobs[rows, :width]
        in_reward, in_loss = (loop.beta, 0.0) if loop.kl_in_reward else (0.0, loop.beta)
        advantages = loop.advantages(
            rewards[number : number + 1], logprobs, ref_logprobs, here, in_reward
        )
        ratio = torch.exp(logprobs - old_logprobs)
        surrogate = clip(ratio, advantages.unsqueeze(1), epsilon=0.2)
        per_token = surrogate - in_loss * k3(logprobs, ref_logprobs)
        part = -per_token[here].sum() / tokens
        part.backward()
        loss += float(part.detach())
        off += float((logprobs - old_logprobs)[here].detach().abs().sum()) / tokens
    return loss, off


# --- a record -------------------------------------------------------------------------------------


def as_group(
    policy: Policy,
    problem: Problem,
    samples: Samples,
    rows: Tensor,
    *,
    parts: dict[str, list[float]],
    rewards: list[float],
    advantages: Tensor,
    logprobs: Tensor,
    push: Tensor,
) -> Group:
    """Return one group of a step in the form that the kit records and shows.

    Args:
        policy: for its tokenizer.
        problem: the problem of the group.
        samples: the samples of the whole batch.
        rows: (G,) int64, the group's rows in the batch.
        parts, rewards: reward components and rewards of the whole batch.
        advantages: (B,), those of the whole batch.
        logprobs, push: (G, T), those of the group; push is minus the gradient of the loss with
            respect to logprobs.
    """
    completions = []
    for place, row in enumerate(rows.tolist()):
        ids = samples.completion(row)
        seen = logprobs[place, : len(ids)].detach().numpy().copy()
        completions.append(
            Completion(
                text=policy.decode(ids),
                tokens=policy.pieces(ids),
                token_ids=samples.completion_ids[row, : len(ids)].int().numpy(),
                rewards={name: values[row] for name, values in parts.items()},
                reward=rewards[row],
                advantage=float(advantages[row]),
                truncated=bool(samples.truncated[row]),
                old_logprobs=samples.logprobs[row, : len(ids)].numpy().copy(),
                logprobs=seen,
                push=push[place, : len(ids)].detach().numpy().copy(),
            )
        )
    return Group(problem.prompt, problem.columns, completions)
