"""A class that is really served: by a process with a port, which can be killed."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from class_process import Browser, Process

import app
from grpo_core.app.dashboard.classroom.door import FREE_GUESSES
from grpo_core.app.dashboard.runs import RunBook
from grpo_core.app.dashboard.server import serve
from grpo_core.core.errors import LabError


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
    assert "Add --class" in capsys.readouterr().err
    assert app.main(["--class", "\u200b", "--runs", str(tmp_path), "--no-browser"]) == 1
    assert "needs a title" in capsys.readouterr().err
