"""Credit: the right rewards reach the right tokens, whichever way advantages are made."""

from typing import Any

import pytest
import torch
from small_policy import make_policy, make_rollout

from grpo_core.algorithm.advantages import group_advantages, normalize_then_sum
from grpo_core.algorithm.critic import gae, token_rewards, whiten
from grpo_core.algorithm.variant import Variant
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.rewards.steps import equations_true
from grpo_core.tasks import Problem
from grpo_core.tasks.countdown import Countdown
from grpo_core.training.credit import Credit, Scores, Steps, assign_credit, find_steps
from grpo_core.training.rollout import Rollout
from grpo_core.training.sampling import Samples

REWARDS = [[1.0, 0.0, 0.3, 0.0], [0.7, 0.7, 0.7, 0.7]]


def scored(rollout: Rollout, values: bool = False, seed: int = 0) -> Scores:
    """Log-probs and values that nobody computed."""
    shape = rollout.samples.completion_ids.shape
    generator = torch.Generator().manual_seed(seed)
    random = [torch.randn(shape, generator=generator) for _ in range(3)]
    return Scores(random[0], random[1], random[2] if values else None)


def credit(rollout: Rollout, scores: Scores | None = None, **options: Any) -> Credit:
    config = GRPOConfig(**({"beta": 0.0} | options))
    variant = Variant.from_config(config)
    return assign_credit(rollout, rollout.samples.mask, variant, config, scores=scores)


@pytest.mark.parametrize("scale", ["group", "batch", "none", "loo"])
def test_one_advantage_a_completion(scale: str) -> None:
    rollout = make_rollout(REWARDS)
    given = credit(rollout, scale_rewards=scale)
    expected = group_advantages(rollout.rewards, scale).flatten().float()
    assert given.advantages.equal(expected) and given.advantages.dtype == torch.float32
    assert given.rewards is rollout.rewards and given.returns is None
    assert given.advantages[4:].eq(0).all()  # a tie, and 0.7 is no binary fraction


def test_several_rewards_each_with_its_weight() -> None:
    parts = {"a": [1.0, 0, 0, 1, 2, 2, 2, 2], "b": [0.0, 5, 9, 0, 1, 1, 1, 1]}
    rollout = make_rollout(REWARDS, **parts)
    rollout.weights = {"a": 1.0, "b": 0.3}
    given = credit(rollout, multi_objective_aggregation="normalize_then_sum")
    tensor = torch.tensor([parts["a"], parts["b"]], dtype=torch.float64).view(2, 2, 4)
    expected = normalize_then_sum(tensor, torch.tensor([1.0, 0.3], dtype=torch.float64))
    torch.testing.assert_close(given.advantages, expected.flatten().float())
    assert given.advantages[4:].eq(0).all()


@pytest.mark.parametrize("scale", ["group", "loo"])
def test_a_kl_in_the_reward_is_taken_before_rewards_are_compared(scale: str) -> None:
    rollout = make_rollout(REWARDS)
    scores = scored(rollout)
    given = credit(
        rollout, scores, beta=0.1, use_kl_in_reward=True, kl_estimator="k1", scale_rewards=scale
    )
    d = (scores.logprobs - scores.ref_logprobs).masked_fill(~rollout.samples.mask, 0.0).sum(1)
    rewards = rollout.rewards - 0.1 * d.view(2, 4)
    torch.testing.assert_close(given.rewards, rewards)
    expected = group_advantages(rewards, scale).flatten().float()
    torch.testing.assert_close(given.advantages, expected)
    # the policy strays further, the reward is smaller: minus, not plus
    assert (given.rewards < rollout.rewards).equal(d.view(2, 4) > 0)
    assert rollout.rewards.tolist() == REWARDS  # what was earned is not overwritten


def test_without_beta_a_kl_in_the_reward_costs_nothing() -> None:
    rollout = make_rollout(REWARDS)
    given = credit(rollout, beta=0.0, use_kl_in_reward=True)
    assert given.rewards.equal(rollout.rewards)


