"""The bench and what belongs to it: sorting, formula lens, what if, step by step, side by side."""

import re
from collections.abc import Callable

import fake_run
import numpy as np
import pytest
from playwright.sync_api import expect
from waits import PATIENCE, address, tried, wait

from grpo_core.analysis.lens import labels
from grpo_core.core.config import GRPOConfig
from grpo_core.core.glossary import explain
from grpo_core.runs import Run, RunWriter, create_run
from grpo_core.tasks import get_task

pytestmark = pytest.mark.browser

RECORDED = "#run=recorded%3Acountdown-recorded&step=9"
ADVANTAGES = "() => [...document.querySelectorAll('.lab-adv')].map(e => e.textContent)"
VALUES = f"({ADVANTAGES})().map(text => Number(text.replace('−', '-')))"
DESCENDING = f"""() => {{
  const values = {VALUES};
  return new Set(values).size > 1 && values.every((value, i) => !i || values[i - 1] >= value);
}}"""
SHIFT = """new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: 'layout-shift', buffered: false }); window.shift = 0;"""


def said(page, selector: str, words: str) -> None:
    """Wait until an element's text has these words in it."""
    has = "([selector, words]) => document.querySelector(selector)?.innerText.includes(words)"
    page.wait_for_function(has, arg=[selector, words], timeout=PATIENCE)


def moved(page, before: list[str], back: bool = False) -> None:
    """Wait until the cards' advantages are others than these, or are these again."""
    found = f"([value, back]) => (({ADVANTAGES})().join() === value) === back"
    page.wait_for_function(found, arg=[",".join(before), back], timeout=PATIENCE)


def open_tool(page, name: str) -> None:
    page.wait_for_selector(".lab-card [data-token]")
    page.get_by_role("button", name=name, exact=True).click()
    wait(
        page,
        "name => document.querySelector('.lab-tab[aria-expanded=true]')?.textContent === name",
        name,
    )


def numbers(texts: list[str]) -> list[float]:
    return [float(text.replace("−", "-")) for text in texts]


def test_cards_are_sorted_and_keep_what_was_opened(visit: Callable) -> None:
    page = visit(RECORDED).page
    page.wait_for_selector(".lab-card [data-token]")
    page.locator(".lab-card[data-card='5'] .lab-open").click()
    page.evaluate("document.querySelectorAll('.lab-card').forEach(e => e.mine = 1)")
    choice = page.get_by_label("Sorted by")
    choice.select_option("advantage")
    wait(page, "() => location.hash.includes('sort=advantage')")
    wait(page, DESCENDING)
    assert page.locator(".lab-card-open").get_attribute("data-card") == "5"
    assert page.evaluate("[...document.querySelectorAll('.lab-card')].every(e => e.mine)")
    page.locator(".lab-card").nth(3).focus()
    focused = page.evaluate("document.activeElement.dataset.card")
    page.get_by_role("button", name="One step forward").evaluate("e => e.click()")
    wait(page, "() => document.querySelector('.lab-board')?.dataset.step === '10'")
    assert page.evaluate("document.activeElement.dataset.card") == focused
    shown = numbers(page.evaluate(ADVANTAGES))
    assert shown == sorted(shown, reverse=True)
    page.reload()
    page.wait_for_selector(".lab-card [data-token]")
    assert page.get_by_label("Sorted by").input_value() == "advantage"
    page.get_by_label("Sorted by").select_option("sample")
    places = "[...document.querySelectorAll('.lab-card')].map(e => e.dataset.card).join()"
    wait(page, f"wanted => {places} === wanted", ",".join(map(str, range(16))))


