"""The model card of a base model: what it was made of, how, and what it measurably does."""

import platform
from dataclasses import asdict
from pathlib import Path

import torch

from grpo_core.evaluation import evaluate
from grpo_core.models.corpus import KINDS
from grpo_core.models.measure import verdicts
from grpo_core.models.policy import Policy
from grpo_core.models.pretrain import PretrainConfig
from grpo_core.tasks.countdown import Countdown

_CARD = """\
---
license: apache-2.0
library_name: transformers
tags: [grpo, countdown, base-model]
---

# {size}-base

A {parameters:,}-parameter Llama with one token a word, trained from nothing by this project. It is
the *base* that {use} in GRPO Lab: it can search and check, and mostly just guesses.

| | |
|---|---|
| made by | `grpo-lab pretrain{flag} --seed {seed} --tokens {target_tokens}` |
| learned | {tokens:,} target tokens of generated text, in one pass |
| time | {minutes:.0f} minutes, {threads} threads, {machine}, torch {torch} |
| architecture | Llama, hidden {hidden_size}, {layers} layers, {heads} heads, feed-forward \
{feed_forward}, tied embeddings |
| optimiser | AdamW, learning rate {learning_rate}, {warmup_steps} warm-up steps, cosine to a \
tenth, {batch_tokens:,} tokens a step |

## What it was trained on

Generated text (`grpo_core/models/corpus.py`) over the pretraining split of Countdown:
{pretrain_problems:,} problems. No set of numbers of the {test_problems} held-out problems occurs
anywhere in it, whatever the target. Shares of documents:

| kind | share |
|---|---|
{kinds}

The first three are *skills*, which no task prompt precedes: arithmetic, checking, searching. The
others are replies to a task prompt, and most of them do not search. So the base has the skills and
seldom uses them; RL changes how often it uses them. **RL amplifies what is here; it invents
nothing.**

## What it does, measured on {n} held-out problems at temperature 1

| accuracy | format | mean length | backtracks | truncated |
|---|---|---|---|---|
| {accuracy:.3f} | {format:.3f} | {mean_length:.1f} tokens | {backtracks:.2f} a completion | \
{truncated:.3f} |

Does it know right from wrong? After one line of true arithmetic on a held-out problem, the mean
probability of what comes next (measured before any RL; without this difference RL loses the
search instead of finding it):

| | P(yes) | P(yes) among the verdicts yes and no |
|---|---|---|
| the line reaches the target | {yes_if_right:.3f} | {yes_among_verdicts_if_right:.3f} |
| the line misses it | {yes_if_wrong:.3f} | {yes_among_verdicts_if_wrong:.3f} |

## Limits

It knows {vocabulary} words and Countdown with whole numbers up to {most}; nothing else.
"""


def write_card(
    folder: Path,
    policy: Policy,
    task: Countdown,
    config: PretrainConfig,
    seconds: float,
    size: str = "tiny",
) -> dict[str, float]:
    """Measure a base model and write `folder`/README.md. Returns what was measured.

    Args:
        folder: where the model was saved.
        policy, task, config: the model, what it was made for, and how.
        seconds: how long the pretraining took.
        size: what the model's size is called.
    """
    measured = evaluate(policy, task, n=len(task.problems("test"))) | verdicts(policy, task)
    weights = {kind: getattr(config.corpus, kind) for kind in KINDS}
    total = sum(weights.values())
    card = _CARD.format(
        **asdict(config),
        **measured,
        size=size,
        flag="" if size == "tiny" else f" --size {size}",
        use="GRPO starts from" if size == "tiny" else "distillation teaches",
        tokens=config.target_tokens,
        parameters=sum(p.numel() for p in policy.model.parameters()),
        minutes=seconds / 60,
        machine=f"{platform.machine()} {platform.system()}",
        torch=torch.__version__,
        kinds="\n".join(f"| {kind} | {weight / total:.3f} |" for kind, weight in weights.items()),
        pretrain_problems=len(task.problems("pretrain")),
        test_problems=len(task.problems("test")),
        vocabulary=len(policy.tokenizer),
        most=task.most,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    return measured
