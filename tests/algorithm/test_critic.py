"""PPO's side: rewards a token, GAE (invariant 14), whitening, the clipped value loss.

TRL 1.16.0 as it is installed has no PPO any more, so GAE is held to its definition as a sum and to
a small tree of completions in which every expectation can be counted out.
"""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.algorithm.critic import gae, token_rewards, value_loss, whiten
from grpo_core.algorithm.kl import k1

shares = st.floats(0, 1)


@st.composite
def completions(draw: st.DrawFn) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(B, T) float64 rewards and values with NaN behind each completion, and the mask."""
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    both = torch.randn(2, *mask.shape, generator=generator, dtype=torch.float64)
    rewards, values = both.masked_fill(~mask, float("nan"))
    return rewards, values, mask


# --- the reward of a token ------------------------------------------------------------------------


def test_the_score_comes_with_the_last_token_and_the_kl_with_each() -> None:
    kl = torch.tensor([[0.1, 0.2, -0.3, 9.0], [0.5, float("nan"), float("inf"), 9.0]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]]).bool()
    rewards = token_rewards(torch.tensor([1.0, -2.0]), kl, mask, beta=0.5)
    expected = torch.tensor([[-0.05, -0.1, 1.15, 0.0], [-2.25, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(rewards, expected)


@given(completions(), st.floats(0, 2))
def test_the_rewards_of_a_completion_sum_to_its_score_less_its_kl(
    batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor], beta: float
) -> None:
    kl, _, mask = batch
    scores = torch.arange(len(mask), dtype=torch.float64) + 1
    rewards = token_rewards(scores, kl, mask, beta)
    expected = scores - beta * kl.masked_fill(~mask, 0.0).sum(1)
    torch.testing.assert_close(rewards.sum(1), expected)


def test_padding_on_the_left_leaves_the_score_on_the_last_token() -> None:
    mask = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]]).bool()
    rewards = token_rewards(torch.tensor([1.0, 2.0, 3.0]), torch.zeros(3, 4), mask, beta=0.5)
    assert rewards.tolist() == [[0, 0, 0, 1.0], [0, 0, 2.0, 0], [0, 0, 0, 0]]


def test_no_gradient_passes_through_a_reward() -> None:
    kl = torch.ones(1, 2, requires_grad=True)
    assert not token_rewards(torch.ones(1), kl, torch.ones(1, 2).bool(), 0.1).requires_grad


# --- generalized advantages -----------------------------------------------------------------------


@given(completions(), shares)
def test_at_lambda_1_an_advantage_is_what_really_came_less_what_was_expected(
    batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor], gamma: float
) -> None:
    rewards, values, mask = batch
    advantages, returns = gae(rewards, values, mask, gamma=gamma, lam=1.0)
    for row, t in mask.nonzero().tolist():
        rest = rewards[row, t : int(mask[row].sum())]
        came = sum(gamma**k * float(r) for k, r in enumerate(rest))
        assert returns[row, t].item() == pytest.approx(came, abs=1e-9)
        assert advantages[row, t].item() == pytest.approx(came - values[row, t].item(), abs=1e-9)


@given(completions(), shares, shares)
def test_an_advantage_is_the_sum_of_the_discounted_deltas(
    batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor], gamma: float, lam: float
) -> None:
    rewards, values, mask = batch
    advantages, _ = gae(rewards, values, mask, gamma=gamma, lam=lam)
    deltas, _ = gae(rewards, values, mask, gamma=gamma, lam=0.0)
    for row, t in mask.nonzero().tolist():
        end = int(mask[row].sum())
        after = values[row, t + 1].item() if t + 1 < end else 0.0
        delta = rewards[row, t].item() + gamma * after - values[row, t].item()
        assert deltas[row, t].item() == pytest.approx(delta, abs=1e-9)
        summed = sum((gamma * lam) ** k * deltas[row, t + k].item() for k in range(end - t))
        assert advantages[row, t].item() == pytest.approx(summed, abs=1e-9)


@given(completions(), st.integers(0, 3), st.integers(0, 3))
def test_padding_on_either_side_changes_no_advantage(
    batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor], left: int, right: int
) -> None:
    rewards, values, mask = batch
    plain = gae(rewards, values, mask)
    pad = (left, right)
    padded = gae(*(torch.nn.functional.pad(t, pad, value=7.0) for t in (rewards, values)),
                 torch.nn.functional.pad(mask, pad))  # fmt: skip
    for tensor, wide in zip(plain, padded, strict=True):
        torch.testing.assert_close(torch.nn.functional.pad(tensor, pad), wide)
        assert tensor[~mask].eq(0).all()


class Tree:
    """Completions of at most three tokens of {0, 1, end}: a policy whose every value is known.

    The policy is a table of logits, one row for each of the 1 + 2 + 4 prefixes without end. Each
    token costs a KL to a uniform reference, and each completion has a score of its own.
    """

    END, BETA = 2, 0.3

    def __init__(self) -> None:
        self.prefixes = [p for n in range(3) for p in itertools.product((0, 1), repeat=n)]
        generator = torch.Generator().manual_seed(0)
        self.theta = torch.randn(7, 3, generator=generator, dtype=torch.float64)
        self.theta.requires_grad_()
        self.completions = [
            (*p, a) for p in self.prefixes for a in range(3) if a == self.END or len(p) == 2
        ]
        self.scores = torch.randn(len(self.completions), generator=generator).double()
        self.mask = torch.tensor([[t < len(c) for t in range(3)] for c in self.completions])

    def at_prefixes(self, table: torch.Tensor) -> torch.Tensor:
        """(B, 3): what a table of a number for each prefix says before each token."""
        return torch.tensor(
            [
                [float(table[self.prefixes.index(c[:t])]) if t < len(c) else 0.0 for t in range(3)]
                for c in self.completions
            ],
            dtype=torch.float64,
        )

    def logprobs(self) -> torch.Tensor:
        """(B, 3) log-probs of each completion's tokens, 0 behind its end."""
        table = self.theta.log_softmax(1)
        zero = table.new_zeros(())
        return torch.stack(
            [
                torch.stack(
                    [
                        table[self.prefixes.index(c[:t]), c[t]] if t < len(c) else zero
                        for t in range(3)
                    ]
                )
                for c in self.completions
            ]
        )

    def rewards(self) -> torch.Tensor:
        """(B, 3), as PPO has them: the KL by token, the score at the end."""
        logprobs = self.logprobs().detach()
        kl = k1(logprobs, torch.full_like(logprobs, 1 / 3).log())
        return token_rewards(self.scores, kl, self.mask, self.BETA)

    def values(self) -> torch.Tensor:
        """(7,) the reward to be expected from each prefix on, counted out."""
        probability = self.logprobs().detach().sum(1).exp()
        values = torch.zeros(7, dtype=torch.float64)
        for i, prefix in enumerate(self.prefixes):
            rows = [r for r, c in enumerate(self.completions) if c[: len(prefix)] == prefix]
            to_come = self.rewards()[rows, len(prefix) :].sum(1)
            values[i] = (probability[rows] * to_come).sum() / probability[rows].sum()
        return values

    def policy_gradient(self) -> torch.Tensor:
        """The gradient of the expected score less beta KL, by automatic differentiation."""
        logprobs = self.logprobs()
        kl = (logprobs + torch.tensor(3.0).log()).masked_fill(~self.mask, 0.0).sum(1)
        objective = (logprobs.sum(1).exp() * (self.scores - self.BETA * kl)).sum()
        return torch.autograd.grad(objective, self.theta)[0]

    def expected_gradient(self, table: torch.Tensor, lam: float) -> torch.Tensor:
        """E of sum_t A_t d log pi(o_t), the advantages by GAE on the values of a table."""
        advantages, _ = gae(self.rewards(), self.at_prefixes(table), self.mask, lam=lam)
        logprobs = self.logprobs()
        probability = logprobs.detach().sum(1).exp()
        return torch.autograd.grad((probability @ (advantages * logprobs)).sum(), self.theta)[0]


