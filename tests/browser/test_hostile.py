"""Whatever a model writes is text: shown as it is, run by nobody, and it moves nothing.

One run holds every nasty text as prompt, completion, reward and run name; each place of the page
that shows any of them is visited.
"""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import fake_run
import numpy as np
import pytest
from waits import PATIENCE, drawn, wait

from grpo_core.app.dashboard.payloads import MAX_TEXT, MAX_TOKEN, clip
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import printable
from grpo_core.core.records import Completion
from grpo_core.runs import Run, RunWriter, create_run

pytestmark = pytest.mark.browser

NASTY = [
    "<script>window.hacked=1</script>",
    "${7*7}${window.hacked=2}{{7*7}}",
    "<img/src=x/onerror=window.hacked=3>",
    "<svg/onload=window.hacked=4>",
    "</think></think><answer></think>",
    "</textarea></title></style><b>bold</b>",
    "javascript:window.hacked=5",
    "\u202egnirts\u202c",
    "\u2066\u2067\u202eunclosed",  # bidirectional, never closed
    "zero\u200bwidth\u200d\ufeff\u2060",
    "e" + "\u0301" * 200,  # two hundred accents
    "\u0000\u001b[31m\u0007\ud83d",  # control characters, and half of a pair
    "&lt;not&amp;an&#x41;entity&gt;",
    "W" * 100_000,
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",  # from right to left
    "\n\n\n\t\r\n",
]
FOLDER = "<img src=x onerror=window.hacked=6>${window.hacked=7}\u202ename"
RUN = printable(FOLDER)  # what turns text around is written as an escape
REWARD = "<img src=x onerror=window.hacked=8>\u202e_reward"
SAID = "<img src=x onerror=window.hacked=8>"  # where it stands among words of ours
TURNING = dict.fromkeys(
    map(ord, "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
)
QUIET = """() => ({
  ran: window.hacked !== undefined,
  made: document.querySelectorAll(
    '.lab :is(img:not(.lab-class-qr), script, style, iframe, object, embed), .lab [onerror]'
  ).length,
  wide: document.documentElement.scrollWidth > innerWidth,
  tall: [...document.querySelectorAll('.lab-card:not(.lab-card-open)')]
    .filter((card) => card.offsetHeight > 260).length,
})"""


def write(path: Path) -> None:
    """Two steps: the nasty texts as words, letter by letter, and without tokens."""
    rng = np.random.default_rng(0)
    with RunWriter(path) as writer:
        for index in (1, 2):
            step = fake_run.make_step(index, writer.run.config)
            step.metrics[f"rewards/{REWARD}/mean"] = 0.5
            for g, group in enumerate(step.groups):
                group.prompt = f"{NASTY[g]} {NASTY[g + 8]} make 6"
                for i in range(len(group.completions)):
                    group.completions[i] = make(rng, NASTY[i], (g + i) % 3)
            writer.append(step)
        writer.write_state(status="finished", step=2)


def make(rng: np.random.Generator, nasty: str, shape: int) -> Completion:
    """One completion; shape 0: as words, 1: letter by letter, 2: its tokens were not recorded."""
    words = ["<think> ", nasty, " </think> ", nasty, " <answer> ", nasty, " </answer>"]
    tokens = [words, [*nasty[:2000]], []][shape]
    c = fake_run.make_completion(rng, " ".join("x" * max(1, len(tokens))), "6")
    c.text, c.tokens = "".join(tokens) or nasty, tokens
    c.rewards[REWARD] = 0.5
    c.advantage = float(rng.normal())
    c.push = c.after_logprobs = (c.logprobs * 1e-4).astype(np.float32)
    if not tokens:
        c.token_ids = c.token_ids[:0]
        for name in ("old_logprobs", "logprobs", "ref_logprobs", "entropy", "push"):
            setattr(c, name, getattr(c, name)[:0])
        c.after_logprobs = None
    return c


@pytest.fixture(scope="module")
def nasty(dashboard) -> Run:
    path = create_run(dashboard.runs, "nasty", GRPOConfig(max_steps=2))
    write(path)
    return Run(path.rename(path.with_name(FOLDER)))


def address(**view: object) -> str:
    return "#" + urlencode({"run": RUN, "step": 2, **view})


def shown(text: str, longest: int = MAX_TOKEN) -> str:
    """A token as the page shows it; of half a pair no store can keep more than that it was one."""
    return clip(text.replace("\ud83d", "\ufffd"), longest)


def quiet(page) -> None:
    """Nothing ran, nothing was made of it, and nothing stands out of the page."""
    drawn(page)
    assert page.evaluate(QUIET) == {"ran": False, "made": 0, "wide": False, "tall": 0}


def texts(page, selector: str) -> list[str]:
    return page.evaluate(
        "s => [...document.querySelectorAll(s)].map(e => e.value ?? e.textContent)", selector
    )


def has(page, selector: str, text: str) -> None:
    """Wait until an element has exactly this text, or value."""
    code = """([s, text]) => [...document.querySelectorAll(s)]
      .some((e) => (e.value ?? e.textContent) === text)"""
    try:
        page.wait_for_function(code, arg=[selector, text], timeout=PATIENCE)
    except Exception as error:
        raise AssertionError(f"{text!r} is not in {texts(page, selector)!r}") from error


@pytest.mark.parametrize("width", [1280, 390])
def test_on_the_board(visit: Callable, nasty: Run, width: int) -> None:
    page = visit(address()).page
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_selector(".lab-card [data-token]")
    for group in (0, 1, 2):  # so that each text comes in each shape
        if group:
            page.locator(".lab-group").nth(group).click()
            page.wait_for_function("g => location.hash.includes(`group=${g}`)", arg=group)
        has(page, ".lab-prompt", f"{NASTY[group]} {NASTY[group + 8]} make 6")
        for i, text in enumerate(NASTY):
            parts = texts(page, f".lab-card[data-card='{i}'] [data-token]")
            if (group + i) % 3 == 0:
                assert parts[1] == parts[3] == parts[5] == shown(text), i
            elif (group + i) % 3 == 1:
                letters = [part.removesuffix(" ") or part for part in parts]
                assert letters == [shown(letter) for letter in text[:1024]], i
            else:
                assert "".join(parts) == shown(text, MAX_TEXT), i
        quiet(page)
    titles = page.evaluate("[...document.querySelectorAll('.lab-group')].map(e => e.title)")
    for g, title in enumerate(titles):
        assert title == shown(f"{NASTY[g]} {NASTY[g + 8]} make 6", 200)
    has(page, ".lab-rewards span > span:first-child", SAID)
    has(page, ".lab-run-name", RUN)
    has(page, ".lab-item-name", RUN)
    for card in (0, 13):
        page.locator(f".lab-card[data-card='{card}'] .lab-open").click()
    quiet(page)


def test_beside_a_token(visit: Callable, nasty: Run) -> None:
    page = visit(address()).page
    page.wait_for_selector(".lab-card [data-token]")
    for card in (0, 3, 6, 9, 12):
        page.locator(f".lab-card[data-card='{card}']").focus()
        for _ in range(2):
            page.keyboard.press("ArrowRight")
        has(page, ".lab-tip-token", shown(NASTY[card]))
        quiet(page)
        page.keyboard.press("Escape")


@pytest.mark.parametrize("width", [1280, 390])
def test_in_the_atlas(visit: Callable, nasty: Run, width: int) -> None:
    page = visit(address()).page
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_selector(".lab-card [data-token]")
    wait(page, "() => document.querySelector('.lab-atlas-said')?.textContent")
    drawn(page)
    canvas = page.locator(".lab-atlas-map")
    canvas.scroll_into_view_if_needed()
    wide = canvas.bounding_box()["width"]
    for row in range(8):
        canvas.hover(position={"x": wide - 12, "y": row * 11 + 5})
        start = f"step 2, group {row + 1}: mean reward"
        wait(
            page,
            "t => document.querySelector('.lab-atlas-said')?.textContent.startsWith(t)",
            start,
        )
        said = page.locator(".lab-atlas-said").text_content()
        assert said == said.translate(TURNING)  # it reads as it should
        assert f" · {NASTY[row]}".translate(TURNING)[:40] in said
        quiet(page)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("tool", ["formula", "whatif", "step", "compare", "fork"])
def test_in_every_tool(visit: Callable, nasty: Run, tool: str, width: int) -> None:
    watched = visit(address(tool=tool, token="0.1", stage=5 if tool == "step" else 1))
    page = watched.page
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_selector(".lab-card [data-token]")
    page.wait_for_selector(f".lab-tool-{tool}:not([hidden])")
    if tool == "formula":
        watched.expected = ["409"]
        for card in (0, 3, 6, 9, 12, 15):
            page.locator(f"[data-card='{card}'] [data-token='1']").evaluate("e => e.click()")
            has(page, ".lab-lens-token", shown(NASTY[card]))
            quiet(page)
    elif tool == "whatif":
        for card in range(16):
            page.get_by_label("Edit completion").select_option(index=card)
            if card % 3 == 0:
                line = NASTY[card].replace("\r\n", "\n").replace("\r", "\n")
                whole = f"<think> {shown(line)} </think>"
                code = "t => document.querySelector('.lab-edit')?.value.startsWith(t)"
                page.wait_for_function(code, arg=whole)
            quiet(page)
    elif tool == "compare":
        for card in range(0, 16, 3):
            page.locator(".lab-side-one select").first.select_option(index=card)
            has(page, ".lab-side-text span", shown(NASTY[card]))
            quiet(page)
    elif tool == "step":
        page.wait_for_function(
            "r => document.querySelector('.lab-tool-step')?.textContent.includes(r)",
            arg=SAID,
        )
    quiet(page)


def test_the_runs_own_name(visit: Callable, nasty: Run, dashboard) -> None:
    fake_run.record(dashboard.runs, "plain", steps=3)
    page = visit("#" + urlencode({"run": "plain", "with": RUN})).page
    page.wait_for_selector(".lab-card [data-token]")
    page.wait_for_function(
        "n => document.querySelector('[data-chart=reward] .lab-legend')?.textContent.includes(n)",
        arg=RUN,
    )
    quiet(page)
    page.goto("about:blank")  # an open page would take the name out of its address by itself
    page.goto(dashboard.url + "#" + urlencode({"run": FOLDER + "gone"}))
    words = f"There is no run called {FOLDER}gone any more.".translate(TURNING)
    page.wait_for_function(
        "n => document.querySelector('.lab-notice')?.textContent.includes(n)", arg=words
    )
    quiet(page)


def test_in_the_diagnosis(visit: Callable, nasty: Run) -> None:
    page = visit(address()).page
    page.wait_for_selector(".lab-card [data-token]")
    page.wait_for_selector(".lab-finding")
    for finding in page.locator(".lab-finding").all():
        finding.click()
        quiet(page)
