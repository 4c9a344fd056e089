"""The loop: what a step records, that it repeats, that it resumes, and that it learns."""

import itertools

import numpy as np
import pytest
import torch

from grpo_core.algorithm.presets import PRESETS
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Step
from grpo_core.models.policy import Policy
from grpo_core.models.pretrain import PretrainConfig, build_model
from grpo_core.models.tokenizer import build_tokenizer
from grpo_core.rewards import REWARDS
from grpo_core.tasks.countdown import Countdown
from grpo_core.training.trainer import Trainer

SMALL = GRPOConfig(
    max_steps=4, generation_batch_size=12, num_generations=4, max_completion_length=16,
    eval_steps=2, eval_size=8, beta=0.04,
    reward_funcs=("varied_reward", "format_reward"), reward_weights=(1.0, 0.3),
)  # fmt: skip


def varied_reward(prompts, completions, **columns) -> list[float]:
    """Something that even an untrained model gets now more of, now less."""
    return [float(len(set(c.split()))) for c in completions]


def says_yes(prompts, completions, **columns) -> list[float]:
    """The share of the words that are "yes"."""
    return [c.split().count("yes") / 16 for c in completions]


@pytest.fixture(autouse=True)
def _registered(monkeypatch) -> None:
    for reward in (varied_reward, says_yes):
        monkeypatch.setitem(REWARDS, reward.__name__, f"{__name__}:{reward.__name__}")


def _policy() -> Policy:
    model = build_model(PretrainConfig(hidden_size=32, layers=2, heads=2, feed_forward=32))
    return Policy(model, build_tokenizer())


def _trainer(**options) -> Trainer:
    config = GRPOConfig.from_dict(SMALL.to_dict() | options)
    return Trainer(config, policy=_policy())


def _timeless(step: Step) -> dict[str, float]:
    return {k: v for k, v in step.metrics.items() if not k.startswith("seconds/")}


def _same(a: Step, b: Step) -> bool:
    if a.index != b.index or _timeless(a) != _timeless(b):
        return False
    pairs = itertools.zip_longest(
        (c for g in a.groups for c in g.completions), (c for g in b.groups for c in g.completions)
    )
    return all(
        x.text == y.text and all(
            np.array_equal(getattr(x, name), getattr(y, name))
            for name in ("token_ids", "old_logprobs", "logprobs", "ref_logprobs", "push")
        )
        for x, y in pairs
    )  # fmt: skip


def test_the_records_of_a_run() -> None:
    steps = list(_trainer())
    assert [s.index for s in steps] == [0, 1, 2, 3, 4]
    assert [s.index for s in steps if "eval/accuracy" in s.metrics] == [0, 2, 4]
    assert not steps[0].groups
    for step in steps[1:]:
        assert len(step.groups) == 3
        for group in step.groups:
            assert len(group.completions) == 4
            for c in group.completions:
                arrays = (c.old_logprobs, c.logprobs, c.ref_logprobs, c.entropy, c.push, c.kl)
                assert all(a is not None and a.shape == (len(c),) for a in arrays)
                assert len(c.tokens) == len(c) and c.token_ids.dtype == np.int32
                assert (c.ratio == 1).all() and (c.entropy >= 0).all()
                assert set(c.rewards) == {"varied_reward", "format_reward"}
    assert steps[1].metrics["kl"] == 0 and steps[4].metrics["kl"] > 0


def test_the_names_are_trls() -> None:
    metrics = next(itertools.islice(_trainer(), 1, None)).metrics
    assert {
        "loss", "grad_norm", "learning_rate", "reward", "reward_std", "frac_reward_zero_std",
        "kl", "entropy", "clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean",
        "completions/mean_length", "completions/clipped_ratio", "reward_std_in_group",
        "rewards/format_reward/mean", "rewards/varied_reward/mean",
    } <= set(metrics)  # fmt: skip


def test_the_same_seed_is_the_same_run_and_another_seed_another() -> None:
    first, again, other = _trainer(), _trainer(), _trainer(seed=1)
    for a, b in zip(first, again, strict=True):
        assert _same(a, b)
    assert all(
        torch.equal(p, q)
        for p, q in zip(
            first.policy.model.parameters(), again.policy.model.parameters(), strict=True
        )
    )
    assert not _same(list(_trainer())[1], list(other)[1])


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_resumed_run_equals_one_that_was_never_stopped(cut: int, tmp_path) -> None:
    whole = list(_trainer())
    stopped = _trainer()
    list(itertools.islice(stopped, cut + 1))
    torch.save(stopped.state_dict(), tmp_path / "state.pt")
    resumed = _trainer()
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for a, b in zip(whole[cut + 1 :], resumed, strict=True):
        assert _same(a, b)


