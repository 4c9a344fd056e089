"""Everybody can use it: names, keyboard, contrast, not by colour alone, narrow, without motion."""

import re
from collections.abc import Callable

import pytest
from waits import at_rest, drawn, wait

pytestmark = pytest.mark.browser

HELD = "#run=recorded%3Acountdown-recorded&step=9"
TOOLS = ["formula", "whatif", "step", "compare", "fork"]
# where a page's states differ most: what is open, and what must be there before it is looked at
STATES = {
    "plain": HELD,
    "formula": f"{HELD}&tool=formula&token=0.3",
    "what if": f"{HELD}&tool=whatif",
    "step": f"{HELD}&tool=step&stage=3",
    "compare": f"{HELD}&tool=compare",
    "fork": f"{HELD}&tool=fork",
    "change": f"{HELD}&shade=change",
    "ratio": f"{HELD}&shade=ratio",
    "tour": "#tour=4",
}

# What has to have a name; a figure's picture has its name.
USED = frozenset((
    "button", "link", "textbox", "combobox", "slider", "spinbutton", "checkbox", "radio", "tab",
    "searchbox", "switch", "menuitem", "listbox", "img", "image", "dialog", "region", "progressbar",
))  # fmt: skip

# Text of the page with the ratio of its colour to what lies behind it, where that is below what
# WCAG 2 asks (1.4.3): 4.5, or 3 for large text. Disabled controls are exempt.
CONTRAST = """() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith("color(") ? [r * 255, g * 255, b * 255, a] : [r, g, b, a];
  };
  const over = ([r, g, b, a], under) =>
    [r, g, b].map((value, i) => value * a + under[i] * (1 - a));
  const behind = (element) => {
    const layers = [];
    for (let node = element; node; node = node.parentElement) {
      const style = getComputedStyle(node);
      if (style.backgroundImage !== "none") return null; // a pattern: looked at by eye
      const colour = parse(style.backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    const ground = layers[layers.length - 1]?.[3] === 1 ? layers.pop() : [255, 255, 255, 1];
    return layers.reverse().reduce((under, layer) => over(layer, under), ground.slice(0, 3));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((value) => {
      const c = value / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    const shows = { opacityProperty: true, visibilityProperty: true };
    if (!text || !element.checkVisibility(shows)) continue;
    if (element.closest("script, style, option, :disabled, [aria-disabled=true]")) continue;
    const style = getComputedStyle(element);
    const ground = behind(element);
    if (!ground || !element.getClientRects().length) continue;
    let opacity = 1;
    for (let node = element; node; node = node.parentElement) {
      opacity *= Number(getComputedStyle(node).opacity);
    }
    const svg = element.namespaceURI.endsWith("svg");
    const ink = parse(svg ? style.fill : style.color);
    ink[3] *= opacity;
    const value = ratio(over(ink, ground), ground);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    seen += 1;
    if (value < (large ? 3 : 4.5)) {
      const name = element.className?.baseVal ?? element.className;
      found.push(`${value.toFixed(2)} ${name} "${text.slice(0, 40)}"`);
    }
  }
  return [seen, [...new Set(found)]];
}"""

# What is told by a shape of a colour: 3 to what lies behind it (WCAG 2, 1.4.11).
GRAPHICS = """() => {
  const style = getComputedStyle(document.querySelector(".lab"));
  const probe = document.body.appendChild(document.createElement("i"));
  const colour = (name) => {
    probe.style.color = style.getPropertyValue(name);
    return getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
  };
  const light = (values) => {
    const [r, g, b] = values.map((value) => {
      const c = value / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const names = ["--lab-0", "--lab-1", "--lab-2", "--lab-3", "--lab-up", "--lab-down",
                 "--lab-good", "--lab-focus", "--lab-dead"];
  const found = names.map((name) => {
    const [high, low] = [light(colour(name)), light(colour("--lab-panel"))].sort((x, y) => y - x);
    return [name, (high + 0.05) / (low + 0.05)];
  });
  probe.remove();
  return found;
}"""

