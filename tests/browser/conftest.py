"""A headless Chromium and a dashboard of its own, with `fake_run` in place of training."""

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from needs import require
from waits import PATIENCE, free_port
from websockets.sync.client import connect

ROOT = Path(__file__).parents[2]
FAKES = ROOT / "tests" / "helpers"

import fake_run  # noqa: E402

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS_A_STEP = 0.25
START = 300  # seconds for a start: importing gradio took 70 on a machine at load 24


class Dashboard:
    """A dashboard process that can be killed and started again on the same port."""

    def __init__(self, home: Path, shipped: Path, command: list[str] | None = None) -> None:
        self.runs = home / "runs"
        self.log = home / "server.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.command = command or [
            str(FAKES / "serve_fake.py"),
            str(self.runs),
            str(shipped),
            str(self.port),
            str(SECONDS_A_STEP),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, ready: bool = True) -> None:
        """Start it, and wait for its first answer, or for its controls when `ready`."""
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        with self.log.open("ab") as log:
            command = [sys.executable, *[c.format(port=self.port) for c in self.command]]
            environment = {**os.environ, "PYTHONPATH": path}
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, cwd=ROOT
            )
        try:
            self.wait(ready)
        except AssertionError:
            self.kill()  # the fixture that started it never gets to its end
            raise

    def wait(self, ready: bool = True) -> None:
        """Wait until it answers, and until its controls are there if `ready`."""
        wanted, status = '"ready":true' if ready else '"ready"', self.url + "lab/status"
        end = time.monotonic() + START
        while time.monotonic() < end:
            with contextlib.suppress(OSError), urllib.request.urlopen(status, timeout=10) as r:
                if wanted in r.read().decode():
                    return
            time.sleep(0.1)
        raise AssertionError(f"not ready: {self.log.read_text()}")

    def empty(self) -> None:
        """Start it unless it is there, delete every run, and wait until it has seen that."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        for path in self.runs.glob("*"):
            while path.exists():  # a worker that was killed may have written just then
                shutil.rmtree(path, ignore_errors=True)
        with connect(self.url.replace("http", "ws") + "lab/ws") as socket:
            while True:
                message = json.loads(socket.recv(timeout=PATIENCE / 1000))
                if message["type"] == "runs" and all(run["recorded"] for run in message["runs"]):
                    return

    def kill(self) -> None:
        """As a crash would."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


class ClassDashboard(Dashboard):
    """A dashboard that serves a class; how to get in is read from what it printed."""

    def __init__(self, home: Path, shipped: Path, title: str = "Test class") -> None:
        super().__init__(home, shipped)
        self.command.append(title)

    @property
    def teacher_url(self) -> str:
        """The teacher's link of the last start."""
        return re.findall(r"http://\S+/lab/class/teach\?token=\S+", self.log.read_text())[-1]

    @property
    def code(self) -> str:
        """The class code."""
        return re.findall(r"code (\S{3} \S{3})", self.log.read_text())[-1].replace(" ", "")

    def wait(self, ready: bool = True) -> None:
        """Wait until the teacher's link works, and until the controls are there if `ready`."""
        wanted = '"ready":true' if ready else '"ready"'
        end = time.monotonic() + START
        while time.monotonic() < end:
            teacher = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            with contextlib.suppress(OSError, IndexError):
                teacher.open(self.teacher_url, timeout=10).read()
                with teacher.open(self.url + "lab/status", timeout=10) as answer:
                    if wanted in answer.read().decode():
                        return
            time.sleep(0.1)
        raise AssertionError(f"not ready: {self.log.read_text()}")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Closed after each file: an open playwright forbids asyncio.run to the tests after it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    require(chromium, "Debian's chromium")
    require(importlib.util.find_spec("playwright"), "playwright: make install brings it")
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        sync_api.expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=ARGUMENTS, timeout=PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shipped")
    fake_run.record(root, "countdown-recorded", steps=12)
    return root


@pytest.fixture
def second_dashboard(tmp_path: Path, shipped: Path) -> Iterator[Dashboard]:
    """One of the test's own, not started yet."""
    board = Dashboard(tmp_path, shipped)
    yield board
    board.kill()


