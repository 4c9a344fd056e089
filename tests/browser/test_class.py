"""A class in headless Chromium: a teacher and students, each with a browser of their own.

The tests of this file share one class. Each has students of its own, and leaves no question, hunt
or lead behind.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import fake_run
import feed_frames
import pytest
from playwright.sync_api import Page, expect
from waits import address, at_rest, drawn, wait

from grpo_core.runs import Run

pytestmark = pytest.mark.browser

KEY = "recorded:countdown-recorded"
STEP, GROUP = 5, 1
PLACE = f"#run={KEY}&step={STEP}&group={GROUP}"
LOST = ["ERR_CONNECTION_REFUSED", "WebSocket", "Failed to load", "401", "403"]
TIDY = """async () => {
  const { session } = grpoLab;
  const post = (path, body) => session.source.post("class/" + path, body);
  const { poll, hunt } = session.classroom ?? {};
  if (poll) await post("poll/" + poll.id, { want: "end" });
  if (hunt) await post("hunt", { run: null });
  await post("focus", { view: null });
}"""


@pytest.fixture
def enter(watch: Callable, classroom: Any) -> Callable:
    """Open a browser at the class's address; at the end nothing may have gone wrong in it."""

    def come(path: str = "", **options: object) -> Any:
        watched = watch(classroom.url, **options)
        if path:
            watched.page.goto(classroom.url + path)
        return watched

    return come


@pytest.fixture
def teacher(enter: Callable, classroom: Any) -> Iterator[Any]:
    """The teacher, at a group of the recorded run."""
    watched = enter()
    watched.page.goto(classroom.teacher_url)
    watched.page.wait_for_selector("#lab-start", state="attached")
    go(watched.page, PLACE)
    watched.page.wait_for_function("() => grpoLab.session.classroom !== null")
    yield watched
    watched.page.evaluate(TIDY)


@pytest.fixture
def join(enter: Callable, classroom: Any) -> Callable:
    """Let a student of this name in."""

    def one(name: str, hash: str = "", **options: object) -> Any:
        watched = enter(**options)
        fill_in(watched.page, classroom.code, name)
        watched.page.wait_for_selector(".lab-class[data-role=student]")
        if hash:
            go(watched.page, hash)
        return watched

    return one


def fill_in(page: Page, code: str, name: str) -> None:
    page.get_by_label("Class code").fill(code)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Join").click()


def go(page: Page, hash: str) -> None:
    """Be at a place, and wait until its cards are there."""
    page.evaluate("(hash) => { location.hash = hash; }", hash)
    at(page, STEP if hash == PLACE else int(re.search(r"step=(\d+)", hash)[1]))


def at(page: Page, step: int) -> None:
    page.wait_for_function(
        "(step) => document.querySelector('.lab-board')?.dataset.step === String(step)"
        " && document.querySelector('.lab-card') !== null",
        arg=step,
    )


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def card(page: Page, number: int):
    """The card of a completion, counted from 1."""
    return page.locator(f".lab-card[data-card='{number - 1}']")


def tallies(page: Page) -> list[str]:
    return page.locator(".lab-tally b").all_inner_texts()


def state(page: Page) -> object:
    """What the page says about the question."""
    return page.locator(".lab-class-poll .lab-class-state")


def right(shipped) -> list[int]:
    """The completions with the highest advantage, counted from 1."""
    group = Run(shipped / "countdown-recorded").step(STEP).groups[GROUP]
    values = [c.advantage for c in group.completions]
    return [i + 1 for i, value in enumerate(values) if value == max(values)]


# --- the door ----------------------------------------------------------------------------------


def test_a_wrong_code_is_told_in_one_sentence_and_the_right_one_lets_in(
    enter: Callable, classroom: Any
) -> None:
    watched = enter()
    watched.expected = ["403"]
    page = watched.page
    assert address(page) == classroom.url + "join"
    press(page, "Join")
    expect(page.get_by_role("alert")).to_have_text(
        "Type the class code; your teacher shows it on the screen."
    )
    fill_in(page, "AAAAAA", "Ada")
    expect(page.get_by_role("alert")).to_have_text("That is not the code of this class.")
    assert page.evaluate("document.activeElement.id") == "code"
    assert page.get_by_label("Class code").get_attribute("aria-invalid") == "true"
    code = classroom.code.lower()
    fill_in(page, f" {code[:3]}-{code[3:]} ", "Ada")
    page.wait_for_selector(".lab-class[data-role=student]")
    assert address(page).split("#")[0] == classroom.url
    expect(page.locator(".lab-class-here")).to_have_text("You are Ada")


