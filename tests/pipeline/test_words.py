"""Words added to a model: known ones stay as they were, new ones begin as what they translate."""

from pathlib import Path

import pytest
import torch
from small_policy import PROMPTS, make_policy

from grpo_core.core.errors import LabError
from grpo_core.models.policy import load_policy
from grpo_core.pipeline.words import bilingual, translations, with_words


def test_new_words_are_taken_for_what_they_translate_and_nothing_else_changes() -> None:
    policy = make_policy()
    grown = with_words(policy, translations())
    assert len(grown.tokenizer) == len(policy.tokenizer) + 2
    ids, mask = policy.encode(PROMPTS)
    ids2, mask2 = grown.encode(PROMPTS)
    assert torch.equal(ids, ids2) and torch.equal(mask, mask2)
    with torch.no_grad():
        old = policy.model(input_ids=ids, attention_mask=mask).logits
        new = grown.model(input_ids=ids, attention_mask=mask).logits
    torch.testing.assert_close(new[..., : old.shape[-1]], old)
    for word, known in translations().items():
        i, j = grown.tokenizer.convert_tokens_to_ids([word, known])
        torch.testing.assert_close(new[..., i], new[..., j])


def test_text_with_new_words_comes_back() -> None:
    grown = with_words(make_policy(), translations())
    text = "<think> 3 - 1 = 2 nein 3 + 1 = 4 ja </think> <answer> 3 + 1 </answer>"
    ids = grown.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert len(ids) == len(text.split()) and grown.decode(ids) == text
    assert grown.pieces(ids) == text.split()


def test_words_it_knows_are_left_alone_and_unknown_ones_refused() -> None:
    policy = make_policy()
    twice = with_words(with_words(policy, {"ja": "yes"}), {"ja": "no"})
    assert len(twice.tokenizer) == len(policy.tokenizer) + 1
    with pytest.raises(LabError, match="'perhaps'"):
        with_words(policy, {"vielleicht": "perhaps"})


def test_a_bilingual_base_is_made_once_and_loads(tmp_path: Path) -> None:
    make_policy().save(tmp_path / "mini")
    made = bilingual(tmp_path / "base", str(tmp_path / "mini"))
    stamp = (tmp_path / "base" / "model.safetensors").stat().st_mtime_ns
    assert bilingual(tmp_path / "base", "no such model is looked for") == made
    assert (tmp_path / "base" / "model.safetensors").stat().st_mtime_ns == stamp
    policy = load_policy(made)
    assert policy.tokenizer.convert_tokens_to_ids("nein") == len(policy.tokenizer) - 1
    assert policy.model.get_input_embeddings().weight is policy.model.get_output_embeddings().weight
