"""What a run's records say, beside the run, in headless Chromium: diagnosis, seconds, glossary."""

import re
from collections.abc import Callable
from pathlib import Path

import fake_run
import numpy as np
import pytest
from playwright.sync_api import expect
from waits import drawn, wait

from grpo_core.core.config import GRPOConfig
from grpo_core.core.glossary import explain
from grpo_core.runs import RunWriter, create_run

pytestmark = pytest.mark.browser

RECORDED = "#run=recorded%3Acountdown-recorded&step=9"
SHIFT = """new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: 'layout-shift', buffered: false }); window.shift = 0;"""


def append(path: Path, first: int, last: int, **metrics: float | None) -> None:
    """Record some steps of a reward that rises, with metrics of one's own; None leaves one out."""
    with RunWriter(path) as writer:
        for index in range(first, last + 1):
            step = fake_run.make_step(index, writer.run.config)
            if index:
                step.metrics |= {"reward": index / 50} | metrics
            step.metrics = {k: v for k, v in step.metrics.items() if v is not None}
            writer.append(step)


def new_run(dashboard, name: str, last: int = 12, **metrics: float | None) -> Path:
    path = create_run(dashboard.runs, name, GRPOConfig(generation_batch_size=32))
    append(path, 0, last, **metrics)
    return path


def tile(page, question: str):
    return page.locator(".lab-finding", has_text=question)


def diagnosed(page) -> None:
    """Wait until every tile has its answer."""
    page.wait_for_selector(".lab-card [data-token]")
    wait(
        page,
        "() => ![...document.querySelectorAll('.lab-finding')].some(e => /…/.test(e.innerText))",
    )


def test_five_answers_in_words_and_the_figures_behind_them(visit: Callable) -> None:
    page = visit(RECORDED).page
    diagnosed(page)
    assert page.locator(".lab-finding").count() == 5
    for text in page.locator(".lab-finding").all_inner_texts():
        assert re.search(r"\?\s+[✓?!–]\s*(fine|look|trouble|unknown): \w", text), text
    kl = tile(page, "Is KL out of hand?")
    kl.focus()
    page.keyboard.press("Enter")
    detail = page.locator(".lab-finding-detail")
    assert kl.get_attribute("aria-expanded") == "true"
    assert detail.get_attribute("aria-label") == "Is KL out of hand?"
    assert "nats a token over the last" in detail.inner_text()
    assert "Asked after step 12" in detail.inner_text()
    marked = page.locator(".lab-chart-marked")
    expect(marked).to_have_count(3)
    assert {e.get_attribute("data-chart") for e in marked.all()} == {"reward", "kl", "gradient"}
    detail.get_by_role("button", name="Show Gradient norm").click()
    wait(page, "() => document.activeElement.dataset.chart === 'gradient'")
    detail.get_by_role("button", name="What is grad_norm?").click()
    page.locator(".lab-gloss dd", has_text=explain("grad_norm").meaning).wait_for()
    page.keyboard.press("Escape")
    assert detail.is_visible()  # the popover was closed, and not what it stands on
    page.keyboard.press("Escape")
    assert detail.is_hidden()
    wait(page, "() => !document.querySelector('.lab-chart-marked')")
    assert page.evaluate("document.activeElement.innerText").startswith("Is KL out of hand?")


def test_a_verdict_changes_while_one_watches_and_nothing_else_does(
    visit: Callable, dashboard
) -> None:
    path = new_run(dashboard, "ill", kl=0.01)
    page = visit("#run=ill").page
    diagnosed(page)
    kl = tile(page, "Is KL out of hand?")
    kl.click()
    before = page.locator(".lab-finding").all_inner_texts()
    assert kl.get_attribute("data-verdict") == "fine"
    drawn(page)
    page.evaluate(SHIFT)
    page.evaluate("document.querySelectorAll('.lab-finding').forEach(e => e.mine = 1)")
    nodes = page.evaluate("document.querySelectorAll('.lab-diagnosis *, .lab-seconds *').length")
    append(path, 13, 16, kl=0.01)
    wait(page, "() => document.querySelector('.lab-finding-detail')?.innerText.includes('step 16')")
    assert page.locator(".lab-finding").all_inner_texts() == before
    assert page.inner_text(".lab-diagnosis [aria-live]") == ""
    append(path, 17, 26, kl=3.0)
    wait(page, "() => document.querySelector('.lab-finding-detail')?.innerText.includes('step 26')")
    wait(page, "() => document.querySelectorAll('.lab-finding')[4].dataset.verdict === 'trouble'")
    assert "! trouble: Yes" in re.sub(r"\s+", " ", kl.inner_text())
    assert "Yes: a median of 3 nats" in page.inner_text(".lab-finding-answer")
    said = page.inner_text(".lab-diagnosis [aria-live]")
    assert said.startswith("Is KL out of hand? trouble: Yes")
    assert page.evaluate("[...document.querySelectorAll('.lab-finding')].every(e => e.mine)")
    assert page.evaluate("window.shift") < 0.1
    assert (
        abs(
            page.evaluate("document.querySelectorAll('.lab-diagnosis *, .lab-seconds *').length")
            - nodes
        )
        <= 8
    )  # a figure more or less in the evidence
    page.get_by_role("button", name=re.compile("countdown-recorded")).click()
    wait(page, "() => document.querySelectorAll('.lab-finding')[4].dataset.verdict === 'fine'")


