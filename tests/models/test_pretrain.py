"""Making a base model from nothing: batches, learning, and the tokenizer it is made for."""

import dataclasses
import itertools
from pathlib import Path

import torch

from grpo_core.models.corpus import CORPORA, Corpus
from grpo_core.models.pretrain import IGNORED, PretrainConfig, Pretrainer, batches, build_model
from grpo_core.models.tokenizer import BOS, EOS, WORDS, build_tokenizer
from grpo_core.tasks.countdown import Countdown

TASK = Countdown()
SMALL = PretrainConfig(
    hidden_size=32, layers=1, heads=2, feed_forward=32, threads=1, batch_tokens=2048,
    target_tokens=40_000, warmup_steps=2, compile=False,
)  # fmt: skip


def test_the_tokenizer_is_the_inverse_of_itself_and_starts_every_text() -> None:
    tokenizer = build_tokenizer()
    text = "Use 3 , 5 , 10 to make 12 . <think> 10 - 3 = 7 , 7 + 5 = 12 yes </think>"
    ids = tokenizer(text)["input_ids"]
    assert ids[0] == tokenizer.bos_token_id and len(ids) == len(text.split()) + 1
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    assert tokenizer("sudo")["input_ids"][-1] == tokenizer.unk_token_id


def test_batches_keep_within_their_budget_and_learn_the_next_token() -> None:
    corpus = Corpus(TASK, SMALL.corpus, seed=0)
    for ids, labels in itertools.islice(batches(corpus, SMALL), 40):
        assert ids.shape == labels.shape
        assert (ids.shape[1] + 1) * len(ids) <= SMALL.batch_tokens
        assert (ids[:, 0] == WORDS.index(BOS)).all()
        learned = labels[:, :-1] != IGNORED
        assert torch.equal(labels[:, :-1][learned], ids[:, 1:][learned])
        # the end is learned once a document
        assert torch.equal(
            (labels == WORDS.index(EOS)).sum(1), torch.ones(len(ids), dtype=torch.long)
        )


def test_the_context_carries_no_loss() -> None:
    corpus = Corpus(TASK, SMALL.corpus, seed=0)
    ids, labels = next(b for b in batches(corpus, SMALL) if (b[0] == WORDS.index("make")).any())
    row = int((ids == WORDS.index("make")).any(dim=1).nonzero()[0])
    make = int((ids[row] == WORDS.index("make")).nonzero()[0])
    assert (labels[row, : make + 2] == IGNORED).all()
    assert labels[row, make + 2] != IGNORED  # after "make 12 ." comes the reply


def test_pretraining_learns_is_repeatable_and_stops_at_its_tokens() -> None:
    losses = []
    for _ in range(2):
        trainer = Pretrainer(TASK, SMALL)
        history = list(trainer)
        losses.append([p.loss for p in history])
        assert history[-1].tokens >= SMALL.target_tokens > history[-2].tokens
    assert losses[0] == losses[1]
    assert losses[0][-1] < 0.9 * losses[0][0]


def test_a_resumed_pretraining_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = [p.loss for p in Pretrainer(TASK, SMALL)]
    first = Pretrainer(TASK, SMALL)
    half = [p.loss for p in itertools.islice(first, len(whole) // 2)]
    first.save(tmp_path / "unfinished.pt")
    second = Pretrainer(TASK, SMALL)
    assert second.resume(tmp_path / "unfinished.pt") and second.done == first.done
    assert half + [p.loss for p in second] == whole
    assert [p.name for p in tmp_path.iterdir()] == ["unfinished.pt"]


def test_what_other_options_began_is_not_resumed(tmp_path: Path) -> None:
    first = Pretrainer(TASK, SMALL)
    next(iter(first))
    first.save(tmp_path / "unfinished.pt")
    other = Pretrainer(TASK, dataclasses.replace(SMALL, corpus=CORPORA["no-verification"]))
    assert not other.resume(tmp_path / "unfinished.pt") and other.done.step == 0


def test_tokens_read_are_those_of_the_batches() -> None:
    trainer = Pretrainer(TASK, SMALL)
    done = list(itertools.islice(trainer, 3))
    ids = [ids for ids, _ in itertools.islice(batches(Corpus(TASK, SMALL.corpus, 0), SMALL), 3)]
    assert done[-1].read == sum(int((i != 0).sum()) for i in ids)
    assert done[-1].read > done[-1].tokens  # the context is read and not learned


def test_the_default_architecture_is_a_llama_under_a_million_and_a_half() -> None:
    model = build_model(PretrainConfig())
    assert model.config.model_type == "llama"
    assert sum(p.numel() for p in model.parameters()) < 1_500_000
