"""A base model that knows two languages: words added to a model that exists."""

import copy
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from tokenizers import AddedToken

from grpo_core.core.errors import LabError
from grpo_core.models.policy import Policy, load_policy
from grpo_core.pipeline import folder as stage
from grpo_core.runs.disk import remove
from grpo_core.tasks.languages import TARGET, VERDICTS


def translations() -> dict[str, str]:
    """Each verdict of another language -> the one it translates."""
    return {
        word: VERDICTS[TARGET][i]
        for language, pair in VERDICTS.items()
        if language != TARGET
        for i, word in enumerate(pair)
    }


def with_words(policy: Policy, words: Mapping[str, str]) -> Policy:
    """A copy of a policy that knows more words, each beginning as a copy of a word it knows.

    As one adds tokens to any model: `tokenizer.add_tokens`, then `resize_token_embeddings`. The new
    rows would be noise; as copies the new words mean at once what they translate, and the policy
    takes either, as somebody does who grew up with both.

    Args:
        policy: stays as it is.
        words: new word -> known word. Words it knows already are left as they are.

    Raises:
        LabError: the model does not know a word to begin from.
    """
    grown = policy.frozen_copy()
    grown.model.requires_grad_(True)
    tokenizer = copy.deepcopy(policy.tokenizer)
    known = tokenizer.get_vocab()
    new = {word: old for word, old in words.items() if word not in known}
    if missing := [old for old in new.values() if old not in known]:
        raise LabError(f"The model has no word {missing[0]!r} that a translation could begin from.")
    # whole words only, or the "ja" in another word would be cut out of it
    tokenizer.add_tokens([AddedToken(word, single_word=True, normalized=False) for word in new])
    grown.model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    weights = grown.model.get_input_embeddings().weight
    head = grown.model.get_output_embeddings().weight
    with torch.no_grad():
        for word, old in new.items():
            i, j = tokenizer.convert_tokens_to_ids([word, old])
            weights[i] = weights[j]
            head[i] = head[j]
    return Policy(grown.model, tokenizer)


def bilingual(folder: Path, model: str) -> str:
    """Make `folder`, a model that knows the verdicts of every language; nothing if it is there.

    Raises:
        LabError: no such model, or the folder cannot be written to.
    """
    if not (folder / "model.safetensors").is_file():
        policy = with_words(load_policy(model), translations())
        with stage.saving(folder):
            remove(folder)
            temporary = stage.fresh(folder)
            policy.save(temporary)
            os.replace(temporary, folder)
    return str(folder)
