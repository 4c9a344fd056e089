"""Rejection: only the right, the readable and the new are kept, and no more than enough."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.pipeline.select import (
    DUPLICATE,
    ENOUGH,
    FATES,
    KEPT,
    MALFORMED,
    MIXED,
    REPEATS,
    WRONG,
    counted,
    fates,
    unreadable,
)
from grpo_core.tasks.languages import said, translated


def traced(think: str) -> str:
    return f"<think> {think} </think> <answer> 3 + 4 </answer>"


GOOD = traced("3 - 4 = 1 no 3 + 4 = 7 yes")
POOL = [
    GOOD,
    traced("3 + 4 = 7 yes"),
    traced("3 + 4 = 7"),
    traced("3 - 4 = 1 nein 3 + 4 = 7 yes"),
    traced("3 - 4 = 1 no 3 - 4 = 1 no 3 + 4 = 7 yes"),
    "<answer> 3 + 4 </answer>",
    translated(GOOD, "de"),
    "",
]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD, ""),
        (traced("3 + 4 = 7"), ""),
        (f"\n {GOOD}  ", ""),
        (GOOD.replace(" </think>", ""), MALFORMED),
        ("3 + 4", MALFORMED),
        (translated(GOOD, "de"), MIXED),
        (traced("3 - 4 = 1 nein 3 + 4 = 7 yes"), MIXED),
        (traced("3 - 4 = 1 no 3 - 4 = 1 no"), REPEATS),
        (traced("3 - 4 = 1 no  3 - 4 = 1  yes"), REPEATS),
        (traced("3 - 4 = 1 no 4 - 3 = 1 no 3 + 4 = 7 yes"), ""),
        (traced("no no yes"), ""),
    ],
)
def test_what_is_readable(text: str, reason: str) -> None:
    assert unreadable(text) == reason


@given(
    st.lists(st.tuples(st.sampled_from(POOL), st.booleans()), max_size=30),
    st.integers(1, 5),
)
def test_only_what_is_right_readable_and_new_is_kept_and_no_more_than_enough(
    sampled: list[tuple[str, bool]], most: int
) -> None:
    texts, right = [t for t, _ in sampled], [r for _, r in sampled]
    found = fates(texts, right, most)
    kept = [text for text, fate in zip(texts, found, strict=True) if fate == KEPT]
    assert set(found) <= set(FATES)
    assert len(kept) == len(set(kept)) <= most
    for text, is_right, fate in zip(texts, right, found, strict=True):
        assert (fate == WRONG) == (not is_right)
        if fate == KEPT:
            assert is_right and not unreadable(text) and not said(text)["de"]
        if fate == ENOUGH:
            assert len(kept) == most and text not in kept
        if fate == DUPLICATE:
            assert text in kept
    eligible = {t for t, r in sampled if r and not unreadable(t)}
    assert len(kept) == min(most, len(eligible)), "something good was dropped"
    assert sum(counted(found).values()) == len(sampled)


def test_the_first_are_kept_not_the_shortest() -> None:
    texts = [traced(f"{n} + 4 = {n + 4} yes 3 + 4 = 7 yes") for n in range(18, 9, -1)]
    random.Random(0).shuffle(texts)
    assert fates(texts, [True] * 9, 2) == [KEPT] * 2 + [ENOUGH] * 7
