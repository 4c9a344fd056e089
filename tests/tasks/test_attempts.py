"""Attempts and what a trace does: on made-up texts, on hostile ones, and on those of real runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.core.paths import data_dir
from grpo_core.runs import Run
from grpo_core.tasks import get_task
from grpo_core.tasks.attempts import Attempt, attempts, checked, searched

RUN = Run(data_dir() / "runs" / "countdown-seed0")
BLIND = Run(data_dir() / "lessons" / "noverify-seed0")  # from a base that never saw a check


def test_where_attempts_begin_and_end() -> None:
    text = "<think> 5 - 3 = 2 , 2 + 1 = 3 no 5 + 3 = 8 ja </think> <answer> 5 + 3 </answer> 1 = x"
    assert list(attempts(text)) == [
        Attempt(tuple(["5", "-", "3", "=", "2", ",", "2", "+", "1", "=", "3"]), 3, False),
        Attempt(tuple(["5", "+", "3", "=", "8"]), 8, True),
        Attempt(("1", "=", "x"), None, None),
    ]


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("", set()),
        ("<answer> 5 + 3 </answer>", set()),
        ("5 + 3 = 8", set()),  # one attempt, and nobody looks at it
        ("5 + 3 = 8 yes", {"checked"}),
        ("5 + 3 = 8 ja", {"checked"}),
        ("5 + 3 = 8 no", set()),  # a wrong verdict compares nothing
        ("5 - 3 = 2 no", {"checked"}),
        ("5 - 3 = 2 yes", set()),
        ("5 - 3 = 2 no 5 - 3 = 2 no", {"checked"}),  # the same again is no search
        ("5 - 3 = 2 no 5 + 3 = 8", {"checked", "searched"}),
        ("<think> 5 + 3 = 8 </think> 5 - 3 = 2", {"searched"}),
        ("no no yes no", set()),
        ("= yes = no", set()),
        ("5 + 3 = eight yes", set()),
        ("5 + 3 = ８ yes", set()),
        ("5 + 3 = 99999999999999999999 no", set()),
    ],
)
def test_what_a_trace_does(text: str, does: set[str]) -> None:
    traits = get_task("countdown").traits
    assert {name for name, trait in traits.items() if trait(text, target=8, numbers=[5, 3])} == does


@given(st.text(), st.integers())
def test_any_text_can_be_asked(text: str, target: int) -> None:
    assert searched(text) in (True, False) and checked(text, target=target) in (True, False)


WORDS = ["1", "+", "2", "=", "3", "no", "yes", ",", "<think>", "</think>"]


@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_adding_a_tag_between_attempts_changes_nothing_that_was_judged(words: list[str]) -> None:
    judged = [a for a in attempts(" ".join(words)) if a.verdict is not None]
    again = [
        a
        for a in attempts(" ".join(w + (" <think>" if w in ("yes", "no") else "") for w in words))
        if a.verdict is not None
    ]
    assert judged == again


# --- real traces ------------------------------------------------------------------------------


def texts(run: Run) -> list[tuple[str, dict]]:
    return [(t, g.columns) for _, groups in run.outlines() for g in groups for t in g.texts]


def test_the_recorded_run_searches_and_checks_more_and_more() -> None:
    of_steps = RUN.outlines()

    def share(steps, trait) -> float:
        found = [trait(t, **g.columns) for _, groups in steps for g in groups for t in g.texts]
        return sum(found) / len(found)

    for trait in (searched, checked):
        early, late = share(of_steps[:10], trait), share(of_steps[-10:], trait)
        assert 0 < early < 0.5 < late, trait


def test_real_traces_do_what_their_words_say() -> None:
    some = texts(RUN)
    assert len(some) > 1_000
    for text, columns in some:
        backtracks = get_task("countdown").backtracks(text)
        tries = [a for a in attempts(text) if a.verdict is not None]
        assert len([a for a in tries if a.verdict is False]) <= backtracks
        if checked(text, **columns):
            assert {"yes", "no"} & set(text.split())
        if searched(text):
            assert text.split().count("=") >= 2
        for attempt in tries:  # results are read as they stand
            assert f"= {attempt.result} " in text


def test_a_base_that_never_saw_a_check_never_checks() -> None:
    some = texts(BLIND)
    assert len(some) > 1_000
    assert not any(checked(text, **columns) for text, columns in some)
