"""What is learned here is valid in TRL: the same rewards, the same advantages, the same loss.

The model is tests/helpers/mini_model.py's, which says nothing of use, so its `generate` is replaced
by one that writes scripted completions; all the rest is TRL's own.
"""

from collections import defaultdict
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from trl_side import (
    EVERY_SETTING,
    GROUP,
    LENGTH,
    PROMPTS,
    configured,
    error,
    inputs_of,
    make_trainer,
    tell,
    trl_loss,
)

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.aggregation import BatchSize
from grpo_core.algorithm.objective import grpo_objective
from grpo_core.algorithm.presets import PRESETS
from grpo_core.algorithm.variant import Variant
from grpo_core.core.config import GRPOConfig
from grpo_core.rewards.accuracy import accuracy_reward
from grpo_core.rewards.format import format_reward
from grpo_core.tasks import Problem

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),  # among TRL and transformers
    pytest.mark.filterwarnings("ignore:.*experimental.*"),
]


@pytest.fixture(scope="module")
def trainer(trl: ModuleType, problems: list[Problem], tmp_path_factory: Any) -> Any:
    return make_trainer(trl, problems, tmp_path_factory.mktemp("trl"))


def test_our_rewards_in_trls_trainer(trainer: Any, problems: list[Problem]) -> None:
    import pandas as pd

    trainer.train()
    columns = {p.prompt: p.columns for p in problems}
    logged = [entry for entry in trainer.state.log_history if "reward" in entry]
    files = sorted(Path(trainer.args.output_dir, "completions").glob("*.parquet"))
    assert len(logged) == len(files) == 2
    for metrics, file in zip(logged, files, strict=True):
        table = pd.read_parquet(file)
        rows = [columns[prompt] for prompt in table["prompt"]]
        ours = {
            "accuracy_reward": accuracy_reward(
                list(table["prompt"]),
                list(table["completion"]),
                task=["countdown"] * len(rows),
                numbers=[row["numbers"] for row in rows],
                target=[row["target"] for row in rows],
                operators=[row["operators"] for row in rows],
            ),
            "format_reward": format_reward(list(table["prompt"]), list(table["completion"])),
        }
        for name, values in ours.items():
            assert 0 < sum(values) < len(values) == GROUP * PROMPTS
            assert list(table[name]) == values
            assert metrics[f"rewards/{name}/mean"] == pytest.approx(sum(values) / len(values))
        parts = torch.tensor([ours["accuracy_reward"], ours["format_reward"]])
        rewards = (parts * torch.tensor([[1.0], [0.3]])).sum(dim=0).view(PROMPTS, GROUP)
        advantages = group_advantages(rewards).flatten().tolist()
        assert list(table["advantage"]) == pytest.approx(advantages, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("on_policy", [False, True])
@pytest.mark.parametrize("beta", [0.0, 0.1])
@EVERY_SETTING
def test_our_objective_is_trls(
    trainer: Any,
    monkeypatch: pytest.MonkeyPatch,
    loss_type: str,
    level: str,
    numbers: dict[str, float],
    beta: float,
    on_policy: bool,
    dtype: torch.dtype,
) -> None:
    """Loss, gradient and metrics, on ratios of which many are clipped."""
    config = configured(loss_type, level, numbers, beta=beta)
    torch.manual_seed(0)
    shape = (6, 9)
    mask = torch.arange(9) < torch.tensor([9, 1, 4, 7, 2, 9]).unsqueeze(1)
    logprobs = -torch.rand(shape).to(dtype)
    old, ref = logprobs + 0.5 * torch.randn(shape), logprobs + 0.3 * torch.randn(shape)
    # whole completions have moved as well, good ones up and bad ones down among them
    old = old - torch.tensor([0.6, -0.6, -0.6, 0.6, 0.3, -0.3]).unsqueeze(1)
    old = None if on_policy else old
    advantages = torch.tensor([1.0, -1.0, 0.5, 0.0, 2.0, -2.0], dtype=dtype)

    theirs = logprobs.clone().requires_grad_()
    tell(trainer, monkeypatch, config)
    given = (theirs, torch.zeros(shape), None)
    monkeypatch.setattr(trainer, "_get_per_token_logps_and_entropies", lambda *_, **__: given)
    trls = trl_loss(trainer, config, inputs_of(mask, advantages, old, ref))
    trls.backward()

    mine = logprobs.clone().requires_grad_()
    loss, stats = grpo_objective(
        *(mine, old, ref, advantages, mask, Variant.from_config(config)),
        size=BatchSize.of(mask, max_completion_length=LENGTH),
    )
    loss.backward()

    # in float32 the rounding of a sum that nearly cancels is larger
    assert error(loss, trls) < (1e-6 if dtype is torch.float64 else 2e-5)
    assert error(mine.grad, theirs.grad) < 1e-5
    assert mine.grad.abs().sum() > 0
    if not on_policy and loss_type not in ("sapo", "vespo"):
        share = "cispo_clip_ratio" if loss_type == "cispo" else "clip_ratio/region_mean"
        assert stats[share] > 0
    if level == "sequence_token":
        return  # the same update, and its metrics counted by tokens
    for name in stats.keys() - ({"kl"} if beta == 0 else set()):
        assert stats[name].item() == pytest.approx(trainer._metrics["eval"][name][-1])


@pytest.mark.parametrize("on_policy", [False, True])
def test_our_rloo_is_trls(trl: ModuleType, trainer: Any, on_policy: bool) -> None:
    """TRL has it as a trainer of its own; its loss is called on what it needs, and no more."""
    torch.manual_seed(0)
    mask = torch.arange(5) < torch.tensor([5, 1, 4, 2]).unsqueeze(1)
    logprobs = -torch.rand(4, 5).double()
    drift = 0.2 * torch.randn(4, 5) + torch.tensor([0.3, -0.3, 0.1, 0.0]).unsqueeze(1)
    old = logprobs if on_policy else logprobs - drift
    rewards = torch.tensor([[1.0, 0.0, 0.3, 0.0]], dtype=torch.float64)
    advantages = group_advantages(rewards, PRESETS["rloo"]["scale_rewards"]).flatten()

    theirs = logprobs.clone().requires_grad_()
    model = torch.nn.Module().eval()
    needs = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (theirs, torch.zeros(4, 5), None),
        epsilon_low=0.2,
        epsilon_high=0.2,
        aux_loss_enabled=False,
        model=model,
        accelerator=trainer.accelerator,
        _metrics={"eval": defaultdict(list)},
    )
    inputs = {
        "prompt_ids": torch.ones(4, 1, dtype=torch.long),
        "prompt_mask": torch.ones(4, 1),
        "completion_ids": torch.ones((4, 5), dtype=torch.long),
        "completion_mask": mask.int(),
        "advantages": advantages,
        "old_logps": (old * mask).sum(1),
    }
    trls = trl.RLOOTrainer._compute_loss(needs, model, inputs)
    trls.backward()

    mine = logprobs.clone().requires_grad_()
    variant = Variant.from_config(GRPOConfig(**PRESETS["rloo"]))
    loss, stats = grpo_objective(mine, old, None, advantages, mask, variant)
    loss.backward()
    assert error(loss, trls) < 1e-6 and error(mine.grad, theirs.grad) < 1e-5
    for name, value in stats.items():
        assert value.item() == pytest.approx(needs._metrics["eval"][name][-1])