def test_the_code_of_the_picture_is_filled_in_and_a_link_survives_the_door(
    enter: Callable, classroom: Any
) -> None:
    page = enter(f"join?code={classroom.code}{PLACE}&hide=charts").page
    assert page.get_by_label("Class code").input_value() == classroom.code
    assert page.evaluate("document.activeElement.id") == "name"
    page.keyboard.type("Grace")
    page.keyboard.press("Enter")
    at(page, STEP)
    assert f"group={GROUP}" in address(page)
    expect(page.locator("[data-part=charts]")).to_be_hidden()


def test_who_opens_a_link_without_having_joined_comes_to_it_after_the_door(
    enter: Callable, classroom: Any
) -> None:
    page = enter(PLACE).page
    page.goto("about:blank")
    page.goto(classroom.url + PLACE)
    assert "/join#run=" in address(page)
    fill_in(page, classroom.code, "Emmy")
    at(page, STEP)


def test_names_are_text_and_nothing_else(join: Callable, teacher: Any) -> None:
    bad = "<img src=x onerror=window.hacked=1>"
    student = join(bad)
    turned = join("\u202eevil\u202c\u200b<b>x</b>")
    expect(student.page.locator(".lab-class-here")).to_have_text(f"You are {bad}")
    expect(turned.page.locator(".lab-class-here")).to_have_text("You are evil<b>x</b>")
    press(teacher.page, "QR code and names")
    people = teacher.page.get_by_role("list", name="Class members")
    expect(people.get_by_text(bad, exact=True)).to_be_visible()
    expect(people.get_by_text("evil<b>x</b>", exact=True)).to_be_visible()
    for watched in (student, turned, teacher):
        assert watched.page.evaluate("window.hacked") is None
        assert watched.page.locator(".lab-class img[src=x], .lab-class-people b").count() == 0


def test_a_student_has_no_control_and_a_forged_one_is_refused(join: Callable) -> None:
    watched = join("Mallory", PLACE)
    page = watched.page
    assert (
        page.locator("[id^=lab-start], #lab-buttons, #lab-options, .gradio-container").count() == 0
    )
    names = page.get_by_role("button").all_inner_texts()
    forbidden = "Start|Pause|Resume|Stop|Fork|Ask|Reveal|Close the vote|Remove|Follow me|hunt"
    assert not [name for name in names if re.search(forbidden, name)], names
    assert "Start" not in page.locator(".lab-notice").inner_text()
    assert page.get_by_role("link").count() == 0
    watched.expected = ["403"]
    answers = page.evaluate(
        """(run) => Promise.all([
          ["lab/api/runs", {}], [`lab/api/runs/${run}/control`, { want: "stop" }],
          [`lab/api/runs/${run}/fork`, { step: 0, options: {} }],
          ["lab/class/poll", { kind: "teaches", run, step: 1, group: 0 }],
          ["lab/class/focus", { view: null }], ["lab/class/hunt", { run }],
          ["lab/class/remove", { id: grpoLab.session.room.own.you.id }],
        ].map(([path, body]) => fetch(path, { method: "POST",
          headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })
          .then((answer) => answer.status)))""",
        KEY,
    )
    assert answers == [403] * 7


# --- predict, then reveal ----------------------------------------------------------------------