# Elements that the keyboard should reach, each with a number of its own.
REACHABLE = """() => {
  const wanted = "a[href], button:not([disabled]), input:not([disabled]), select:not([disabled]), "
    + "textarea:not([disabled]), [tabindex]:not([tabindex^='-'])";
  const found = [...document.querySelectorAll(wanted)].filter(
    (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length
      && e.tabIndex >= 0 && !e.closest("[inert]") && e.type !== "radio");
  found.forEach((element, i) => (element.dataset.reach = i));
  const name = (e) => e.ariaLabel ?? e.innerText?.slice(0, 30);
  return found.map((e) => `${e.tagName} ${e.className} ${name(e)}`);
}"""

LOOK = """(e) => {
  const rings = [e, e.parentElement, e.parentElement?.parentElement].filter(Boolean).map((node) => {
    const s = getComputedStyle(node);
    return [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.borderColor].join();
  });
  return rings.join("|");
}"""


# What is in a tool once the server has answered.
TOOLS_HAVE = {
    "formula": ".lab-lens-line math",
    "what if": ".lab-weights input:not([disabled])",
    "step": ".lab-ledger tbody tr",
    "compare": ".lab-side-text span",
    "fork": ".lab-tool-fork",
}


def at(visit: Callable, state: str, color_scheme: str = "light", **options: object):
    """A page in a state, drawn and at rest."""
    options |= {"reduced_motion": "reduce", "color_scheme": color_scheme}
    page = visit(STATES[state], **options).page
    page.wait_for_selector("#lab-start")
    page.wait_for_selector(".lab-card [data-token]")
    if state == "tour":
        wait(page, "() => document.querySelector('.lab-tour')?.hidden === false")
    elif "tool=" in STATES[state]:
        page.wait_for_selector(TOOLS_HAVE[state])
    wait(
        page,
        "() => ![...document.querySelectorAll('.lab-finding')].some((e) => /…/.test(e.innerText))",
    )
    dark = str(color_scheme == "dark").lower()
    wait(page, f"() => document.body.classList.contains('dark') === {dark}")
    page.wait_for_load_state("networkidle")
    at_rest(page)
    return page


