"""The table of routes: it has every one, and says what the wrappers do."""

import asyncio
import re

import pytest

from grpo_core.app.dashboard import routes_table
from grpo_core.app.dashboard.allowlist import ALLOWED
from grpo_core.app.dashboard.classroom.access import TABLE
from grpo_core.app.dashboard.routes_table import (
    Place,
    empty_class,
    every_place,
    expand,
    outcome,
    rows,
)


@pytest.fixture(scope="module")
def table() -> dict[tuple[str, str], tuple[str, ...]]:
    with empty_class() as classroom:
        found = asyncio.run(rows(classroom, every_place(classroom)))
    return {row[:2]: row[2:] for row in found}


def test_every_entry_of_the_list_is_a_route_that_there_is(table: dict) -> None:
    assert set(ALLOWED) <= set(table)
    closed = set(table) - set(ALLOWED)
    assert len(closed) > 60
    assert all(table[place][:3] == ("404",) * 3 for place in closed)
    assert all(table[place][3:] == ("refused", "refused") for place in closed)


def test_no_route_of_ours_was_forgotten(table: dict) -> None:
    own = {place for place in table if place[1].startswith(("/lab", "/join"))}
    assert len(own) > 25 and own <= set(ALLOWED)


def test_what_it_says_of_some(table: dict) -> None:
    said = {
        ("GET", "/"): ("to /join", "yes", "yes", "refused", "yes"),
        ("GET", "/join"): ("yes", "yes", "yes", "refused", "yes"),
        ("POST", "/lab/api/runs"): ("join first", "refused", "yes", "refused", "refused"),
        ("POST", "/lab/export"): ("join first", "refused", "yes", "refused", "refused"),
        ("GET", "/theme.css"): ("join first", "refused", "yes", "refused", "refused"),
        ("POST", "/lab/class/vote"): ("join first", "yes", "yes", "refused", "refused"),
        ("WEBSOCKET", "/lab/ws"): ("refused", "yes", "yes", "refused", "refused"),
    }
    assert {place: table[place] for place in said} == said
    linked = {place for place, row in table.items() if row[4] == "yes"}
    assert linked == {("GET", "/"), ("GET", "/join"), ("GET", "/lab/class/teach")}


def test_a_route_shows_what_the_list_opens_of_it() -> None:
    file = "/static/js/iframeResizer.contentWindow.min.js"
    assert expand(Place("GET", "/static/{path:path}")) == [Place("GET", file)]
    assert expand(Place("GET", "/pwa_icon/{size}")) == [Place("GET", "/pwa_icon/{size}")]


def test_the_words_are_those_of_the_wrappers() -> None:
    with empty_class() as classroom:
        for headers, status in (({"host": "evil.example"}, 403), ({}, 401)):
            place = Place("GET", "/lab/status")
            assert asyncio.run(outcome(classroom, place, headers)) == status


def test_what_students_may_ask_for_is_on_the_list() -> None:
    paths = [(method, Place(method, path).fill()) for method, path in ALLOWED]
    for method, path, _ in TABLE:
        if not path.startswith("/lab/assets/"):
            assert any(m == method and re.fullmatch(path, p) for m, p in paths), (method, path)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    monkeypatch.setattr(
        routes_table, "every_place", lambda classroom: [Place("GET", "/lab/status")]
    )
    routes_table.main()
    head, row, *rest = capsys.readouterr().out.splitlines()
    assert head.split("  ")[-1] == "link from it" and row.startswith("GET  /lab/status")
    assert "without a class" in " ".join(rest).lower()
