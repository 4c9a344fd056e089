"""Every metric has its entry in the glossary, one click away."""

from collections.abc import Callable

import pytest
from waits import wait

from grpo_core.core.glossary import explain

pytestmark = pytest.mark.browser

HELD = "#run=recorded%3Acountdown-recorded&step=9"


def explained(page, button) -> list[str]:
    """Click a button of the glossary; the metrics that it explains, each of which has an entry."""
    button.evaluate("(e) => e.scrollIntoView({ block: 'center' })")
    button.click()
    wait(
        page,
        "() => document.querySelector('.lab-gloss:not([hidden]) dd')"
        " && !/^Reading/.test(document.querySelector('.lab-gloss dd').textContent)",
    )
    names = page.locator(".lab-gloss dt code").all_inner_texts()
    said = page.locator(".lab-gloss dd").all_inner_texts()
    assert names, button.get_attribute("aria-label")
    assert all(explain(name) for name in names)
    assert "The glossary has no entry for it." not in said
    page.keyboard.press("Escape")
    wait(page, "() => !document.querySelector('.lab-gloss:not([hidden])')")
    return names


def opened(visit: Callable):
    page = visit(HELD, reduced_motion="reduce").page
    page.wait_for_selector("#lab-start")
    page.wait_for_selector(".lab-card [data-token]")
    wait(
        page,
        "() => document.querySelectorAll('.lab-finding').length === 5 &&"
        " ![...document.querySelectorAll('.lab-finding')].some((e) => /…/.test(e.innerText))",
    )
    return page


def test_every_button_of_the_glossary_has_something_to_say(visit: Callable) -> None:
    page = opened(visit)
    buttons = page.locator(".lab-gloss-button:visible, .lab-gloss-word:visible")
    assert buttons.count() > 15
    for i in range(buttons.count()):
        explained(page, buttons.nth(i))


def test_every_chart_has_one_that_names_each_of_its_lines(visit: Callable) -> None:
    page = opened(visit)
    for chart in page.locator(".lab-chart").all():
        lines = chart.locator(".lab-legend > span").count()
        assert len(explained(page, chart.locator(".lab-gloss-button"))) >= max(1, lines)


def test_every_part_of_a_reward_has_one(visit: Callable) -> None:
    page = opened(visit)
    parts = page.evaluate("Object.keys(grpoLab.session.board.completions[0].rewards)")
    assert parts
    names = explained(page, page.get_by_role("button", name="What is what a completion earns?"))
    assert {f"rewards/{part}/mean" for part in parts} | {"completion reward"} <= set(names)


def test_every_number_of_a_token_has_one(visit: Callable) -> None:
    page = opened(visit)
    names = explained(page, page.get_by_role("button", name="its numbers: what is it?"))
    entries = page.evaluate(
        """async () => (await import(new URL("lab/assets/inspector.js", document.baseURI)))
             .EXPLAINED"""
    )
    card = page.locator(".lab-card").first
    card.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
        shown = page.locator(".lab-tip dt").all_inner_texts()
        assert shown and {entries[label] for label in shown} <= set(names)


def test_all_that_a_diagnosis_rests_on_has_one(visit: Callable) -> None:
    page = opened(visit)
    for i in range(5):
        page.locator(".lab-finding").nth(i).click()
        wait(page, "() => document.querySelector('.lab-finding-detail')?.hidden === false")
        for button in page.locator(".lab-finding-metrics .lab-gloss-button").all():
            explained(page, button)
        figures = page.locator(".lab-evidence dt").all_inner_texts()
        if figures:
            about = page.locator(".lab-evidence-head .lab-gloss-word")
            named = {name.replace("_", " ") for name in explained(page, about)}
            assert set(figures) == named
        page.locator(".lab-finding").nth(i).click()


def test_every_phase_of_a_step_has_one(visit: Callable) -> None:
    page = opened(visit)
    phases = page.locator(".lab-seconds-list .lab-gloss-word")
    assert phases.count() >= 4
    for phase in phases.all():
        assert explained(page, phase)[0].startswith("seconds/")


def test_a_second_click_closes_it_where_a_clicked_button_gets_no_focus(visit: Callable) -> None:
    page = opened(visit)
    page.evaluate(  # as Safari does
        """() => addEventListener("mousedown", (event) => {
          if (!event.target.closest("button")) return;
          event.preventDefault();
          document.activeElement.blur();
        })"""
    )
    shown = "() => document.querySelector('.lab-gloss')?.hidden === false"
    hidden = "() => document.querySelector('.lab-gloss')?.hidden === true"
    buttons = page.locator(".lab-chart .lab-gloss-button")
    buttons.nth(0).click()
    wait(page, shown)
    buttons.nth(0).click()
    wait(page, hidden)
    buttons.nth(0).click()
    wait(page, shown)
    page.locator(".lab-prompt").click()  # and a click anywhere else
    wait(page, hidden)
