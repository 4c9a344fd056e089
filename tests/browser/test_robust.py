"""What goes wrong in a class: many tabs, a server that dies, a folder that goes, two at Start, an
address that the browser does not write."""

import re
import shutil
from collections.abc import Callable

import pytest
from waits import PATIENCE, address, until, wait

from grpo_core.core.config import GRPOConfig
from grpo_core.runs import LIVE, Run, RunWriter, create_run, list_runs

pytestmark = pytest.mark.browser

TABS = 8  # a browser keeps six HTTP connections a host: two more than that must live, too
SHOWN = "() => Number(document.querySelector('.lab-board')?.dataset.step ?? -1)"


def wait_for_step(page, at_least: int) -> None:
    wait(page, f"step => ({SHOWN})() >= step", at_least)


def start(page, **options: object) -> str:
    """Start a run as the button does, and wait until it has steps; returns its name."""
    page.wait_for_selector("#lab-start:not([disabled])")
    before = address(page)
    page.evaluate("o => grpoLab.start(Object.keys(o), Object.values(o))", options)
    wait(page, "url => location.href !== url && location.hash.includes('run=')", before)
    name = re.search(r"run=([^&]+)", address(page)).group(1)
    wait(page, "n => document.querySelector('.lab-run-name')?.textContent === n", name)
    wait_for_step(page, 1)
    return name


def stop(page, run: Run) -> None:
    page.evaluate("grpoLab.control('stop')")
    until(lambda: run.status not in LIVE)


@pytest.fixture
def tabs(browser, dashboard):
    """Open more tabs of one browser: they share its connections, as a page's own context would."""
    context = browser.new_context(viewport={"width": 800, "height": 600})
    context.set_default_timeout(PATIENCE)

    def open_tab(fragment: str = ""):
        page = context.new_page()
        page.goto(dashboard.url + fragment)
        return page

    yield open_tab
    context.close()


def test_eight_tabs_of_one_browser_are_live(visit: Callable, tabs: Callable, dashboard) -> None:
    name = start(visit().page, max_steps=100_000)
    run = Run(dashboard.runs / name)
    pages = [tabs(f"#run={name}&group={i}") for i in range(TABS)]
    for page in pages:
        wait_for_step(page, 1)
    for _ in range(2):
        now = run.last_step()
        for page in pages:  # none was left behind by those opened after it
            wait_for_step(page, now + 1)
    for page in pages:
        answer = page.evaluate("fetch(new URL('lab/status', document.baseURI)).then(r => r.json())")
        assert answer["viewers"] >= TABS  # and each still gets an answer to a question
    stop(pages[-1], run)
    for page in pages:
        wait(page, "() => document.querySelector('.lab-status')?.textContent === 'stopped'")


def test_what_was_missed_while_the_server_was_gone(browser, second_dashboard) -> None:
    second_dashboard.start()
    context = browser.new_context(viewport={"width": 800, "height": 600})
    context.set_default_timeout(PATIENCE)
    pages = [context.new_page() for _ in range(2)]
    path = create_run(second_dashboard.runs, "there", GRPOConfig(generation_batch_size=32))
    append(path, 0, 2)
    for page in pages:
        page.goto(second_dashboard.url + "#run=there")
        wait_for_step(page, 2)
    second_dashboard.kill()
    for page in pages:
        wait(page, "() => document.body?.innerText.includes('is lost')")
    append(path, 3, 4)  # what they missed
    second_dashboard.start(ready=False)
    for page in pages:
        wait_for_step(page, 4)
        wait(page, "() => !document.body?.innerText.includes('is lost')")
        steps = page.evaluate("grpoLab.session.steps")
        assert steps == [0, 1, 2, 3, 4]  # and nothing twice
    context.close()


def append(path, first: int, last: int) -> None:
    import fake_run

    with RunWriter(path) as writer:
        for index in range(first, last + 1):
            writer.append(fake_run.make_step(index, writer.run.config))
        writer.write_state(status="finished")


def test_a_run_deleted_under_a_watching_page(visit: Callable, dashboard) -> None:
    kept = create_run(dashboard.runs, "kept", GRPOConfig(generation_batch_size=32))
    append(kept, 0, 3)
    doomed = create_run(dashboard.runs, "doomed", GRPOConfig(generation_batch_size=32))
    append(doomed, 0, 3)
    watched = visit("#run=doomed")
    watched.expected = ["409"]  # what asks for more of it is told that it is gone
    page = watched.page
    wait_for_step(page, 3)
    while doomed.exists():  # the server may have put a file of SQLite's into it just then
        shutil.rmtree(doomed, ignore_errors=True)
    said = "() => document.querySelector('.lab-notice')?.innerText"
    wait(page, f"() => ({said})()?.includes('There is no run called doomed any more')")
    listed = "[...document.querySelectorAll('.lab-item-name')].map(e => e.textContent)"
    wait(page, f"() => !{listed}.includes('doomed')")
    assert "kept" in page.evaluate(listed)
    wait(page, "() => !location.hash.includes('doomed')")
    page.get_by_role("button", name=re.compile("kept")).first.click()
    wait(page, "() => document.querySelector('.lab-run-name')?.textContent === 'kept'")
    wait_for_step(page, 3)
    append(kept, 4, 4)
    wait_for_step(page, 4)  # and the page is as live as before


def test_two_at_start_make_one_run(visit: Callable, dashboard) -> None:
    pages = [visit(), visit()]
    for watched in pages:
        watched.expected = ["409"]
        watched.page.wait_for_selector("#lab-start:not([disabled])")
    before = {run.name for run in list_runs(dashboard.runs)}
    for watched in pages:  # both are asked before either is answered
        watched.page.evaluate("void grpoLab.start(['max_steps'], [100000])")
    for watched in pages:
        wait(
            watched.page,
            "() => document.querySelector('.lab-notice[data-kind=error]')"
            " || location.hash.includes('run=')",
        )
    made = [run for run in list_runs(dashboard.runs) if run.name not in before]
    assert len(made) == 1
    refused = [w.page.locator(".lab-notice[data-kind=error]").count() for w in pages]
    assert sorted(refused) == [0, 1]
    loser = pages[refused.index(1)].page
    assert "is still training, and a second one would slow both" in loser.inner_text(".lab-notice")
    loser.get_by_role("button", name="Dismiss").click()
    loser.get_by_role("button", name=re.compile(made[0].name)).first.click()
    wait_for_step(loser, 1)  # who was refused looks on
    stop(loser, made[0])


def test_a_browser_that_writes_no_more_addresses_for_a_while(visit: Callable) -> None:
    page = visit("#run=recorded%3Acountdown-recorded&step=2").page
    wait(page, f"() => ({SHOWN})() === 2")
    page.evaluate(  # Safari throws at the 101st in ten seconds, Firefox at the 201st
        """() => {
          const write = history.replaceState;
          history.replaceState = () => { throw new DOMException("too many", "SecurityError"); };
          globalThis.allow = () => { history.replaceState = write; };
        }"""
    )
    slider = page.get_by_label("Step shown")
    for step in (3, 4, 5):
        slider.press("ArrowRight")
        wait(
            page,
            "step => document.querySelector('.lab-step')?.textContent.startsWith(`step ${step} `)",
            step,
        )
    wait(page, f"() => ({SHOWN})() === 5")
    assert "step=2" in page.url
    page.evaluate("allow()")
    wait(page, "() => location.hash.includes('step=5')")
