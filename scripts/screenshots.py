"""Take the screenshots of the README and the docs: the dashboard itself, in headless Chromium.

    python scripts/screenshots.py                  all of them, into docs/images/
    python scripts/screenshots.py --only phone     one, by its name

Needs Debian's chromium and playwright (`make install` brings the latter). A new picture is one line
of SHOTS. The figures beside them are drawn by `python data/make.py draw`.
"""

import argparse
import io
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from grpo_core.core import child

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
with socket.socket() as _probe:
    _probe.bind(("127.0.0.1", 0))
    PORT = _probe.getsockname()[1]  # two of these may run at once
STEP = 40  # in the middle of the climb, where good and bad completions share a group
MOST = 250_000  # bytes of a picture
SETTLED = """() => new Promise((done, failed) => {
    setTimeout(() => failed(new Error("the page does not come to rest")), 60000);
    let timer = setTimeout(done, 600);
    new MutationObserver(() => {
        clearTimeout(timer);
        timer = setTimeout(done, 600);
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
})"""


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        name: of the file, without ".png".
        place: what stands behind the # of the address.
        width, height: of the window, in pixels.
        dark: the colour scheme.
        act: what is done on the page before the picture; it is given the page and what the
            server printed.
        app: more arguments for app.py, such as "--class"; shots with the same ones share a server.
        enter: how one gets in before the place is gone to, where that is not open to all.
    """

    name: str
    place: str = f"step={STEP}"
    width: int = 1280
    height: int = 860
    dark: bool = False
    act: Callable[[Page, str], None] = lambda page, printed: None
    app: tuple[str, ...] = ()
    enter: Callable[[Page, str], None] = lambda page, printed: None


def hardest_token(page: Page, _: str) -> None:
    """Choose the hardest pushed token of the best completion, and show its card above the bench."""
    page.evaluate(
        """async () => {
          const { best, hardest } = await import(new URL("lab/assets/stops.js", document.baseURI));
          const { session } = grpoLab;
          const completion = best(session.board);
          session.chooseToken(completion, hardest(session.board.completions[completion]));
          const card = document.querySelector(`.lab-card[data-card="${completion}"]`);
          scrollBy(0, card.getBoundingClientRect().top - 230);
        }"""
    )


def to_the_board(page: Page, _: str) -> None:
    """Scroll to the group board."""
    page.evaluate("document.querySelector('.lab-board').scrollIntoView()")


def as_teacher(page: Page, printed: str) -> None:
    """By the link that was printed."""
    page.goto(re.findall(r"http://\S+/lab/class/teach\?token=\S+", printed)[0])
    page.wait_for_selector("#lab-start", state="attached")


def as_student(page: Page, printed: str) -> None:
    """By the class code that was printed."""
    page.goto(f"http://127.0.0.1:{PORT}/join")
    page.get_by_label("Class code").fill(_code(printed))
    page.get_by_label("Your name").fill("Gil")
    page.get_by_role("button", name="Join").click()
    page.wait_for_selector("[data-lab] .lab-card")


def _code(printed: str) -> str:
    return re.findall(r"code (\w+ ?\w+)", printed)[0]


def asked(page: Page, printed: str) -> None:
    """Ask the class which completion has the highest advantage; six students vote."""
    poll = page.evaluate(
        """async () => {
          const { source, record } = grpoLab.session;
          const { run, step, group } = record;
          const answer = await source.post("class/poll", { kind: "advantage", run, step, group });
          return answer.poll;
        }"""
    )
    browser = page.context.browser
    assert browser is not None
    for name, choice in zip(
        ("Ada", "Ben", "Cem", "Dua", "Eva", "Fay"), (0, 0, 5, 6, 0, 3), strict=True
    ):
        student = browser.new_context()
        there = f"http://127.0.0.1:{PORT}/lab/class"
        student.request.post(f"{there}/join", data={"code": _code(printed), "name": name})
        student.request.post(f"{there}/vote", data={"poll": poll, "choice": choice})
        tab = student.new_page()  # which stays: who is connected is here
        tab.goto(f"http://127.0.0.1:{PORT}/join")
        tab.evaluate(f"window.live = new WebSocket('ws://127.0.0.1:{PORT}/lab/ws')")
    page.wait_for_function("grpoLab.session.classroom?.poll?.voted === 6")
    page.wait_for_function("grpoLab.session.classroom.here === 6")


CLASS = ("--class", "Reinforcement learning")

SHOTS = [
    Shot("dashboard", height=1560),
    Shot("dashboard-dark", height=1560, dark=True),
    Shot("phone", width=390, height=844, act=to_the_board),
    Shot("phone-dark", width=390, height=844, dark=True, act=to_the_board),
    Shot("formula", f"step={STEP}&tool=formula", act=hardest_token),
    Shot("formula-dark", f"step={STEP}&tool=formula", dark=True, act=hardest_token),
    Shot("tour", "tour=4"),
    Shot("tour-dark", "tour=4", dark=True),
    Shot("class", height=1100, app=CLASS, enter=as_teacher, act=asked),
    Shot("class-student", width=390, height=844, app=CLASS, enter=as_student),
]


@contextmanager
def served(arguments: tuple[str, ...]) -> Iterator[str]:
    """The dashboard without any run of one's own; yields what it printed until it was ready."""
    with tempfile.TemporaryDirectory() as runs:
        command = child.command("app.py", "--no-browser", "--port", PORT, "--runs", runs)
        server = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env=child.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        printed = ""
        try:
            while "Ready" not in printed:
                line = server.stdout.readline()
                if not line:
                    sys.exit("The dashboard did not start.")
                printed += line
            threading.Thread(target=server.stdout.read, daemon=True).start()  # never full
            yield printed
        finally:
            server.terminate()
            server.wait()


def take(browser: Browser, shot: Shot, printed: str) -> Image.Image:
    """One picture of the served dashboard."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height},
        color_scheme="dark" if shot.dark else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(120_000)  # a busy machine may take them all
    # whoever looks at a picture has not come for the first time
    context.add_init_script("localStorage.setItem('grpo-lab-tour-seen', '1')")
    page = context.new_page()
    shot.enter(page, printed)
    page.goto(f"http://127.0.0.1:{PORT}/#{shot.place}")
    page.locator("[data-lab] .lab-card [data-token]").first.wait_for()
    page.evaluate(SETTLED)
    shot.act(page, printed)
    page.evaluate(SETTLED)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    context.close()
    return picture


def save(picture: Image.Image, file: Path) -> None:
    """As a PNG with a palette, which for a page is hardly seen and a third of the size.

    The palette is the one that keeps rare colours too: the purple of one small square is not to
    turn grey.
    """
    palette = picture.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette.save(file, optimize=True)
    size = file.stat().st_size
    print(f"{file.name}: {picture.width} x {picture.height}, {size / 1000:.0f} KB", flush=True)
    if size > MOST:
        sys.exit(f"{file.name} is larger than {MOST / 1000:.0f} KB: take less of the page.")


def main() -> None:
    """Take all pictures, or those that are named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [shot.name for shot in SHOTS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--out", type=Path, default=IMAGES, help="the folder (docs/images)")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("chromium is not here: install Debian's package chromium.")
    wanted = [shot for shot in SHOTS if shot.name in options.only]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for app in dict.fromkeys(shot.app for shot in wanted):
            with served(app) as printed:
                for shot in (s for s in wanted if s.app == app):
                    save(take(browser, shot, printed), options.out / f"{shot.name}.png")
        browser.close()


if __name__ == "__main__":
    main()
