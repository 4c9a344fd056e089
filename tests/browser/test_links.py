"""Lesson links in headless Chromium: what they hide and set, and the dialog that makes them."""

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from waits import address, drawn

from grpo_core.runs import Run

pytestmark = pytest.mark.browser

RECORDED = "run=recorded:countdown-recorded&step=5&group=1"


def part(page, name: str):
    return page.locator(f"[data-part={name}]")


def focusable(page) -> set[str]:
    """The parts that Tab comes to, once round the page."""
    page.wait_for_selector("#lab-start:not([disabled])")
    return set(
        page.evaluate(
            """() => [...document.querySelectorAll("button, input, select, a, [tabindex]")]
              .filter((e) => e.tabIndex >= 0 && e.checkVisibility())
              .map((e) => e.closest("[data-part]")?.dataset.part ?? e.closest("[id]").id)"""
        )
    )


def test_a_link_leaves_parts_out_for_eye_and_keyboard(visit: Callable) -> None:
    page = visit(f"#{RECORDED}&hide=charts,atlas,fork,options").page
    page.wait_for_selector(".lab-card")
    for name in ("charts", "atlas"):
        assert part(page, name).get_attribute("hidden") is not None
        expect(part(page, name)).to_be_hidden()
    assert {"diagnosis", "board", "bench"} <= focusable(page)
    assert not {"charts", "atlas"} & focusable(page)
    expect(page.locator("#lab-options, #lab-recipes").first).to_be_hidden()
    expect(page.locator("#lab-options, #lab-recipes").last).to_be_hidden()
    expect(page.get_by_role("button", name="Fork", exact=True)).to_have_count(0)
    line = page.locator(".lab-lesson")
    assert (
        "It leaves out: options of the next run, and experiments; charts; map of every group"
        in line.inner_text()
    )
    page.get_by_role("button", name="Show everything").click()
    for name in ("charts", "atlas"):
        expect(part(page, name).locator("section").first).to_be_visible()
    expect(page.locator("#lab-options")).to_be_visible()
    expect(line).to_be_hidden()
    assert "hide=" not in address(page) and "step=5" in address(page)
    page.wait_for_function(  # a chart that was hidden at first is drawn once it is not
        "() => document.querySelector('[data-part=charts] svg[role=img]')?.clientWidth > 100"
    )


def test_the_side_goes_when_nothing_is_left_in_it(visit: Callable) -> None:
    page = visit(f"#{RECORDED}&hide=runs,controls,options").page
    page.wait_for_selector(".lab-card")
    page.wait_for_selector("#lab-start", state="attached")
    expect(page.locator("#lab-side")).to_be_hidden()
    assert page.locator("#lab-body").bounding_box()["x"] < 40


def test_a_link_sets_options_before_anybody_opened_them(visit: Callable, dashboard) -> None:
    page = visit("#seed=3&set=beta:0.04,max_steps:2000,brevity_reward:0.5,epsilon:0.25").page
    page.wait_for_selector("#lab-start:not([disabled])")
    expect(page.locator(".lab-lesson")).to_contain_text(
        "This link sets for the next run: seed 3, beta 0.04, steps 2000, weight of brevity 0.5, "
        "epsilon 0.25."
    )
    page.wait_for_function("() => grpoLab.brought() === 4")
    drawn(page)  # Gradio hands on what it was given a moment later
    with page.expect_response("**/lab/api/runs") as answer:
        page.click("#lab-start")
    config = Run(dashboard.runs / answer.value.json()["run"]).config
    assert (config.seed, config.beta, config.max_steps, config.epsilon) == (3, 0.04, 2000, 0.25)
    weights = dict(zip(config.reward_funcs, config.reward_weights, strict=True))
    assert weights == {"accuracy_reward": 1, "format_reward": 0.3, "brevity_reward": 0.5}
    page.click("#lab-stop")
    page.wait_for_function("() => document.querySelector('.lab-status')?.textContent === 'stopped'")


