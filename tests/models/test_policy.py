"""Loading and saving policies, and what text they take and give."""

import pytest
import torch

from grpo_core.core.errors import LabError
from grpo_core.models.measure import verdicts
from grpo_core.models.policy import Policy, load_policy
from grpo_core.models.pretrain import PretrainConfig, build_model
from grpo_core.models.tokenizer import build_tokenizer
from grpo_core.tasks.countdown import Countdown
from grpo_core.training.evaluation import evaluate


@pytest.fixture
def policy() -> Policy:
    model = build_model(PretrainConfig(hidden_size=32, layers=1, heads=2, feed_forward=32))
    return Policy(model, build_tokenizer())


def test_a_saved_policy_is_an_ordinary_folder(policy: Policy, tmp_path) -> None:
    policy.save(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    loaded = load_policy(str(tmp_path))
    ids, mask = loaded.encode(["Use 3 , 5 to make 8 ."])
    with torch.no_grad():
        expected = policy.model(input_ids=ids, attention_mask=mask).logits
        logits = loaded.model(input_ids=ids, attention_mask=mask).logits
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)  # two ways of attention
    assert loaded.eos_ids == policy.eos_ids == [2]


def test_the_shipped_model_loads_by_its_name() -> None:
    policy = load_policy("tiny")
    assert sum(p.numel() for p in policy.model.parameters()) < 1_500_000
    assert policy.model.config.model_type == "llama"


def test_the_shipped_base_knows_right_from_wrong_and_is_a_base() -> None:
    policy, task = load_policy("tiny"), Countdown()
    measured = verdicts(policy, task, n=128)
    assert measured["yes_if_right"] > 5 * measured["yes_if_wrong"]
    before = evaluate(policy, task, n=600)
    assert before["accuracy"] <= 0.15 and before["format"] <= 0.6 and before["mean_length"] < 40


@pytest.mark.parametrize("name", ["tniy", "./nowhere", ""])
def test_a_model_that_is_not_there_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(LabError, match="Cannot load the model"):
        load_policy(name)


def test_a_broken_folder_is_refused_in_a_sentence(policy: Policy, tmp_path) -> None:
    policy.save(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not a model")
    with pytest.raises(LabError, match="Cannot load the model"):
        load_policy(str(tmp_path))


def test_prompts_are_padded_on_the_left(policy: Policy) -> None:
    ids, mask = policy.encode(["Check 12 :", "Use 3 , 5 to make 8 ."])
    assert mask[1].all() and not mask[0, 0] and mask[:, -1].all()
    assert (ids[0][~mask[0]] == policy.pad_id).all()


def test_a_reference_does_not_move_with_the_policy(policy: Policy) -> None:
    reference = policy.frozen_copy()
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.add_(1.0)
    pairs = zip(policy.model.parameters(), reference.model.parameters(), strict=True)
    assert all((p - r).min() > 0.5 and not r.requires_grad for p, r in pairs)
