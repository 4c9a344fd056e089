"""TRL's trainer, told what one of our configurations says: for the tests that hold us to it."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from grpo_core.algorithm.method import Method
from grpo_core.algorithm.methods import METHODS, NUMBERS, switches_of
from grpo_core.core.config import GRPOConfig
from grpo_core.tasks import Problem
from grpo_core.tasks.countdown import Countdown

GROUP, PROMPTS, LENGTH = 4, 2, 24


def make_trainer(trl: Any, problems: list[Problem], folder: Any, **options: Any) -> Any:
    """TRL's trainer, with our rewards as they are, on a data set with our columns."""
    from datasets import Dataset
    from mini_model import make_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from grpo_core.rewards.accuracy import accuracy_reward
    from grpo_core.rewards.format import format_reward

    model = AutoModelForCausalLM.from_pretrained(make_model(folder / "mini"))
    tokenizer = AutoTokenizer.from_pretrained(folder / "mini")
    model.generate = Scripted(tokenizer, problems)
    arguments = {
        "output_dir": str(folder),
        "max_steps": 2,
        "per_device_train_batch_size": GROUP * PROMPTS,
        "num_generations": GROUP,
        "max_completion_length": LENGTH,
        "reward_weights": [1.0, 0.3],
        "logging_steps": 1,
        "log_completions": True,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
    }
    rows = [{"prompt": p.prompt, "task": "countdown", **p.columns} for p in problems]
    return trl.GRPOTrainer(
        model=model,
        processing_class=tokenizer,
        reward_funcs=[accuracy_reward, format_reward],
        train_dataset=Dataset.from_list(rows),
        args=trl.GRPOConfig(**(arguments | options)),
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


def settings_of(method: Method) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What TRL takes of a method: loss_type, importance_sampling_level, and other numbers.

    Every loss type at every level that the method has, and once with each of its own numbers moved
    (epsilon and its like are set by `configured`).
    """
    levels = ["token"] if method.own_ratio else ["token", "sequence"]
    cap = {"epsilon_high": 1.1} if method.name == "cispo" else {}
    for loss_type in method.loss_types:
        yield from ((loss_type, level, cap) for level in levels)
    own = [number for number in method.numbers if not number.name.startswith("epsilon")]
    moved = {n.name: 1.5 if n.default is None else 2.0 * round(n.default) for n in own}
    if moved:
        yield from ((loss_type, "token", moved) for loss_type in list(method.loss_types)[:2])


SETTINGS: list[tuple[str, str, dict[str, Any]]] = [
    *(setting for method in METHODS.values() if method.trl for setting in settings_of(method)),
    ("grpo", "sequence_token", {}),
    ("vespo", "token", {"vespo_k_pos": 1.0, "vespo_lambda_neg": 0.5}),
    ("sapo", "token", {"sapo_temperature_pos": 2.0, "sapo_temperature_neg": 3.0}),
]
EVERY_SETTING = pytest.mark.parametrize(
    ("loss_type", "level", "numbers"),
    SETTINGS,
    ids=[f"{s[0]}-{s[1]}-{'-'.join(map(str, s[2].values()))}" for s in SETTINGS],
)
LOSS_TYPES = list(dict.fromkeys(setting[0] for setting in SETTINGS))


def configured(
    loss_type: str, level: str = "token", numbers: dict[str, Any] | None = None, **options: Any
) -> GRPOConfig:
    """Our configuration, with bounds that many of the tests' ratios are out of."""
    values = {
        "loss_type": loss_type,
        "importance_sampling_level": level,
        "beta": 0.0,
        "epsilon": 0.2,
        "epsilon_high": 1.2 if loss_type == "cispo" else 0.28,
        "sapo_temperature_neg": float(torch.tensor(1.05)),  # TRL makes a float32 of it
    }
    return GRPOConfig(**(values | (numbers or {}) | options))


def tell(
    trainer: Any, monkeypatch: pytest.MonkeyPatch, config: GRPOConfig, *, accumulate: int = 0
) -> None:
    """Tell TRL's trainer what our configuration says.

    accumulate: over how many micro-batches the gradient of a step is collected; 0 for one batch
    outside training, which TRL counts differently.
    """
    of_trainer = {
        "loss_type": config.loss_type,
        # TRL has no GSPO-token of this name
        "importance_sampling_level": config.importance_sampling_level.removesuffix("_token"),
        "beta": config.beta,
        "epsilon_low": config.epsilon,
        "epsilon_high": config.epsilon_high,
        "scale_rewards": config.scale_rewards,
        "multi_objective_aggregation": config.multi_objective_aggregation,
        "mask_truncated_completions": config.mask_truncated_completions,
        "entropy_coef": config.entropy_coef,
        "_entropy_bonus_enabled": config.entropy_coef > 0,
    }
    for name, value in of_trainer.items():
        assert hasattr(trainer, name), name
        monkeypatch.setattr(trainer, name, value)
    of_methods = [name for name in NUMBERS if not name.startswith("epsilon")]
    for name in ("use_bias_correction_kl", *of_methods):
        assert hasattr(trainer.args, name), name
        monkeypatch.setattr(trainer.args, name, getattr(config, name))
    steps = max(accumulate, 1)
    monkeypatch.setattr(trainer, "current_gradient_accumulation_steps", steps, raising=False)
    monkeypatch.setattr(trainer.args, "steps_per_generation", steps)
    trainer.model.train(accumulate > 0)
    trainer._metrics["eval"].clear()


def trl_loss(trainer: Any, config: GRPOConfig, inputs: dict[str, Any]) -> torch.Tensor:
    """The loss TRL computes for a batch, by the trainer that has the method."""
    method, _ = switches_of(config.loss_type)
    module, _, name = f"trl.{method.trl}".rpartition(".")
    if module == "trl":
        return trainer.compute_loss(trainer.model, inputs)
    of_its_own = getattr(importlib.import_module(module), name)
    return of_its_own._compute_loss(trainer, trainer.model, inputs)


def inputs_of(
    mask: torch.Tensor,
    advantages: torch.Tensor,
    old: torch.Tensor | None,
    ref: torch.Tensor | None,
    tokens: torch.Tensor | None = None,
    **prompt_and_completion: torch.Tensor,
) -> dict[str, Any]:
    """A batch as TRL's loss takes it.

    tokens: how many there are in the whole generation batch, if this is a part of it. Without a
    prompt and a completion any ids do, for tests that hand the log-probs in.
    """
    ids = {
        "prompt_ids": torch.ones(len(mask), 1, dtype=torch.long),
        "prompt_mask": torch.ones(len(mask), 1, dtype=torch.long),
        "completion_ids": torch.ones(mask.shape, dtype=torch.long),
    }
    return {
        **(ids | prompt_and_completion),
        "completion_mask": mask.long(),
        "advantages": advantages,
        "old_per_token_logps": old,
        "ref_per_token_logps": ref,
        "num_items_in_batch": mask.sum() if tokens is None else tokens,
    }


def error(ours: torch.Tensor, theirs: torch.Tensor, least: float = 1e-3) -> float:
    """The largest difference, relative to the largest number there is, or to `least`."""
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    scale = theirs.abs().max().clamp(min=least)  # on policy a loss may be 0
    return ((ours - theirs).abs().max() / scale).item()