def test_a_token_and_its_formula(visit: Callable, dashboard, shipped) -> None:
    page = visit(RECORDED).page
    page.wait_for_selector(".lab-card [data-token]")
    page.locator("[data-card='2'] [data-token='4']").click()
    open_tool(page, "Formula")
    page.wait_for_selector(".lab-lens-line math")
    assert "token=2.4" in address(page)
    assert "token 5 of" in page.inner_text(".lab-lens-head")
    c = Run(shipped / "countdown-recorded").group(9, 0).completions[2]
    assert page.inner_text(".lab-lens-token").strip() == c.tokens[4]
    line = page.locator("[data-line=advantage]").inner_text()
    assert line.replace("−", "-").rstrip().endswith(f"{c.advantage:.4g}"), line
    names = page.evaluate("[...document.querySelectorAll('[data-line]')].map(e => e.dataset.line)")
    assert names == [
        "advantage",
        "ratio",
        "surrogate",
        "distance",
        "KL",
        "share",
        "objective",
        "push",
    ]
    rho = page.locator("[data-line=surrogate] [data-symbol=rho]").first
    rho.focus()
    page.keyboard.press("Enter")
    said(page, ".lab-lens-meaning pre", "def token_level")
    meaning = re.sub(r"\s+", " ", page.inner_text(".lab-lens-meaning p >> nth=0"))
    assert meaning == re.sub(r"\s+", " ", explain("ratio").meaning)
    assert "grpo_core/algorithm/levels.py, line" in page.inner_text(".lab-lens-source >> nth=-1")
    ppo = page.get_by_role("button", name="PPO", exact=True)
    assert ppo.is_disabled()
    before = page.evaluate("[...document.querySelectorAll('.lab-card .tk')].map(e => e.className)")
    page.get_by_role("button", name="GSPO", exact=True).click()
    wait(page, "() => document.querySelector('[data-line=ratio]')?.innerText.includes('len')")
    wait(page, "() => !document.querySelector('[data-line=KL]')")
    assert page.locator(".lab-method[aria-pressed=true]").inner_text() == "GSPO"
    after = page.evaluate("[...document.querySelectorAll('.lab-card .tk')].map(e => e.className)")
    assert before != after  # the cards' weights are the preset's
    page.get_by_role("button", name="Dr. GRPO", exact=True).click()
    wait(page, "() => !document.querySelector('[data-line=advantage] [data-symbol=std]')")
    page.get_by_role("button", name="this run", exact=True).click()
    wait(page, "() => document.querySelector('[data-line=KL]')")
    page.get_by_role("button", name="The next token").click()
    wait(page, "() => location.hash.includes('token=2.5')")
    page.keyboard.press("Escape")
    wait(page, "() => !location.hash.includes('tool=')")
    expect(page.locator(".lab-bench-body")).to_be_hidden()


def test_every_method_has_its_formula(visit: Callable) -> None:
    page = visit(RECORDED + "&tool=formula&token=1.3").page
    page.wait_for_selector(".lab-lens-line math")
    chosen = page.locator(".lab-method:not([disabled])").all_inner_texts()
    assert len(chosen) == 14 and {"GRPO", "DAPO", "CISPO", "RLOO", "REINFORCE"} <= set(chosen)
    for name in chosen:
        page.get_by_role("button", name=name, exact=True).click()
        wait(
            page,
            "name => document.querySelector('.lab-method[aria-pressed=true]')"
            "?.textContent === name",
            name,
        )
        said(page, ".lab-lens-left", "Recorded push" if name == "this run" else f"A trial: {name}.")
        tried(page)
        row = page.locator(
            ".lab-lens-methods tr", has=page.get_by_role("button", name=name, exact=True)
        )
        push = numbers([row.locator("td").nth(4).inner_text()])[0]
        worked = page.locator("[data-line=push] > b").inner_text().removeprefix("= ")
        assert numbers([worked])[0] == pytest.approx(push, rel=6e-2), name  # two digits
        assert page.locator("[data-line=surrogate] math").count() == 2, name


def test_a_formula_of_an_unknown_kind_is_an_error(visit: Callable) -> None:
    """It is never drawn as something else."""
    page = visit(RECORDED).page
    page.wait_for_selector(".lab-card [data-token]")
    tried = """async ([nodes, forms]) => {
      const { draw, written } = await import("./lab/assets/tools/notation.js");
      try {
        return draw(nodes, (name) => written(forms, name)).map((e) => e.outerHTML).join("");
      } catch (error) {
        return error.message;
      }
    }"""
    right = page.evaluate(
        tried, [[["sym", "x"], ["op", "·"], ["num", "2"]], {"x": ["word", "<b>"]}]
    )
    assert "&lt;b&gt;" in right and "<b>" not in right  # text, whatever it holds
    wrong = page.evaluate(tried, [[["html", "<b>"]], {}])
    assert wrong == "A formula has no part of the kind 'html'."
    assert page.evaluate(tried, [[["sym", "y"]], {}]) == "Nothing says how to write 'y'."
    assert "no part of the kind 'toString'" in page.evaluate(tried, [[["toString"]], {}])


