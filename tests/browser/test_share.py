"""The page that was shared, opened from the disk with no network; and the Share button."""

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fake_run
import pandas as pd
import pytest
from waits import PATIENCE, address, wait

from grpo_core.app.share.html import Choice, share_html
from grpo_core.app.share.trl import import_folder
from grpo_core.runs import Run

pytestmark = pytest.mark.browser


class Opened:
    """A file open in a browser that has no network, and what it asked for."""

    def __init__(self, browser: Any, path: Path, fragment: str = "", **options: Any) -> None:
        size = options.pop("viewport", {"width": 1280, "height": 900})
        self.context = browser.new_context(offline=True, viewport=size, **options)
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)
        self.url = path.as_uri()
        self.page.goto(self.url + fragment)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def close(self) -> None:
        """Close it; it must have asked for nothing but itself, and nothing gone wrong."""
        self.context.close()
        assert not self.errors, self.errors
        assert [url.split("#")[0] for url in self.asked] == [self.url]


@pytest.fixture
def open_file(browser: Any) -> Iterator[Callable[..., Any]]:
    opened: list[Opened] = []

    def open_file(path: Path, fragment: str = "", **options: Any) -> Any:
        opened.append(Opened(browser, path, fragment, **options))
        return opened[-1].page

    yield open_file
    for one in opened:
        one.close()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(fake_run.record(tmp_path_factory.mktemp("runs"), "shared", steps=6))


@pytest.fixture(scope="module")
def shared(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "run.html"
    return share_html(run, path, title="How it learned", description="Six steps.").path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    run = Run(fake_run.record(folder, "hostile", steps=2, seed=666))
    bad = "</script><script>window.hacked = 6</script><!-- ${7*7}"
    return share_html(run, folder / "run.html", title=bad, description=bad).path


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect

    return expect(locator)


def text(page: Any, selector: str) -> str:
    return page.locator(selector).first.inner_text()


def test_it_plays_without_a_network(open_file: Callable[..., Any], shared: Path, run: Run) -> None:
    page = open_file(shared)
    expect(page.locator(".lab-card")).to_have_count(16, timeout=PATIENCE)
    further = re.compile("step [2-6] of 6")  # it plays
    expect(page.locator(".lab-step")).to_have_text(further, timeout=PATIENCE)
    page.get_by_role("button", name="Pause the replay").click()
    page.get_by_label("Step shown").press("Home")
    page.get_by_label("Step shown").press("ArrowRight")
    expect(page.locator(".lab-board")).to_have_attribute("data-step", "1", timeout=PATIENCE)
    assert text(page, ".lab-prompt") == run.step(1).groups[0].prompt
    page.locator(".lab-group").nth(2).click()
    prompt = run.step(1).groups[2].prompt
    expect(page.locator(".lab-prompt")).to_have_text(prompt, timeout=PATIENCE)
    assert address(page).endswith("#run=shared&step=1&group=2")
    assert page.title() == text(page, ".lab-about h1") == "How it learned"
    assert "seed 0" in text(page, ".lab-about-facts")
    page.get_by_label("Step shown").press("Home")
    said = "Step 0 only evaluated the model: no groups were sampled."
    expect(page.locator(".lab-prompt")).to_have_text(said, timeout=PATIENCE)


def test_the_panels_work_without_a_server(open_file: Callable[..., Any], shared: Path) -> None:
    page = open_file(shared, "#step=5&group=1")
    expect(page.locator(".lab-board")).to_have_attribute("data-step", "5", timeout=PATIENCE)
    page.get_by_label("Tokens shaded by").select_option("entropy")
    expect(page.locator(".lab-card .s1").first).to_be_visible(timeout=PATIENCE)
    page.get_by_label("Sorted by").select_option("advantage")
    wait(
        page,
        """() => {
          const texts = [...document.querySelectorAll('.lab-adv')].map((e) => e.textContent);
          const values = texts.map((text) => Number(text.replace('−', '-')));
          return new Set(values).size > 1 && values.every((v, i) => !i || values[i - 1] >= v);
        }""",
    )
    page.locator(".lab-card").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".lab-tip")).to_contain_text("log-probability", timeout=PATIENCE)
    page.get_by_role("button", name="What is Reward?").click()
    expect(page.get_by_role("dialog")).to_contain_text("Mean weighted reward", timeout=PATIENCE)
    page.keyboard.press("Escape")
    page.locator(".lab-finding").first.click()
    expect(page.locator(".lab-finding-detail")).to_contain_text("step 6", timeout=PATIENCE)
    assert page.locator(".lab-chart").count() == 8
    expect(page.locator(".lab-seconds-list")).to_contain_text("decode", timeout=PATIENCE)
    first = page.locator(".lab-atlas-go", has_text="well-formed, step").first
    first.click()
    expect(page.locator(".lab-board")).to_have_attribute("data-step", "1", timeout=PATIENCE)
    page.get_by_role("button", name="Side by side").click()
    expect(page.locator(".lab-tool-compare")).to_contain_text("tokens are common to both")
    # nothing that takes a server is shown
    for name in ("Formula", "What if", "Walkthrough", "Fork", "Share this run", "Start"):
        assert page.get_by_role("button", name=name, exact=False).count() == 0, name


