"""The plain path and the fast one train alike, and one variable chooses."""

import math
from pathlib import Path

import pytest
from mini_model import make_model

from grpo_core.core.config import GRPOConfig
from grpo_core.core.records import Step
from grpo_core.fast import is_enabled, layers
from grpo_core.fast.llama_decoder import LlamaDecoder
from grpo_core.training.trainer import Trainer


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


def train(model: Path) -> tuple[Trainer, list[Step]]:
    config = GRPOConfig(
        model=str(model), max_steps=2, num_generations=4, generation_batch_size=8,
        max_completion_length=24, beta=0.04, eval_steps=0, threads=1,
    )  # fmt: skip
    trainer = Trainer(config)
    return trainer, list(trainer)


def test_two_steps_on_the_plain_path(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    advance = LlamaDecoder.advance
    monkeypatch.setattr(LlamaDecoder, "advance", lambda *a: calls.append(a) or advance(*a))

    def is_quick(trainer: Trainer) -> bool:
        return any(type(m) is layers.Attention for m in trainer.policy.model.modules())

    quick, expected = train(model)
    assert is_enabled() and is_quick(quick) and calls
    calls.clear()
    monkeypatch.setenv("GRPO_LAB_FAST", "0")
    plain, found = train(model)
    assert not is_enabled() and not is_quick(plain) and not calls

    for one, other in zip(expected, found, strict=True):
        texts = [[c.text for c in g.completions] for g in one.groups]
        assert texts == [[c.text for c in g.completions] for g in other.groups]
        for name, value in one.metrics.items():
            if name.startswith("seconds") or name.startswith("time") or not math.isfinite(value):
                continue
            assert other.metrics[name] == pytest.approx(value, rel=1e-3, abs=1e-4), name