def test_weights_move_the_advantages_at_once(visit: Callable) -> None:
    page = visit(RECORDED).page
    page.wait_for_selector(".lab-card [data-token]")
    recorded = page.evaluate(ADVANTAGES)
    open_tool(page, "What if")
    page.wait_for_selector(".lab-weights input:not([disabled])")
    page.evaluate(SHIFT)
    page.locator(".lab-weights input").nth(0).fill("0")
    page.locator(".lab-weights input").nth(1).fill("-1")
    moved(page, recorded)
    formed = page.evaluate(
        """[...document.querySelectorAll('.lab-rewards')]
           .map(e => Number(e.children[1].lastChild.textContent))"""
    )
    signs = f"formed => {VALUES}.every((value, i) => (value < 0) === (formed[i] === 1))"
    wait(page, signs, formed)
    page.locator(".lab-weights input").nth(1).fill("0")
    said(page, ".lab-whatif-said", "std = 0: no learning signal")
    wait(
        page,
        "() => [...document.querySelectorAll('.lab-adv')].every(e => e.textContent === '0.00')",
    )
    assert page.locator(".lab-dead").is_visible()
    assert page.evaluate("window.shift") < 0.02
    page.get_by_role("button", name="Back to the record").click()
    moved(page, recorded, back=True)


def test_an_edited_completion_is_scored_by_the_verifier(visit: Callable, shipped) -> None:
    watched = visit(RECORDED + "&tool=whatif")
    page = watched.page
    page.wait_for_selector(".lab-weights input:not([disabled])")
    group = Run(shipped / "countdown-recorded").group(9, 0)
    wrong = next(i for i, c in enumerate(group.completions) if not c.rewards["accuracy_reward"])
    page.get_by_label("Edit completion").select_option(index=wrong)
    text = page.get_by_label("The completion's text")
    assert text.input_value().split() == group.completions[wrong].text.split()
    before = numbers(page.evaluate(ADVANTAGES))
    answer = " + ".join(map(str, group.columns["numbers"]))
    text.fill(f"<think> easy </think> <answer> {answer} </answer>")
    wait(
        page,
        "() => document.querySelector('.lab-edit-score')"
        "?.textContent.includes('evaluated by the run')",
    )
    said = page.inner_text(".lab-edit-score")
    assert "accuracy 1, format 1; reward 1.3" in said
    after = numbers(page.evaluate(ADVANTAGES))
    assert after[wrong] > before[wrong]
    others = [i for i in range(16) if i != wrong]
    assert all(after[i] <= before[i] for i in others) and sum(after) < sum(before) + 0.2
    card = page.locator(f".lab-card[data-card='{wrong}']")
    assert "edited" in card.inner_text() and "easy" in card.inner_text()
    text.fill(
        "<img src=x onerror=window.hacked=1><script>window.hacked=2</script>${window.hacked=3}"
        + "z" * 5000
    )
    wait(page, "() => document.querySelector('.lab-edit-score')?.textContent.includes('reward 0')")
    assert len(text.input_value()) <= 4000
    assert page.evaluate("window.hacked") is None
    assert "<script>window.hacked=" in card.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="As it was sampled").click()
    wait(page, "i => !document.querySelector(`.lab-card[data-card='${i}'][data-edited]`)", wrong)
    wait(page, f"before => {VALUES}.join() === before.join()", before)


def test_a_step_a_stage_at_a_time(visit: Callable) -> None:
    page = visit(RECORDED).page
    open_tool(page, "Walkthrough")
    wait(page, "() => document.querySelector('.lab-board')?.dataset.stage === '1'")
    visible = "name => getComputedStyle(document.querySelector(`.lab-card ${name}`)).visibility"
    assert page.evaluate(visible, ".lab-rewards") == "hidden"
    assert page.evaluate(visible, ".lab-adv") == "hidden"
    assert "sampled 16 completions" in page.inner_text(".lab-stage-said")
    rows = []
    for stage, words in enumerate(
        ["not a reward model", "its own baseline", "part of the loss", "Under the new weights"], 2
    ):
        page.locator(".lab-stages-line").get_by_role("button", name="Next", exact=True).click()
        wait(page, "s => document.querySelector('.lab-board')?.dataset.stage === s", str(stage))
        wait(page, "w => document.querySelector('.lab-stage-said')?.innerText.includes(w)", words)
        rows.append(page.locator(".lab-ledger tbody tr").count())
        assert (page.evaluate(visible, ".lab-rewards") == "visible") == (stage >= 2)
        assert (page.evaluate(visible, ".lab-adv") == "visible") == (stage >= 3)
    assert rows == sorted(set(rows)) and rows[-1] >= 9
    assert page.get_by_label("Tokens shaded by").input_value() == "change"
    told = re.search(
        r"(\d+) of \d+ tokens changed .* (\d+) of them", page.inner_text(".lab-stage-said")
    )
    moved, obeyed = int(told[1]), round(100 * int(told[2]) / int(told[1]))
    assert f"{obeyed}% of {moved} changed tokens moved as pushed" in page.inner_text(".lab-scale")
    assert 60 < obeyed < 95  # the fake run obeys in four of five
    assert "stage=5" in address(page)
    open_tool(page, "Side by side")
    wait(page, "() => !document.querySelector('.lab-board').hasAttribute('data-stage')")