def test_predict_then_reveal(teacher: Any, join: Callable, shipped) -> None:
    best = right(shipped)
    wrong = next(i for i in range(1, 17) if i not in best)
    ada, bob = join("Ada", PLACE), join("Bob", "#run=hacked&step=2")
    arrived: list[str] = []
    bob.page.on(
        "websocket",
        lambda ws: ws.on("framereceived", lambda f: arrived.extend(feed_frames.texts(f))),
    )
    bob.page.reload()
    at(bob.page, 2)
    press(teacher.page, "Ask: which completion gets the highest advantage?")
    for page in (ada.page, bob.page, teacher.page):  # Bob is taken there
        at(page, STEP)
        expect(
            page.get_by_role("heading", name="Which completion gets the highest advantage?")
        ).to_be_visible()
        expect(page.locator(".lab-board .lab-facts")).to_contain_text("hidden until the reveal")
    for page in (ada.page, bob.page):
        shown = page.locator(".lab-board").inner_text()
        assert not re.search(r"[+−]\d|total|accuracy", shown)
        assert not re.search("advantage [+−0-9]", page.content())
        expect(page.locator("[data-part=charts]")).to_be_hidden()
    asked = [json.loads(text) for text in arrived if '"type":"board"' in text]
    asked = [b for b in asked if (b["run"], b["step"], b["group"]) == (KEY, STEP, GROUP)]
    assert asked
    for board in asked:
        assert board["masked"] and board["groups"][GROUP]["mean"] is None
        for one in board["completions"]:
            assert one["advantage"] is None and not one["rewards"] and "push" not in one
    assert tallies(ada.page) == []  # not before the own vote
    card(ada.page, best[0]).locator(".lab-think").click()
    expect(card(ada.page, best[0]).get_by_role("button", name="Chosen")).to_be_visible()
    expect(state(ada.page)).to_contain_text(f"You chose: completion {best[0]}.")
    expect(teacher.page.locator(".lab-tally b").nth(best[0] - 1)).to_have_text("1")
    expect(card(teacher.page, best[0]).locator(".lab-count")).to_have_text("1 vote")
    press(bob.page, f"Choose completion {best[0]}")
    expect(teacher.page.locator(".lab-tally b").nth(best[0] - 1)).to_have_text("2")
    expect(ada.page.locator(".lab-tally b").nth(best[0] - 1)).to_have_text("2")
    press(bob.page, f"Choose completion {wrong}")  # a vote may be changed
    expect(teacher.page.locator(".lab-tally b").nth(wrong - 1)).to_have_text("1")
    expect(card(bob.page, wrong)).to_have_attribute("data-mine", "")
    assert sum(map(int, tallies(teacher.page))) == 2
    press(teacher.page, "Close the vote")
    expect(state(ada.page)).to_contain_text("The vote is closed.")
    expect(ada.page.get_by_role("button", name=re.compile("^Choose "))).to_have_count(0)
    expect(ada.page.locator(".lab-board .lab-facts")).to_contain_text("hidden until the reveal")
    press(teacher.page, "Reveal")
    expect(state(ada.page)).to_contain_text("Right! ")
    expect(state(bob.page)).to_contain_text("Not this time. ")
    for page in (ada.page, bob.page, teacher.page):
        expect(page.locator(".lab-board .lab-facts")).to_contain_text("mean reward")
        expect(page.locator(".lab-card[data-right]")).to_have_count(len(best))
        expect(card(page, best[0]).locator(".lab-adv")).to_contain_text("+")
        expect(card(page, best[0]).locator(".lab-right")).to_contain_text("highest")
    press(teacher.page, "End")
    for page in (ada.page, bob.page, teacher.page):
        expect(page.locator(".lab-class-poll")).to_be_hidden()
        expect(page.locator("[data-part=charts] section").first).to_be_visible()


KNOWN = """() => JSON.stringify([...grpoLab.session.history.metrics]
  .map(([name, values]) => [name, values[grpoLab.session.steps.indexOf(STEP)] ?? null])
  .filter(([, value]) => value !== null).sort())""".replace("STEP", str(STEP))


def test_no_page_knows_the_metrics_of_the_step_until_the_reveal(
    teacher: Any, join: Callable
) -> None:
    """What a page had is replaced, other steps stay, and the wall shows no more than a phone."""
    pages = [teacher.page, join("Hilda", PLACE).page]
    at(pages[1], STEP)
    steps = "grpoLab.session.steps.length"
    before = [(page.evaluate(KNOWN), page.evaluate(steps)) for page in pages]
    assert '"reward"' in before[0][0] and before[0] == before[1]
    press(teacher.page, "Ask: does this group give a learning signal?")
    for page in pages:
        page.wait_for_function(f"() => ({KNOWN})().split('],').length <= 1")
        assert json.loads(page.evaluate(KNOWN))[0][0] == "learning_rate"
        assert page.evaluate(steps) == before[0][1]
        for card in page.evaluate("grpoLab.session.board.completions"):
            assert not {"push", "kl", "ratio", "change"} & card.keys() and card["reward"] is None
    press(teacher.page, "Reveal")
    for page in pages:
        page.wait_for_function(f"known => ({KNOWN})() === known", arg=before[0][0])
        assert page.evaluate(steps) == before[0][1]
        page.wait_for_function("() => grpoLab.session.board.completions[0].push !== undefined")


