"""A step's seconds by phase: each counted once, whatever was recorded."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpo_core.core.phases import BESIDE, PARTS, STEP, breakdown

COARSE = {"seconds/step": 3.0, "seconds/sampling": 1.0, "seconds/update": 1.5, "seconds/eval": 9.0}
FINE = COARSE | {
    "seconds/prefill": 0.1,
    "seconds/decode": 0.7,
    "seconds/forward": 0.5,
    "seconds/backward": 0.8,
    "loss": 5.0,
}


def test_what_is_recorded_today() -> None:
    assert breakdown(COARSE) == {"sampling": 1.0, "update": 1.5, "other": 0.5}


def test_finer_phases_take_the_place_of_what_contains_them() -> None:
    found = breakdown(FINE)
    assert list(found) == [
        *("prefill", "decode", "sampling/other"),
        *("forward", "backward", "update/other", "other"),
    ]
    assert found["sampling/other"] == pytest.approx(0.2)
    assert found["update/other"] == pytest.approx(0.2)


def test_a_phase_nobody_placed_is_part_of_the_step() -> None:
    found = breakdown(COARSE | {"seconds/new": 0.2})
    assert found["new"] == 0.2 and found["other"] == pytest.approx(0.3)


def test_nothing_without_the_step() -> None:
    assert breakdown({"seconds/sampling": 1.0, "loss": 1.0}) == {}
    assert breakdown({"seconds/step": math.nan}) == {}
    assert breakdown({"seconds/step": 2.0}) == {"other": 2.0}


TREE = [part for parts in PARTS.values() for part in parts]


@given(st.dictionaries(st.sampled_from([*TREE, *BESIDE, "seconds/new"]), st.floats(0, 10)))
def test_no_second_is_counted_twice(inner: dict[str, float]) -> None:
    """With phases that fit into each other, the leaves add up to the step."""
    whole = dict(inner)
    for phase in (*(p for p in PARTS if p != STEP), STEP):
        parts = [*PARTS[phase], *(["seconds/new"] if phase == STEP else [])]
        inside = sum(whole.get(part, 0.0) for part in parts)
        if phase in whole or inside:
            whole[phase] = whole.get(phase, 0.0) + inside
    found = breakdown(whole)
    assert sum(found.values()) == pytest.approx(whole.get(STEP, 0.0))
    assert all(value >= 0 for value in found.values())
