"""The model card says what was measured."""

import re
from pathlib import Path

import pytest

from grpo_core.analysis.model_card import model_name, write_card
from grpo_core.core.paths import data_dir
from grpo_core.models.corpus import CORPORA, KINDS
from grpo_core.models.measure import verdicts
from grpo_core.models.policy import Policy, load_policy
from grpo_core.models.pretrain import PretrainConfig, Progress, build_model
from grpo_core.models.tokenizer import build_tokenizer
from grpo_core.tasks.countdown import Countdown


def test_a_card_holds_the_measurements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = Countdown()
    few = task.problems("test")[:8]
    monkeypatch.setattr(
        Countdown, "problems", lambda self, split: few if split == "test" else [1] * 7
    )
    config = PretrainConfig(seed=5, hidden_size=32, layers=1, heads=2, feed_forward=32)
    policy = Policy(build_model(config), build_tokenizer())
    measured = write_card(tmp_path, policy, task, config, Progress(seconds=120, read=61_234_567))
    card = (tmp_path / "README.md").read_text()
    assert "`grpo-lab pretrain --seed 5 --tokens 50000000`" in card and "2 minutes" in card
    assert f"{measured['yes_if_right']:.3f}" in card and "8 held-out problems" in card
    assert "61,234,567 tokens read in all" in card
    kinds = [kind for kind in KINDS if getattr(config.corpus, kind)]
    assert re.findall(r"^\| (\w+) \| 0\.\d+ \|$", card, re.MULTILINE) == kinds


def test_the_card_of_a_base_that_cannot_check_does_not_claim_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Countdown()
    few = task.problems("test")[:8]
    monkeypatch.setattr(
        Countdown, "problems", lambda self, split: few if split == "test" else [1] * 7
    )
    corpus = CORPORA["no-verification"]
    config = PretrainConfig(hidden_size=32, layers=1, heads=2, feed_forward=32, corpus=corpus)
    policy = Policy(build_model(config), build_tokenizer())
    measured = write_card(tmp_path, policy, task, config, Progress())
    card = (tmp_path / "README.md").read_text()
    assert "# tiny-noverify" in card and "--corpus no-verification`" in card
    assert "can search and check" not in card and "among the verdicts" not in card
    assert f"{measured['no_if_wrong']:.1e}" in card
    assert "| checks |" not in card and "| broken_try |" in card


def test_the_card_of_the_small_base_says_what_it_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Countdown()
    few = task.problems("test")[:8]
    monkeypatch.setattr(
        Countdown, "problems", lambda self, split: few if split == "test" else [1] * 7
    )
    config = PretrainConfig(hidden_size=32, layers=1, heads=2, feed_forward=32)
    policy = Policy(build_model(config), build_tokenizer())
    write_card(tmp_path, policy, task, config, Progress(), "small")
    card = (tmp_path / "README.md").read_text()
    assert "# small-base" in card and "`grpo-lab pretrain --size small --seed 0" in card
    assert "distillation teaches" in card and "GRPO starts from" not in card
    assert [model_name(c, "small") for c in CORPORA] == ["small-base", "small-noverify"]


def test_the_shipped_cards_are_there() -> None:
    cards = {
        name: (data_dir() / "models" / name / "README.md").read_text()
        for name in ("tiny-base", "tiny-noverify")
    }
    assert "P(yes)" in cards["tiny-base"] and "RL amplifies what is here" in cards["tiny-base"]
    assert "no search and no check here" in cards["tiny-noverify"]
    for name, card in cards.items():  # matched: the same number of learned tokens, the same size
        assert f"# {name}" in card
        assert "50,000,000 target tokens" in card and "A 770,816-parameter Llama" in card


def test_the_base_without_verification_never_says_a_verdict() -> None:
    measured = verdicts(load_policy("tiny-noverify"), Countdown(), n=64)
    for name in ("yes_if_right", "yes_if_wrong", "no_if_right", "no_if_wrong"):
        assert measured[name] < 1e-6