def test_a_checkpoint_of_another_model_is_refused() -> None:
    with pytest.raises(LabError, match="does not fit"):
        _trainer().load_state_dict({"model": {}})


@pytest.mark.parametrize("name", ["base_fingerprint", "reference"])  # the latter in 0.1.0
def test_a_checkpoint_of_another_base_is_refused(name: str) -> None:
    state = _trainer().state_dict()
    del state["base_fingerprint"]
    state[name] = "of other weights"
    with pytest.raises(LabError, match="has changed since this run began"):
        _trainer().load_state_dict(state)


def test_a_policy_that_is_lost_says_so() -> None:
    trainer = _trainer(learning_rate=1e30, max_grad_norm=1e30, eval_steps=0)
    with pytest.raises(LabError, match="smaller learning_rate"):
        list(trainer)


def test_micro_batches_change_nothing() -> None:
    whole = list(_trainer())
    parts = list(_trainer(max_tokens_per_forward=100))
    assert whole[1].metrics["grad_norm"] == pytest.approx(parts[1].metrics["grad_norm"], rel=1e-5)
    for a, b in zip(whole[1].groups[0].completions, parts[1].groups[0].completions, strict=True):
        assert a.text == b.text
        np.testing.assert_allclose(a.push, b.push, rtol=1e-5, atol=1e-8)


def test_several_updates_on_a_batch_move_the_ratio() -> None:
    step = list(_trainer(num_iterations=3, learning_rate=0.01, max_steps=1))[1]
    ratios = np.concatenate([c.ratio for g in step.groups for c in g.completions])
    assert (ratios != 1).mean() > 0.9
    assert step.metrics["clip_ratio/region_mean"] > 0


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains(preset: str) -> None:
    options = PRESETS[preset] | {
        "soft_punish_cache": 0,
        "dynamic_sampling": "",
        "max_steps": 2,
        "num_iterations": 2,
        "eval_steps": 0,
    }
    for step in list(_trainer(**options))[1:]:
        assert step.metrics["grad_norm"] > 0 and np.isfinite(step.metrics["loss"])
        # (no more is asked of `push`: GSPO's narrow bounds may hold back all of a second update)


def test_a_dead_group_pushes_nothing_without_kl() -> None:
    steps = list(_trainer(reward_weights=[0.0, 0.0], beta=0.0))
    assert all(group.is_dead for group in steps[1].groups)
    assert all((c.push == 0).all() for g in steps[1].groups for c in g.completions)
    assert steps[1].metrics["grad_norm"] == 0 and steps[1].metrics["frac_reward_zero_std"] == 1


def test_every_problem_comes_once_before_any_comes_again() -> None:
    trainer = _trainer()
    prompts = []
    for step in range(1, len(trainer.problems) // 3 + 1):
        trainer.step_index = step
        prompts += [p.prompt for p in trainer._next_problems()]
    assert len(prompts) == len(set(prompts))


def test_it_learns_what_is_rewarded() -> None:
    trainer = _trainer(
        max_steps=30, eval_steps=0, generation_batch_size=64, num_generations=8, learning_rate=0.01,
        reward_funcs=["says_yes"], reward_weights=[1.0], beta=0.0,
    )  # fmt: skip
    rewards = [step.metrics["reward"] for step in itertools.islice(trainer, 1, None)]
    assert np.mean(rewards[-5:]) > 5 * np.mean(rewards[:5]) + 0.1


def test_a_task_without_problems_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(Countdown, "problems", lambda self, split: [])
    with pytest.raises(LabError, match="no problems in its split 'train'"):
        _trainer()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "chess"}, "Unknown task 'chess'"),
        ({"reward_funcs": ["format"], "reward_weights": [1.0]}, "Did you mean 'format_reward'"),
        ({"loss_type": "ppo"}, "loss_type"),
        ({"scale_rewards": "some"}, "scale_rewards"),
        ({"generation_batch_size": 4000, "num_generations": 2}, "smaller generation_batch_size"),
    ],
)
def test_what_cannot_be_trained_is_refused(options: dict, words: str) -> None:
    with pytest.raises(LabError, match=words):
        _trainer(**options)
