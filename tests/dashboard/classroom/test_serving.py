"""A class that is really served: by a process with a port, which can be killed."""

import contextlib
import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import fake_run
import pytest
from waits import free_port

import app
from grpo_core.dashboard.classroom.door import FREE_GUESSES
from grpo_core.dashboard.runs import RunBook
from grpo_core.dashboard.server import serve
from grpo_core.errors import LabError

ROOT = Path(__file__).parents[3]
FAKE = ROOT / "tests" / "dashboard" / "serve_fake.py"


class Process:
    """The server, as `app.py --class` starts it."""

    def __init__(self, home: Path, files: int | None = None) -> None:
        """Args: files: how many the process may have open; None leaves the limit as it is."""
        self.limit = [] if files is None else ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh"]
        self.log = home / "server.log"
        self.runs = home / "runs"
        fake_run.hacked(self.runs, "hacked", steps=2, num_generations=4, generation_batch_size=8)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it, and wait for its door."""
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        command = [sys.executable, str(FAKE), str(self.runs), str(self.runs), str(self.port), "1"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.limit, *command, "Monday"],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path},
            )
        end, door = time.monotonic() + 150, self.url + "join"
        while time.monotonic() < end:
            with contextlib.suppress(OSError), urllib.request.urlopen(door, timeout=10):
                return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """As a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def link(self) -> str:
        """The teacher's, as it was printed."""
        return re.findall(r"http://\S+token=\S+", self.log.read_text())[0]

    @property
    def code(self) -> str:
        """The class code, as it was printed."""
        return re.findall(r"code (\S{3} \S{3})", self.log.read_text())[0]


class Browser:
    """Cookies and JSON, over the network."""

    def __init__(self, url: str) -> None:
        self.url = url
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        """Status and text of a GET, or of a POST with JSON; redirections are followed."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | headers
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    process.start()
    yield process
    process.kill()


def test_a_class_survives_its_server(process: Process) -> None:
    teacher, student = Browser(process.url), Browser(process.url)
    link, code = process.link, process.code
    teacher.opener.open(link).read()
    assert student.ask("lab/class/join", {"code": code, "name": "Ada"})[0] == 200
    place = {"kind": "advantage", "run": "hacked", "step": 2, "group": 1}
    poll = json.loads(teacher.ask("lab/class/poll", place)[1])["poll"]
    assert student.ask("lab/class/vote", {"poll": poll, "choice": 1})[0] == 200
    assert link.split("token=")[1] not in process.log.read_text().replace(link, "", 1)
    process.kill()
    process.start()
    assert process.code == code and process.link != link
    assert student.ask("lab/class/vote", {"poll": poll, "choice": 2})[0] == 200
    (ada,) = json.loads(teacher.ask("lab/class/people")[1])
    assert (ada["name"], ada["voted"], ada["here"]) == ("Ada", True, False)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        Browser(process.url).opener.open(link)
    assert "Ada,advantage" in teacher.ask("lab/class/results.csv")[1]


def test_nobody_says_what_their_address_is(process: Process) -> None:
    guesser = Browser(process.url)
    wrong = {"code": "AAAAAA", "name": "Eve"}
    for i in range(FREE_GUESSES):
        status, _ = guesser.ask("lab/class/join", wrong, **{"X-Forwarded-For": f"10.0.0.{i}"})
        assert status == 403
    began = time.monotonic()
    for i in range(5):
        lie = {"X-Forwarded-For": f"10.0.1.{i}"}
        assert guesser.ask("lab/class/join", wrong, **lie)[0] == 403
    assert time.monotonic() - began > 0.5  # a second for five, less what was paid back before
    assert guesser.ask("lab/status", **{"X-Forwarded-For": "127.0.0.1"})[0] == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.2", "some-name"])
def test_other_machines_are_served_with_roles_only(tmp_path: Path, host: str) -> None:
    with pytest.raises(LabError, match=r"has roles\. Add --class"):
        serve(RunBook(tmp_path), host, 0, open_browser=False)


def test_the_front_door(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, titled = app.parse(["--class"]), app.parse(["--class", "Monday"])
    assert (plain.title, titled.title, app.parse([]).title) == ("Class", "Monday", None)
    with pytest.raises(SystemExit):
        app.parse(["--new-class"])
    assert "needs --class" in capsys.readouterr().err
    assert app.main(["--host", "0.0.0.0", "--runs", str(tmp_path), "--no-browser"]) == 1
    assert "add --class" in capsys.readouterr().err
    assert app.main(["--class", "\u200b", "--runs", str(tmp_path), "--no-browser"]) == 1
    assert "needs a title" in capsys.readouterr().err
