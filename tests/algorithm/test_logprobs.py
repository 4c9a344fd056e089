"""Invariants 10 and 12: temperature, entropy, and which tokens count."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.algorithm.levels import importance_ratio
from grpo_core.algorithm.logprobs import completion_mask, token_logprobs
from grpo_core.core.errors import LabError

EOS = 9


@given(st.integers(0, 1000), st.sampled_from([0.5, 1.0, 1.7]))
def test_log_probs_are_those_of_the_distribution_that_was_sampled(
    seed: int, temperature: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 5, generator=generator, dtype=torch.float64)
    ids = torch.randint(5, (2, 3), generator=generator)
    logprobs, entropy = token_logprobs(logits, ids, temperature)
    policy = torch.distributions.Categorical(logits=logits / temperature)
    torch.testing.assert_close(logprobs, policy.log_prob(ids))
    torch.testing.assert_close(entropy, policy.entropy())
    # Old and new both at the sampling temperature: the ratio before any update is 1.
    old, _ = token_logprobs(logits, ids, temperature)
    assert importance_ratio(logprobs, old, ids >= 0).eq(1).all()


def test_a_uniform_policy() -> None:
    logprobs, entropy = token_logprobs(torch.zeros(1, 1, 8), torch.zeros(1, 1, dtype=torch.long))
    assert logprobs.item() == pytest.approx(-math.log(8))
    assert entropy.item() == pytest.approx(math.log(8))


def test_a_forbidden_token_does_not_make_the_entropy_nan() -> None:
    logits = torch.tensor([[[0.0, 0.0, -math.inf]]], requires_grad=True)
    logprobs, entropy = token_logprobs(logits, torch.tensor([[0]]))
    assert entropy.item() == pytest.approx(math.log(2))
    (gradient,) = torch.autograd.grad(logprobs.sum(), logits)
    torch.testing.assert_close(gradient, torch.tensor([[[0.5, -0.5, 0.0]]]))


def test_the_entropy_can_be_differentiable_and_is_the_same() -> None:
    leaf = torch.randn(1, 2, 4, dtype=torch.float64, requires_grad=True)
    ids = torch.tensor([[0, 3]])
    _, detached = token_logprobs(leaf, ids, 0.7)
    _, entropy = token_logprobs(leaf, ids, 0.7, entropy_gradient=True)
    torch.testing.assert_close(entropy.detach(), detached)
    assert torch.autograd.gradcheck(
        lambda x: token_logprobs(x, ids, 0.7, entropy_gradient=True)[1], (leaf,)
    )


def test_nor_does_it_make_the_gradient_of_the_entropy_nan() -> None:
    leaf = torch.tensor([[[0.3, 0.0, -math.inf]]], requires_grad=True)
    without = torch.tensor([[[0.3, 0.0]]], requires_grad=True)
    gradients = []
    for logits in (leaf, without):
        _, entropy = token_logprobs(logits, torch.tensor([[0]]), entropy_gradient=True)
        gradients.append(torch.autograd.grad(entropy.sum(), logits)[0])
    torch.testing.assert_close(gradients[0][..., :2], gradients[1])
    assert gradients[0][..., 2].item() == 0


def test_only_the_log_probs_are_differentiable() -> None:
    logits = torch.randn(1, 2, 4, requires_grad=True)
    logprobs, entropy = token_logprobs(logits, torch.tensor([[0, 3]]))
    assert logprobs.requires_grad
    assert not entropy.requires_grad


def test_half_precision_is_widened() -> None:
    logits = torch.randn(1, 2, 4, dtype=torch.bfloat16)
    for tensor in token_logprobs(logits, torch.tensor([[0, 3]])):
        assert tensor.dtype == torch.float32


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_none(temperature: float) -> None:
    with pytest.raises(LabError, match="above 0"):
        token_logprobs(torch.zeros(1, 1, 2), torch.zeros(1, 1, dtype=torch.long), temperature)


@pytest.mark.parametrize(
    ("ids", "eos", "expected"),
    [
        ([1, 2, EOS, 0, 0], EOS, [1, 1, 1, 0, 0]),
        ([1, 2, EOS, EOS, EOS], EOS, [1, 1, 1, 0, 0]),  # padding is the end token
        ([1, 2, 3, 4, 5], EOS, [1, 1, 1, 1, 1]),  # truncated
        ([EOS, 1, 2, EOS, 3], EOS, [1, 0, 0, 0, 0]),  # an empty completion
        ([1, 8, 2, EOS, 0], [EOS, 8], [1, 1, 0, 0, 0]),  # two end tokens
        ([1, 2, 3, 4, EOS], EOS, [1, 1, 1, 1, 1]),
    ],
)
def test_the_mask_goes_up_to_and_with_the_first_end(
    ids: list[int], eos: int | list[int], expected: list[int]
) -> None:
    assert completion_mask(torch.tensor([ids]), eos).long().tolist() == [expected]


def test_the_mask_of_no_tokens() -> None:
    assert completion_mask(torch.zeros(2, 0, dtype=torch.long), EOS).shape == (2, 0)