# --- PPO ------------------------------------------------------------------------------------------

PPO: dict[str, Any] = {"scale_rewards": "gae", "kl_estimator": "k1", "use_kl_in_reward": True}


def test_a_critic_credits_every_token() -> None:
    rollout = make_rollout(REWARDS)
    scores, mask = scored(rollout, values=True), rollout.samples.mask
    given = credit(rollout, scores, beta=0.1, gamma=0.9, lam=0.8, **PPO)
    kl = scores.logprobs - scores.ref_logprobs
    per_token = token_rewards(rollout.rewards.flatten().float(), kl, mask, 0.1)
    advantages, returns = gae(per_token, scores.values, mask, gamma=0.9, lam=0.8)
    torch.testing.assert_close(given.advantages, whiten(advantages, mask))
    torch.testing.assert_close(given.returns, returns)  # before whitening
    assert given.advantages.dtype == given.returns.dtype == torch.float32
    torch.testing.assert_close(
        given.rewards, rollout.rewards - 0.1 * (kl * mask).sum(1).view(2, 4).double()
    )


def test_what_a_critic_credits_at_lambda_1_is_what_came() -> None:
    rollout = make_rollout(REWARDS)
    given = credit(rollout, scored(rollout, values=True), lam=1.0, **PPO)
    expected = rollout.rewards.flatten().float().unsqueeze(1) * rollout.samples.mask
    torch.testing.assert_close(given.returns, expected)


def test_a_group_of_one_needs_a_critic() -> None:
    rollout = make_rollout([[1.0], [0.0]], [2, 3])
    given = credit(rollout, scored(rollout, values=True), num_generations=1, **PPO)
    assert given.advantages.isfinite().all() and given.advantages.ne(0).any()
    with pytest.raises(LabError, match="2 or more completions"):
        credit(rollout)


def test_nothing_to_be_trained_has_no_advantage() -> None:
    rollout = make_rollout(REWARDS)
    config = GRPOConfig(beta=0.1, **PPO)
    nothing = torch.zeros_like(rollout.samples.mask)
    given = assign_credit(
        rollout, nothing, Variant.from_config(config), config, scores=scored(rollout, values=True)
    )
    assert given.advantages.eq(0).all() and given.returns.eq(0).all()


# --- process supervision --------------------------------------------------------------------------


def written(texts: list[str]) -> tuple[Rollout, Any]:
    """A group of these completions by the small policy's tokenizer, and the policy."""
    policy = make_policy()
    ids = [policy.tokenizer(text + " <eos>", add_special_tokens=False).input_ids for text in texts]
    lengths = torch.tensor([len(i) for i in ids])
    width = int(lengths.max())
    samples = Samples(
        torch.ones(len(texts), 2, dtype=torch.long),
        torch.ones(len(texts), 2, dtype=torch.bool),
        torch.tensor([i + [0] * (width - len(i)) for i in ids]),
        lengths,
        torch.zeros(len(texts), dtype=torch.bool),
        torch.zeros(len(texts), width),
    )
    rewards = torch.tensor([[float(i) for i in range(len(texts))]], dtype=torch.float64)
    columns = Countdown().problems("train")[0].columns
    decoded = [policy.decode(i) for i in ids]
    weights = {"only": 1.0}
    parts = {"only": rewards.flatten().tolist()}
    return Rollout([Problem("p", columns)], samples, decoded, parts, weights, rewards), policy


TEXTS = ["<think> 1 + 2 = 3 , 2 + 2 = 5 no </think>", "3 + 4 = 7 yes", "no"]


