"""Traces written by rule: what R1 had people and a larger model write."""

import random

from grpo_core.models.corpus import Corpus, CorpusConfig
from grpo_core.pipeline.traces import Trace
from grpo_core.tasks.countdown import Countdown
from grpo_core.tasks.languages import VERDICTS, translated
from grpo_core.tasks.scenarios import Scenarios

_NO_SLIPS = CorpusConfig(wrong_arithmetic=0.0, false_yes=0.0, missed_yes=0.0)


def cold_start(task: Countdown, count: int, seed: int) -> list[Trace]:
    """Clean searches, well-formed and right, half of them in each language.

    As long thoughts to begin from, DeepSeek-R1 (arXiv 2501.12948, section 2.3.1) took thousands,
    partly from a model and cleaned by people. These are the corpus' searches without its slips, on
    problems of the pretraining split; half are short, half long. Each is in one language: it is the
    collection that is mixed, as collections are.

    Args:
        task: where the problems come from.
        count: how many.
        seed: decides all of it.
    """
    corpus = Corpus(task, _NO_SLIPS, seed)
    languages = list(VERDICTS)
    traces = []
    for i in range(count):
        document = corpus.document(("short_search", "long_search")[i // len(languages) % 2])
        text = translated(document.target, languages[i % len(languages)])
        traces.append(Trace(document.context, text, task.name))
    return traces


def general(task: Scenarios, count: int, seed: int, split: str = "train") -> list[Trace]:
    """Questions of the general kind with right answers, some of them wordy.

    Stands for the 200,000 examples of writing, facts and translation that DeepSeek-R1 mixes in
    (section 2.3.3). A thought repeats the line and says whether it gets there; most then go on to
    check lines that nobody asked about, as the base model's drills do.

    Args:
        task: where the questions come from.
        count: how many.
        seed: decides all of it.
        split: of Countdown's problems.
    """
    draw = random.Random(f"general:{seed}")
    problems = task.countdown.problems(split)  # type: ignore[arg-type]
    traces = []
    for i in range(count):
        problem = draw.choice(problems)
        question = task.question(problem, f"{seed}:{i}")
        thought = [_judged(question.prompt, question.columns["verdict"])]
        for other in range(draw.choice((0, 1, 2, 3))):
            aside = task.question(problem, f"{seed}:{i}:{other}")
            thought.append(_judged(aside.prompt, aside.columns["verdict"]))
        verdict = question.columns["verdict"]
        text = f"<think> {' '.join(thought)} </think> <answer> {verdict} </answer>"
        traces.append(Trace(question.prompt, text, f"{task.name}/general"))
    return traces


def _judged(question: str, verdict: str) -> str:
    """The line of a question "Check 12 : LINE", and the verdict behind it."""
    return f"{question.partition(' : ')[2]} {verdict}"
