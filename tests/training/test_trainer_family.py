"""The loop with all that may stand around the objective, and with input that nobody wants."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from make_steps import same_array
from small_policy import make_policy

from grpo_core.algorithm.presets import PRESETS
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Step
from grpo_core.rewards import REWARDS, STEP_REWARDS
from grpo_core.training.trainer import Trainer

SMALL: dict[str, Any] = {
    "max_steps": 4, "generation_batch_size": 12, "num_generations": 4,
    "max_completion_length": 16, "eval_steps": 0, "eval_size": 8, "beta": 0.04,
    "reward_funcs": ("varied_reward",), "reward_weights": (1.0,),
}  # fmt: skip
PPO: dict[str, Any] = PRESETS["ppo"] | {"num_iterations": 2}


def varied_reward(prompts, completions, **columns) -> list[float]:
    """Something that even an untrained model gets now more of, now less."""
    return [len(set(c.split())) / 16 for c in completions]


def rare_reward(prompts, completions, **columns) -> list[float]:
    """Most groups tie at 0."""
    return [float(len(set(c.split())) > 8) for c in completions]


def flat_reward(prompts, completions, **columns) -> list[float]:
    return [0.75] * len(completions)


def nan_reward(prompts, completions, **columns) -> list[float]:
    return [0.0] * (len(completions) - 1) + [math.nan]


def infinite_reward(prompts, completions, **columns) -> list[float]:
    return [math.inf] * len(completions)


def short_reward(prompts, completions, **columns) -> list[float]:
    return [1.0]


def raising_reward(prompts, completions, **columns) -> list[float]:
    raise IndexError("list index out of range")


def every_third_word(prompts, completions, **columns) -> list[list[tuple[int, float]]]:
    """Steps that even an untrained model takes."""
    return [[(end, float(end % 2)) for end in range(5, len(text), 12)] for text in completions]


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for reward in (varied_reward, rare_reward, flat_reward, nan_reward, infinite_reward,
                   short_reward, raising_reward):  # fmt: skip
        monkeypatch.setitem(REWARDS, reward.__name__, f"{__name__}:{reward.__name__}")
    monkeypatch.setitem(STEP_REWARDS, "every_third_word", f"{__name__}:every_third_word")


def trainer_of(ends: list[int] | None = None, **options: Any) -> Trainer:
    """A run of the small policy; `ends` are other tokens that end a completion."""
    policy = make_policy()
    if ends is not None:
        policy.model.generation_config.eos_token_id = ends
    return Trainer(GRPOConfig.from_dict(SMALL | options), policy=policy)


def only(reward: str) -> dict[str, Any]:
    return {"reward_funcs": (reward,), "reward_weights": (1.0,)}


def trained(trainer: Trainer) -> list[Step]:
    """The steps, without the evaluation of the untouched policy."""
    return list(trainer)[1:]


def is_finite(step: Step) -> bool:
    return all(math.isfinite(value) for value in step.metrics.values())


def assert_same(a: Step, b: Step) -> None:
    """Bit for bit, but for the clock."""
    for name in a.metrics.keys() | b.metrics.keys():
        assert name.startswith("seconds/") or a.metrics[name] == b.metrics[name], name
    for left, right in zip(a.groups, b.groups, strict=True):
        for c, d in zip(left.completions, right.completions, strict=True):
            assert c.text == d.text and c.advantage == d.advantage
            for name in ("logprobs", "old_logprobs", "ref_logprobs", "push", "values"):
                assert same_array(getattr(c, name), getattr(d, name)), name


# --- resumption -----------------------------------------------------------------------------------

KINDS: dict[str, dict[str, Any]] = {
    "critic": PPO,
    "value head": PPO | {"critic": "value_head"},
    "moving reference": {
        "sync_ref_model": True,
        "ref_model_sync_steps": 2,
        "ref_model_mixup_alpha": 0.6,
    },
    "iterative": {
        "sync_ref_model": True,
        "ref_model_sync_steps": 1,
        "ref_model_mixup_alpha": 1.0,
    },
    "mini-batches": {"num_iterations": 2, "steps_per_generation": 3},
    "dynamic sampling": only("rare_reward") | {"dynamic_sampling": "rare_reward"},
    "process": {"scale_rewards": "process", "step_reward_func": "every_third_word"},
    "overlong": {"soft_punish_cache": 8},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_equals_one_that_was_never_stopped(kind: str, tmp_path: Path) -> None:
    options = {"learning_rate": 0.005, "critic_learning_rate": 0.01} | KINDS[kind]
    whole = list(trainer_of(**options))
    stopped = trainer_of(**options)
    list(itertools.islice(stopped, 3))
    torch.save(stopped.state_dict(), tmp_path / "state.pt")
    resumed = trainer_of(**options)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    rest = list(resumed)
    assert [step.index for step in rest] == [3, 4]
    for a, b in zip(whole[3:], rest, strict=True):
        assert_same(a, b)


def test_a_checkpoint_without_a_critic_is_refused() -> None:
    state = trainer_of(**PPO).state_dict()
    del state["critic"]
    with pytest.raises(LabError, match="does not fit"):
        trainer_of(**PPO).load_state_dict(state)


# --- around the objective -------------------------------------------------------------------------


def test_a_reference_that_is_replaced_is_the_policy_of_then() -> None:
    steps = trained(trainer_of(
        learning_rate=0.01, sync_ref_model=True, ref_model_sync_steps=2, ref_model_mixup_alpha=1.0
    ))  # fmt: skip
    kl = [step.metrics["kl"] for step in steps]  # at the start of each step
    assert kl[0] == 0 and kl[1] > 0 and abs(kl[2]) < 1e-6 and kl[3] > 0


def test_dynamic_sampling_keeps_the_groups_that_teach() -> None:
    options = only("rare_reward") | {"max_steps": 2}
    plain = trained(trainer_of(**options))
    assert any(step.metrics["frac_reward_zero_std"] > 0 for step in plain)
    steps = trained(trainer_of(**options, dynamic_sampling="rare_reward", max_sampling_rounds=40))
    assert any(step.metrics["dynamic_sampling/rounds"] > 1 for step in steps)
    for step in steps:
        assert len(step.groups) == 3
        assert step.metrics["frac_reward_zero_std"] == 0
        assert len({group.prompt for group in step.groups}) == 3


def test_a_policy_that_always_ties_does_not_sample_for_ever() -> None:
    step = trained(trainer_of(
        **only("flat_reward"), dynamic_sampling="reward", max_sampling_rounds=3, max_steps=1
    ))[0]  # fmt: skip
    assert step.metrics["dynamic_sampling/rounds"] == 3
    assert step.metrics["dynamic_sampling/groups"] == 9
    assert len(step.groups) == 3 and all(group.is_dead for group in step.groups)


def test_overlong_shaping_is_a_reward_of_its_own() -> None:
    step = trained(trainer_of(soft_punish_cache=8, max_steps=1))[0]
    name = "soft_overlong_punishment_reward"
    for completion in (c for g in step.groups for c in g.completions):
        punished = -max(len(completion) - 8, 0) / 8
        assert completion.rewards[name] == pytest.approx(punished)
        total = completion.rewards["varied_reward"] + punished
        assert completion.reward == pytest.approx(total)
    assert step.metrics[f"rewards/{name}/mean"] < 0


def test_process_supervision_credits_tokens() -> None:
    options = {"scale_rewards": "process", "step_reward_func": "every_third_word"}
    step = trained(trainer_of(**options, max_steps=1))[0]
    assert 0 < step.metrics["steps/mean_reward"] < 1
    completions = [c for g in step.groups for c in g.completions]
    assert all(len(c.token_advantages) == len(c) for c in completions)
    assert any(len(set(c.token_advantages.tolist())) > 2 for c in completions)


def test_a_critic_learns_what_to_expect() -> None:
    steps = trained(trainer_of(
        **(PPO | only("flat_reward") | {"beta": 0.0, "max_steps": 25, "learning_rate": 1e-4}),
        critic_learning_rate=0.01,
    ))  # fmt: skip
    assert steps[0].metrics["critic/value_mean"] == 0  # the head starts at 0
    assert all(step.metrics["critic/return_mean"] > 0 for step in steps)
    assert steps[-1].metrics["critic/value_mean"] == pytest.approx(0.75, abs=0.1)
    assert steps[-1].metrics["critic/value_loss"] < steps[0].metrics["critic/value_loss"] / 5


def test_ppo_needs_no_groups() -> None:
    options = PPO | {"num_generations": 1, "generation_batch_size": 4, "max_steps": 2}
    for step in trained(trainer_of(**options)):
        assert len(step.groups) == 4 and is_finite(step) and step.metrics["grad_norm"] > 0
        assert all(len(g.completions) == 1 for g in step.groups)
    with pytest.raises(LabError, match="num_generations must be 2 or more"):
        trainer_of(num_generations=1)
    with pytest.raises(LabError, match="num_generations must be 2 or more"):
        trainer_of(**(options | {"dynamic_sampling": "varied_reward"}))


# --- what nobody wants ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reward", "sentence"),
    [
        ("nan_reward", "The reward nan_reward returned nan for completion 11"),
        ("infinite_reward", "The reward infinite_reward returned inf for completion 0"),
        ("short_reward", "The reward short_reward returned 1 values for 12 completions"),
        ("raising_reward", "The reward raising_reward raised IndexError: list index out of range"),
    ],
)
def test_a_reward_that_misbehaves_stops_the_run_in_a_sentence(reward: str, sentence: str) -> None:
    trainer = trainer_of(**only(reward))
    before = [p.detach().clone() for p in trainer.policy.model.parameters()]
    with pytest.raises(LabError, match=sentence):
        trained(trainer)
    after = trainer.policy.model.parameters()
    assert all(p.equal(q) for p, q in zip(before, after, strict=True))


NEVER = [10**6]  # an id that no vocabulary has


@pytest.mark.parametrize("preset", list(PRESETS))
def test_completions_that_are_all_cut_off_and_masked_teach_nothing(preset: str) -> None:
    """Loss 0, gradient 0, nothing moves, and no metric is NaN."""
    options = PRESETS[preset] | {"mask_truncated_completions": True, "max_steps": 1}
    options |= {"soft_punish_cache": 0, "dynamic_sampling": ""}
    trainer = trainer_of(NEVER, **options)
    before = [p.detach().clone() for p in trainer.policy.model.parameters()]
    (step,) = trained(trainer)
    assert step.metrics["completions/clipped_ratio"] == 1 and is_finite(step)
    assert step.metrics["loss"] == step.metrics["grad_norm"] == 0
    assert all(not c.push.any() for g in step.groups for c in g.completions)
    after = trainer.policy.model.parameters()
    assert all(p.equal(q) for p, q in zip(before, after, strict=True))


def test_unmasked_they_teach_as_others_do() -> None:
    (step,) = trained(trainer_of(NEVER, max_steps=1))
    assert step.metrics["completions/clipped_ratio"] == 1 and step.metrics["grad_norm"] > 0


def test_a_completion_that_is_cut_off_and_masked_is_not_pushed_and_the_others_are() -> None:
    (step,) = trained(trainer_of(mask_truncated_completions=True, max_steps=1))
    completions = [c for g in step.groups for c in g.completions]
    assert {c.truncated for c in completions} == {True, False}
    for c in completions:
        assert c.push.any() == (not c.truncated)


@pytest.mark.parametrize("preset", ["grpo", "dapo", "gspo", "ppo"])
def test_completions_that_end_at_once(preset: str) -> None:
    """Every token ends a completion, so each is one token long, and where that is <eos>, empty."""
    options = PRESETS[preset] | {"soft_punish_cache": 0, "dynamic_sampling": "", "max_steps": 1}
    options |= {"generation_batch_size": 400, "reward_weights": (1.0, 0.3)}
    options |= {"reward_funcs": ("accuracy_reward", "format_reward")}
    (step,) = trained(trainer_of(list(range(125)), **options))
    completions = [c for g in step.groups for c in g.completions]
    assert {len(c) for c in completions} == {1} and any(c.text == "" for c in completions)
    assert not any(c.truncated for c in completions) and is_finite(step)
    if preset != "ppo":  # all earned 0: every group ties
        assert step.metrics["frac_reward_zero_std"] == 1
        assert all(c.advantage == 0 for c in completions)


def test_rewards_that_tie_in_every_group_have_advantage_exactly_zero() -> None:
    (step,) = trained(trainer_of(**only("flat_reward"), max_steps=1))
    assert all(c.advantage == 0 for g in step.groups for c in g.completions)
    assert step.metrics["loss"] == 0
    assert np.isfinite(step.metrics["grad_norm"])
