"""What is learned here is valid in TRL: the same rewards, the same advantages, the same loss.

The model is tests/minimodel.py's, which says nothing of use, so its `generate` is replaced by one
that writes scripted completions; all the rest is TRL's own.
"""

import importlib.util
from collections import defaultdict
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from minimodel import make_model
from needs import require

from grpo_core.algorithm.advantages import group_advantages
from grpo_core.algorithm.aggregation import BatchSize
from grpo_core.algorithm.objective import Variant, grpo_objective
from grpo_core.algorithm.presets import PRESETS
from grpo_core.config import GRPOConfig
from grpo_core.rewards.accuracy import accuracy_reward
from grpo_core.rewards.format import format_reward
from grpo_core.tasks import Problem
from grpo_core.tasks.countdown import Countdown

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # among TRL and transformers

GROUP, PROMPTS, LENGTH = 4, 2, 24


@pytest.fixture(scope="module")
def trl() -> ModuleType:
    require(importlib.util.find_spec("trl"), "TRL: pip install 'grpo-lab[trl]'")
    import trl

    return trl


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return Countdown().problems("train")[: 2 * PROMPTS]


@pytest.fixture(scope="module")
def trainer(
    trl: ModuleType, problems: list[Problem], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """TRL's trainer, with our rewards as they are, on a data set with our columns."""
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("trl")
    model = AutoModelForCausalLM.from_pretrained(make_model(folder / "mini"))
    tokenizer = AutoTokenizer.from_pretrained(folder / "mini")
    model.generate = Scripted(tokenizer, problems)
    arguments = trl.GRPOConfig(
        output_dir=str(folder),
        max_steps=2,
        per_device_train_batch_size=GROUP * PROMPTS,
        num_generations=GROUP,
        max_completion_length=LENGTH,
        reward_weights=[1.0, 0.3],
        logging_steps=1,
        log_completions=True,
        use_bias_correction_kl=False,  # DeepSeekMath's KL term; TRL's default is DeepSeek-V3.2's
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        bf16=False,
    )
    rows = [{"prompt": p.prompt, "task": "countdown", **p.columns} for p in problems]
    return trl.GRPOTrainer(
        model=model,
        processing_class=tokenizer,
        reward_funcs=[accuracy_reward, format_reward],
        train_dataset=Dataset.from_list(rows),
        args=arguments,
    )


class Scripted:
    """A `generate` that solves a problem, well-formed or not, or fails at it, by turns."""

    def __init__(self, tokenizer: Any, problems: list[Problem]) -> None:
        self.tokenizer, self.calls = tokenizer, 0
        self.solutions = {p.prompt: solution(p) for p in problems}

    def __call__(self, input_ids: torch.Tensor, **_: Any) -> torch.Tensor:
        prompts = self.tokenizer.batch_decode(input_ids, skip_special_tokens=True)
        ids = []
        for prompt in prompts:
            right = f"<answer> {self.solutions[prompt]} </answer> <eos>"
            scripts = [
                f"<think> Check </think> {right}",
                "<think> no </think> <answer> 1 + 1 </answer> <eos>",
                right,
                "Search " * LENGTH,  # never ends
                "<think> yes </think> <eos>",
            ]
            text = scripts[self.calls % len(scripts)]
            self.calls += 1
            tokens = self.tokenizer(text, add_special_tokens=False).input_ids
            ids.append(tokens + [self.tokenizer.pad_token_id] * (LENGTH - len(tokens)))
        return torch.cat([input_ids, torch.tensor(ids)], dim=1)


def solution(problem: Problem) -> str:
    numbers, target = problem.columns["numbers"], problem.columns["target"]
    return next(c.expression for c in Countdown().candidates(numbers) if c.value == target)


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


# What TRL takes: loss_type, importance_sampling_level, and what is peculiar to them.
SETTINGS: list[tuple[str, str, dict[str, Any]]] = [
    *((name, "token", {}) for name in ("grpo", "dapo", "bnpo", "dr_grpo", "sapo", "luspo")),
    *((name, "sequence", {}) for name in ("grpo", "dapo", "bnpo", "dr_grpo", "sapo", "luspo")),
    ("grpo", "sequence_token", {}),
    ("cispo", "token", {"epsilon_high": 1.1}),
    ("cispo", "sequence", {"epsilon_high": 1.1}),
    ("vespo", "token", {}),
    ("vespo", "token", {"vespo_k_pos": 1.0, "vespo_lambda_neg": 0.5}),
    ("sapo", "token", {"sapo_temperature_pos": 2.0, "sapo_temperature_neg": 3.0}),
    ("grpo", "token", {"delta": 1.5}),
    ("dapo", "token", {"delta": 1.5}),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("on_policy", [False, True])
@pytest.mark.parametrize("beta", [0.0, 0.1])
@pytest.mark.parametrize(
    ("loss_type", "level", "numbers"),
    SETTINGS,
    ids=[f"{s[0]}-{s[1]}-{len(s[2])}" for s in SETTINGS],
)
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
    config = GRPOConfig(
        loss_type=loss_type,
        importance_sampling_level=level,
        beta=beta,
        **({"epsilon": 0.2, "epsilon_high": 0.28} | numbers),
    )
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
    for name, value in {
        "loss_type": loss_type,
        "importance_sampling_level": level.removesuffix("_token"),  # TRL has no GSPO-token
        "beta": beta,
        "epsilon_low": config.epsilon,
        "epsilon_high": config.epsilon_high,
        "_get_per_token_logps_and_entropies": lambda *_, **__: (theirs, torch.zeros(shape), None),
    }.items():
        assert hasattr(trainer, name)
        monkeypatch.setattr(trainer, name, value)
    for name in numbers.keys() - {"epsilon_high"}:
        assert hasattr(trainer.args, name)
        monkeypatch.setattr(trainer.args, name, numbers[name])
    trainer.model.eval()  # one batch that is not accumulated with others
    trainer._metrics["eval"].clear()
    inputs = {
        "prompt_ids": torch.ones(6, 1, dtype=torch.long),
        "prompt_mask": torch.ones(6, 1),
        "completion_ids": torch.ones(shape, dtype=torch.long),
        "completion_mask": mask.int(),
        "advantages": advantages,
        "old_per_token_logps": old,
        "ref_per_token_logps": ref,
        "num_items_in_batch": mask.sum(),
    }
    trls = trainer._compute_loss(trainer.model, inputs)
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


@pytest.mark.parametrize("loss_type", sorted({setting[0] for setting in SETTINGS}))
def test_gradient_accumulation_over_four_is_trls(
    trainer: Any, monkeypatch: pytest.MonkeyPatch, loss_type: str
) -> None:
    torch.manual_seed(1)
    config = GRPOConfig(loss_type=loss_type, beta=0.1, epsilon=0.2, epsilon_high=1.2)
    mask = torch.arange(6) < torch.tensor([6, 1, 4, 3, 2, 6, 5, 2]).unsqueeze(1)
    logprobs = -torch.rand(8, 6).double()
    old, ref = logprobs + 0.5 * torch.randn(8, 6), logprobs + 0.3 * torch.randn(8, 6)
    advantages = torch.randn(8).double()
    theirs, mine = logprobs.clone().requires_grad_(), logprobs.clone().requires_grad_()
    for name, value in {
        "loss_type": loss_type,
        "beta": config.beta,
        "epsilon_low": config.epsilon,
        "epsilon_high": config.epsilon_high,
        "current_gradient_accumulation_steps": 4,
    }.items():
        monkeypatch.setattr(trainer, name, value, raising=False)
    monkeypatch.setattr(trainer.args, "steps_per_generation", 4)
    trainer.model.train()
    size = BatchSize.of(mask, max_completion_length=LENGTH)
    trls, ours = 0.0, 0.0
    for rows in torch.arange(8).view(4, 2):
        values = (theirs[rows], torch.zeros(2, 6), None)
        monkeypatch.setattr(
            trainer, "_get_per_token_logps_and_entropies", lambda *_, values=values, **__: values
        )
        inputs = {
            "prompt_ids": torch.ones(2, 1, dtype=torch.long),
            "prompt_mask": torch.ones(2, 1),
            "completion_ids": torch.ones((2, 6), dtype=torch.long),
            "completion_mask": mask[rows].int(),
            "advantages": advantages[rows],
            "old_per_token_logps": old[rows],
            "ref_per_token_logps": ref[rows],
            "num_items_in_batch": mask.sum(),
        }
        trls = trls + trainer._compute_loss(trainer.model, inputs)
        part, _ = grpo_objective(
            *(mine[rows], old[rows], ref[rows], advantages[rows], mask[rows]),
            *(Variant.from_config(config), size),
        )
        ours = ours + part
    trls.backward()
    ours.backward()
    assert error(ours, trls) < 1e-6 and error(mine.grad, theirs.grad) < 1e-5


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


def error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference, relative to the largest number there is."""
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    scale = theirs.abs().max().clamp(min=1e-3)  # on policy a loss may be 0
    return ((ours - theirs).abs().max() / scale).item()