def test_every_chart_says_what_it_shows(visit: Callable) -> None:
    watched = visit(RECORDED)
    page = watched.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    diagnosed(page)
    for chart in page.locator(".lab-chart").all():
        button = chart.locator(".lab-gloss-button")
        assert button.get_attribute("aria-label").startswith("What is ")
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".lab-gloss dt code")
        assert button.get_attribute("aria-expanded") == "true"
        names = page.locator(".lab-gloss code").all_inner_texts()
        texts = page.locator(".lab-gloss dd").all_inner_texts()
        flat = [re.sub(r"\s+", " ", explain(name).meaning) for name in names]
        assert {re.sub(r"\s+", " ", text) for text in texts} == set(flat)
        assert page.evaluate("document.activeElement.className") == "lab-gloss"
        box = page.locator(".lab-gloss").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1280
        page.keyboard.press("Escape")
        assert page.locator(".lab-gloss").is_hidden()
        assert button.get_attribute("aria-expanded") == "false"
        assert button.evaluate("e => e === document.activeElement")
    assert sum(url.endswith("/lab/glossary") for url in asked) == 1
    page.locator("[data-chart=kl] .lab-gloss-button").click()
    page.locator("[data-chart=reward] .lab-gloss-button").click()  # one at a time
    assert page.inner_text(".lab-gloss h3") == "Reward"
    page.mouse.click(8, 500)  # anywhere else; the bench lies over the foot of the page
    assert page.locator(".lab-gloss").is_hidden()


def test_where_a_steps_time_goes(visit: Callable) -> None:
    page = visit(RECORDED).page
    diagnosed(page)
    lines = [
        re.sub(r"\s+", " ", text) for text in page.locator(".lab-seconds-list li").all_inner_texts()
    ]
    assert lines == [
        *("prefill 0.1 s", "decode 0.82 s", "reward 0.05 s", "other sampling 0.03 s"),
        *("forward 0.3 s", "backward 0.5 s", "other update 0.1 s", "other 0.3 s"),
    ]
    assert "2.2 s a step, median of the last 9" in page.inner_text(".lab-seconds")
    widths = page.evaluate(
        "[...document.querySelectorAll('.lab-second')].map(e => Number(e.getAttribute('width')))"
    )
    assert widths[1] / sum(widths) == pytest.approx(0.82 / 2.2, abs=0.02)
    label = page.locator(".lab-seconds-bar").get_attribute("aria-label")
    assert "decode: 0.82 s, 37% of a step" in label
    page.locator(".lab-second > rect:first-child").nth(1).hover()
    wait(page, "() => document.querySelector('.lab-seconds .lab-help')?.innerText.includes('37%')")
    word = page.get_by_role("button", name="backward: what is it?")
    word.focus()
    wait(
        page,
        "() => document.querySelector('.lab-seconds .lab-help')?.innerText.includes('gradient')",
    )
    page.keyboard.press("Enter")
    page.wait_for_selector(".lab-gloss dt code")
    assert explain("seconds/backward").meaning in page.inner_text(".lab-gloss")
    page.evaluate("(hash) => { location.hash = hash; }", RECORDED.replace("step=9", "step=1"))
    expect(page.locator(".lab-seconds")).to_contain_text(re.compile(r" s a step(?!,)"))