def test_the_controls_show_what_a_link_sets_and_what_was_there(visit: Callable) -> None:
    page = visit("#seed=3&set=beta:0.04,num_generations:8").page
    page.wait_for_selector("#lab-start:not([disabled])")
    page.click("#lab-options > button")
    field = {name: page.get_by_label(name, exact=True).first for name in ("Seed", "Beta", "Steps")}
    size = page.get_by_label("Group size G", exact=True).first
    expect(field["Seed"]).to_have_value("3")
    expect(field["Beta"]).to_have_value("0.04")
    expect(field["Steps"]).to_have_value("125")
    expect(size).to_have_value("8")
    page.evaluate(  # another link, in the same page, while that changes for other reasons too
        """() => {
          location.hash = "#seed=5&set=beta:0.2";
          let frames = 0;
          const again = () => {
            grpoLab.session.touch();
            if (++frames < 30) requestAnimationFrame(again);
          };
          again();
        }"""
    )
    expect(field["Seed"]).to_have_value("5")
    expect(field["Beta"]).to_have_value("0.2")
    expect(size).to_have_value("16")
    page.get_by_role("button", name="Forget them").click()
    expect(field["Seed"]).to_have_value("0")
    expect(field["Beta"]).to_have_value("0.001")


def test_what_a_link_may_not_set_goes_nowhere(visit: Callable) -> None:
    watched = visit(
        "#set=device:cuda,model:..%2Fx,%3Cimg%20src%3Dx%3E:1&seed=%22%3E%3Cb%3E&hide=%3Cb%3E"
    )
    watched.page.wait_for_selector(".lab-card")
    expect(watched.page.locator(".lab-lesson")).to_be_hidden()
    assert not re.search("set=|seed=|hide=", address(watched.page))


def test_the_dialog_makes_a_link_that_opens_as_it_was_ticked(visit: Callable) -> None:
    page = visit(f"#{RECORDED}&shade=entropy&tool=compare").page
    page.wait_for_selector(".lab-card")
    page.get_by_role("button", name="Link to this view").click()
    dialog = page.get_by_role("dialog", name="Link to this view")
    expect(dialog).to_be_visible()
    for label in ("charts", "diagnosis", "list of runs"):
        dialog.get_by_label(label, exact=True).check()
    dialog.get_by_text("Set options of the next run").click()
    dialog.get_by_label("seed", exact=True).fill("7")
    dialog.get_by_label("beta", exact=True).fill("not <b>this</b>")
    assert dialog.get_by_label("beta", exact=True).get_attribute("aria-invalid") == "true"
    link = dialog.get_by_label("Link", exact=True).input_value()
    assert "seed=7" in link and "beta" not in link
    dialog.get_by_label("beta", exact=True).fill("0.02")
    link = dialog.get_by_label("Link", exact=True).input_value()
    other = visit(link[link.index("#") :]).page
    other.wait_for_selector(".lab-card")
    view = "() => JSON.stringify(grpoLab.session.view)"
    wanted = {
        **json.loads(page.evaluate(view)),
        "hidden": ["runs", "diagnosis", "charts"],
        "settings": {"seed": "7", "beta": "0.02"},
    }
    other.wait_for_function("() => grpoLab.session.listed")
    assert json.loads(other.evaluate(view)) == wanted
    assert address(other) == link
    expect(part(other, "charts")).to_be_hidden()
    dialog.get_by_role("button", name="Show it here").click()
    expect(dialog).to_be_hidden()
    expect(part(page, "charts")).to_be_hidden()
    assert json.loads(page.evaluate(view)) == wanted


@pytest.mark.parametrize("allowed", [True, False])
def test_the_link_can_be_copied_without_any_permission(visit: Callable, allowed: bool) -> None:
    page = visit(f"#{RECORDED}").page
    page.wait_for_selector(".lab-card")
    if not allowed:  # as on a plain http address of the local network
        page.evaluate(
            "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
            "document.execCommand = () => false;"
        )
    page.get_by_role("button", name="Link to this view").click()
    dialog = page.get_by_role("dialog", name="Link to this view")
    dialog.get_by_role("button", name="Copy the link").click()
    said = "Copied." if allowed else "Selected: copy it with Ctrl-C."
    expect(dialog.get_by_role("status")).to_have_text(said)
    assert page.evaluate("getSelection().toString()") == dialog.get_by_label("Link").input_value()


def test_the_dialog_is_left_by_escape_and_gives_the_focus_back(visit: Callable) -> None:
    page = visit(f"#{RECORDED}", color_scheme="dark").page
    page.wait_for_selector(".lab-card")
    page.get_by_role("button", name="Link to this view").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("document.activeElement.textContent") == "Link to this view"


def test_the_dialog_fits_a_phone(visit: Callable) -> None:
    page = visit(f"#{RECORDED}&hide=charts&seed=3").page
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_selector(".lab-card")
    page.get_by_role("button", name="Link to this view").click()
    box = page.get_by_role("dialog").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