@pytest.mark.parametrize("lam", [0.0, 0.5, 0.95, 1.0])
def test_with_a_perfect_critic_every_lambda_is_the_policy_gradient(lam: float) -> None:
    tree = Tree()
    torch.testing.assert_close(tree.expected_gradient(tree.values(), lam), tree.policy_gradient())


def test_with_a_wrong_critic_only_lambda_1_is() -> None:
    tree = Tree()
    wrong = torch.linspace(-1, 1, 7, dtype=torch.float64)
    torch.testing.assert_close(tree.expected_gradient(wrong, 1.0), tree.policy_gradient())
    off = tree.expected_gradient(wrong, 0.95) - tree.policy_gradient()
    assert off.abs().max() > 1e-3


def test_a_perfect_critic_expects_no_advantage() -> None:
    tree = Tree()
    advantages, returns = gae(tree.rewards(), tree.at_prefixes(tree.values()), tree.mask, lam=0.7)
    probability = tree.logprobs().detach().sum(1).exp()
    assert advantages[:, 0].abs().max() > 0.1
    torch.testing.assert_close(probability @ advantages[:, 0], torch.zeros(()).double())
    torch.testing.assert_close(probability @ returns[:, 0], tree.values()[0])


# --- whitening ------------------------------------------------------------------------------------


