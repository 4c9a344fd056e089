"""The guided tour: real moments, nothing covered, by keyboard, at any width."""

import re
from collections.abc import Callable

import pytest
from waits import address, drawn, wait

pytestmark = pytest.mark.browser

# what is explained (the ring) and the words, once the ring is around the target it belongs to
PLACES = """() => {
    const words = document.querySelector('.lab-tour')?.getBoundingClientRect();
    const ring = document.querySelector('.lab-tour-ring:not([hidden])')?.getBoundingClientRect();
    const plain = (r) => r && [r.left, r.top, r.right, r.bottom].map(Math.round);
    return [plain(words), plain(ring), innerWidth, innerHeight];
}"""


def wait_for_stop(page, number: int) -> None:
    said = f"document.querySelector('.lab-tour-count')?.textContent.startsWith('{number} of ')"
    wait(page, f"() => {said} && !document.querySelector('.lab-tour')?.hidden")


def stops(page) -> int:
    return int(page.inner_text(".lab-tour-count").split(" of ")[1])


def begin(visit: Callable, **options: object):
    page = visit(reduced_motion="reduce", **options).page
    page.wait_for_selector("#lab-start:not([disabled])")
    page.wait_for_selector(".lab-card [data-token]")
    page.click(".lab-tour-go")
    wait_for_stop(page, 1)
    return page


@pytest.mark.parametrize("width", [1280, 390])
def test_each_stop_points_at_something_and_never_covers_it(visit: Callable, width: int) -> None:
    page = visit(reduced_motion="reduce").page
    page.set_viewport_size({"width": width, "height": 780})
    page.wait_for_selector("#lab-start:not([disabled])")
    page.wait_for_selector(".lab-card [data-token]")
    page.click(".lab-tour-go")
    wait_for_stop(page, 1)
    count, words_in_all, texts = stops(page), 0, []
    assert 7 <= count <= 9
    for number in range(1, count + 1):
        wait_for_stop(page, number)
        drawn(page)
        said = page.inner_text("#lab-tour-text")
        texts.append(said)
        words_in_all += len(said.split())
        words, ring, across, down = page.evaluate(PLACES)
        assert ring is not None, page.inner_text("#lab-tour-title")
        assert ring[2] - ring[0] > 40 and ring[3] - ring[1] > 12
        apart = (
            words[1] >= ring[3] or words[3] <= ring[1] or words[0] >= ring[2] or words[2] <= ring[0]
        )
        assert apart, (page.inner_text("#lab-tour-title"), words, ring)
        for box in (words, ring):
            assert box[0] >= 0 and box[1] >= 0 and box[2] <= across and box[3] <= down
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.keyboard.press("ArrowRight")
    assert len(set(texts)) == count
    assert words_in_all < 300  # a minute or so at 240 a minute
    wait(page, "() => document.querySelector('.lab-tour')?.hidden")  # past the last, it ends


def test_the_figures_are_those_of_the_moment_it_shows(visit: Callable) -> None:
    page = begin(visit)
    facts = page.evaluate(
        """async () => {
          const { session } = grpoLab;
          const { factsOf } = await import(new URL("lab/assets/panels/stops.js", document.baseURI));
          return [session.atlas.cells, factsOf(session, session.atlas).mixed];
        }"""
    )
    cells, mixed = facts
    assert len({tuple(cell[:2]) for cell in cells}) == len(cells)
    telling = [c for c in cells if 0 < c[6] < 1 and c[5] > c[6]]
    widest = max(telling, key=lambda cell: cell[7])
    assert mixed == next(c[:2] for c in cells if c[7] == widest[7] and c in telling)
    page.get_by_role("button", name="Next", exact=True).click()
    wait_for_stop(page, 2)
    assert f"step={mixed[0]}" in address(page)
    board = page.evaluate("grpoLab.session.board.completions.map((c) => [c.reward, c.advantage])")
    assert f"{len(board)} times" in page.inner_text("#lab-tour-text")
    page.get_by_role("button", name="Next", exact=True).click()
    wait_for_stop(page, 3)
    assert f"= {max(reward for reward, _ in board):.2g}." in page.inner_text("#lab-tour-text")
    page.get_by_role("button", name="Next", exact=True).click()
    wait_for_stop(page, 4)
    assert f"{max(advantage for _, advantage in board):+.2f}" in page.inner_text("#lab-tour-text")