def test_hostile_names_are_text(visit: Callable, dashboard) -> None:
    evil = "rewards/accuracy<img src=x onerror=window.hacked=1>${window.hacked=2}/mean"
    new_run(dashboard, "evil", **{evil: 0.5, "rewards/accuracy_reward/mean": None})
    page = visit("#run=evil").page
    diagnosed(page)
    tile(page, "Why is the reward flat?").click()
    page.locator("[data-chart=reward] .lab-gloss-button").click()
    page.wait_for_selector(".lab-gloss dt code")
    assert "<img src=x" in page.inner_text(".lab-gloss")
    assert page.locator(".lab-diagnosis img, .lab-gloss img, .lab-chart img").count() == 0
    assert page.evaluate("window.hacked") is None


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_open_answer_fits(visit: Callable, width: int) -> None:
    page = visit(RECORDED).page
    page.set_viewport_size({"width": width, "height": 800})
    diagnosed(page)
    drawn(page)
    for one in page.locator(".lab-finding").all():
        one.click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for part in (".lab-finding-question", ".lab-finding-words"):
            words = one.locator(part)
            cut = words.evaluate("e => e.scrollHeight > e.clientHeight + 1")
            wide = words.evaluate("e => e.scrollWidth > e.clientWidth + 1")
            assert not cut and not wide, words.inner_text()
    page.locator(".lab-finding-detail .lab-gloss-button").first.click()
    page.wait_for_selector(".lab-gloss dt code")
    box = page.locator(".lab-gloss").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


def shown_shades(page) -> set[str]:
    names = page.evaluate("[...document.querySelectorAll('.lab-card .tk')].map(e => e.className)")
    return {name for text in names for name in text.split()} - {"tk", "tag"}


def test_tokens_are_shaded_by_a_choice_that_stays(visit: Callable, dashboard) -> None:
    path = create_run(dashboard.runs, "shades", GRPOConfig(generation_batch_size=32))
    with RunWriter(path) as writer:
        for index in range(1, 4):
            step = fake_run.make_step(index, writer.run.config)
            for c in (c for group in step.groups for c in group.completions):
                rng = np.random.default_rng(len(c))
                c.logprobs = (c.old_logprobs + rng.normal(0, 0.3, len(c))).astype(np.float32)
                c.values = rng.normal(0, 1, len(c)).astype(np.float32)
                c.token_advantages = rng.normal(0, 1, len(c)).astype(np.float32)
            writer.append(step)
    page = visit("#run=shades&step=2").page
    page.wait_for_selector(".lab-card [data-token]")
    choice = page.get_by_label("Tokens shaded by")
    assert choice.input_value() == "push"
    assert shown_shades(page) <= {f"{way}{level}" for way in "pn" for level in range(1, 5)}
    expected = {"logprob": "s", "entropy": "s", "kl": "s", "ratio": "pn", "value": "pn"}
    for name, ways in (expected | {"advantage": "pn"}).items():
        choice.select_option(name)
        wait(page, "name => location.hash.includes(`shade=${name}`)", name)
        drawn(page)
        found = shown_shades(page)
        assert ("held" in found) == (name == "ratio")
        assert {shade[0] for shade in found - {"held"}} == set(ways), (name, found)
    choice.select_option("ratio")
    held = page.locator(".lab-card .tk.held").first
    held.scroll_into_view_if_needed()
    drawn(page)  # what scrolls away under the pointer is let go of
    held.hover()
    page.wait_for_selector(".lab-tip:not([hidden])")
    tip = page.inner_text(".lab-tip")
    assert "held back by the clip" in tip and "critic expected" in tip and "advantage" in tip
    page.get_by_role("button", name="What is the shading?").click()
    page.wait_for_selector(".lab-gloss dt code")
    assert explain("ratio").meaning in page.inner_text(".lab-gloss")
    page.reload()
    page.wait_for_selector(".lab-card [data-token]")
    assert page.get_by_label("Tokens shaded by").input_value() == "ratio"
    page.goto(page.url.split("#")[0] + RECORDED)  # not recorded there: the push, said in the list
    wait(
        page, "() => document.querySelector('.lab-run-name')?.textContent === 'countdown-recorded'"
    )
    wait(page, "() => document.querySelector('.lab-board')?.dataset.step === '9'")
    assert page.get_by_label("Tokens shaded by").input_value() == "push"
    assert page.locator("option[value=ratio]").is_disabled()