@pytest.mark.parametrize("form", ["recorded", "imported"])
def test_hostile_text_is_text(
    open_file: Callable[..., Any], hostile: Path, tmp_path: Path, form: str
) -> None:
    path = hostile if form == "recorded" else imported(tmp_path)
    page = open_file(path, "#step=1", viewport={"width": 390, "height": 844})
    expect(page.locator(".lab-card").first).to_be_visible(timeout=PATIENCE)
    seen = page.locator(".lab-cards").inner_text()
    assert "<script>window.hacked = 1</script>" in seen and "${window.hacked = 2}" in seen
    assert "<img src=x onerror=window.hacked=3>" in seen
    for opener in page.locator(".lab-open").all()[:8]:
        opener.click()
    assert page.evaluate("window.hacked") is None
    assert (
        page.evaluate("document.querySelectorAll('.lab img, .lab script, .lab b > b').length") == 0
    )
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    for card in page.locator(".lab-card").all()[:8]:
        assert card.bounding_box()["width"] <= 390
    if form == "recorded":
        assert text(page, ".lab-about h1").startswith("</script><script>window.hacked")


def imported(tmp_path: Path) -> Path:
    """The page of a run that was made of TRL's completions, which have no tokens."""
    folder = tmp_path / "trl" / "completions"
    folder.mkdir(parents=True)
    size = len(fake_run.HOSTILE)
    table = {
        "step": [1] * size,
        "prompt": ["<b>What</b> is ${7*7}? " + fake_run.HOSTILE[0]] * size,
        "completion": fake_run.HOSTILE,
        "accuracy_reward": [1.0, 0.0] * (size // 2),
        "advantage": [1.0, -1.0] * (size // 2),
    }
    pd.DataFrame(table).to_parquet(folder / "completions_00001.parquet")
    run, _ = import_folder(tmp_path / "trl", tmp_path / "runs" / "hostile")
    return share_html(run, tmp_path / "imported.html").path


def test_completions_without_tokens(open_file: Callable[..., Any], tmp_path: Path) -> None:
    page = open_file(imported(tmp_path), "#step=1")
    expect(page.locator(".lab-card")).to_have_count(len(fake_run.HOSTILE), timeout=PATIENCE)
    sizes = page.locator(".lab-length").all_inner_texts()
    assert sizes == [f"{len(bad)} characters" for bad in fake_run.HOSTILE]
    assert text(page, ".lab-timeline .lab-facts") == "G 8 · reward 1 x accuracy"
    assert text(page, ".lab-about-facts").startswith("A run imported from TRL, shown by GRPO Lab")
    assert page.locator(".lab-about").get_by_text("Trained with").count() == 0
    page.locator(".lab-card").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".lab-tip")).to_contain_text("were not recorded", timeout=PATIENCE)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Side by side").click()
    expect(page.locator(".lab-tool-compare")).to_contain_text("words are common to both")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_overflows(
    open_file: Callable[..., Any], shared: Path, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 844}
    page = open_file(shared, "#step=6", viewport=size, color_scheme=scheme)
    expect(page.locator(".lab-card").first).to_be_visible(timeout=PATIENCE)
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    lightness = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(re.findall(r"\d+", lightness)[0])
    assert red < 60 if scheme == "dark" else red > 200


