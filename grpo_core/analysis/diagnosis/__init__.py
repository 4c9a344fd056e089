"""What a run's own records say about the five questions everybody asks. No torch in here.

Each question is a module of its own with one pure function of the metrics frame (`Run.frame()`),
the run's options and some of its groups; all but the frame may be missing. It compares the last
steps with the first: means over windows, never single steps, and a change counts only where it is
larger than the noise between the steps. What an answer claims is in its evidence, and in the
metrics it names. Someone may look at every step of a run, so an answer must hold still while
nothing is wrong: tests/analysis/diagnosis/test_runs.py asks after each step of every shipped run.

Left out on purpose: causes that the records cannot show (a wrong chat template, a verifier that
rejects right answers). Where nothing recorded explains it, the answer says so.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from grpo_core.analysis.diagnosis.finding import SIGNS, Diagnosis, Finding, Verdict
from grpo_core.analysis.diagnosis.trends import Options, training, window
from grpo_core.core import registry
from grpo_core.core.errors import LabError
from grpo_core.core.records import Group

if TYPE_CHECKING:
    import pandas as pd

    from grpo_core.runs import Run

__all__ = [
    "MOST_GROUPS",
    "QUESTIONS",
    "SIGNS",
    "Diagnosis",
    "Finding",
    "Options",
    "Question",
    "Verdict",
    "answer_all",
    "ask",
    "diagnose",
]

Question = Callable[["pd.DataFrame", Options, Sequence[Group]], Finding]

QUESTIONS: dict[str, str] = {
    "loss": "grpo_core.analysis.diagnosis.loss:why_is_my_loss_zero",
    "reward": "grpo_core.analysis.diagnosis.reward:why_is_the_reward_flat",
    "length": "grpo_core.analysis.diagnosis.length:why_did_length_explode_or_collapse",
    "format": "grpo_core.analysis.diagnosis.format:is_it_hacking_the_format_reward",
    "kl": "grpo_core.analysis.diagnosis.kl:is_kl_out_of_hand",
}
"""A new question is a module and a line here: command line, dashboard and figures find it."""

MOST_GROUPS = 32
"""Groups read from a run, the latest first: 512 completions, a fraction of a second."""


def ask(
    name: str, frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Finding:
    """One question, by its name in QUESTIONS; arguments as in `answer_all`.

    Raises:
        LabError: there is no question of this name.
    """
    question: Question = registry.load(QUESTIONS, name, "question")
    with np.errstate(all="ignore"):  # a diverged run has numbers that overflow
        return question(frame, options, groups)


def answer_all(
    frame: "pd.DataFrame", options: Options = None, groups: Sequence[Group] = ()
) -> Diagnosis:
    """Every question, in order.

    Args:
        frame: metrics by step, as `Run.frame()` gives them or a CSV of `data/results/`.
        options: the run's configuration; some answers name its limits.
        groups: some recent groups; a recorded run has one a step, a live one all.
    """
    return Diagnosis(ask(name, frame, options, groups) for name in QUESTIONS)


def diagnose(run: "Run") -> Diagnosis:
    """Every question about a run, also while it trains.

    Raises:
        LabError: its database cannot be read. A damaged config.json is done without.
    """
    try:
        options = run.options
    except LabError:
        options = {}
    frame = run.frame()
    recent = [int(step) for step in training(frame).index[-window(len(frame)) :]]
    groups: list[Group] = []
    for step in reversed(recent):
        if len(groups) < MOST_GROUPS:
            groups += run.step(step).groups
    return answer_all(frame, options, groups)
