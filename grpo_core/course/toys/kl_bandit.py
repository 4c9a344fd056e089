"""A bandit with a KL penalty: a softmax over K answers, and a KL that is used in several ways.

It is small enough that every expectation is a sum over all answers. For lesson 06.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.algorithm.kl import k1, k2, k3

Penalty = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Log-probabilities: new, old and reference, each (K,) -> the term of the loss, (K,)."""


def _ratio(new: Tensor, old: Tensor) -> Tensor:
    return (new - old.detach()).exp()


# In the reward, the penalty is a constant that scales the gradient of log pi; as a term of the loss
# that is the constant times log pi.
USES: dict[str, Penalty] = {
    "k1 in the loss": lambda new, old, ref: k1(new, ref),
    "k2 in the loss": lambda new, old, ref: k2(new, ref),
    "k3 in the loss": lambda new, old, ref: k3(new, ref),
    "ratio × k3 in the loss": lambda new, old, ref: _ratio(new, old) * k3(new, ref),
    "k1 in the reward": lambda new, old, ref: k1(new, ref).detach() * new,
    "k3 in the reward": lambda new, old, ref: k3(new, ref).detach() * new,
}


def kl(logits: Tensor, other: Tensor) -> Tensor:
    """Return KL(softmax(logits), softmax(other)) in nats, a differentiable scalar; both (K,)."""
    p, q = torch.log_softmax(logits, dim=-1), torch.log_softmax(other, dim=-1)
    return (p.exp() * (p - q)).sum(dim=-1)


def kl_gradients(logits: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients by `logits` of the reverse KL(pi, ref) and the forward KL(ref, pi).

    Args:
        logits: (K,) the policy's logits.
        reference: (K,) the reference's logits.

    Returns:
        Two tensors (K,): reverse, forward.
    """
    leaf = logits.detach().requires_grad_()
    (reverse,) = torch.autograd.grad(kl(leaf, reference), leaf)
    (forward,) = torch.autograd.grad(kl(reference, leaf), leaf)
    return reverse, forward


def expected_gradient(logits: Tensor, reference: Tensor, penalty: Penalty) -> Tensor:
    """Return the expected gradient of a penalty over the policy's samples.

    sum_a sg[pi(a)] d penalty(a) / d logits: no gradient flows through the sampling, just
    as with a batch of samples.

    Args:
        logits: (K,) the policy's logits, before its first update since it sampled.
        reference: (K,) the reference's logits.
        penalty: the term of the loss for each answer.

    Returns:
        (K,).
    """
    leaf = logits.detach().requires_grad_()
    logprobs = torch.log_softmax(leaf, dim=-1)
    terms = penalty(logprobs, logprobs.detach(), torch.log_softmax(reference, dim=-1))
    expected = (logprobs.detach().exp() * terms).sum()
    return torch.autograd.grad(expected, leaf)[0]


def train(
    rewards: Tensor,
    reference: Tensor,
    penalty: Penalty,
    beta: float,
    steps: int,
    learning_rate: float = 0.5,
) -> Tensor:
    """Follow the expected gradient of reward minus beta times a penalty, from the reference.

    Args:
        rewards: (K,) the reward of each answer.
        reference: (K,) the reference's logits, from which the policy starts.
        penalty: the term of the loss for each answer.
        beta: the coefficient of the penalty.
        steps, learning_rate: the number of steps and the learning rate of plain gradient ascent.

    Returns:
        (steps + 1, K) probabilities before each step and after the last. Logits are kept within
        30 of the largest, so that a policy that diverges stays finite.
    """
    logits, path = reference.clone(), []
    for step in range(steps + 1):
        p = torch.softmax(logits, dim=-1)
        path.append(p)
        if step < steps:
            up = p * (rewards - (p * rewards).sum())  # the exact policy gradient
            down = beta * expected_gradient(logits, reference, penalty)
            logits = logits + learning_rate * (up - down)
            logits = (logits - logits.max()).clamp(min=-30.0)
    return torch.stack(path)


def best(rewards: Tensor, reference: Tensor, beta: float) -> Tensor:
    """Return the policy that maximises reward minus beta KL(pi, ref): pi ~ ref exp(r / beta).

    Ziebart 2010; in language models since Ziegler et al. 2019, arXiv 1909.08593. (K,) -> (K,).
    """
    return torch.softmax(torch.log_softmax(reference, dim=-1) + rewards / beta, dim=-1)