@pytest.fixture
def visit_other(browser: object, tmp_path: Path) -> Iterator[object]:
    """Open a page of another command than the shared dashboard's; `{port}` in it is filled in."""
    boards: list[Dashboard] = []
    opened: list[Watched] = []

    def start(*command: object) -> object:
        boards.append(Dashboard(tmp_path, tmp_path, [str(word) for word in command]))
        boards[0].start()
        opened.append(Watched(browser, boards[0].url))
        return opened[0].page

    yield start
    for board in boards:
        board.kill()
        kill_workers(board.runs)
    for watched in opened:
        watched.expected = ["ERR_CONNECTION", "WebSocket"]
        watched.close()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, shipped: Path) -> Iterator[Dashboard]:
    """One process for all files: to import gradio takes as long as some files' tests."""
    board = Dashboard(tmp_path_factory.mktemp("dashboard"), shipped)
    yield board
    board.kill()


@pytest.fixture(scope="module")
def dashboard(served: Dashboard) -> Iterator[Dashboard]:
    """A dashboard with no run but the recorded one, at the beginning of each file."""
    served.empty()
    yield served
    kill_workers(served.runs)


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory, shipped: Path) -> Iterator[ClassDashboard]:
    """A class that is served, with nobody in it yet; `hacked` in its folder is for a hunt."""
    board = ClassDashboard(tmp_path_factory.mktemp("classroom"), shipped)
    fake_run.hacked(board.runs, "hacked")
    board.start()
    yield board
    board.kill()
    kill_workers(board.runs)


@pytest.fixture(scope="module", params=["alone", "class"])
def board(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shipped: Path
) -> Iterator[Dashboard]:
    """A dashboard, alone or with a class, to be attacked: its Gradio finds the internet here."""
    home = tmp_path_factory.mktemp("attacked")
    board = (ClassDashboard if request.param == "class" else Dashboard)(home, shipped)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRPO_FAKE_INTERNET", "1")
        board.start()
    yield board
    board.kill()
    kill_workers(board.runs)


def kill_workers(runs: Path) -> None:
    """End what a test left training."""
    from grpo_core.runs import LIVE, list_runs

    for run in list_runs(runs):
        if run.status in LIVE and run.state.get("pid"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(run.state["pid"], signal.SIGKILL)


class Watched:
    """A page, and everything on it that should not have happened."""

    def __init__(self, browser: object, url: str, **options: object) -> None:
        options = {"viewport": {"width": 1280, "height": 900}} | options
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.outside: list[str] = []
        self.expected: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("request", self._request)
        self.base = url.split("#")[0]
        self.page.on("websocket", lambda socket: self._check(socket.url))
        self.page.goto(url)

    def _console(self, message: object) -> None:
        text = f"{message.text} {message.location.get('url', '')}"
        if message.type in ("error", "warning") and not any(e in text for e in self.expected):
            self.errors.append(text)

    def _request(self, request: object) -> None:
        self._check(request.url)

    def _check(self, url: str) -> None:
        bare = url.split("://", 1)[-1]
        local = bare.startswith(self.base.split("://", 1)[1].rstrip("/"))
        if not local and not url.startswith(("data:", "blob:", "about:")):
            self.outside.append(url)

    def close(self) -> None:
        """Close the page; nothing may have gone wrong on it."""
        self.context.close()
        assert not self.errors, self.errors
        assert not self.outside, self.outside


@pytest.fixture
def visit(browser: object, dashboard: Dashboard) -> Iterator[object]:
    """Open pages of the dashboard; each is checked for errors and foreign requests at the end."""
    opened: list[Watched] = []

    def open_page(path: str = "", **options: object) -> Watched:
        watched = Watched(browser, dashboard.url + path, **options)
        opened.append(watched)
        return watched

    yield open_page
    for watched in opened:
        watched.close()


@pytest.fixture
def watch(browser: object) -> Iterator[object]:
    """Open pages of any address of this machine; each is checked as those of `visit` are."""
    opened: list[Watched] = []

    def open_page(url: str, **options: object) -> Watched:
        opened.append(Watched(browser, url, **options))
        return opened[-1]

    yield open_page
    for watched in opened:
        watched.close()