def names_missing(page) -> list[str]:
    """Roles of the nodes of Chromium's accessibility tree that lack a name."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    used = [n for n in tree if n.get("role", {}).get("value") in USED]
    assert len(used) >= 3
    return [
        node["role"]["value"]
        for node in used
        if not node["ignored"] and not str(node.get("name", {}).get("value", "")).strip()
    ]


@pytest.mark.parametrize("state", STATES)
def test_everything_that_can_be_used_has_a_name(visit: Callable, state: str) -> None:
    page = at(visit, state)
    if state == "plain":
        for accordion in ("#lab-options", "#lab-experiments"):
            page.click(f"{accordion} > button")
        page.wait_for_selector("#lab-options input")
        page.wait_for_selector(".lab-experiment")
        at_rest(page)
        wait(page, "() => !document.querySelector('.dropdown-arrow:not([aria-hidden])')")
    assert names_missing(page) == []


def test_every_control_is_reached_by_tab_and_shows_it(visit: Callable) -> None:
    page = at(visit, "formula")
    wanted = page.evaluate(REACHABLE)
    assert len(wanted) > 40
    page.evaluate("document.activeElement.blur()")
    reached: dict[int, bool] = {}
    plain = {i: page.locator(f"[data-reach='{i}']").evaluate(LOOK) for i in range(len(wanted))}
    for _ in range(3 * len(wanted)):
        page.keyboard.press("Tab")
        number = page.evaluate("document.activeElement?.dataset.reach ?? null")
        if number is None:
            continue
        number = int(number)
        if number in reached:
            break
        reached[number] = page.evaluate(f"({LOOK})(document.activeElement)") != plain[number]
    missed = [wanted[i] for i in range(len(wanted)) if i not in reached]
    assert missed == []
    unseen = [wanted[i] for i, seen in reached.items() if not seen]
    assert unseen == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_text_stands_out_from_what_lies_behind_it(visit: Callable, state: str, scheme: str) -> None:
    page = at(visit, state, color_scheme=scheme)
    if state == "plain":
        for accordion in ("#lab-options", "#lab-experiments"):
            page.click(f"{accordion} > button")
        page.wait_for_selector(".lab-experiment")
        at_rest(page)
    seen, weak = page.evaluate(CONTRAST)
    assert seen > 150
    assert weak == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_a_colour_says_can_be_seen(visit: Callable, scheme: str) -> None:
    page = at(visit, "plain", color_scheme=scheme)
    ratios = page.evaluate(GRAPHICS)
    assert [(name, round(ratio, 2)) for name, ratio in ratios if ratio < 3] == []


def test_nothing_is_said_by_colour_alone(visit: Callable) -> None:
    page = at(visit, "plain")
    dashes = page.evaluate(
        """[...document.querySelectorAll('.lab-chart')].map((chart) =>
             [...chart.querySelectorAll('.lab-legend path')].map(
               (line) => getComputedStyle(line).strokeDasharray))"""
    )
    assert max(map(len, dashes)) >= 3
    for lines in dashes:
        assert len(set(lines)) == len(lines)  # the lines of a chart differ by their dashes
    for card in page.locator(".lab-card").all():
        sign = card.get_attribute("data-sign")
        said = card.locator(".lab-adv").inner_text()
        assert said[0] == {"up": "+", "down": "−", "flat": "0"}[sign]
    strong = page.evaluate(
        """[...document.querySelectorAll('.tk.p4, .tk.n4')].slice(0, 200).map((e) => {
             const style = getComputedStyle(e);
             const line = style.boxShadow !== 'none' ? 'solid'
               : style.borderBottomStyle !== 'none' ? style.borderBottomStyle : 'no';
             return [e.classList.contains('p4') ? 'p4' : 'n4', line];
           })"""
    )
    assert {tuple(pair) for pair in strong} <= {("p4", "solid"), ("n4", "dashed")}
    assert strong
    for tile in page.locator(".lab-finding").all_inner_texts():
        assert re.search(r"(fine|look|trouble|unknown):", tile)
    for group in page.locator(".lab-group-dead").all():
        assert "all tie" in group.inner_text()
    assert page.locator(".lab-status").first.inner_text() == "recorded"


@pytest.mark.parametrize("state", STATES)
def test_a_phone_needs_no_scrolling_to_the_side(visit: Callable, state: str) -> None:
    page = visit(STATES[state]).page
    page.set_viewport_size({"width": 390, "height": 780})
    page.wait_for_selector(".lab-card [data-token]")
    page.wait_for_selector("#lab-start")
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for accordion in ("#lab-options", "#lab-experiments"):
        page.locator(f"{accordion} > button").evaluate("(button) => button.click()")
    page.wait_for_selector("#lab-options input", state="attached")
    page.wait_for_selector(".lab-experiment", state="attached")
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_nothing_moves_by_itself_where_motion_is_not_welcome(visit: Callable) -> None:
    page = visit("", reduced_motion="reduce").page
    page.wait_for_selector("#lab-start")
    page.wait_for_selector(".lab-card [data-token]")
    assert not page.evaluate("grpoLab.session.playing")
    page.evaluate("document.querySelector('.lab-tour-go').click()")
    wait(page, "() => document.querySelector('.lab-tour')?.hidden === false")
    running = page.evaluate(
        """document.getAnimations().filter((a) => a.playState === 'running'
             && document.querySelector('.lab')?.contains(a.effect.target)).length"""
    )
    assert running == 0


def test_the_language_and_the_title_are_told(visit: Callable) -> None:
    page = at(visit, "plain")
    assert page.evaluate("document.documentElement.lang").startswith("en")
    assert page.title() == "GRPO Lab"
    levels = page.evaluate("[...document.querySelectorAll('h1')].map((e) => e.innerText)")
    assert levels == ["GRPO Lab"]


# --- a class, and what opens over the page -----------------------------------------------------


@pytest.fixture
def teacher(watch: Callable, classroom, request: pytest.FixtureRequest):
    """A teacher who has asked which completion has the highest advantage."""
    scheme = getattr(request, "param", "light")
    page = watch(classroom.url, color_scheme=scheme, reduced_motion="reduce").page
    page.goto(classroom.teacher_url)
    page.wait_for_selector("#lab-start", state="attached")
    page.evaluate("(hash) => { location.hash = hash; }", HELD)
    wait(page, "() => document.querySelector('.lab-board')?.dataset.step === '9'")
    wait(page, "() => globalThis.grpoLab?.session?.classroom != null")
    page.evaluate(
        """async () => {
          const { source, record } = grpoLab.session;
          const { run, step, group } = record;
          await source.post("class/poll", { kind: "advantage", run, step, group });
        }"""
    )
    wait(page, "() => grpoLab.session.classroom?.poll?.state === 'open'")
    yield page
    page.evaluate(
        """async () => {
          const { source, classroom } = grpoLab.session;
          if (classroom.poll) await source.post("class/poll/" + classroom.poll.id, { want: "end" });
        }"""
    )


@pytest.mark.parametrize("teacher", ["light", "dark"], indirect=True)
def test_a_teacher_s_page_can_be_read_and_is_named(teacher) -> None:
    teacher.wait_for_load_state("networkidle")
    teacher.wait_for_selector(".lab-class-poll:not([hidden])")
    at_rest(teacher)
    seen, weak = teacher.evaluate(CONTRAST)
    assert seen > 100 and weak == []
    assert names_missing(teacher) == []
    teacher.set_viewport_size({"width": 390, "height": 780})
    drawn(teacher)
    assert teacher.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_student_s_pages_can_be_read_and_are_named(
    watch: Callable, classroom, teacher, scheme: str
) -> None:
    page = watch(classroom.url, color_scheme=scheme, reduced_motion="reduce").page
    page.set_viewport_size({"width": 390, "height": 780})
    page.get_by_label("Class code").wait_for()
    at_rest(page)
    seen, weak = page.evaluate(CONTRAST)
    assert seen >= 4 and weak == []
    assert names_missing(page) == []
    page.get_by_label("Class code").fill(classroom.code)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Join").click()
    page.wait_for_selector(".lab-class[data-role=student]")
    page.evaluate("(hash) => { location.hash = hash; }", HELD)
    wait(page, "() => document.querySelector('.lab-board')?.dataset.step === '9'")
    wait(page, "() => globalThis.grpoLab?.session?.classroom?.poll != null")
    page.wait_for_load_state("networkidle")
    page.wait_for_selector(".lab-class-poll:not([hidden])")
    at_rest(page)
    seen, weak = page.evaluate(CONTRAST)
    assert seen > 100 and weak == []
    assert names_missing(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_shared_and_asked_can_be_read(visit: Callable, scheme: str) -> None:
    page = at(visit, "plain", color_scheme=scheme)
    page.locator(".lab-share > button").click()
    page.locator(".lab-share-menu").wait_for()
    at_rest(page)
    assert page.evaluate(CONTRAST)[1] == []
    assert names_missing(page) == []
    page.keyboard.press("Escape")
    page.locator(".lab-finding").first.click()
    wait(page, "() => document.querySelector('.lab-finding-detail')?.hidden === false")
    page.locator(".lab-chart .lab-gloss-button").first.click()
    page.locator(".lab-gloss dt").first.wait_for()
    at_rest(page)
    seen, weak = page.evaluate(CONTRAST)
    assert seen > 150 and weak == []
    assert names_missing(page) == []


@pytest.mark.parametrize("width", [390, 1280, 1600])
def test_the_names_of_a_reward_s_parts_are_whole(visit: Callable, width: int) -> None:
    page = visit(HELD).page
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_selector(".lab-card [data-token]")
    drawn(page)
    cut = page.evaluate(
        """[...document.querySelectorAll('.lab-rewards > span > :first-child')]
             .filter((name) => name.scrollWidth > name.clientWidth).map((e) => e.innerText)"""
    )
    assert cut == []
