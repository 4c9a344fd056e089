"""The six uses of a KL estimator: what each one's gradient is on average, and where it leads."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.course.toys import kl_bandit

scores = st.lists(st.floats(-2, 2), min_size=4, max_size=4).map(
    lambda values: torch.tensor(values, dtype=torch.float64)
)
REVERSE = ("k2 in the loss", "ratio × k3 in the loss", "k1 in the reward")


@given(logits=scores, reference=scores)
def test_the_table_of_average_gradients(logits: torch.Tensor, reference: torch.Tensor) -> None:
    reverse, forward = kl_bandit.kl_gradients(logits, reference)
    expected = {use: reverse for use in REVERSE}
    expected |= {"k1 in the loss": torch.zeros_like(reverse), "k3 in the loss": forward}
    expected |= {"k3 in the reward": reverse - forward}
    assert expected.keys() == kl_bandit.USES.keys()
    for use, gradient in expected.items():
        got = kl_bandit.expected_gradient(logits, reference, kl_bandit.USES[use])
        assert torch.allclose(got, gradient, atol=1e-9), use


REWARDS = torch.tensor([0.2, 0.5, 0.3, 1.0, 0.9], dtype=torch.float64)
REFERENCE = torch.tensor([1.2, 0.6, 0.0, -0.8, -2.0], dtype=torch.float64)


@pytest.mark.parametrize("use", kl_bandit.USES)
def test_where_training_ends(use: str) -> None:
    best = kl_bandit.best(REWARDS, REFERENCE, 0.3)
    path = kl_bandit.train(REWARDS, REFERENCE, kl_bandit.USES[use], 0.3, steps=2000)
    assert torch.allclose(path[0], torch.softmax(REFERENCE, 0))
    assert torch.allclose(path.sum(dim=1), torch.ones(2001, dtype=torch.float64))
    reached = torch.allclose(path[-1], best, atol=0.01)
    assert reached is (use in REVERSE)
    collapsed = bool(path[-1, 3] > 0.99)
    assert collapsed is (use in ("k1 in the loss", "k3 in the reward"))


def test_the_best_is_better_than_what_is_around_it() -> None:
    def value(p: torch.Tensor) -> float:
        return float((p * REWARDS).sum() - 0.3 * kl_bandit.kl(p.log(), REFERENCE))

    best = kl_bandit.best(REWARDS, REFERENCE, 0.3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        noise = torch.randn(5, generator=generator, dtype=torch.float64)
        assert value(torch.softmax(best.log() + 0.1 * noise, 0)) <= value(best)