def test_two_completions_side_by_side(visit: Callable, shipped) -> None:
    page = visit(RECORDED + "&tool=compare").page
    page.wait_for_selector(".lab-side-text span")
    cards = Run(shipped / "countdown-recorded").group(9, 0).completions
    best = max(range(16), key=lambda i: (cards[i].advantage, -i))
    first, second = (page.locator(".lab-side-one select").nth(k) for k in (0, 1))
    assert first.input_value() == str(best)
    first.select_option(index=0)
    second.select_option(index=0)
    assert page.locator(".lab-only").count() == 0
    second.select_option(index=1)
    code = """async ([a, b]) => {
      const address = new URL("lab/assets/tools/compare.js", document.baseURI);
      return (await import(address)).common(a, b);
    }"""
    left, right = page.evaluate(code, [list("ABCBDAB"), list("BDCABA")])
    assert sum(left) == sum(right) == 4
    kept = "".join(t for t, s in zip("ABCBDAB", left, strict=True) if s)
    assert kept == "".join(t for t, s in zip("BDCABA", right, strict=True) if s)
    only = page.locator(".lab-only").count()
    shared = int(re.match(r"\d+", page.inner_text(".lab-tool-compare > p")).group())
    assert only == len(cards[0].tokens) + len(cards[1].tokens) - 2 * shared


@pytest.mark.parametrize("tool", ["formula", "whatif", "step", "compare"])
def test_hostile_completions_in_the_bench(visit: Callable, dashboard, tool: str) -> None:
    if not (dashboard.runs / "bench-hostile").exists():
        fake_run.record(dashboard.runs, "bench-hostile", steps=2, seed=666)
    page = visit(f"#run=bench-hostile&step=2&tool={tool}").page
    page.wait_for_selector(".lab-card [data-token]")
    page.wait_for_selector(f".lab-tool-{tool}")
    for card in range(8):
        page.locator(f"[data-card='{card}'] [data-token]").first.evaluate("e => e.click()")
        page.wait_for_selector(f"[data-card='{card}'] [data-chosen]", state="attached")
        tried(page)
    assert page.evaluate("window.hacked") is None
    assert page.locator(".lab-bench img, .lab-bench script, .lab-bench style").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_bench_is_flat_while_training_goes_on(visit: Callable, dashboard) -> None:
    path = create_run(dashboard.runs, "bench-live", GRPOConfig(generation_batch_size=32))

    def append(first: int, last: int) -> None:
        with RunWriter(path) as writer:
            for index in range(first, last + 1):
                writer.append(fake_run.make_step(index, writer.run.config))

    append(0, 3)
    page = visit("#run=bench-live").page
    open_tool(page, "What if")
    page.wait_for_selector(".lab-weights input:not([disabled])")
    page.locator(".lab-weights input").nth(1).fill("1")
    wait(page, "() => grpoLab.session.trial.active")
    tried(page)
    nodes = page.evaluate("document.querySelectorAll('.lab-bench *').length")
    page.evaluate(SHIFT)
    for step in range(4, 9):
        append(step, step)
        wait(page, "s => document.querySelector('.lab-board')?.dataset.step === String(s)", step)
        tried(page)
    assert page.evaluate("document.querySelectorAll('.lab-bench *').length") == nodes
    assert page.evaluate("window.shift") < 0.02
    rewards = page.evaluate(
        """[...document.querySelectorAll('.lab-rewards')]
           .map(e => [...e.querySelectorAll('b')].map(b => Number(b.textContent)))"""
    )
    for accuracy, formed, total in rewards:
        assert total == pytest.approx(accuracy + formed)  # the weight stays as it was moved
    with RunWriter(path) as writer:  # or it counts as training while the next tests look
        writer.write_state(status="finished")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (768, "dark"), (1280, "light")])
