"""The model card says what was measured."""

from pathlib import Path

import pytest

from grpo_core.models.card import write_card
from grpo_core.models.corpus import KINDS
from grpo_core.models.policy import Policy
from grpo_core.models.pretrain import PretrainConfig, build_model
from grpo_core.models.tokenizer import build_tokenizer
from grpo_core.paths import data_dir
from grpo_core.tasks.countdown import Countdown


def test_a_card_holds_the_measurements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = Countdown()
    few = task.problems("test")[:8]
    monkeypatch.setattr(
        Countdown, "problems", lambda self, split: few if split == "test" else [1] * 7
    )
    config = PretrainConfig(seed=5, hidden_size=32, layers=1, heads=2, feed_forward=32)
    policy = Policy(build_model(config), build_tokenizer())
    measured = write_card(tmp_path, policy, task, config, seconds=120)
    card = (tmp_path / "README.md").read_text()
    assert "`grpo-lab pretrain --seed 5 --tokens 50000000`" in card and "2 minutes" in card
    assert f"{measured['yes_if_right']:.3f}" in card and "8 held-out problems" in card
    assert all(f"| {kind} |" in card for kind in KINDS)


def test_the_shipped_card_is_there() -> None:
    card = (data_dir() / "models" / "tiny-base" / "README.md").read_text()
    assert "P(yes)" in card and "RL amplifies what is here" in card