def test_whether_a_group_teaches(teacher: Any, join: Callable) -> None:
    page = join("Carl").page
    press(teacher.page, "Ask: does this group give a learning signal?")
    at(page, STEP)
    press(page, "Yes, its rewards differ")
    expect(page.get_by_role("button", name="Yes, its rewards differ")).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(teacher.page.locator(".lab-tally b").first).to_have_text("1")
    press(teacher.page, "Reveal")
    expect(state(page)).to_have_text("Right! It gives a signal: its rewards differ.")


def test_a_question_holds_pages_that_go_with_a_run_and_lets_them_go_on(
    teacher: Any, join: Callable
) -> None:
    lead = teacher.page
    lead.wait_for_selector("#lab-start:not([disabled])")
    lead.click("#lab-start")
    shown = "() => Number(document.querySelector('.lab-board')?.dataset.step ?? -1)"
    run = "() => grpoLab.session.run?.live && grpoLab.session.following"
    lead.wait_for_function(f"() => ({run})() && ({shown})() >= 2")
    page = join("Quinn").page
    page.wait_for_function(f"() => ({run})() && ({shown})() >= 2")
    press(lead, "Ask: does this group give a learning signal?")
    for one in (lead, page):
        expect(one.locator(".lab-class-poll")).to_be_visible()
    held = lead.evaluate("grpoLab.session.classroom.poll.step")
    for one in (lead, page):
        at(one, held)
        one.wait_for_function(f"() => grpoLab.session.lastStep >= {held + 3}")  # it trains on
        assert one.evaluate(shown) == held
        expect(one.locator(".lab-board .lab-facts")).to_contain_text("hidden until the reveal")
    press(lead, "End")
    for one in (lead, page):
        one.wait_for_function(f"() => ({run})() && ({shown})() >= {held + 3}")
    lead.click("#lab-stop")
    lead.wait_for_function("() => grpoLab.session.run?.status === 'stopped'")


def test_a_vote_by_keyboard_alone(teacher: Any, join: Callable) -> None:
    page = join("Dora", PLACE).page
    press(teacher.page, "Ask: which completion gets the highest advantage?")
    expect(page.locator(".lab-card[data-votes]")).to_have_count(16)
    page.evaluate("document.activeElement?.blur()")
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.dataset?.card") == "2":
            break
    page.keyboard.press("Enter")
    expect(state(page)).to_contain_text("You chose: completion 3.")
    focused = "document.activeElement.getAttribute('aria-label')"
    for _ in range(20):
        if page.evaluate(focused) == "Choose completion 4":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(state(page)).to_contain_text("You chose: completion 4.")
    assert page.evaluate(focused) == "Chosen: completion 4"


def test_a_teacher_may_keep_the_tallies_back(teacher: Any, join: Callable) -> None:
    page = join("Eve", PLACE).page
    press(teacher.page, "Ask: which completion gets the highest advantage?")
    teacher.page.get_by_label("Hide the tallies on this page").check()
    press(page, "Choose completion 2")
    expect(state(teacher.page)).to_contain_text("1 of ")
    assert (
        tallies(teacher.page) == [] or not teacher.page.locator(".lab-class-tallies").is_visible()
    )
    press(teacher.page, "Reveal")
    expect(teacher.page.locator(".lab-tally b").nth(1)).to_have_text("1")


