"""A policy: a causal language model, its tokenizer, and the few things asked of the pair."""

import copy
import os
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from grpo_core import fast
from grpo_core.core import registry, regular
from grpo_core.core.errors import LabError
from grpo_core.fast.layers import quicken
from grpo_core.models import MODELS, resolve
from grpo_core.tasks.conversation import as_messages

_NO_MODEL = (
    "Cannot load the model '{name}': it is none of the shipped ones ({names}), no folder with a "
    "complete model, and no hub id that can be reached from here."
)


PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


@dataclass
class Policy:
    """What GRPO trains.

    Attributes:
        model: maps token ids to logits. Always in evaluation mode: dropout in sampling or in the
            loss would make the importance ratio differ from 1 before the first update.
        tokenizer: text to token ids and back.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    _words: dict[int, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Settle what the rest of the code relies on: no dropout, quick layers, a padding token."""
        self.model.eval()
        if self.device.type == "cpu" and fast.is_enabled():
            quicken(self.model)
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def pad_id(self) -> int:
        """The id that fills up rows. It may equal an end id: masks never look at it."""
        return int(self.tokenizer.pad_token_id)

    @property
    def eos_ids(self) -> list[int]:
        """Every id that ends a completion; models of chat may have several."""
        configured = self.model.generation_config.eos_token_id
        if configured is None:
            configured = self.tokenizer.eos_token_id
        return list(configured) if isinstance(configured, list) else [int(configured)]

    def encode(self, prompts: list[str]) -> tuple[Tensor, Tensor]:
        """Token ids of prompts, padded on the left so that every completion starts at once.

        Where the tokenizer has a chat template, a prompt is a conversation: see tasks.conversation.

        Returns:
            ids (N, P) int64 and mask (N, P) bool, False on padding.

        Raises:
            LabError: a prompt has a word the tokenizer does not know.
        """
        chat = self.tokenizer.chat_template is not None
        texts = [self._as_chat(prompt) for prompt in prompts] if chat else prompts
        batch = self.tokenizer(
            texts,
            return_tensors="pt",
            padding=True,
            padding_side="left",
            add_special_tokens=not chat,  # a template writes its own
        )
        ids, mask = batch["input_ids"], batch["attention_mask"].bool()
        unknown = self.tokenizer.unk_token_id
        if unknown is not None and (strange := (ids == unknown).any(dim=1)).any():
            prompt = prompts[int(strange.nonzero()[0])]
            missing = [w for w in prompt.split() if self.tokenizer(w)["input_ids"][-1] == unknown]
            raise LabError(
                f"The model does not know {', '.join(map(repr, missing)) or 'a word'} in the "
                f"prompt {prompt!r}: use words of its tokenizer, or another model."
            )
        return ids, mask

    def _as_chat(self, prompt: str) -> str:
        """The prompt's turns in the model's own form, up to where it is to answer."""
        turns = as_messages(prompt)
        return str(
            self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        )

    def decode(self, ids: list[int]) -> str:
        """The text of a completion, without special tokens."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))

    def pieces(self, ids: list[int]) -> list[str]:
        """One string a token, as they are to be shown; joined they read like the text.

        A token may hold a part of a character only: the character then stands with the last of its
        tokens, and the others are empty. Tokens that are words come without the blanks between.
        """
        if self._backend.decoder is None:
            known = self._words  # asking the tokenizer takes a while, and there are few words
            for i in set(ids) - known.keys():
                known[i] = str(self.tokenizer.decode([i]))
            return [known[i] for i in ids]
        return self._stream(ids, skip_special_tokens=False)

    def text_ends(self, ids: list[int]) -> list[int]:
        """For each token, how many characters of `decode(ids)` there are once it is in."""
        return list(accumulate(map(len, self._stream(ids, skip_special_tokens=True))))

    def _stream(self, ids: list[int], skip_special_tokens: bool) -> list[str]:
        """What each token adds to the text, in one pass; joined they are the text exactly."""
        stream = DecodeStream(skip_special_tokens=skip_special_tokens)
        added = [stream.step(self._backend, i) or "" for i in ids]
        if ids:  # a character that the end cut in two is shown as its replacement
            text = self.tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)
            added[-1] += text[sum(map(len, added)) :]
        return added

    @property
    def _backend(self) -> Tokenizer:
        return self.tokenizer.backend_tokenizer

    def frozen_copy(self) -> "Policy":
        """A reference: the same policy as it is now, never to be trained."""
        return Policy(copy.deepcopy(self.model).requires_grad_(False), self.tokenizer)

    def save(self, folder: str | Path) -> None:
        """Write model and tokenizer so that transformers and TRL load them from the folder."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def load_policy(name: str, device: str = "cpu") -> Policy:
    """The policy called `name`: a name from `MODELS`, a folder, or a hub id.

    Weights are float32 whatever they were saved as: GRPO's steps are smaller than what bfloat16
    resolves. Faster arithmetic is asked for where it is used (see GRPOConfig.bf16).

    Args:
        name: what to load.
        device: where to, as torch names it, or "auto": see `find_device`.

    Raises:
        LabError: there is no such model here, or what is there is no model, or no such device.
    """
    where = find_device(device)
    model, tokenizer = _load(name)
    return Policy(model.to(where), tokenizer)


