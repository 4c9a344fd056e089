"""Invariant 7: three estimators of one KL, their values and what their gradients follow."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.algorithm.kl import KL_ESTIMATORS, k1, k2, k3

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
