"""The hunt: the rule, what it costs to be wrong, and that trying everything finds nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.app.dashboard.classroom import hunt as hunting
from grpo_core.app.dashboard.classroom.hunt import Hunt, is_hit
from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion, Group

COLUMNS = {"numbers": [3, 4, 5], "target": 12}
RIGHT = "<think> x </think> <answer> 3 + 4 + 5 </answer>"
WRONG = "<think> x yes </think> <answer> 3 + 4 </answer>"


def group(*cards: tuple[str, float]) -> Group:
    one = np.zeros(1, np.float32)
    return Group(
        "Use 3 , 4 , 5 to make 12 .",
        COLUMNS,
        [
            Completion(text, ["x"], one.astype(np.int32), {}, reward, 0.0, False, one, one)
            for text, reward in cards
        ],
    )


def hits(*cards: tuple[str, float]) -> list[bool]:
    return [is_hit(group(*cards), i, "countdown") for i in range(len(cards))]


def test_the_rule() -> None:
    assert hits((WRONG, 1.0), (RIGHT, 1.0), (WRONG, 0.0), (RIGHT, 0.0)) == [True, *[False] * 3]
    assert hits(("no answer", 1.0), (WRONG, 0.5), (WRONG, 0.0)) == [True, False, False]
    assert hits((WRONG, 0.7), (RIGHT, 0.7)) == [True, False]  # all are paid
    assert hits((WRONG, 0.0), (WRONG, 0.0)) == [False, False]  # nobody is
    assert hits((WRONG, -0.1), (WRONG, -0.5)) == [True, False]


@given(st.lists(st.tuples(st.sampled_from([RIGHT, WRONG]), st.floats(-2, 2)), min_size=1))
def test_no_right_answer_is_a_hit_and_no_hit_is_below_the_mean(cards: list) -> None:
    mean = sum(reward for _, reward in cards) / len(cards)
    for (text, reward), hit in zip(cards, hits(*cards), strict=True):
        assert not hit or (text == WRONG and reward >= mean - 1e-9)


def test_what_cannot_be_judged() -> None:
    with pytest.raises(LabError, match="no such completion"):
        is_hit(group((WRONG, 1.0)), 1, "countdown")
    with pytest.raises(LabError):
        is_hit(group((WRONG, 1.0)), 0, "no such task")


TRUTH = {(1, 0, i): i % 3 == 0 for i in range(9)}
flags = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(sorted(TRUTH)), st.booleans()), max_size=80
)


@given(flags)
def test_scores(events: list[tuple]) -> None:
    hunt = Hunt("h", "run", "judge", "countdown")
    standing: dict[str, set] = {"a": set(), "b": set()}
    ever: dict[str, set] = {"a": set(), "b": set()}
    for who, place, on in events:
        if on:
            hunt.flag(who, place, TRUTH[place])
            standing[who].add(place)
            ever[who].add(place)
        else:
            hunt.unflag(who, place)
            standing[who].discard(place)
    for who, hunter in hunt.hunters.items():
        good = sum(TRUTH[place] for place in standing[who])
        bad = sum(not TRUTH[place] for place in ever[who])
        assert hunter.counts() == {
            "flags": len(standing[who]), "hits": good, "misses": bad, "score": max(0, good - bad),
        }  # fmt: skip
    told = hunt.told({"a": "Ada", "b": "Bob"})
    assert told["flags"] == sum(map(len, standing.values()))
    assert sum(place[3] for place in hunt.places()) == told["flags"]
    assert all(place[4] == TRUTH[tuple(place[:3])] for place in hunt.places())
    scores = [entry["score"] for entry in told["board"]]
    assert scores == sorted(scores, reverse=True) and all(score > 0 for score in scores)


def test_trying_everything_finds_out_nothing_that_pays() -> None:
    hunt = Hunt("h", "run", "judge", "countdown")
    for place, hit in TRUTH.items():
        hunt.flag("a", place, hit)
        if not hit:
            hunt.unflag("a", place)
    assert hunt.hunters["a"].counts()["score"] == 0


def test_limits() -> None:
    hunt = Hunt("h", "run", "judge", "countdown")
    for i in range(hunting.MAX_FLAGS):
        hunt.check("a", (1, 0, i), True)
        hunt.flag("a", (1, 0, i), True)
    with pytest.raises(LabError, match="all there are"):
        hunt.check("a", (2, 0, 0), True)
    hunt.check("b", (2, 0, 0), True)
    while hunt.hunters["a"].changes < hunting.MAX_CHANGES:
        hunt.check("a", (1, 0, 0), False)
        hunt.unflag("a", (1, 0, 0))
    with pytest.raises(LabError, match="often enough"):
        hunt.check("a", (1, 0, 0), True)
    with pytest.raises(LabError, match="true or false"):
        hunt.check("b", (1, 0, 0), "on")


def test_the_board_has_ten_names_and_none_of_those_who_were_removed() -> None:
    hunt = Hunt("h", "run", "judge", "countdown")
    for i in range(14):
        for k in range(i):
            hunt.flag(str(i), (1, 0, k), True)
    names = {str(i): f"name {i}" for i in range(13)}
    board = hunt.told(names)["board"]
    assert [entry["score"] for entry in board] == list(range(12, 2, -1))