def test_hostile_completions_in_a_masked_board(
    classroom: Any, teacher: Any, join: Callable
) -> None:
    if not (classroom.runs / "hostile").exists():
        fake_run.record(classroom.runs, "hostile", steps=2, seed=666)
    page = join("Finn").page
    go(teacher.page, "#run=hostile&step=1&group=0")
    press(teacher.page, "Ask: which completion gets the highest advantage?")
    at(page, 1)
    expect(page.locator(".lab-card[data-votes]")).to_have_count(16)
    assert "<script>window.hacked = 1</script>" in card(page, 1).inner_text()
    card(page, 6).click()
    expect(state(page)).to_contain_text("You chose: completion 6.")
    for watched in (page, teacher.page):
        drawn(watched)
        assert watched.evaluate("window.hacked") is None
        assert watched.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    press(teacher.page, "Reveal")
    expect(page.locator(".lab-board .lab-facts")).to_contain_text("mean reward")
    assert page.evaluate("window.hacked") is None


# --- follow me ---------------------------------------------------------------------------------


def view(page: Page) -> dict[str, object]:
    return json.loads(
        page.evaluate("JSON.stringify({ ...grpoLab.session.view, step: grpoLab.session.cursor })")
    )


def same_view(page: Page, other: Page) -> None:
    wanted = {k: v for k, v in view(other).items() if k not in ("hidden", "settings")}
    page.wait_for_function(
        "(wanted) => { const { view, cursor } = grpoLab.session;"
        " const { hidden, settings, ...mine } = { ...view, step: cursor };"
        " return JSON.stringify(mine) === wanted; }",
        arg=json.dumps(wanted, separators=(",", ":")),
    )


def test_a_student_follows_detaches_and_follows_again(teacher: Any, join: Callable) -> None:
    page, lead = join("Gil").page, teacher.page
    expect(page.get_by_role("button", name="Detach")).to_have_count(0)
    press(lead, "Follow me")
    expect(lead.get_by_role("button", name="Follow me")).to_have_attribute("aria-pressed", "true")
    at(page, STEP)
    same_view(page, lead)
    lead.get_by_role("button", name=re.compile("^Group 4")).click()
    lead.get_by_label("Tokens shaded by").select_option("entropy")
    lead.get_by_label("Sorted by").select_option("reward")
    lead.locator("[data-card='0'] [data-token='1']").click()
    press(lead, "Side by side")
    same_view(page, lead)
    expect(page.locator(".lab-tool-compare")).to_be_visible()
    expect(page.locator("[data-chosen]")).to_have_count(1)
    go(lead, f"#run={KEY}&step=7&group=2")
    at(page, 7)
    press(page, "One step forward")  # a click of one's own
    expect(page.locator(".lab-class-follow")).to_contain_text("You are looking around on your own.")
    at(page, 8)
    press(lead, "One step back")
    at(lead, 6)
    wait(page, "() => grpoLab.session.classroom.focus.view.step === 6")  # it was told
    drawn(page)
    assert view(page)["step"] == 8
    at(page, 8)
    press(page, "Follow again")
    at(page, 6)
    same_view(page, lead)
    press(page, "Detach")
    expect(page.get_by_role("button", name="Follow again")).to_be_visible()
    press(page, "Follow again")
    press(lead, "Follow me")
    expect(page.locator(".lab-class-follow")).to_be_hidden()


def test_the_teachers_second_tab_takes_the_lead(teacher: Any, join: Callable) -> None:
    page, first = join("Hal").page, teacher.page
    second = teacher.context.new_page()
    second.goto(address(first))
    at(second, STEP)
    press(first, "Follow me")
    at(page, STEP)
    press(second, "Lead from this tab")
    expect(first.get_by_role("button", name="Lead from this tab")).to_be_visible()
    press(second, "One step forward")
    at(page, STEP + 1)
    page.evaluate(
        """() => {
          globalThis.been = new Set();
          grpoLab.session.subscribe(() => been.add(grpoLab.session.step));
        }"""
    )
    press(first, "One step back")
    at(first, STEP - 1)
    wait(first, "() => !grpoLab.session.room.timer")  # what it had to tell, it has told
    press(second, "One step forward")
    at(page, STEP + 2)
    assert page.evaluate("[...been]") == [STEP + 1, STEP + 2]
    second.reload()  # goes on leading
    expect(second.get_by_role("button", name="Follow me")).to_have_attribute("aria-pressed", "true")
    press(second, "Follow me")
    expect(page.locator(".lab-class-follow")).to_be_hidden()
    expect(first.get_by_role("button", name="Follow me")).to_have_attribute("aria-pressed", "false")


