"""The dashboard as a person sees it, in headless Chromium, from first paint to Stop.

The tests of this file share one dashboard and run in order: each leaves its run stopped.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import fake_run
import psutil
import pytest
from mini_model import MINI
from playwright.sync_api import expect
from waits import PATIENCE, address, beats, drawn, until, wait

from grpo_core.runs import Run

pytestmark = pytest.mark.browser

SHOWN = "() => Number(document.querySelector('.lab-board')?.dataset.step ?? -1)"


def step(page) -> int:
    return page.evaluate(SHOWN)


def wait_for_step(page, at_least: int) -> None:
    wait(page, f"() => ({SHOWN})() >= {at_least}")


def wait_for_status(page, status: str) -> None:
    wait(page, f"() => document.querySelector('.lab-status')?.textContent === '{status}'")


def set_options(page, **options: object) -> None:
    """Type into the options, by the labels of their fields, as somebody does who sees them.

    Gradio makes them when they are first opened, and gives them their values a moment later: what
    is typed in between is lost.
    """
    page.click("#lab-options > button")
    for label, value in options.items():
        field = page.get_by_label(label, exact=True)
        expect(field).not_to_have_value("")
        drawn(page)
        field.fill(str(value))
        page.keyboard.press("Tab")
        expect(field).to_have_value(str(value))
    page.click("#lab-options > button")


def looks_for_a_wish(run: Run, times: int) -> None:
    """Wait until a paused worker has looked so often for what it is to do: a step would be seen."""
    beats = {run.state["heartbeat"]}
    until(lambda: beats.add(run.state["heartbeat"]) or len(beats) > times)


def start(page, **options: object) -> str:
    """Fill in options, press Start, wait for the first steps; returns the run's name."""
    page.wait_for_selector("#lab-start:not([disabled])")
    if options:
        set_options(page, **options)
    before = address(page)
    page.click("#lab-start")
    wait(page, f"() => location.href !== {before!r} && location.hash.includes('run=')")
    name = re.search(r"run=([^&]+)", address(page)).group(1)
    wait(page, f"() => document.querySelector('.lab-run-name')?.textContent === {name!r}")
    wait_for_step(page, 2)
    return name


def stop(page) -> None:
    page.click("#lab-stop")
    wait_for_status(page, "stopped")


def cards(page) -> list[str]:
    return page.locator(".lab-card").all_inner_texts()


def test_first_paint_is_a_recorded_run_that_plays(visit: Callable) -> None:
    page = visit().page
    page.wait_for_selector(".lab-card")
    assert "Recorded run, seed 0 - press Start to train your own." in page.inner_text(".lab-notice")
    assert page.locator(".lab-card").count() == 16
    assert page.locator(".lab-chart").count() == 8
    for chart in page.locator(".lab-chart svg[role=img]").all():
        assert "at step" in chart.get_attribute("aria-label")
    first, texts = step(page), cards(page)
    wait(page, f"() => ({SHOWN})() !== {first}")
    wait(page, f"() => ({SHOWN})() !== {step(page)}")  # and on, until it begins again
    assert cards(page) != texts
    page.get_by_role("button", name="Pause the replay").click()
    wait(page, f"() => ({SHOWN})() === grpoLab.session.cursor")
    held = step(page)
    beats(page, 3)
    drawn(page)
    assert step(page) == held
    assert page.locator("#lab-pause").is_disabled() and page.locator("#lab-stop").is_disabled()