def test_what_was_left_out_is_said(open_file: Callable[..., Any], run: Run, tmp_path: Path) -> None:
    share_html(run, tmp_path / "thin.html", choice=Choice(every=3, groups=1))
    page = open_file(tmp_path / "thin.html", "#step=3")
    said = "Left out, as requested: the groups of 3 of 6 steps, and all but the first of 8"
    expect(page.locator(".lab-about-left")).to_contain_text(said, timeout=PATIENCE)
    expect(page.locator(".lab-board")).to_have_attribute("data-step", "1", timeout=PATIENCE)
    expect(page.locator(".lab-board .lab-facts")).to_contain_text(
        "of step 1, the latest step in this file"
    )
    assert "left out" in page.locator(".lab-group").nth(1).inner_text()
    page.locator(".lab-group").nth(1).click()
    words = "This group was left out of this file to keep the file small."
    expect(page.locator(".lab-prompt")).to_have_text(words, timeout=PATIENCE)
    assert page.locator(".lab-card").first.is_hidden()
    page.locator(".lab-group").nth(0).click()
    expect(page.locator(".lab-card").first).to_be_visible(timeout=PATIENCE)


def test_a_file_that_was_cut_short_says_so(browser: Any, shared: Path, tmp_path: Path) -> None:
    whole = shared.read_bytes()
    head = whole.index(b'id="lab-head"')
    last = whole.rindex(b'id="lab-board-6-0"')
    for name, damaged in (
        ("cut", whole[: head + 500]),
        ("board", whole[: last + 60] + b"AAAA" + whole[last + 64 :]),
    ):
        (tmp_path / f"{name}.html").write_bytes(damaged)
        opened = Opened(browser, tmp_path / f"{name}.html", "#step=6")
        expect(opened.page.get_by_role("alert")).to_contain_text("is damaged", timeout=PATIENCE)
        opened.close()


def test_the_share_button_downloads(visit: Callable, open_file: Callable, tmp_path: Path) -> None:
    watched = visit("#run=recorded:countdown-recorded")
    page = watched.page
    page.get_by_role("button", name="Share this run").click(timeout=PATIENCE)
    with page.expect_download(timeout=6 * PATIENCE) as download:
        page.locator(".lab-share-form").first.click()
    assert download.value.suggested_filename == "countdown-recorded.html"
    download.value.save_as(tmp_path / "run.html")
    expect(page.locator(".lab-share-said")).to_contain_text("is being downloaded", timeout=PATIENCE)
    with page.expect_download(timeout=6 * PATIENCE) as download:
        page.locator(".lab-share-form", has_text="CSV").click()
    download.value.save_as(tmp_path / "run.zip")
    names = zipfile.ZipFile(tmp_path / "run.zip").namelist()
    folder = "countdown-recorded-csv/"
    assert {folder + n for n in ("README.md", "steps.csv", "completions.csv")} <= set(names)
    page.keyboard.press("Escape")
    assert page.locator(".lab-share-menu").is_hidden()
    replay = open_file(tmp_path / "run.html", "#step=12")
    expect(replay.locator(".lab-card")).to_have_count(16, timeout=PATIENCE)
    shown = json.loads(replay.evaluate("JSON.stringify(document.title)"))
    assert shown == "countdown-recorded"


def test_a_refused_export_says_why(visit: Callable) -> None:
    watched = visit("#run=recorded:countdown-recorded")
    watched.expected = ["409"]
    page = watched.page
    asked: list[Any] = []
    page.route("**/lab/export**", lambda route: asked.append(route))
    page.get_by_role("button", name="Share this run").click(timeout=PATIENCE)
    page.locator(".lab-share-form").nth(1).click()
    said = page.locator(".lab-share-said")
    expect(said).to_contain_text("Making the file", timeout=PATIENCE)
    page.locator(".lab-share-form").nth(0).click()  # asks nothing while one is being made
    while not asked:
        page.wait_for_timeout(50)
    asked[0].fulfill(status=409, json={"error": "Another export is being made."})
    expect(said).to_have_text("Another export is being made.", timeout=PATIENCE)
    assert len(asked) == 1
