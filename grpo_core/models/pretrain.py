"""Make the tiny base model from nothing: a corpus, a Llama of under a million weights, AdamW."""

import math
import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from grpo_core.models.corpus import Corpus, CorpusConfig, Document
from grpo_core.models.tokenizer import BOS, EOS, PAD, WORDS
from grpo_core.tasks.countdown import Countdown

IGNORED = -100  # the label that carries no loss, as everywhere in transformers


@dataclass(frozen=True)
class PretrainConfig:
    """Options of one pretraining.

    Attributes:
        seed: decides the initial weights and the corpus.
        target_tokens: learn this many tokens in all (those that carry loss).
        batch_tokens: tokens a step at most, context and padding included.
        learning_rate, warmup_steps, weight_decay: AdamW; after warm-up the rate falls to a
            tenth along half a cosine.
        hidden_size, layers, heads, feed_forward: the Llama architecture.
        threads: torch threads.
        compile: use torch.compile when the machine has a C++ compiler.
    """

    seed: int = 0
    target_tokens: int = 50_000_000
    batch_tokens: int = 5_120
    learning_rate: float = 3e-3
    warmup_steps: int = 100
    weight_decay: float = 0.05
    hidden_size: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward: int = 320
    threads: int = 2
    compile: bool = True
    corpus: CorpusConfig = field(default_factory=CorpusConfig)


SIZES: dict[str, PretrainConfig] = {
    "tiny": PretrainConfig(),
    "small": PretrainConfig(
        target_tokens=6_000_000,
        hidden_size=64,
        layers=2,
        heads=4,
        feed_forward=160,
        threads=1,  # its products are too small to share out, or to be worth compiling
        compile=False,
    ),
}
"""The base models that are shipped: tiny-base, and small-base, which distillation teaches."""


@dataclass(frozen=True)
class Progress:
    """What a progress bar shows: the share of target tokens done, and the loss in nats a token.

    `read` counts the tokens that went through the model, context included and padding not.
    """

    step: int = 0
    tokens: int = 0
    total: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    read: int = 0


def build_model(config: PretrainConfig) -> LlamaForCausalLM:
    """An untrained policy, its weights decided by the seed."""
    torch.manual_seed(config.seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(WORDS),
            hidden_size=config.hidden_size,
            intermediate_size=config.feed_forward,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            pad_token_id=WORDS.index(PAD),
            bos_token_id=WORDS.index(BOS),
            eos_token_id=WORDS.index(EOS),
        )
    )


class Pretrainer:
    """Train a base model for `task` from nothing: `for progress in Pretrainer(task, config)`.

    `model` is the policy as it is after the step just reported, which is `done`. Where a C++
    compiler and bfloat16 arithmetic are at hand they are used: the same text, about three times as
    fast. `save` what was learned so far, and another Pretrainer can `resume` it.
    """

    def __init__(self, task: Countdown, config: PretrainConfig) -> None:
        torch.set_num_threads(config.threads)
        self.config = config
        self.done = Progress(total=config.target_tokens)
        self.corpus = Corpus(task, config.corpus, config.seed)
        self.model = build_model(config)
        # for documents this short, plain attention is faster on a CPU than the fused kernel
        self.model.set_attn_implementation("eager")
        self._body = self.model.model
        if config.compile and shutil.which("g++"):
            self._body = torch.compile(self.model.model, dynamic=True)
        self._autocast = torch.ops.mkldnn._is_mkldnn_bf16_supported()
        parameters = list(self.model.parameters())
        decayed: dict[str, Any] = {"params": [p for p in parameters if p.dim() > 1]}
        gains: dict[str, Any] = {"params": [p for p in parameters if p.dim() == 1]}
        self.optimizer = torch.optim.AdamW(
            [decayed, gains | {"weight_decay": 0.0}],
            betas=(0.9, 0.98),
            weight_decay=config.weight_decay,
            fused=True,
        )

    def __iter__(self) -> Iterator[Progress]:
        start = time.perf_counter() - self.done.seconds
        # the seed decides the text, so what was learned before a resume is only read past
        stream = islice(batches(self.corpus, self.config), self.done.step, None)
        while self.done.tokens < self.done.total:
            input_ids, labels = next(stream)
            step, tokens = self.done.step + 1, self.done.tokens
            rate = _learning_rate(self.config, step, tokens / self.config.target_tokens)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            loss = self._update(input_ids, labels)
            tokens += int((labels != IGNORED).sum())
            read = self.done.read + int((input_ids != WORDS.index(PAD)).sum())
            seconds = time.perf_counter() - start
            self.done = Progress(step, tokens, self.done.total, loss, seconds, read)
            yield self.done

    def save(self, path: Path) -> None:
        """Write what `resume` needs; whoever is killed in here leaves the file as it was."""
        state = {
            "config": asdict(self.config),
            "done": asdict(self.done),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        torch.save(state, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)

    def resume(self, path: Path) -> bool:
        """Go on from what `save` wrote; False, and nothing done, if that had other options."""
        state = torch.load(path, weights_only=True)
        if state["config"] != asdict(self.config):
            return False
        self.done = Progress(**state["done"])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        return True

    def _update(self, input_ids: Tensor, labels: Tensor) -> float:
        """One AdamW step on the mean cross-entropy over the learned tokens, which is returned."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self._autocast):
            hidden = self._body(input_ids=input_ids, use_cache=False).last_hidden_state
            learned = labels != IGNORED
            logits = self.model.lm_head(hidden[learned])
        loss = F.cross_entropy(logits.float(), labels[learned])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()


def _learning_rate(config: PretrainConfig, step: int, done: float) -> float:
    """Linear warm-up in steps, then half a cosine over the share `done` of the tokens."""
    warm = min(1.0, step / config.warmup_steps)
    return config.learning_rate * warm * (0.55 + 0.45 * math.cos(math.pi * min(1.0, done)))


def batches(corpus: Corpus, config: PretrainConfig) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of documents of like length, to waste little on padding.

    Yields:
        input_ids (B, T) int64, right-padded; labels (B, T) int64, the next token at every
        position, -100 where nothing is to be learned. B * T <= batch_tokens.
    """
    index = {word: i for i, word in enumerate(WORDS)}
    shuffle = random.Random(config.seed)
    stream = iter(corpus)
    while True:
        pool = [_encode(next(stream), index) for _ in range(8192)]
        pool.sort(key=lambda pair: len(pair[0]))
        cut: list[list[tuple[list[int], int]]] = [[]]
        for pair in pool:  # sorted, so the newest document is the longest of its batch
            if (len(cut[-1]) + 1) * len(pair[0]) > config.batch_tokens:
                cut.append([])
            cut[-1].append(pair)
        shuffle.shuffle(cut)
        for rows in cut:
            yield _pad(rows, index[PAD])


def _encode(document: Document, index: dict[str, int]) -> tuple[list[int], int]:
    """Token ids of a document, and how many of them are context."""
    context = [BOS, *document.context.split()]
    words = [*context, *document.target.split(), EOS]
    return [index[word] for word in words], len(context)


def _pad(rows: list[tuple[list[int], int]], pad: int) -> tuple[Tensor, Tensor]:
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), longest), pad)
    labels = torch.full((len(rows), longest), IGNORED)
    for row, (document, context) in enumerate(rows):
        ids[row, : len(document)] = torch.tensor(document)
        labels[row, context - 1 : len(document) - 1] = torch.tensor(document[context:])
    return ids[:, :-1], labels[:, :-1]
