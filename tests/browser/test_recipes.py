"""Experiments to try: one click fills the options, and Start trains by all of them."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from waits import address, drawn, wait

from grpo_core.core.config import GRPOConfig
from grpo_core.core.recipes import RECIPES
from grpo_core.runs import Run

pytestmark = pytest.mark.browser

FIELDS = {
    "Task": "task",
    "Model": "model",
    "Steps": "max_steps",
    "Seed": "seed",
    "Group size G": "num_generations",
    "Learning rate": "learning_rate",
    "Beta": "beta",
}


def opened(visit: Callable, link: str = ""):
    watched = visit(link)
    page = watched.page
    page.wait_for_selector("#lab-start:not([disabled])")
    page.click("#lab-recipes > button")
    page.wait_for_selector(".lab-recipe >> nth=3")
    return watched


def value(label: str) -> str:
    """The expression for what stands in an option's field."""
    return (
        "[...document.querySelectorAll('#lab-options input')].find((field) => "
        f"(field.labels?.[0]?.innerText ?? field.ariaLabel ?? '').startsWith({label!r}))?.value"
    )


def test_a_click_fills_the_options_whether_they_are_open_or_not(visit: Callable) -> None:
    page = opened(visit).page
    for name, recipe in RECIPES.items():
        assert recipe.title in page.inner_text(f"#lab-recipe-{name}")
        assert recipe.look in page.inner_text(f"#lab-recipe-{name}")
    page.click("#lab-recipe-smollm2")
    wait(page, "() => document.querySelector('#lab-recipe-smollm2')?.ariaPressed === 'true'")
    page.click("#lab-options > button")
    for name in ("smollm2", "format-too-large", "no-verification", "r1-zero"):
        page.click(f"#lab-recipe-{name}")
        config = GRPOConfig.from_dict(RECIPES[name].options)
        for label, field in FIELDS.items():
            wanted = getattr(config, field)
            same = f"String({wanted!r})" if isinstance(wanted, str) else f"String({wanted})"
            wait(
                page,
                f"() => String(Number({value(label)})) === {same} || {value(label)} === {same}",
            )
        weights = dict(zip(config.reward_funcs, config.reward_weights, strict=True))
        wait(page, f"() => Number({value('format')}) === {weights['format_reward']}")
        wait(page, f"() => Number({value('accuracy')}) === {weights['accuracy_reward']}")


def test_start_trains_by_the_recipe_and_by_what_was_changed_after(
    visit: Callable, dashboard
) -> None:
    page = opened(visit).page
    page.click("#lab-recipe-smollm2")
    page.click("#lab-options > button")
    wait(page, f"() => {value('Steps')} === '40'")
    wait(page, f"() => {value('Seed')} === '0'")
    drawn(page)
    page.get_by_label("Seed", exact=True).fill("7")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("7")
    before = address(page)
    page.click("#lab-start")
    wait(page, f"() => location.href !== {before!r} && location.hash.includes('run=')")
    name = re.search(r"run=([^&]+)", address(page)).group(1)
    wait(page, f"() => document.querySelector('.lab-run-name')?.textContent === {name!r}")
    expected = GRPOConfig.from_dict(RECIPES["smollm2"].options | {"seed": 7})
    assert Run(dashboard.runs / name).config == expected
    wait(page, "() => document.querySelector('.lab-status')?.textContent === 'training'")
    page.click("#lab-stop")
    wait(page, "() => document.querySelector('.lab-status')?.textContent === 'stopped'")


def test_a_link_names_one_and_goes_before_it(visit: Callable) -> None:
    page = opened(visit, "#set=recipe:format-too-large,beta:0.25").page
    wait(
        page, "() => document.querySelector('#lab-recipe-format-too-large')?.ariaPressed === 'true'"
    )
    config = GRPOConfig.from_dict(RECIPES["format-too-large"].options)
    weights = dict(zip(config.reward_funcs, config.reward_weights, strict=True))
    said = "This link sets for the next run: experiment format-too-large, beta 0.25."
    wait(page, "words => document.querySelector('.lab-lesson')?.textContent.includes(words)", said)
    page.click("#lab-options > button")
    wait(page, f"() => Number({value('format')}) === {weights['format_reward']}")
    wait(page, f"() => {value('Beta')} === '0.25'")
    page.get_by_role("button", name="Forget them", exact=True).click()
    wait(page, f"() => Number({value('format')}) === 0.3 && Number({value('Beta')}) !== 0.25")
    wait(page, "() => !document.querySelector('.lab-recipe[aria-pressed=true]')")


@pytest.mark.parametrize("name", ["constructor", "nothing"])
def test_a_link_that_names_none_there_is_says_so_at_the_start(visit: Callable, name: str) -> None:
    watched = visit(f"#set=recipe:{name}")
    page = watched.page
    watched.expected = ["409"]  # the refusal, which the browser's console counts as an error
    page.click("#lab-start:not([disabled])")
    said = f"There is no recipe called '{name}'."
    wait(page, "words => document.querySelector('.lab-notice')?.textContent.includes(words)", said)
