"""Coins: the true values are true, and GAE does to them what the lesson says."""

import itertools

import pytest
import torch

from grpo_core.course.toys import coin_mdp


def test_the_value_is_the_share_of_right_ends() -> None:
    """Every beginning of every completion of five coins, by enumeration."""
    length = 5
    ends = torch.tensor(list(itertools.product((0, 1), repeat=length)))
    won = (ends.sum(dim=1) > length // 2).float()
    for t in range(length + 1):
        for start in itertools.product((0, 1), repeat=t):
            same = (ends[:, :t] == torch.tensor(start)).all(dim=1)
            value = coin_mdp.chance(torch.tensor([sum(start)]), length - t, length)
            assert float(value) == pytest.approx(float(won[same].mean()))


def test_what_is_tossed() -> None:
    tossed, rewards, values = coin_mdp.toss(200, 7, seed=3)
    assert torch.equal(tossed, coin_mdp.toss(200, 7, seed=3)[0])
    assert not torch.equal(tossed, coin_mdp.toss(200, 7, seed=4)[0])
    assert torch.equal(rewards[:, -1], (tossed.sum(dim=1) >= 4).float())
    assert not rewards[:, :-1].any()
    assert values[:, 0].unique().tolist() == [0.5]  # an odd number of coins: nobody draws


@pytest.mark.parametrize("lam", [0.0, 0.5, 0.95, 1.0])
def test_a_perfect_critic_is_right_at_every_lambda(lam: float) -> None:
    tossed = coin_mdp.toss(60_000, 9)
    mean, _, exact = coin_mdp.push(*tossed, lam)
    assert mean == pytest.approx(exact, abs=0.004)
    assert exact == pytest.approx(70 / 256 / 4)  # C(8, 4) / 2^8: the coin decides if four are heads


def test_what_a_critic_gets_wrong_is_in_the_estimate_below_one() -> None:
    tossed, rewards, values = coin_mdp.toss(60_000, 9)
    at = {
        (name, lam): coin_mdp.push(tossed, rewards, critic(values), lam)
        for name, critic in coin_mdp.CRITICS.items()
        for lam in (0.0, 0.5, 1.0)
    }
    exact = at["perfect", 1.0][2]
    assert at["half learned", 0.0][0] == pytest.approx(exact / 2, abs=0.002)
    assert at["untrained", 0.0][0] == 0
    for name in coin_mdp.CRITICS:
        assert at[name, 1.0][0] == pytest.approx(exact, abs=0.004)
    assert at["untrained", 0.5][0] == pytest.approx(0.5**8 * at["untrained", 1.0][0], abs=1e-6)
    noise = [at["perfect", lam][1] for lam in (0.0, 0.5, 1.0)]
    assert noise == sorted(noise) and noise[2] > 2 * noise[0]
