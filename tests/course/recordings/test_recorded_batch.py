"""A frozen batch is pushed as the run pushed it, and methods are alike that should be."""

import numpy as np
import pytest
import torch

from grpo_core.algorithm.presets import PRESETS
from grpo_core.algorithm.variant import Variant
from grpo_core.course.recordings import recorded_batch, replay
from grpo_core.course.recordings.recorded_batch import (
    RecordedBatch,
    likeness,
    load_batch,
    push_of,
    variant_of,
)
from grpo_core.models.policy import load_policy

RUN = "countdown-mu4-seed0"


@pytest.fixture(scope="module")
def batch() -> RecordedBatch:
    torch.set_num_threads(1)
    return load_batch(replay.recorded(RUN).step(5).groups, load_policy("tiny"))


def test_it_is_pushed_as_the_trainer_pushed_it(batch: RecordedBatch) -> None:
    variant = Variant.from_config(replay.recorded(RUN).config)
    push = push_of(batch, variant)
    for row, c in zip(push, batch.completions, strict=True):
        assert not row[len(c) :].any()
        np.testing.assert_allclose(row[: len(c)].numpy(), c.push, atol=1e-6)


def cosine(batch: RecordedBatch, one: str, other: str, **changes: object) -> float:
    pushes = [push_of(batch, variant_of(name, beta=0.0, **changes)) for name in (one, other)]
    return float(likeness(pushes)[0, 1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("grpo", "gspo"), ("grpo", "gspo_token"), ("grpo", "sapo"), ("grpo", "gmpo"),
        ("dapo", "bnpo"), ("dapo", "cispo"), ("dapo", "vespo"),
        ("dr_grpo", "reinforce"), ("dr_grpo", "rloo"),
    ],
)  # fmt: skip
def test_before_the_first_update_these_are_one_direction(
    batch: RecordedBatch, one: str, other: str
) -> None:
    assert cosine(batch.first, one, other) == pytest.approx(1.0, abs=1e-6)
    assert cosine(batch, one, other) < 0.9999 or {one, other} in (
        {"grpo", "gspo_token"}, {"dapo", "bnpo"}
    )  # fmt: skip


@pytest.mark.parametrize(("one", "other"), [("grpo", "dapo"), ("dapo", "dr_grpo")])
def test_and_these_are_not(batch: RecordedBatch, one: str, other: str) -> None:
    assert cosine(batch.first, one, other) < 0.999


def test_every_preset_pushes_the_frozen_batch(batch: RecordedBatch) -> None:
    for preset in PRESETS:
        push = push_of(batch, variant_of(preset))
        assert torch.isfinite(push).all() and push.any() and not push[~batch.mask].any()


def test_a_critic_that_knows_nothing_passes_less_on_the_further_back(batch: RecordedBatch) -> None:
    variant = variant_of("ppo", beta=0.0)
    row = next(i for i, c in enumerate(batch.completions) if c.reward > 1 and len(c) > 30)
    n = len(batch.completions[row])
    flat = recorded_batch.advantages_of(batch, variant, lam=1.0)[row, :n]
    faded = recorded_batch.advantages_of(batch, variant, lam=0.95)[row, :n]
    assert float(flat.max() - flat.min()) == pytest.approx(0.0, abs=1e-5)
    steps = faded.diff()
    assert (steps > 0).all() and steps[-1] > 3 * steps[-26]


def test_likeness_is_of_directions() -> None:
    one, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    alike = likeness([one, 7 * one, -one, other])
    expected = [[1, 1, -1, 0], [1, 1, -1, 0], [-1, -1, 1, 0], [0, 0, 0, 1]]
    assert torch.allclose(alike, torch.tensor(expected).double())
