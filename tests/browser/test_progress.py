"""The progress bar: how far a run is and how long the rest takes, through its whole life."""

import re
from collections.abc import Callable

import fake_run
import pytest
from waits import address, wait

from grpo_core.runs import Run

pytestmark = pytest.mark.browser

LEFT = """async (cases) => {
  const { evaluationsLeft, secondsLeft } = await import(
    new URL("lab/assets/pace.js", document.baseURI));
  return cases.map((given) => (given.length === 3 ? evaluationsLeft : secondsLeft)(...given));
}"""


def said(page, words: str) -> str:
    """Wait until the notice says something; all that it says."""
    wait(page, f"() => document.querySelector('.lab-notice')?.innerText.includes({words!r})")
    return page.inner_text(".lab-notice")


def seconds(text: str) -> int:
    """The time in "about 1 min 20 s left"."""
    found = re.search(r"about (?:(\d+) h )?(?:(\d+) min ?)?(?:(\d+) s)? left", text)
    assert found, text
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + rest


def test_how_many_evaluations_are_to_come(visit: Callable) -> None:
    cases = {
        (0, 125, 25): 5,  # at 25, 50, 75, 100, 125
        (24, 125, 25): 5,
        (25, 125, 25): 4,
        (124, 125, 25): 1,
        (125, 125, 25): 0,
        (0, 40, 0): 1,  # only after the last
        (0, 60, 25): 3,  # at 25, 50 and 60
        (50, 60, 25): 1,
        (3, 10, None): 1,
    }
    found = visit().page.evaluate(LEFT, [list(case) for case in cases])
    assert dict(zip(cases, found, strict=True)) == cases
    for (at, planned, every), count in cases.items():  # as trainer.py does it
        steps = range(at + 1, planned + 1)
        assert sum(bool(every and s % every == 0) or s == planned for s in steps) == count


def test_how_long_it_takes(visit: Callable) -> None:
    page = visit().page
    cases = [
        [0, 10, 0, [], []],  # nothing was timed yet
        [0, 10, 0, [None], [20]],  # nor here: step 0 only evaluates
        [1, 10, 0, [None, 2.0], []],
        [1, 10, 5, [None, 2.0], [30.0, None]],  # 9 steps, and evaluations at 5 and 10
        [4, 10, 0, [None, 2, 2, 2, 90], []],  # one slow step is one slow step
        [99, 100, 0, [1] * 50 + [3] * 49, []],  # the last ones tell
        [40, 40, 20, [None, 7.0], [20.0, 22.0]],
    ]
    assert page.evaluate(LEFT, cases) == [None, None, 18, 78, 12, 3, 0]


def test_from_the_first_step_to_the_last(visit: Callable, dashboard) -> None:
    page = visit().page
    page.wait_for_selector("#lab-start:not([disabled])")
    page.evaluate(  # what it says for a moment only is kept
        """() => {
          globalThis.told = [];
          const notice = document.querySelector(".lab-notice");
          const keep = () => told.push(notice.innerText);
          new MutationObserver(keep).observe(notice, { subtree: true, childList: true });
        }"""
    )
    page.evaluate("grpoLab.start(['max_steps', 'eval_steps'], [300, 0])")
    wait(page, "() => told.some((text) => text.includes('Starting: loading torch and the model'))")
    first = said(page, "left.")
    step = int(re.search(r"Training: step (\d+) of 300, about", first).group(1))
    expected = fake_run.SECONDS["step"] * (300 - step)
    assert abs(seconds(first) - expected) < 0.05 * expected
    bar = page.get_by_role("progressbar", name="Steps done")
    wait(page, "() => document.querySelector('.lab-notice [role=progressbar]')?.ariaValueNow > 1")
    shown = int(bar.get_attribute("aria-valuenow"))
    assert 1 < shown < 60 and page.locator(".lab-notice i").evaluate("e => e.style.width") != "0%"

    page.click("#lab-pause")
    paused = said(page, "Paused after step")
    assert "Step makes one more, Resume goes on" in paused and "left" not in paused
    assert bar.is_visible()
    page.click("#lab-step")
    wait(page, f"() => !document.querySelector('.lab-notice')?.innerText.includes({paused!r})")
    said(page, "Paused after step")
    page.click("#lab-resume")
    said(page, "left.")
    page.click("#lab-stop")
    stopped = said(page, "Stopped after step")
    run = Run(dashboard.runs / re.search(r"run=([^&]+)", address(page)).group(1))
    assert f"Stopped after step {run.last_step()}" in stopped and "press Resume" in stopped
    page.wait_for_selector("#lab-resume:not([disabled])")
    page.click("#lab-resume")
    again = said(page, "left.")
    at = int(re.search(r"Training: step (\d+) of 300", again).group(1))
    assert at >= run.last_step() - 5 and seconds(again) <= seconds(first)
    page.click("#lab-stop")
    said(page, "Stopped after step")


def test_a_run_that_comes_to_its_end_says_so(visit: Callable) -> None:
    page = visit().page
    page.wait_for_selector("#lab-start:not([disabled])")
    page.evaluate("grpoLab.start(['max_steps'], [6])")
    said(page, "Finished after step 6.")
    bar = page.get_by_role("progressbar", name="Steps done")
    assert bar.get_attribute("aria-valuenow") == "100"


def test_time_goes_on_while_a_long_step_is_on_its_way(visit: Callable) -> None:
    page = visit().page
    page.wait_for_selector("#lab-start:not([disabled])")
    code = """async () => {
      const { notice } = await import(new URL("lab/assets/notice.js", document.baseURI));
      const run = { key: "slow", name: "slow", status: "running", live: true, step: 3,
        config: { max_steps: 40, eval_steps: 20 } };
      const series = { "seconds/step": [null, 60, 60, 60], "seconds/eval": [75, null, null, null] };
      const session = { run, live: run, lastStep: 3, steps: [0, 1, 2, 3], connection: "open",
        listed: true, room: {}, view: {}, hides: () => false, series: (name) => series[name] };
      const place = document.createElement("div");
      document.body.append(place);
      notice(place, session)();
      window.said = () => place.innerText;
      return place.innerText;
    }"""
    first = page.evaluate(code)
    assert seconds(first) == 37 * 60 + 2 * 75  # 37 steps, and evaluations at 20 and 40
    page.wait_for_function("(first) => window.said() !== first", arg=first)
    assert 0 < seconds(first) - seconds(page.evaluate("window.said()")) <= 30
