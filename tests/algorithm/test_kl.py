"""Invariant 7: three estimators of one KL, their values and what their gradients follow."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.algorithm.kl import KL_ESTIMATORS, k1, k2, k3, sequence_penalty

logits = st.lists(st.floats(-2, 2), min_size=5, max_size=5)


def policies(theta: list[float], phi: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of a 5-way softmax policy (a leaf), and the reference's log-probs."""
    leaf = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
    return leaf, torch.tensor(phi, dtype=torch.float64).log_softmax(0)


def reverse_kl(logprobs: torch.Tensor, ref: torch.Tensor) -> torch.Tensor:
    return (logprobs.exp() * (logprobs - ref)).sum()


def forward_kl(logprobs: torch.Tensor, ref: torch.Tensor) -> torch.Tensor:
    return (ref.exp() * (ref - logprobs)).sum()


@given(st.floats(-8, 0), st.floats(-8, 0))
def test_k2_and_k3_are_never_negative_and_zero_only_at_equality(a: float, b: float) -> None:
    lp, ref = torch.tensor([[a]], dtype=torch.float64), torch.tensor([[b]], dtype=torch.float64)
    for estimator in (k2, k3):
        assert estimator(lp, lp).item() == 0
        assert estimator(lp, ref).item() >= -1e-15  # rounding of exp(-d) + d - 1 near d = 0
        if abs(a - b) > 1e-3:
            assert estimator(lp, ref).item() > 0


@given(logits, logits)
def test_k1_and_k3_are_unbiased(theta: list[float], phi: list[float]) -> None:
    leaf, ref = policies(theta, phi)
    logprobs = leaf.detach().log_softmax(0)
    for estimator in (k1, k3):
        expected = (logprobs.exp() * estimator(logprobs, ref)).sum()
        torch.testing.assert_close(expected, reverse_kl(logprobs, ref), atol=1e-10, rtol=1e-7)


@pytest.mark.parametrize("name", list(KL_ESTIMATORS))
@given(theta=logits, phi=logits)
def test_the_expected_gradient_in_the_loss_by_enumeration(
    name: str, theta: list[float], phi: list[float]
) -> None:
    leaf, ref = policies(theta, phi)
    logprobs = leaf.log_softmax(0)
    # Sampling draws action a with probability pi(a), which a loss does not differentiate through.
    in_the_loss = (logprobs.detach().exp() * KL_ESTIMATORS[name](logprobs, ref)).sum()
    follows = {
        "k1": lambda: 0 * logprobs.sum(),  # the reference is ignored
        "k2": lambda: reverse_kl(logprobs, ref),
        "k3": lambda: forward_kl(logprobs, ref),
    }[name]()
    (gradient,) = torch.autograd.grad(in_the_loss, leaf, retain_graph=True)
    (expected,) = torch.autograd.grad(follows, leaf)
    torch.testing.assert_close(gradient, expected, atol=1e-10, rtol=1e-7)


@given(logits, logits)
def test_the_ratio_in_front_of_k3_makes_it_the_reverse_kl(
    theta: list[float], phi: list[float]
) -> None:
    leaf, ref = policies(theta, phi)
    logprobs = leaf.log_softmax(0)
    ratio = (logprobs - logprobs.detach()).exp()
    weighted = (logprobs.detach().exp() * ratio * k3(logprobs, ref)).sum()
    (gradient,) = torch.autograd.grad(weighted, leaf, retain_graph=True)
    (expected,) = torch.autograd.grad(reverse_kl(logprobs, ref), leaf)
    torch.testing.assert_close(gradient, expected, atol=1e-10, rtol=1e-7)


# --- taken from the reward ------------------------------------------------------------------------


class Sentences:
    """Two tokens of {0, 1, 2}, the logits of the second depending on the first: enumerated."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        tables = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
        self.theta, self.ref = tables[0].requires_grad_(), self.logprobs(tables[1]).detach()

    def logprobs(self, theta: torch.Tensor) -> torch.Tensor:
        """(9, 2): row 0 of the table for the first token, row 1 + the first for the second."""
        table = theta.log_softmax(1)
        first, second = torch.meshgrid(torch.arange(3), torch.arange(3), indexing="ij")
        first, second = first.flatten(), second.flatten()
        return torch.stack([table[0, first], table[1 + first, second]], dim=1)

    def in_the_reward(self, estimator: str) -> torch.Tensor:
        """The expected gradient of the policy gradient whose reward is minus the penalty."""
        logprobs = self.logprobs(self.theta)
        kl = KL_ESTIMATORS[estimator](logprobs, self.ref)
        penalty = sequence_penalty(kl, torch.ones(9, 2).bool(), beta=1.0)
        assert not penalty.requires_grad
        probability = logprobs.detach().sum(1).exp()
        return torch.autograd.grad(-(probability * -penalty * logprobs.sum(1)).sum(), self.theta)[0]

    def reverse_kl(self) -> torch.Tensor:
        """The gradient of KL(pi, pi_ref) between the distributions of whole completions."""
        logprobs = self.logprobs(self.theta).sum(1)
        kl = (logprobs.exp() * (logprobs - self.ref.sum(1))).sum()
        return torch.autograd.grad(kl, self.theta)[0]


@pytest.mark.parametrize("seed", range(3))
def test_in_the_reward_k1_follows_the_reverse_kl_and_k3_does_not(seed: int) -> None:
    by_hand = Sentences(seed).reverse_kl()
    torch.testing.assert_close(Sentences(seed).in_the_reward("k1"), by_hand)
    for biased in ("k2", "k3"):
        assert (Sentences(seed).in_the_reward(biased) - by_hand).abs().max() > 0.01


def test_the_penalty_is_beta_times_the_sum_over_the_completion() -> None:
    kl = torch.tensor([[1.0, -2.0, 5.0], [4.0, float("nan"), float("inf")]], requires_grad=True)
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    assert sequence_penalty(kl, mask, 0.5).tolist() == [-0.5, 2.0]
    assert sequence_penalty(kl, torch.zeros(2, 3), 0.5).tolist() == [0.0, 0.0]
