"""The lens says what the algorithm says: every preset, every switch, values and gradients."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grpo_core.algorithm.advantages import ADVANTAGES, TOKEN_ADVANTAGES
from grpo_core.algorithm.aggregation import BatchSize
from grpo_core.algorithm.kl import KL_ESTIMATORS
from grpo_core.algorithm.levels import LEVELS, importance_ratio
from grpo_core.algorithm.methods import LOSS_TYPES, METHODS
from grpo_core.algorithm.methods.clip import clipped_tokens
from grpo_core.algorithm.objective import grpo_objective, token_push
from grpo_core.algorithm.presets import PRESETS
from grpo_core.algorithm.variant import Variant
from grpo_core.analysis.lens import Batch, credit, held_back, method, token_terms
from grpo_core.analysis.lens.credit import weights_of
from grpo_core.analysis.lens.symbols import lines
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion, Group
from grpo_core.training.credit import Credit, Scores, assign_credit

LIMIT = 9  # max_completion_length
G = 4


def groups_of(seed: int, count: int = 3) -> list[Group]:
    """Groups with everything on record, far off policy; the second one ties."""
    rng = np.random.default_rng(seed)

    def one(tied: bool) -> Completion:
        size = int(rng.integers(1, LIMIT + 1))
        old = -rng.exponential(1.0, size).astype(np.float32)
        parts = [1.0, 1.0] if tied else [float(rng.random() < 0.5), float(rng.random())]
        return Completion(
            text="",
            tokens=["x"] * size,
            token_ids=np.zeros(size, np.int32),
            rewards=dict(zip(("accuracy_reward", "format_reward"), parts, strict=True)),
            reward=0.0,
            advantage=0.0,
            truncated=bool(rng.random() < 0.3),
            old_logprobs=old,
            logprobs=(old + rng.normal(0, 0.4, size)).astype(np.float32),
            ref_logprobs=(old + rng.normal(0, 0.4, size)).astype(np.float32),
            values=rng.normal(0, 1, size).astype(np.float32),
        )

    return [Group("p", {}, [one(i == 1) for _ in range(G)]) for i in range(count)]


class Reference:
    """The same groups as tensors, through `grpo_core.training.credit` and `grpo_core.algorithm`."""

    def __init__(self, groups: list[Group], config: GRPOConfig) -> None:
        self.rows = [c for group in groups for c in group.completions]
        self.config, self.variant = config, Variant.from_config(config)
        lengths = torch.tensor([len(c) for c in self.rows])
        self.mask = torch.arange(int(lengths.max())) < lengths.unsqueeze(1)
        if config.mask_truncated_completions:
            self.mask &= ~torch.tensor([c.truncated for c in self.rows]).unsqueeze(1)
        self.new, self.old, self.ref, self.values = (
            self.padded(name) for name in ("logprobs", "old_logprobs", "ref_logprobs", "values")
        )
        self.size = BatchSize.of(self.mask, config.max_completion_length)

    def padded(self, name: str) -> torch.Tensor:
        out = torch.zeros(self.mask.shape, dtype=torch.float64)
        for i, c in enumerate(self.rows):
            out[i, : len(c)] = torch.from_numpy(getattr(c, name).astype(np.float64))
        return out

    def credit(self) -> Credit:
        weights = weights_of(self.config)
        parts = {name: [c.rewards[name] for c in self.rows] for name in weights}
        sums = [sum(weights[n] * c.rewards[n] for n in weights) for c in self.rows]
        rewards = torch.tensor(sums, dtype=torch.float64).view(-1, G)
        rollout: Any = SimpleNamespace(rewards=rewards, parts=parts, weights=weights)
        scores = Scores(self.old, self.ref, self.values)
        return assign_credit(rollout, self.mask, self.variant, self.config, scores=scores)


def assert_the_same(groups: list[Group], config: GRPOConfig) -> None:
    """Credit, push, loss and clip of every completion, by both roads."""
    reference = Reference(groups, config)
    expected = reference.credit()
    terms = []
    for which, group in enumerate(groups):
        found = credit(groups, which, config, weights_of(config))
        rows = slice(which * G, (which + 1) * G)
        np.testing.assert_allclose(found.rewards, expected.rewards[which], atol=1e-9)
        batch = Batch.of(groups, {}, config)
        for c, mine, theirs in zip(
            group.completions, found.advantages, expected.advantages[rows], strict=True
        ):
            want = theirs[: len(c)] if theirs.dim() else theirs
            np.testing.assert_allclose(mine, want, atol=1e-5)
            # the same advantages from here on: what is compared now is the objective
            terms.append(token_terms(c, want.double().numpy(), config, batch))
    arguments = (reference.new, reference.old, reference.ref, expected.advantages.double())
    settled = (*arguments, reference.mask, reference.variant, reference.size)
    push = token_push(*settled)
    for row, (c, mine) in enumerate(zip(reference.rows, terms, strict=True)):
        np.testing.assert_allclose(mine.push, push[row, : len(c)], rtol=1e-6, atol=1e-12)
    loss, _ = grpo_objective(*settled)
    total = sum(mine.objective(config.beta_in_loss).sum() for mine in terms)
    assert -total == pytest.approx(float(loss), rel=1e-6, abs=1e-9)


def config_of(**options: Any) -> GRPOConfig:
    plain = {"num_generations": G, "generation_batch_size": 3 * G, "max_completion_length": LIMIT}
    return GRPOConfig.from_dict({**plain, **options})


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("masked", [False, True])
def test_every_preset(preset: str, masked: bool) -> None:
    run = config_of(mask_truncated_completions=masked, beta=0.02)
    for seed in range(5):
        assert_the_same(groups_of(seed), method(run.to_dict(), preset))


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    loss_type=st.sampled_from(sorted(LOSS_TYPES)),
    level=st.sampled_from(sorted(LEVELS)),
    scale=st.sampled_from(sorted({*ADVANTAGES, *TOKEN_ADVANTAGES} - {"process"})),
    kl=st.sampled_from(sorted(KL_ESTIMATORS)),
    beta=st.sampled_from([0.0, 0.3]),
    place=st.sampled_from(["loss", "weighted", "reward"]),
    several=st.sampled_from(["sum_then_normalize", "normalize_then_sum"]),
    high=st.sampled_from([None, 0.05, 5.0]),
    delta=st.sampled_from([None, 6.5]),
    weight=st.floats(-2, 2),
)
def test_every_switch(
    seed: int, loss_type: str, level: str, scale: str, kl: str, beta: float, place: str,
    several: str, high: float | None, delta: float | None, weight: float,
) -> None:  # fmt: skip
    options = dict(
        loss_type=loss_type, importance_sampling_level=level, scale_rewards=scale, beta=beta,
        kl_estimator=kl, use_kl_in_reward=place == "reward", epsilon_high=high, delta=delta,
        use_bias_correction_kl=place == "weighted", multi_objective_aggregation=several,
        reward_weights=[1.0, weight],
    )  # fmt: skip
    config = config_of(**options)
    try:
        Variant.from_config(config)
    except LabError:
        return  # choices that rule each other out
    assert_the_same(groups_of(seed), config)


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(LOSS_TYPES)),
    st.sampled_from(sorted(LEVELS)),
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=6),
    st.sampled_from([-1.0, 0.0, 1.0]),
    st.none() | st.floats(0.01, 0.5),
    st.booleans(),
)
def test_the_clip_is_marked_where_the_objective_clips(
    loss: str, level: str, logs: list[float], advantage: float, high: float | None, by_token: bool
) -> None:
    one = groups_of(0)[0].completions[0]
    size = len(logs)
    one = replace(
        one, token_ids=np.zeros(size, np.int32), old_logprobs=np.zeros(size, np.float32),
        logprobs=np.array(logs, dtype=np.float32), advantage=advantage,
    )  # fmt: skip
    advantages = torch.full((1, size), advantage)
    if by_token:
        advantages = advantages * torch.tensor([[(-1.0) ** i for i in range(size)]])
        one.token_advantages = advantages[0].numpy()
    options = {
        "loss_type": loss,
        "importance_sampling_level": level,
        "epsilon": 0.2,
        "epsilon_high": high,
    }
    new, old = torch.from_numpy(one.logprobs)[None], torch.zeros(1, size)
    ratio = importance_ratio(new.double(), old.double(), torch.ones_like(old).bool(), level)
    if LOSS_TYPES[loss][0] == "gmpo":
        ratio = 1 + ratio.log()
    low_high = clipped_tokens(ratio, advantages, 0.2, 0.2 if high is None else high)
    expected = (low_high[0] | low_high[1]).expand(1, size)[0].tolist()
    clips = LOSS_TYPES[loss][0] in ("clip", "gmpo")
    assert bool(METHODS[LOSS_TYPES[loss][0]].held) == clips
    found = held_back(one, options).tolist()
    assert found == (expected if clips else [False] * size)


def test_what_was_not_recorded_is_said() -> None:
    groups = groups_of(1)
    for c in groups[0].completions:
        c.ref_logprobs = c.values = None
    run = config_of().to_dict()
    rloo, ppo, grpo = (method(run, name) for name in ("rloo", "ppo", "grpo"))
    with pytest.raises(LabError, match="recorded none"):
        credit(groups, 0, rloo, weights_of(rloo))
    with pytest.raises(LabError, match="no critic"):
        credit(groups, 0, ppo, weights_of(ppo))
    with pytest.raises(LabError, match=r"beta 0\.04.*no reference"):
        token_terms(groups[0].completions[0], 1.0, grpo, Batch.of(groups, {}, grpo))
    with pytest.raises(LabError, match="no preset"):
        method(run, "nonsense")


@pytest.mark.parametrize(
    "damage",
    [
        {"loss_type": "of another kit"},
        {"loss_type": 3},
        {"importance_sampling_level": "paragraph"},
        {"importance_sampling_level": None},
        {"epsilon": None},
        {"epsilon": "0.2"},
    ],
)
def test_damaged_options_mark_no_token(damage: dict[str, Any]) -> None:
    one = replace(groups_of(0)[0].completions[0], advantage=1.0)
    one.old_logprobs = one.logprobs - 1  # every token is above the clip
    options = {"loss_type": "grpo", "epsilon": 0.2, "importance_sampling_level": "token"}
    assert held_back(one, options).all()
    assert held_back(one, options | damage).tolist() == [False] * len(one)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"loss_type": "nonsense"}, "no loss_type 'nonsense'"),
        ({"importance_sampling_level": "nonsense"}, "importance_sampling_level has no choice"),
        ({"scale_rewards": "nonsense"}, "scale_rewards has no choice called 'nonsense'"),
        ({"kl_estimator": "nonsense", "beta": 0.1}, "kl_estimator has no choice"),
    ],
)
def test_a_choice_that_is_unknown_is_an_error(options: dict[str, Any], words: str) -> None:
    groups, config = groups_of(0), config_of(**options)
    with pytest.raises(LabError, match=words):
        credit(groups, 0, config, weights_of(config))
        token_terms(groups[0].completions[0], 1.0, config, Batch.of(groups, {}, config))
    with pytest.raises(LabError, match=words):
        lines(config)


def test_an_advantage_for_training_alone_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain function on the switch, as notebook 11 has it, trains; a closed form it is not."""
    monkeypatch.setitem(ADVANTAGES, "mine", lambda rewards, eps: rewards)
    config = config_of(scale_rewards="mine")
    with pytest.raises(LabError, match="'mine' has no closed form"):
        credit(groups_of(0), 0, config, weights_of(config))
    with pytest.raises(LabError, match="'mine' has no formula"):
        lines(config)