# --- hunt --------------------------------------------------------------------------------------


def test_flags_and_score(teacher: Any, join: Callable, classroom: Any) -> None:
    from grpo_core.app.dashboard.classroom.hunt import is_hit

    place = "#run=hacked&step=3&group=0"
    go(teacher.page, place)
    ada, bob = join("Ida", place).page, join("Jon", place).page
    run = Run(classroom.runs / "hacked")
    group = run.step(3).groups[0]
    truth = [is_hit(group, i, run.config.task) for i in range(len(group.completions))]
    hit, miss = truth.index(True) + 1, truth.index(False) + 1
    press(teacher.page, "Start a reward-hack hunt on this run")
    expect(ada.get_by_text("this run is rewarded for confident")).to_be_visible()
    press(ada, f"Flag completion {hit} as a hack")
    said = ada.locator(".lab-class-hunt .lab-class-state")
    expect(said).to_have_text("Your points: 1. 1 hit, 0 misses.")
    expect(card(ada, hit).locator(".lab-count")).to_have_text("✓ hit")
    press(bob, f"Flag completion {hit} as a hack")
    press(bob, f"Flag completion {miss} as a hack")
    expect(bob.locator(".lab-class-hunt .lab-class-state")).to_have_text(
        "Your points: 0. 1 hit, 1 miss."
    )
    expect(card(teacher.page, hit).locator(".lab-count")).to_contain_text("2 flags")
    expect(teacher.page.locator(".lab-class-hunt .lab-class-state")).to_have_text(
        "3 flags: 2 hits, 1 miss."
    )
    best = teacher.page.get_by_role("list", name="Leaderboard").get_by_role("listitem")
    expect(best).to_have_text(["Ida1"])
    flag = ada.get_by_role("button", name=f"Flag completion {hit} as a hack")
    expect(flag).to_have_attribute("aria-pressed", "true")
    flag.focus()
    ada.keyboard.press("Enter")
    expect(said).to_have_text("Flag the completions that earn a reward they do not deserve.")
    press(teacher.page, "End the hunt")
    expect(ada.locator(".lab-class-hunt")).to_be_hidden()
    expect(ada.locator(".lab-flag").first).to_be_hidden()


# --- the class ---------------------------------------------------------------------------------


def test_the_results_are_a_file(teacher: Any, join: Callable) -> None:
    page = join("=2+2", PLACE).page
    press(teacher.page, "Ask: which completion gets the highest advantage?")
    press(page, "Choose completion 5")
    expect(teacher.page.locator(".lab-tally b").nth(4)).to_have_text("1")
    press(teacher.page, "Reveal")
    with teacher.page.expect_download() as download:
        teacher.page.get_by_role("link", name="Download results (CSV)").click()
    text = download.value.path().read_text(encoding="utf-8-sig")
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["name"] == "'=2+2"]
    assert [row["activity"] for row in rows] == ["joined", "advantage"]
    assert rows[1]["completion"] == "5" and rows[1]["step"] == str(STEP)


def test_a_removed_student_stands_before_the_door(teacher: Any, join: Callable) -> None:
    watched = join("Kim", PLACE)
    watched.expected = LOST
    press(teacher.page, "QR code and names")
    people = teacher.page.get_by_role("list", name="Class members")
    person = people.get_by_role("listitem").filter(has_text="Kim")
    person.get_by_role("button").click()
    expect(person.get_by_role("button")).to_have_text("Really remove?")
    other = join("Leo")  # whoever comes meanwhile takes nothing back
    expect(people.get_by_text("Leo", exact=True)).to_be_visible()
    expect(person.get_by_role("button")).to_have_text("Really remove?")
    expect(person.get_by_role("button")).to_be_focused()
    person.get_by_role("button").click()
    expect(person).to_have_count(0)
    watched.page.wait_for_url("**/join#**")
    expect(other.page.locator(".lab-class-here")).to_have_text("You are Leo")


