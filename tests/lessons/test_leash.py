"""The six uses of a KL estimator: what each one's gradient is on average, and where it leads."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.lessons import leash

scores = st.lists(st.floats(-2, 2), min_size=4, max_size=4).map(
    lambda values: torch.tensor(values, dtype=torch.float64)
)
REVERSE = ("k2 in the loss", "ratio × k3 in the loss", "k1 in the reward")


@given(logits=scores, reference=scores)
def test_the_table_of_average_gradients(logits: torch.Tensor, reference: torch.Tensor) -> None:
    reverse, forward = leash.kl_gradients(logits, reference)
    expected = {use: reverse for use in REVERSE}
    expected |= {"k1 in the loss": torch.zeros_like(reverse), "k3 in the loss": forward}
    expected |= {"k3 in the reward": reverse - forward}
    assert expected.keys() == leash.USES.keys()
    for use, gradient in expected.items():
        got = leash.expected_gradient(logits, reference, leash.USES[use])
        assert torch.allclose(got, gradient, atol=1e-9), use


REWARDS = torch.tensor([0.2, 0.5, 0.3, 1.0, 0.9], dtype=torch.float64)
REFERENCE = torch.tensor([1.2, 0.6, 0.0, -0.8, -2.0], dtype=torch.float64)


@pytest.mark.parametrize("use", leash.USES)
def test_where_training_ends(use: str) -> None:
    best = leash.best(REWARDS, REFERENCE, 0.3)
    path = leash.train(REWARDS, REFERENCE, leash.USES[use], 0.3, steps=2000)
    assert torch.allclose(path[0], torch.softmax(REFERENCE, 0))
    assert torch.allclose(path.sum(dim=1), torch.ones(2001, dtype=torch.float64))
    reached = torch.allclose(path[-1], best, atol=0.01)
    assert reached is (use in REVERSE)
    collapsed = bool(path[-1, 3] > 0.99)
    assert collapsed is (use in ("k1 in the loss", "k3 in the reward"))


def test_the_best_is_better_than_what_is_around_it() -> None:
    def value(p: torch.Tensor) -> float:
        return float((p * REWARDS).sum() - 0.3 * leash.kl(p.log(), REFERENCE))

    best = leash.best(REWARDS, REFERENCE, 0.3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        noise = torch.randn(5, generator=generator, dtype=torch.float64)
        assert value(torch.softmax(best.log() + 0.1 * noise, 0)) <= value(best)