@pytest.mark.parametrize("tool", ["formula", "whatif", "step", "compare"])
def test_no_tool_overflows(visit: Callable, width: int, scheme: str, tool: str) -> None:
    size = {"width": width, "height": 900}
    page = visit(RECORDED + f"&tool={tool}", viewport=size, color_scheme=scheme).page
    page.wait_for_selector(".lab-card [data-token]")
    page.wait_for_selector(f".lab-tool-{tool}")
    tried(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    nameless = page.evaluate(
        """[...document.querySelectorAll('.lab-bench :is(button, input, select, textarea)')]
           .filter(e => e.offsetParent && !e.innerText && !e.labels?.length)
           .filter(e => !e.getAttribute('aria-label')).length"""
    )
    assert nameless == 0


def test_a_conversations_question_and_all_of_it(visit: Callable, dashboard) -> None:
    problem = get_task("arithmetic").problems("train")[0]
    path = create_run(dashboard.runs, "talk", GRPOConfig(generation_batch_size=32))
    with RunWriter(path) as writer:
        step = fake_run.make_step(1, writer.run.config)
        step.groups[0].prompt = problem.prompt
        for c in step.groups[0].completions:
            c.advantage = 0.0
        step.groups[1].completions[0].reward = step.groups[1].completions[1].reward
        writer.append(step)
        writer.write_state(status="finished")
    page = visit("#run=talk&step=1").page
    page.wait_for_selector(".lab-card [data-token]")
    asked = problem.prompt.rpartition("User: ")[2]
    assert page.inner_text(".lab-prompt") == asked
    page.get_by_role("button", name="whole prompt").click()
    wait(page, "() => document.querySelector('.lab-prompt')?.textContent.includes('Assistant:')")
    assert page.locator(".lab-prompt").evaluate("e => e.textContent") == problem.prompt
    assert page.locator(".lab-dead").is_visible()  # no advantage, though rewards differ
    assert np.ptp(step.groups[0].rewards) > 0
    page.get_by_role("button", name=re.compile("Group 2")).click()
    wait(page, "() => location.hash.includes('group=1')")
    wait(page, "() => document.querySelector('.lab-whole').hidden")


def test_the_atlas_of_a_run(visit: Callable, shipped) -> None:
    page = visit(RECORDED).page
    page.wait_for_selector(".lab-card [data-token]")
    said(page, ".lab-atlas-said", "step 9, group 1: mean reward")
    said(page, ".lab-atlas-said", "well-formed · Use")
    said(page, ".lab-atlas-row", "well-formed, step 1")
    said(page, ".lab-atlas-row", "backtracked, step")
    run = Run(shipped / "countdown-recorded")
    page.get_by_role("button", name=re.compile("^solved, step")).click()
    wait(page, "() => document.querySelector('.lab-board')?.dataset.step === '1'")
    wait(page, "() => location.hash.includes('token=')")
    page.wait_for_selector("[data-chosen]")
    chosen = page.locator("[data-chosen]").locator("xpath=ancestor::article")
    named = re.search(r"group=(\d+)", address(page))
    group = int(named.group(1)) if named else 0
    place = int(chosen.get_attribute("data-card"))
    assert run.group(1, group).completions[place].rewards["accuracy_reward"] == 1
    before = [
        g
        for g in range(group)
        if any(c.rewards["accuracy_reward"] for c in run.group(1, g).completions)
    ]
    assert not before
    canvas = page.locator(".lab-atlas-map")
    box = canvas.bounding_box()
    wide = (box["width"] - 58) / 12
    canvas.click(position={"x": 58 + 6.5 * wide, "y": 2.5 * 11})
    wait(page, "() => document.querySelector('.lab-board')?.dataset.step === '7'")
    said(page, ".lab-atlas-said", "step 7, group 3")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    said(page, ".lab-atlas-said", "step 8, group 4")
    shades = """() => {
      const canvas = document.querySelector('.lab-atlas-map');
      const { data } = canvas.getContext('2d').getImageData(58, 0, canvas.width - 58, 88);
      const seen = new Set();
      for (let i = 0; i < data.length; i += 4) seen.add(data.slice(i, i + 4).join());
      return seen.size;
    }"""
    wait(page, f"() => ({shades})() > 8")  # drawn, and groups differ


def test_a_prompt_that_comes_again_is_followed(visit: Callable, dashboard) -> None:
    path = create_run(dashboard.runs, "again", GRPOConfig(generation_batch_size=32))
    with RunWriter(path) as writer:
        for index in range(1, 7):
            step = fake_run.make_step(index, writer.run.config)
            if index in (2, 4, 6):
                step.groups[1].prompt = "Use 1 , 2 , 3 to make 6 ."
            if index == 2:
                for c in step.groups[1].completions:
                    c.rewards["format_reward"] = 0.0
            writer.append(step)
        writer.write_state(status="finished")
    page = visit("#run=again&step=4&group=1").page
    page.wait_for_selector(".lab-card [data-token]")
    places = page.get_by_role("group", name="This prompt").get_by_role("button")
    wait(page, "() => document.querySelectorAll('.lab-atlas-row')[1].children.length === 4")
    texts = places.all_inner_texts()
    assert [text.split(":")[0] for text in texts] == ["step 2", "step 4", "step 6"]
    assert ["first well-formed" in text for text in texts] == [False, True, False]
    places.nth(2).click()
    wait(page, "() => document.querySelector('.lab-board')?.dataset.step === '6'")
    assert page.inner_text(".lab-prompt") == "Use 1 , 2 , 3 to make 6 ."


def legend(page, chart: str) -> str:
    return page.inner_text(f"[data-chart={chart}] .lab-legend")


def test_several_runs_overlaid(visit: Callable, dashboard) -> None:
    if not (dashboard.runs / "other").exists():
        fake_run.record(dashboard.runs, "other", steps=20, seed=5)
    page = visit(RECORDED).page
    page.wait_for_selector(".lab-card [data-token]")
    one = page.locator(".lab-one", has_text="other")
    one.get_by_role("button", name="overlay").click()
    said(page, "[data-chart=reward] .lab-legend", "other")
    assert one.get_by_role("button", name="overlay").get_attribute("aria-pressed") == "true"
    page.wait_for_selector("[data-chart=reward] .lab-line-other-0[d^=M]", state="attached")
    assert "with=other" in address(page)
    page.reload()
    page.wait_for_selector(".lab-card [data-token]")
    said(page, "[data-chart=reward] .lab-legend", "other")
    page.locator(".lab-one", has_text="other").get_by_role("button", name="overlay").click()
    wait(page, "() => !document.querySelector('[data-chart=reward]').innerText.includes('other')")


def test_a_fork_races_its_parent(visit: Callable, dashboard) -> None:
    path = fake_run.record(dashboard.runs, "parent", steps=8)
    (path / "checkpoints" / "step-000004").mkdir(parents=True)
    page = visit("#run=parent&step=6&tool=fork").page
    page.wait_for_selector(".lab-card [data-token]")
    expect(page.get_by_label("From the model of step")).to_have_value("4")
    method = page.get_by_label("Method")
    offered = method.locator("option").evaluate_all("all => all.map((e) => [e.value, e.text])")
    assert dict(offered) == labels() and offered[0] == ["own", "this run"]
    method.select_option(value="gspo")
    page.locator(".lab-fork").get_by_label("Beta").fill("0.02")
    page.locator(".lab-fork").get_by_label("Steps", exact=True).fill("500")
    page.get_by_role("button", name="Fork and race").click()
    wait(page, "() => !location.hash.includes('run=parent')")
    said(page, "[data-chart=reward] .lab-legend", "parent (from step 4)")
    name = re.search(r"run=([^&]+)", address(page)).group(1)
    config = Run(dashboard.runs / name).config
    assert config.beta == 0.02 and config.importance_sampling_level == "sequence"
    assert config.model.endswith("step-000004") and config.max_steps == 500
    wait(page, "() => Number(document.querySelector('.lab-board')?.dataset.step) >= 2")
    page.click("#lab-stop")
    wait(page, "() => document.querySelector('.lab-status')?.textContent === 'stopped'")
    page.get_by_role("button", name=re.compile("countdown-recorded")).click()
    said(page, ".lab-tool-fork", "This run has no saved model to fork from")


def test_escape_closes_a_tool_where_a_clicked_button_gets_no_focus(visit: Callable) -> None:
    page = visit(RECORDED).page
    open_tool(page, "What if")
    page.evaluate("document.activeElement.blur()")  # as Safari has it
    page.keyboard.press("Escape")
    wait(page, "() => !document.querySelector('.lab-tab[aria-expanded=true]')")
    assert page.evaluate("document.activeElement.textContent") == "What if"