def test_students_stay_when_the_server_is_started_again(
    teacher: Any, join: Callable, classroom: Any
) -> None:
    watched = join("Mia", PLACE)
    press(teacher.page, "Ask: which completion gets the highest advantage?")
    press(watched.page, "Choose completion 7")
    expect(teacher.page.locator(".lab-tally b").nth(6)).to_have_text("1")
    press(teacher.page, "Follow me")
    expect(watched.page.locator(".lab-class-follow")).to_be_visible()
    for one in (watched, teacher):
        one.expected = LOST
    classroom.kill()
    lost = "() => document.querySelector('.lab-notice')?.innerText.includes('is lost')"
    for one in (watched, teacher):
        one.page.wait_for_function(lost)
    classroom.start(ready=False)
    expect(state(watched.page)).to_contain_text("You chose: completion 7.")
    found = "() => document.querySelector('.lab-notice')?.innerText.includes('is lost') === false"
    for one in (watched, teacher):
        wait(one.page, found)
    expect(watched.page.locator(".lab-class-follow")).to_be_visible()  # the tab leads on
    press(watched.page, "Choose completion 8")
    expect(teacher.page.locator(".lab-tally b").nth(7)).to_have_text("1")
    assert address(watched.page).split("#")[0] == classroom.url
    classroom.wait()


# --- how it looks ------------------------------------------------------------------------------

NAMELESS = """() => [...document.querySelectorAll(
    ".lab button, .lab input, .lab select, .lab textarea, .lab a, .lab img, .lab [role=img]")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.getAttribute("aria-label") || e.alt || e.textContent.trim() || e.title
    || e.labels?.length || e.closest("label")))
  .map((e) => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everything_has_a_name_and_fits(
    teacher: Any, join: Callable, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 844}
    student = join(f"Nora {width} {scheme}", PLACE, color_scheme=scheme).page
    for page in (student, teacher.page):
        page.set_viewport_size(size)
    press(teacher.page, "QR code and names")
    press(teacher.page, "Ask: which completion gets the highest advantage?")
    press(student, "Choose completion 1")
    expect(student.locator(".lab-tally").first).to_be_visible()
    for page in (student, teacher.page):
        at_rest(page)
        assert page.evaluate(NAMELESS) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ids = page.evaluate("[...document.querySelectorAll('.lab [id]')].map((e) => e.id)")
        assert len(set(ids)) == len(ids)
        region = page.get_by_role("region", name="Class")
        expect(region.get_by_role("status").first).to_be_attached()
        expect(region.get_by_role("img", name=re.compile("^Votes"))).to_be_visible()
    if width == 390:  # the question, and the first card, without scrolling far
        assert card(student, 1).bounding_box()["y"] < 844
        choose = student.get_by_role("button", name="Choose completion 2").bounding_box()
        assert choose["height"] >= 36


def test_little_moves_when_a_student_comes_in(join: Callable) -> None:
    page = join("Pia").page
    page.add_init_script(
        """window.shift = 0;
        new PerformanceObserver((list) => {
          for (const { value } of list.getEntries()) window.shift += value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    page.reload()
    page.wait_for_selector(".lab-class[data-role=student]")
    page.wait_for_selector(".lab-card [data-token]")
    page.wait_for_function(
        "() => document.querySelectorAll('.lab-finding').length === 5"
        " && !/…/.test(document.querySelector('.lab-findings')?.innerText ?? '…')"
    )
    assert page.evaluate("window.shift") < 0.1


def test_it_is_read_from_the_last_row(teacher: Any, join: Callable) -> None:
    page = teacher.page
    join("Otto")
    press(page, "Ask: which completion gets the highest advantage?")
    expect(page.locator(".lab-tally").first).to_be_visible()
    sizes = """(names) => names.map((name) => {
      const of = document.querySelector(name);
      return parseFloat(getComputedStyle(of).fontSize);
    })"""
    large = [".lab-class-code", ".lab-class-url", ".lab-class-question", ".lab-class-state"]
    large += [".lab-tally b", ".lab-tally > :last-child", ".lab-class-here"]
    found = page.evaluate(sizes, large)
    assert found[0] >= 40 and min(found) >= 20, dict(zip(large, found, strict=True))
    press(page, "QR code and names")
    picture = page.get_by_role("img", name="QR code")
    page.wait_for_function("() => document.querySelector('.lab-class-qr')?.naturalWidth > 0")
    assert picture.bounding_box()["width"] >= 200
