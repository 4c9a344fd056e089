"""Reading what a completion does; sampling with words put into a policy's mouth."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.course.recordings import countdown_traces
from grpo_core.course.recordings.countdown_traces import KINDS, Try, read
from grpo_core.models.corpus import CORPORA, Corpus
from grpo_core.models.corpus import KINDS as DOCUMENTS
from grpo_core.models.policy import Policy, load_policy
from grpo_core.tasks.countdown import Countdown

TASK = Countdown()


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.set_num_threads(1)
    return load_policy("tiny")


def test_a_search_is_read_try_by_try() -> None:
    trace = read(
        "<think> 5 - 3 = 2 , 10 * 2 = 20 no 10 + 5 = 15 , 15 * 3 = 45 yes </think> "
        "<answer> ( 10 + 5 ) * 3 </answer>"
    )
    assert trace.tries == (Try(20, "no"), Try(45, "yes"))
    assert trace.answer == 45 and trace.backtracks == 1 and trace.kind == "backtracks"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("( 3 + 5 ) * 2", "no work"),
        ("<answer> 3 + 5 </answer>", "no work"),
        ("", "no work"),
        ("yes no yes", "no work"),  # verdicts about nothing
        ("<think> 3 + 5 = 8 </think> <answer> 3 + 5 </answer>", "one attempt, unchecked"),
        ("3 + 5 = 8 yes 3 + 5", "checked"),
        ("3 + 5 = 8 no", "checked"),  # given up, and nothing else tried
        ("3 + 5 = 8 no 3 * 5 = 15", "backtracks"),  # cut off in the second
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert read(text).kind == kind


def test_what_the_answer_holds_is_no_work() -> None:
    assert read("<answer> 3 + 5 = 8 no 2 = 2 </answer>").tries == ()


@pytest.mark.parametrize("answer", ["", "2 ** 9", "__import__('os')", "7 / 0", "x" * 5000])
def test_an_answer_that_cannot_be_worked_out_is_none(answer: str) -> None:
    assert read(f"<think> 1 + 1 = 2 </think> <answer> {answer} </answer>").answer is None


def test_a_fraction_is_kept() -> None:
    assert read("<answer> 7 / 2 </answer>").answer == Fraction(7, 2)


@given(st.text(alphabet=st.sampled_from("= 9-yesno<>/thikanwr,"), max_size=80))
def test_any_text_can_be_read(text: str) -> None:
    trace = read(text)
    assert trace.kind in KINDS
    assert 0 <= trace.backtracks <= max(0, len(trace.tries) - 1)


def test_documents_are_of_the_kind_they_were_made_to_be() -> None:
    expected = {
        "guess": {"no work"},
        "answer_only": {"no work"},
        "one_try": {"one attempt, unchecked"},
        "broken_try": {"one attempt, unchecked"},
        "long_search": {"backtracks"},
    }
    corpus = Corpus(TASK, CORPORA["default"], seed=0)
    assert set(expected) < set(DOCUMENTS)
    for document, kinds in expected.items():
        # 1 in 100 verdicts of a search is wrong, and may end it at once
        found = [read(corpus.document(document).target).kind for _ in range(200)]
        assert sum(kind in kinds for kind in found) >= 185


def test_samples_lie_problem_by_problem_and_are_verified(policy: Policy) -> None:
    problems = TASK.problems("test")[:3]
    sampled = countdown_traces.sample(policy, TASK, problems, 4, seed=1, max_completion_length=60)
    assert len(sampled.texts) == 12 and sampled.right.shape == (3, 4)
    assert sampled.lengths.max() <= 60
    for row, (text, trace) in enumerate(zip(sampled.texts, sampled.traces, strict=True)):
        target = problems[row // 4].columns["target"]
        assert not sampled.right[row // 4, row % 4] or trace.answer == target, text


def test_a_beginning_is_gone_on_from(policy: Policy) -> None:
    problems = TASK.problems("test")[:6]
    lines = countdown_traces.one_line(TASK, problems, right=False)
    begun = [f"<think> {line} no" for line in lines]
    sampled = countdown_traces.sample(
        policy, TASK, problems, 3, beginnings=begun, max_completion_length=80
    )
    for row, text in enumerate(sampled.texts):
        assert text.startswith(begun[row // 3] + " ")
    assert sum(t.kind == "backtracks" for t in sampled.traces) > 9
    assert (sampled.lengths <= 80).all()


def test_the_base_tells_a_right_line_from_a_wrong_one(policy: Policy) -> None:
    problems = TASK.problems("test")[:40]
    words = ("yes", "no", "</think>")
    after = {
        right: countdown_traces.next_word(
            policy,
            problems,
            [f"<think> {line}" for line in countdown_traces.one_line(TASK, problems, right=right)],
            words,
        )
        for right in (True, False)
    }
    assert all(0 <= p <= 1 for chances in after.values() for p in chances.values())
    assert sum(after[True].values()) <= 1.001
    assert after[True]["yes"] > 10 * after[False]["yes"]
    assert after[False]["no"] > 10 * after[True]["no"]