def test_the_shell_plays_before_gradio_is_there(
    browser, second_dashboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRPO_FAKE_HOLD", str(tmp_path / "go"))
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    second_dashboard.start(ready=False)
    first = page.goto(second_dashboard.url)
    assert first is not None and "<body data-shell" in first.text()
    page.wait_for_selector(".lab-card")
    assert page.locator("#lab-start").count() == 0
    (tmp_path / "go").touch()
    page.wait_for_selector("#lab-start")  # by itself, when Gradio is there
    page.wait_for_selector(".lab-card")
    page.context.close()


def test_start_pause_step_resume_stop(visit: Callable, dashboard) -> None:
    page = visit().page
    name = start(page, Steps=400)
    run = Run(dashboard.runs / name)
    assert run.config.max_steps == 400
    texts = cards(page)
    wait_for_step(page, step(page) + 2)
    assert cards(page) != texts
    page.click("#lab-pause")
    wait_for_status(page, "paused")
    frozen = run.last_step()
    wait(page, f"() => ({SHOWN})() === {frozen}")
    looks_for_a_wish(run, 10)
    assert step(page) == frozen == run.last_step()
    page.click("#lab-step")
    wait_for_step(page, frozen + 1)
    looks_for_a_wish(run, 10)
    assert step(page) == frozen + 1 == run.last_step()
    page.click("#lab-resume")
    wait_for_step(page, frozen + 4)
    stop(page)
    assert run.status == "stopped"


def test_little_moves_when_a_run_starts_and_its_panels_appear(visit: Callable) -> None:
    page = visit().page
    page.wait_for_selector("#lab-start:not([disabled])")
    page.wait_for_selector(".lab-card [data-token]")
    wait(page, "() => grpoLab.session.findings !== null")
    page.wait_for_load_state("networkidle")
    drawn(page)
    page.evaluate(
        """new PerformanceObserver((list) => {
          const moved = list.getEntries().filter((entry) => !entry.hadRecentInput);
          for (const { value } of moved) window.shift += value;
        }).observe({ type: 'layout-shift', buffered: false }); window.shift = 0;"""
    )
    start(page, Steps=2000)
    wait(page, "() => /left\\./.test(document.querySelector('.lab-notice')?.innerText)")
    said = page.inner_text(".lab-notice")
    assert re.search(r"Training: step \d+ of 2000, about .* left\.", said), said
    wait_for_step(page, 4)
    stop(page)
    wait(
        page,
        "() => document.querySelector('.lab-notice')?.innerText.includes('Stopped after step')",
    )
    assert page.evaluate("window.shift") < 0.1


def test_rewards_are_chosen_by_their_weights(visit: Callable, dashboard) -> None:
    watched = visit()
    name = start(watched.page, format=0, accuracy=2.5)
    config = Run(dashboard.runs / name).config
    assert config.reward_funcs == ("accuracy_reward",) and config.reward_weights == (2.5,)
    assert "reward 2.5 x accuracy" in watched.page.inner_text(".lab-run-line")
    stop(watched.page)
    watched.expected = ["409"]
    set_options(watched.page, accuracy="")
    watched.page.click("#lab-start")
    watched.page.wait_for_selector(".lab-notice[data-kind=error]")
    assert "name at least one reward" in watched.page.inner_text(".lab-notice")


def test_back_in_time_while_training(visit: Callable) -> None:
    page = visit().page
    start(page)
    wait_for_step(page, 4)
    page.locator(".lab-travel input").fill("2")
    wait(page, f"() => ({SHOWN})() === 2")
    wait(page, "() => location.hash.includes('step=2')")
    texts, last = cards(page), page.evaluate("grpoLab.session.lastStep")
    wait(page, f"() => grpoLab.session.lastStep >= {last + 3}")  # it trains on
    drawn(page)
    assert step(page) == 2 and cards(page) == texts
    page.get_by_role("button", name="Follow the run").click()
    wait_for_step(page, 6)
    page.get_by_role("button", name="One step back").click()
    assert "step=" in address(page)
    stop(page)


def test_reload_keeps_what_was_looked_at(visit: Callable) -> None:
    page = visit().page
    page.get_by_role("button", name=re.compile("countdown-recorded")).click()
    wait(page, "() => grpoLab.session.run?.recorded && grpoLab.session.steps.length === 13")
    drawn(page)
    page.locator(".lab-travel input").fill("5")
    wait(page, f"() => ({SHOWN})() === 5")
    page.get_by_role("button", name=re.compile("Group 3")).click()
    wait(page, "() => location.hash.includes('step=5') && location.hash.includes('group=2')")
    wait(page, "() => grpoLab.session.record?.step === 5 && grpoLab.session.record.group === 2")
    drawn(page)
    texts, prompt = cards(page), page.inner_text(".lab-prompt")
    page.reload()
    page.wait_for_selector(".lab-card")
    wait(page, f"() => ({SHOWN})() === 5")
    wait(page, f"() => document.querySelector('.lab-prompt')?.textContent === {prompt!r}")
    assert cards(page) == texts
    beats(page, 3)
    drawn(page)
    assert step(page) == 5  # a named step does not begin to play


def test_an_opened_card_stays_open_and_nothing_is_rebuilt(visit: Callable) -> None:
    page = visit().page
    start(page)
    page.locator(".lab-card .lab-open").nth(3).click()
    page.evaluate("document.querySelectorAll('.lab-card, .lab-chart').forEach(e => e.mine = 1)")
    nodes = page.evaluate("document.querySelectorAll('*').length")
    wait_for_step(page, step(page) + 5)
    kept = page.evaluate(
        "[...document.querySelectorAll('.lab-card, .lab-chart')].every(e => e.mine === 1)"
    )
    assert kept
    assert page.locator(".lab-card-open").get_attribute("data-card") == "3"
    grown = page.evaluate("document.querySelectorAll('*').length") - nodes
    assert abs(grown) < 900  # longer completions have more tokens; nothing piles up
    stop(page)


def test_a_second_tab_is_live_and_both_survive_the_server(visit: Callable, dashboard) -> None:
    first = visit()
    name = start(first.page, Steps=2000)  # still training when a slow machine is done
    second = visit()
    second.page.wait_for_selector(".lab-card")
    assert second.page.inner_text(".lab-run-name") == name  # a live run is what one comes to
    for watched in (first, second):
        watched.expected = ["ERR_CONNECTION_REFUSED", "WebSocket connection", "Failed to load"]
    run = Run(dashboard.runs / name)
    pid = run.state["pid"]
    dashboard.kill()
    wait(
        first.page, "() => document.body.innerText.includes('connection to the dashboard is lost')"
    )
    before = run.last_step()
    until(lambda: run.last_step() > before)  # the worker goes on
    dashboard.start(ready=False)
    for watched in (first, second):
        wait_for_step(watched.page, before + 2)
        wait(watched.page, "() => !document.body.innerText.includes('is lost')")
    assert run.state["pid"] == pid and run.status == "running"
    dashboard.wait()
    stop(first.page)
    wait_for_status(second.page, "stopped")


def test_hostile_completions_are_text(visit: Callable, dashboard) -> None:
    fake_run.record(dashboard.runs, "hostile", steps=2, seed=666)
    watched = visit("#run=hostile&step=2")
    page = watched.page
    page.wait_for_selector(".lab-card [data-token]")
    shown = page.inner_text(".lab-cards")
    for piece in ("<script>window.hacked", "${window.hacked", "<img", "{{value}}", "<style>"):
        assert piece in shown
    assert "<script>window.hacked = 4" in page.inner_text(".lab-prompt")
    assert page.evaluate("window.hacked") is None
    assert page.locator(".lab-cards img, .lab-cards script, .lab-cards style").count() == 0
    for card in page.locator(".lab-card").all():
        box = card.bounding_box()
        assert box["height"] < 260 and box["width"] < 400
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    token = page.locator("[data-token]").first
    token.scroll_into_view_if_needed()
    drawn(page)  # what scrolls away under the pointer is let go of
    token.hover()
    page.wait_for_selector(".lab-tip:not([hidden])")
    assert page.evaluate("window.hacked") is None


def test_keyboard_and_labels(visit: Callable) -> None:
    page = visit("#run=recorded%3Acountdown-recorded&step=6").page
    page.wait_for_selector(".lab-card [data-token]")
    page.locator(".lab-chart").first.focus()
    page.keyboard.press("ArrowRight")
    wait(page, f"() => ({SHOWN})() === 7")
    assert "Training maximises it" in page.inner_text(".lab-help")
    page.locator(".lab-card").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    tip = page.inner_text(".lab-tip")
    assert "pushed to be" in tip and "probability" in tip and "2 of" in tip
    page.keyboard.press("Escape")
    assert page.locator(".lab-tip").is_hidden()
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, [role=img]')]
           .filter(e => e.offsetParent && !(e.innerText || e.getAttribute('aria-label')
                        || e.labels?.length)).length"""
    )
    assert nameless == 0


def test_a_refused_start_says_why(visit: Callable) -> None:
    watched = visit()
    watched.expected = ["409"]
    page = watched.page
    page.wait_for_selector("#lab-start:not([disabled])")
    page.evaluate("grpoLab.start(['num_generations'], [7])")
    page.wait_for_selector(".lab-notice[data-kind=error]")
    assert "multiple of" in page.inner_text(".lab-notice")
    page.get_by_role("button", name="Dismiss").click()
    page.wait_for_selector(".lab-notice[data-kind=error]", state="hidden")


@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows(visit: Callable, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900}
    place = "#run=recorded%3Acountdown-recorded&step=9"
    page = visit(place, viewport=size, color_scheme=scheme).page
    page.wait_for_selector("#lab-start")
    page.wait_for_selector(".lab-card [data-token]")
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    is_dark = page.evaluate("document.body.classList.contains('dark')")
    assert is_dark == (scheme == "dark")


def test_nobody_looking_costs_nothing(dashboard) -> None:
    server = psutil.Process(dashboard.process.pid)
    spent = []
    while not spent or (min(spent) >= 0.08 and len(spent) < 10):
        used = sum(server.cpu_times()[:2])
        time.sleep(2)  # no wait: the stretch of time that is measured
        spent.append(sum(server.cpu_times()[:2]) - used)
    # The quietest: pages closed just now still say goodbye. Gradio's idle queue alone took 0.12.
    assert min(spent) < 0.08


@pytest.mark.slow
def test_real_training(visit_other: Callable, tmp_path: Path) -> None:
    """app.py, the real worker, the real trainer, and a model of random weights."""
    helpers = Path(__file__).parents[1] / "helpers"
    code = "import sys, mini_model; mini_model.make_model(sys.argv[1])"
    modules = os.pathsep.join((str(helpers), str(helpers.parents[1])))
    environment = {**os.environ, "PYTHONPATH": modules}
    subprocess.run([sys.executable, "-c", code, tmp_path / "model"], check=True, env=environment)
    page = visit_other("app.py", "--no-browser", "--port", "{port}", "--runs", tmp_path / "runs")
    page.wait_for_selector("#lab-start:not([disabled])")
    options = {**MINI, "model": str(tmp_path / "model")}
    page.evaluate(  # what it says for a moment only is kept
        """() => {
          globalThis.told = [];
          grpoLab.session.subscribe(() => setTimeout(() => told.push(document.body.innerText)));
        }"""
    )
    page.evaluate("o => grpoLab.start(Object.keys(o), Object.values(o))", options)
    for words in ("loading torch and the model", "What each training step will do"):
        wait(page, f"() => told.some(text => text.includes({words!r}))")
    wait_for_step(page, 1)
    wait_for_status(page, "finished")
    wait_for_step(page, 3)
    assert page.locator(".lab-card").count() == 4
    assert page.locator(".lab-card [data-token]").count() > 20
    assert "not recorded" not in page.locator("[data-chart=reward]").inner_text()