def test_steps_end_on_the_tokens_that_end_their_text() -> None:
    rollout, policy = written(TEXTS)
    steps = find_steps(rollout, policy, Countdown(), equations_true, weight=0.5)
    for row in range(3):
        ids = rollout.samples.completion(row)
        at = steps.ends[0, row].nonzero().flatten().tolist()
        said = [policy.decode(ids[: t + 1]).strip() for t in at]
        assert at[-1] == len(ids) - 1  # the answer is always a step
        expected = [
            [TEXTS[0].split(" ,")[0], TEXTS[0].split(" no")[0], TEXTS[0]],
            ["3 + 4 = 7", TEXTS[1]],
            [TEXTS[2]],
        ][row]
        assert said == [policy.decode(policy.tokenizer(e).input_ids).strip() for e in expected]
    assert [r[r != 0].tolist() for r in steps.rewards[0]] == [[0.5], [0.5], []]
    assert steps.truth == [0.5, 1.0, 0.0]


def test_the_outcome_is_what_the_last_step_earned() -> None:
    rollout, policy = written(TEXTS)
    steps = find_steps(rollout, policy, Countdown(), equations_true, weight=1.0)
    config = GRPOConfig(scale_rewards="process", step_reward_func="equations_true")
    variant = Variant.from_config(config)
    mask = rollout.samples.mask
    given = assign_credit(rollout, mask, variant, config, steps=steps)
    # steps 1, 0, then the outcome 0 | 1, then the outcome 1 | the outcome 2
    pool = torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0, 2.0], dtype=torch.float64)
    z = ((pool - pool.mean()) / (pool.std() + 1e-4)).float()
    first = given.advantages[:, 0]
    torch.testing.assert_close(first, torch.stack([z[:3].sum(), z[3:5].sum(), z[5]]))
    last = given.advantages[torch.arange(3), rollout.samples.lengths - 1]
    torch.testing.assert_close(last, z[[2, 4, 5]])
    assert given.advantages[~mask].eq(0).all() and given.advantages.dtype == torch.float32
    assert steps.rewards[0].sum() == 2  # the outcome was not left in the steps' rewards


def test_without_steps_it_is_outcome_supervision() -> None:
    rollout, policy = written(["no", "yes yes", "no no no"])
    steps = find_steps(rollout, policy, Countdown(), equations_true, weight=1.0)
    torch.testing.assert_close(
        steps.advantages(rollout.rewards)[:, 0], group_advantages(rollout.rewards).flatten()
    )


def test_steps_beyond_the_text_and_on_one_token_stay_within_it() -> None:
    def everywhere(prompts, completions, **columns) -> list[list[tuple[int, float]]]:
        return [[(0, 1.0), (0, 2.0), (10_000, 4.0)] for _ in completions]

    rollout, policy = written(["no", "yes"])
    steps = find_steps(rollout, policy, Countdown(), everywhere, weight=1.0)
    for row in range(2):
        ends = steps.ends[0, row].nonzero().flatten().tolist()
        assert ends == [0, int(rollout.samples.lengths[row]) - 1]
        assert steps.rewards[0, row, ends].tolist() == [3.0, 4.0]


def _raises(prompts, completions, **columns):
    raise KeyError("numbers")


def _says(prompts, completions, **columns):
    raise LabError("Say it plainly.")


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (_raises, r"step reward _raises raised KeyError"),
        (lambda **_: None, r"step reward <lambda> raised TypeError"),
        (lambda **_: [[1.0]] * 2, r"step reward <lambda> raised TypeError"),
        (lambda **_: [[]], r"step reward <lambda> returned 1 lists for 2 texts"),
        (_says, r"^Say it plainly\.$"),
    ],
)
def test_a_step_reward_that_misbehaves_is_named(function: Any, sentence: str) -> None:
    rollout, policy = written(["no", "yes"])
    with pytest.raises(LabError, match=sentence):
        find_steps(rollout, policy, Countdown(), function, weight=1.0)


def test_a_step_reward_that_is_no_number_is_refused() -> None:
    rollout, policy = written(["no", "yes"])

    def broken(prompts, completions, **columns):
        return [[(1, float("nan"))], []]

    steps = find_steps(rollout, policy, Countdown(), broken, weight=1.0)
    assert isinstance(steps, Steps)
    with pytest.raises(LabError, match="A step's reward is NaN or infinite"):
        steps.advantages(rollout.rewards)
