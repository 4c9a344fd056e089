"""Polls: what is asked, who may vote when, and that no vote is lost or counted twice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.app.dashboard.classroom import polls
from grpo_core.app.dashboard.classroom.polls import Poll, Polls, ask
from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion, Group


def group(*advantages: float) -> Group:
    one = np.zeros(1, np.float32)
    cards = [
        Completion("x", ["x"], one.astype(np.int32), {}, a, a, False, one, one) for a in advantages
    ]
    return Group("p", {}, cards)


def poll(choices: int = 4, **more: object) -> Poll:
    return Poll(
        id="p", kind="advantage", run="a", step=1, group=0, choices=choices, right=[0], **more
    )


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.5, float("nan")]), min_size=2, max_size=80))
def test_right_are_all_that_have_the_highest_advantage(advantages: list[float]) -> None:
    choices, right = ask("advantage", group(*advantages))
    shown = advantages[: polls.MAX_COMPLETIONS]
    assert choices == len(shown) and right
    known = [a for a in shown if a == a]
    for i, advantage in enumerate(shown):
        assert (i in right) == (not known or advantage == max(known))


def test_whether_a_group_teaches() -> None:
    assert ask("teaches", group(0.0, 0.0)) == (2, [1])
    assert ask("teaches", group(1.0, -1.0)) == (2, [0])


@pytest.mark.parametrize("kind", ["", "colour", None, 3, ["advantage"], {}])
def test_other_questions_are_refused(kind: object) -> None:
    with pytest.raises(LabError, match="A poll asks for"):
        ask(kind, group(1.0, 2.0))
    with pytest.raises(LabError, match="too small"):
        ask("teaches", group(1.0))


voting = st.lists(
    st.one_of(
        st.tuples(st.just("vote"), st.integers(0, 5), st.integers(-1, 5)),
        st.tuples(st.just("forget"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("move"), st.sampled_from(["closed", "revealed"]), st.just(0)),
    ),
    max_size=60,
)


@given(voting)
def test_tallies_count_every_voter_once(events: list[tuple]) -> None:
    held, last = Polls(), {}
    held.open(poll())
    for what, who, choice in events:
        if what == "forget":
            held.forget(str(who))
            last.pop(str(who), None)
        elif what == "move":
            try:
                held.check_move(held.all[0], who)
            except LabError:
                continue
            held.move(held.all[0], who)
        else:
            fine = held.all[0].state == "open" and 0 <= choice < 4
            try:
                held.vote(held.check_vote(str(who), "p", choice), str(who), choice)
            except LabError:
                assert not fine or held.all[0].changes[str(who)] >= polls.MAX_CHANGES
            else:
                assert fine
                last[str(who)] = choice
    found = held.all[0]
    assert found.votes == last and sum(found.tallies) == found.told()["voted"] == len(last)
    assert ("right" in found.told()) == (found.state == "revealed")


@pytest.mark.parametrize("choice", [None, "1", 1.0, True, -1, 4, [1]])
def test_what_is_no_vote(choice: object) -> None:
    held = Polls()
    held.open(poll())
    with pytest.raises(LabError, match="from 0 to 3"):
        held.check_vote("a", "p", choice)


def test_a_vote_changes_only_so_often() -> None:
    held = Polls()
    held.open(poll())
    for i in range(polls.MAX_CHANGES):
        held.vote(held.check_vote("a", "p", i % 4), "a", i % 4)
    with pytest.raises(LabError, match="often enough"):
        held.check_vote("a", "p", 0)
    held.check_vote("b", "p", 0)


def test_one_at_a_time_and_only_forwards() -> None:
    held = Polls()
    assert held.current is None and held.hidden() is None
    held.check_open()
    held.open(poll())
    with pytest.raises(LabError, match="end it first"):
        held.check_open()
    for state in ("closed", "revealed", "ended"):
        held.check_move(held.all[0], state)
        assert (held.hidden() is None) == (held.all[0].state == "revealed")
        held.move(held.all[0], state)
        for back in polls.ORDER[: polls.ORDER.index(state) + 1]:
            with pytest.raises(LabError, match="already"):
                held.check_move(held.all[0], back)
    assert held.current is None
    held.check_open()
    with pytest.raises(LabError, match="over"):
        held.check_vote("a", "p", 0)