@given(completions())
def test_whitened_advantages_have_mean_0_and_variance_1(
    batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    advantages, _, mask = batch
    whitened = whiten(advantages, mask)
    assert whitened[~mask].eq(0).all()
    if mask.sum() < 2:
        assert whitened.eq(0).all()
        return
    assert whitened[mask].mean().item() == pytest.approx(0, abs=1e-9)
    spread = advantages[mask].var()
    expected = (spread / (spread + 1e-8)).item()  # eps takes a little off
    assert whitened[mask].var().item() == pytest.approx(expected)


@pytest.mark.parametrize("tokens", [0, 1])
def test_what_cannot_be_whitened_is_0(tokens: int) -> None:
    mask = torch.arange(3).unsqueeze(0) < tokens
    assert whiten(torch.full((1, 3), float("nan")).masked_fill(mask, 5.0), mask).eq(0).all()


def test_tokens_that_tie_have_no_advantage() -> None:
    assert whiten(torch.full((2, 3), 0.5), torch.ones(2, 3).bool()).eq(0).all()


# --- the value loss -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "loss", "gradient"),
    [  # old value 0, target 1, clip 0.2
        (0.0, 0.5, -1.0),  # not moved: the whole error counts
        (0.1, 0.405, -0.9),
        (0.5, 0.32, 0.0),  # further than 0.2 towards the target: V_clip = 0.2 counts, no gradient
        (-0.5, 1.125, -1.5),  # away from it: always pulled back
        (2.5, 1.125, 1.5),  # far beyond the target: pulled back as well
        (1.5, 0.32, 0.0),  # beyond it, but nearer than V_clip
    ],
)
def test_the_value_loss_by_hand(value: float, loss: float, gradient: float) -> None:
    values = torch.tensor([[value]], requires_grad=True)
    got = value_loss(values, torch.zeros(1, 1), torch.ones(1, 1), 0.2)
    assert got.item() == pytest.approx(loss)
    (slope,) = torch.autograd.grad(got.sum(), values)
    assert slope.item() == pytest.approx(gradient)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3), st.floats(0.01, 1))
def test_the_value_loss_is_no_smaller_than_the_error_and_never_overshoots(
    value: float, old: float, target: float, cliprange: float
) -> None:
    v, o, r = torch.tensor([value, old, target], dtype=torch.float64).requires_grad_()
    loss = value_loss(v, o, r, cliprange)
    assert loss.item() >= (value - target) ** 2 / 2 - 1e-12
    (slope,) = torch.autograd.grad(loss, v)
    # the clip may stop a step towards the target, it never turns it round
    if abs(value - target) > 1e-6:
        assert 0 <= slope.item() / (value - target) <= 1 + 1e-9
