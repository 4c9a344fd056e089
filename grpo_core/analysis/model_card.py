"""The model card of a base model: what it was made of, how, and what it measurably does."""

import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from grpo_core.models.corpus import CORPORA, KINDS
from grpo_core.models.measure import verdicts
from grpo_core.models.policy import Policy
from grpo_core.models.pretrain import PretrainConfig, Progress
from grpo_core.tasks.countdown import Countdown
from grpo_core.training.evaluation import evaluate

_CARD = """\
---
license: apache-2.0
library_name: transformers
tags: [grpo, countdown, base-model]
---

# {name}

A {parameters:,}-parameter Llama with one token a word, trained from nothing by this project. {what}

| | |
|---|---|
| made by | `grpo-lab pretrain{sized} --seed {seed} --tokens {target_tokens}{chosen}` |
| learned | {tokens:,} target tokens of generated text, in one pass; {read:,} tokens read in all |
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

{about_kinds}

## What it does, measured on {n} held-out problems at temperature 1

| accuracy | format | mean length | backtracks | truncated |
|---|---|---|---|---|
| {accuracy:.3f} | {format:.3f} | {mean_length:.1f} tokens | {backtracks:.2f} a completion | \
{truncated:.3f} |

Does it know right from wrong? After one line of true arithmetic on a held-out problem, the mean
probability of what comes next (measured before any RL{about_verdicts}):

{verdicts}

## Limits

It knows {vocabulary} words and Countdown with whole numbers up to {most}; nothing else.
"""


@dataclass(frozen=True)
class _About:
    """What a base model is called, and the words that its corpus makes true of it."""

    name: str
    what: str
    kinds: str
    about_verdicts: str
    verdicts: str  # a template of what `verdicts` measures


_ABOUT = {
    "default": _About(
        name="tiny-base",
        what="""It is
the *base* that GRPO starts from in GRPO Lab: it can search and check, and mostly just guesses.""",
        kinds="""\
The first three are *skills*, which no task prompt precedes: arithmetic, checking, searching. The
others are replies to a task prompt, and most of them do not search. So the base has the skills and
seldom uses them; RL changes how often it uses them. **RL amplifies what is here; it invents
nothing.**""",
        about_verdicts="""; without this difference RL loses the
search instead of finding it""",
        verdicts="""\
| | P(yes) | P(yes) among the verdicts yes and no |
|---|---|---|
| the line reaches the target | {yes_if_right:.3f} | {yes_among_verdicts_if_right:.3f} |
| the line misses it | {yes_if_wrong:.3f} | {yes_among_verdicts_if_wrong:.3f} |""",
    ),
    "no-verification": _About(
        name="tiny-noverify",
        what="""It is
the base for a comparison: made like [tiny-base](../tiny-base/README.md), from the same number of
learned tokens, but from text in which nothing is ever checked and no try is ever given up.""",
        kinds="""\
These are tiny-base's kinds without every search and every check; what was left kept its
proportions. Only arithmetic comes without a task prompt. The words *yes* and *no* occur nowhere.
So there is no search and no check here that RL could amplify.""",
        about_verdicts="",
        verdicts="""\
| | P(yes) | P(no) |
|---|---|---|
| the line reaches the target | {yes_if_right:.1e} | {no_if_right:.1e} |
| the line misses it | {yes_if_wrong:.1e} | {no_if_wrong:.1e} |

It never learned either word, so it gives neither verdict, right or wrong.""",
    ),
}


_SMALLER = """It was
made like [{corpus_base}](../{corpus_base}/README.md), smaller and from less text: the student that
distillation teaches in GRPO Lab. How far it has the same skills, the tables below say."""


def model_name(corpus: str, size: str = "tiny") -> str:
    """What the base made from a corpus is called.

    Args:
        corpus: a name of CORPORA.
        size: a name of SIZES.
    """
    return _ABOUT[corpus].name.replace("tiny", size, 1)


def write_card(
    folder: Path,
    policy: Policy,
    task: Countdown,
    config: PretrainConfig,
    done: Progress,
    size: str = "tiny",
) -> dict[str, float]:
    """Measure a base model and write `folder`/README.md. Returns what was measured.

    Args:
        folder: where the model was saved.
        policy, task, config: the model, what it was made for, and how; the config's corpus is one
            of CORPORA, which decides the words.
        done: what the pretraining came to.
        size: what the model's size is called, a name of SIZES.
    """
    corpus = next(name for name, known in CORPORA.items() if known == config.corpus)
    about = _ABOUT[corpus]
    measured = evaluate(policy, task, n=len(task.problems("test"))) | verdicts(policy, task)
    weights = {kind: getattr(config.corpus, kind) for kind in KINDS}
    total = sum(weights.values())
    card = _CARD.format(
        **asdict(config),
        **measured,
        name=model_name(corpus, size),
        what=about.what if size == "tiny" else _SMALLER.format(corpus_base=about.name),
        sized="" if size == "tiny" else f" --size {size}",
        chosen="" if corpus == "default" else f" --corpus {corpus}",
        about_kinds=about.kinds,
        about_verdicts=about.about_verdicts,
        verdicts=about.verdicts.format(**measured),
        tokens=config.target_tokens,
        read=done.read,
        parameters=sum(p.numel() for p in policy.model.parameters()),
        minutes=done.seconds / 60,
        machine=f"{platform.machine()} {platform.system()}",
        torch=torch.__version__,
        kinds="\n".join(
            f"| {kind} | {weight / total:.3f} |" for kind, weight in weights.items() if weight
        ),
        pretrain_problems=len(task.problems("pretrain")),
        test_problems=len(task.problems("test")),
        vocabulary=len(policy.tokenizer),
        most=task.most,
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    return measured