def find_device(name: str) -> torch.device:
    """A device by torch's name for it; for "auto" a GPU where there is one, else the CPU.

    Raises:
        LabError: torch does not know it, or it is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise LabError(
            f"There is no device '{name}' here: use 'cpu', or 'auto' for what there is."
        ) from error
    return device


def _load(name: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model in float32 on the CPU, and its tokenizer; raises as `load_policy`."""
    if name in MODELS and resolve(name) == name:
        model, tokenizer = registry.load(MODELS, name, "model")()
        return model, tokenizer
    where = resolve(name)
    if "/" not in where and not os.path.isdir(where):
        raise LabError(_NO_MODEL.format(name=name, names=", ".join(MODELS)))
    try:
        return read(where)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise LabError(_NO_MODEL.format(name=name, names=", ".join(MODELS))) from error


def read(where: str | Path, **options: Any) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model in float32 and its tokenizer from a folder or a hub id, by transformers.

    Plain attention is asked for: on a CPU, at the lengths of this kit, it beats the fused kernel.

    Nothing of a model is run: weights are read from safetensors and never from a pickle, and code
    that it brings is left alone. transformers asks at a terminal about such code unless told.

    Raises:
        LabError: it cannot be loaded without its own code or a pickle; a file in it is none.
        OSError, ValueError, KeyError, RuntimeError, SafetensorError: it is no complete model.
    """
    check_folder(Path(where))
    try:
        model = AutoModelForCausalLM.from_pretrained(
            where,
            dtype=torch.float32,
            attn_implementation="eager",
            trust_remote_code=False,
            use_safetensors=True,
            **options,
        )
        return model, AutoTokenizer.from_pretrained(where, trust_remote_code=False, **options)
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise LabError(
            f"{where} can only be loaded with Python code that it brings, which is not run: use a "
            "model whose architecture transformers knows."
        ) from error


def check_folder(folder: Path) -> None:
    """Look at a model's folder before anything in it is opened; a hub id is none.

    Raises:
        LabError: a pipe, a device or the like lies in it, a description is larger than any, or its
            weights are a pickle, which can run any code when it is read.
    """
    if not folder.is_dir():
        return
    files = [path for path in folder.iterdir() if not path.is_dir()]
    for path in files:
        # Links are followed: in the hub's cache, a model's files are links to where they lie.
        regular.open_bounded(path, _most_bytes(path), follow_links=True).close()
    pickles = [path.name for path in files if path.suffix in PICKLES]
    if pickles and not any(path.suffix in (".safetensors", ".gguf") for path in files):
        raise LabError(
            f"{folder} has its weights as a pickle ({min(pickles)}), which can run any code when "
            "it is read: save the model as safetensors first."
        )


def _most_bytes(path: Path) -> int:
    """The largest size of a file that makes sense in a model's folder."""
    return 100_000_000 if path.suffix in (".json", ".txt", ".jinja", ".model") else 2**40
