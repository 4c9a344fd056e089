"""A page that is left open: nothing piles up, nothing is made anew, nothing moves.

Twenty seconds of what `benchmarks/page.py` watches for ten minutes, with the same instrument.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from page import STEP, watch

pytestmark = pytest.mark.browser

SETTLED = 20  # steps after which every chart has its axis and the picker its groups


def test_nothing_piles_up(visit: Callable) -> None:
    page = visit().page
    page.set_viewport_size({"width": 1280, "height": 1800})  # the cards as well
    page.wait_for_selector("#lab-start:not([disabled])", timeout=60_000)
    before = page.url
    page.evaluate("grpoLab.start(['max_steps'], [100000])")
    page.wait_for_function(
        "url => location.href !== url && location.hash.includes('run=')"
        " && grpoLab.session.run?.live && grpoLab.session.steps.length",
        arg=before,
        timeout=60_000,
    )
    page.evaluate("grpoLab.session.chooseTool('compare')")  # the tool with the most text
    page.wait_for_function(f"() => ({STEP})() >= {SETTLED}", timeout=120_000)
    looks = watch(page, looks=9, every=1.0)
    page.evaluate("grpoLab.control('stop')")
    page.wait_for_function(
        "() => document.querySelector('.lab-status')?.textContent === 'stopped'", timeout=60_000
    )
    third = len(looks) // 3
    steps = looks[-1]["step"] - looks[0]["step"]
    assert steps > 5, "it did not go on"
    # Dots of the evaluations, every 25 steps, are all that is added; one node a step is too much.
    allowed = 40 + steps / 2
    for name, most in (("nodes", allowed), ("listeners", 8)):
        first, last = (min(look[name] for look in some) for some in (looks[:third], looks[-third:]))
        assert last - first <= most, [look[name] for look in looks]
    assert looks[-1]["remounted"] == 0
    assert looks[-1]["shift"] < 0.02