def test_by_keyboard_and_back_to_where_the_page_was(visit: Callable) -> None:
    page = visit("#run=recorded%3Acountdown-recorded&step=6&group=1&sort=reward").page
    page.wait_for_selector("#lab-start:not([disabled])")
    page.wait_for_selector(".lab-card [data-token]")
    before = address(page)
    page.locator(".lab-tour-go").focus()
    page.keyboard.press("Enter")
    wait_for_stop(page, 1)
    assert page.evaluate("document.activeElement.textContent") == "Next"
    dialog = page.locator(".lab-tour")
    assert dialog.get_attribute("role") == "dialog"
    for label in ("aria-labelledby", "aria-describedby"):
        assert page.inner_text(f"#{dialog.get_attribute(label)}")
    page.keyboard.press("ArrowRight")
    wait_for_stop(page, 2)
    page.keyboard.press("Enter")  # Next has the focus
    wait_for_stop(page, 3)
    page.keyboard.press("ArrowLeft")
    wait_for_stop(page, 2)
    page.keyboard.press("Escape")
    wait(page, "() => document.querySelector('.lab-tour')?.hidden")
    wait(page, f"() => location.href === {before!r}")
    assert page.evaluate("document.activeElement.className").endswith("lab-tour-go")
    wait(page, "() => document.querySelector('.lab-board')?.dataset.step === '6'")


def test_it_is_offered_once_and_can_be_had_again(visit: Callable) -> None:
    page = visit().page
    page.wait_for_selector(".lab-card [data-token]")
    offer = page.get_by_role("button", name=re.compile("New here"))
    offer.click()
    wait_for_stop(page, 1)
    page.get_by_role("button", name="Skip").click()
    wait(page, "() => document.querySelector('.lab-tour')?.hidden")
    wait(page, "() => grpoLab.session.playing")  # the replay goes on
    page.reload()
    page.wait_for_selector(".lab-card [data-token]")
    assert "press Start to train your own" in page.inner_text(".lab-notice")
    assert offer.count() == 0 or offer.is_hidden()
    page.get_by_role("button", name="Guided tour").click()
    wait_for_stop(page, 1)


def test_a_link_leads_to_a_stop_and_a_reload_stays_there(visit: Callable) -> None:
    page = visit("#tour=3", reduced_motion="reduce").page
    wait_for_stop(page, 3)
    page.reload()
    wait_for_stop(page, 3)
    last = address(page).replace("tour=3", "tour=99")
    page.goto("about:blank")  # an open page would go there without being loaded
    page.goto(last)
    wait(page, "() => document.querySelector('.lab-tour-next')?.textContent === 'Done'")


def test_an_opened_card_is_closed_again(visit: Callable) -> None:
    page = begin(visit)
    for number in range(1, stops(page) + 1):
        wait_for_stop(page, number)
        if "searches" in page.inner_text("#lab-tour-title"):
            break
        page.keyboard.press("ArrowRight")
    wait(page, "() => document.querySelectorAll('.lab-card-open').length === 1")
    page.keyboard.press("ArrowLeft")
    wait(page, "() => document.querySelectorAll('.lab-card-open').length === 0")


def test_start_ends_the_tour_and_the_new_run_is_shown(visit: Callable) -> None:
    page = begin(visit)
    page.click("#lab-start")
    wait(page, "() => document.querySelector('.lab-tour')?.hidden")
    wait(page, "() => !location.hash.includes('recorded') && location.hash.includes('run=')")
    wait(page, "() => document.querySelector('.lab-status')?.textContent === 'training'")
    assert "tour=" not in address(page)
    page.click("#lab-stop")
    wait(page, "() => document.querySelector('.lab-status')?.textContent === 'stopped'")


@pytest.mark.parametrize(("motion", "seconds"), [("reduce", "0s"), ("no-preference", "0.25s")])
def test_it_moves_only_where_motion_is_welcome(visit: Callable, motion: str, seconds: str) -> None:
    page = visit("#tour=1", reduced_motion=motion).page
    wait_for_stop(page, 1)
    style = "getComputedStyle(document.querySelector('.lab-tour')).transitionDuration"
    assert page.evaluate(style).split(",")[0] == seconds


def test_a_run_without_such_a_moment_has_no_such_stop(visit: Callable) -> None:
    page = visit().page
    code = """async (given) => {
      const stops = new URL("lab/assets/panels/stops.js", document.baseURI);
      const { STOPS, factsOf } = await import(stops);
      const [cells, student] = given;
      const room = { student };
      const session = { shown: "r", lastStep: 9, run: { config: {} }, series: () => null, room };
      const facts = factsOf(session, { cells, firsts: {} });
      return STOPS.filter((stop) => stop.moment(facts)).map(({ id }) => id);
    }"""
    assert page.evaluate(code, [[], False]) == ["start"]
    lively = [[1, 0, 0, 0.5, False, 0.5, 0.2, 0.4]]
    mixed = ["prompt", "group", "rewards", "advantage", "push"]
    assert page.evaluate(code, [lively, False]) == [*mixed, "start"]
    dead = [[2, 0, 1, 1.3, True, 1, 1, 0]]
    assert page.evaluate(code, [[*lively, *dead], False]) == [*mixed, "dead", "start"]
    assert page.evaluate(code, [lively, True]) == mixed  # a student has no Start
