"""Who may ask for what: every route there is, Gradio's too, as everybody who must not."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import WebSocket
from itsdangerous import URLSafeTimedSerializer
from starlette.websockets import WebSocketDisconnect
from visitors import BASE, RUN, Served, Visitor, serving

from grpo_core.app.dashboard import allowlist
from grpo_core.app.dashboard.classroom.access import JOIN_FIRST, TEACHER_ONLY, roles
from grpo_core.app.dashboard.classroom.people import COOKIE, COOKIE_SECONDS, THE_TEACHER, Cookies

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")

# Written once more by hand, not taken from the table.
FOR_ALL = {
    "GET /join",
    "POST /lab/class/join",
    "GET /lab/class/teach",
    "GET /lab/assets/join.js",
    "GET /lab/assets/join.css",
    "GET /lab/assets/icon.svg",
}
FOR_STUDENTS = FOR_ALL | {
    "GET /",
    "GET /lab/assets/lab.js",
    "GET /lab/status",
    "GET /lab/glossary",
    "GET /lab/metrics",
    "GET /lab/source",
    "POST /lab/api/lens",
    "POST /lab/class/vote",
    "POST /lab/class/flag",
}
# What is answered at all, to the teacher; everything else is not found, whoever asks (allowlist).
LISTED = FOR_STUDENTS | {
    "POST /lab/export",
    "POST /lab/api/runs",
    "POST /lab/api/runs/x/fork",
    "POST /lab/api/runs/x/control",
    "POST /lab/api/runs/a/fork",
    "POST /lab/api/runs/a/control",
    "GET /lab/class/people",
    "GET /lab/class/results.csv",
    "GET /lab/class/qr.svg",
    "POST /lab/class/poll",
    "POST /lab/class/poll/x",
    "POST /lab/class/focus",
    "POST /lab/class/hunt",
    "POST /lab/class/remove",
    "POST /lab/class/readmit",
    "POST /lab/class/door",
    "POST /lab/class/code",
    "POST /lab/class/allow",
    "GET /assets/x",
    "GET /theme.css",
    "GET /favicon.ico",
    "GET /manifest.json",
    "GET /pwa_icon",
}
NOT_FOUND = "There is nothing at this address.\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, recorded_runs: Path) -> Iterator[Served]:
    """A class with the whole page, Gradio's, as the teacher has it."""
    home = tmp_path_factory.mktemp("served")
    (home / "shipped").symlink_to(recorded_runs)
    with serving(home, with_gradio=True) as served:
        teacher = served.teacher()
        end = time.monotonic() + 150
        while not teacher.get("/lab/status").json()["ready"]:
            assert time.monotonic() < end
            time.sleep(0.1)
        yield served


def places(routes: Any, prefix: str = "") -> Iterator[str]:
    """The path of every route, with something in the place of each parameter."""
    for route in routes:
        path = prefix + getattr(route, "path", "")
        within = [getattr(route, name, None) for name in ("original_router", "app")]
        inner = next((room.routes for room in (route, *within) if hasattr(room, "routes")), None)
        if inner:
            yield from places(inner, path.rstrip("/"))
        else:
            yield re.sub(r"\{(\w+)(:\w+)?\}", "x", path) or "/"


def every_place(served: Served) -> list[str]:
    found = set(places(served.inner.routes))
    extra = {f"/lab/assets/{name}" for name in ("lab.js", "join.js", "join.css", "icon.svg")}
    odd = {"/lab/assets/", "/lab/assets/../server.py", "/lab/ws/", "/LAB/status", "/join/"}
    return sorted(found | extra | odd | {"/lab/api/runs/a/fork", "/lab/api/runs/a/control"})


def test_the_walk_reaches_what_there_is(served: Served) -> None:
    found = every_place(served)
    wanted = {"/", "/lab/api/runs", "/lab/class/results.csv", "/lab/class/poll/x", "/lab/ws"}
    assert wanted < set(found)
    gradio = [path for path in found if path.startswith("/gradio_api/")]
    assert len(gradio) > 30
    for part in ("queue/join", "upload", "call/", "queue/data", "config"):
        assert any(part in path for path in found), part


def forgeries(served: Served) -> dict[str, str | None]:
    """Cookies that nobody may get anywhere with."""
    room = served.room
    ada = served.portal.call(room.join, "Forged")
    good = room.cookies.value(ada)
    removed = served.portal.call(room.join, "Removed")
    gone = room.cookies.value(removed)
    served.portal.call(room.remove, removed.id)
    old = URLSafeTimedSerializer(room._journal.secret, salt="grpo-lab class cookie")
    signer = old.make_signer(old.salt)
    moment = int(time.time()) - COOKIE_SECONDS - 60
    signer.get_timestamp = lambda: moment  # type: ignore[method-assign]
    expired = signer.sign(old.dump_payload({"role": "teacher", "id": "teacher"})).decode()
    payload, stamp, signature = good.split(".")
    teachers = room.cookies.value(THE_TEACHER)
    return {
        "none": None,
        "empty": "",
        "plain": '{"role":"teacher","id":"teacher"}',
        "tampered": f"{payload}.{stamp}.{signature[::-1]}",
        "student's signature under the teacher's words": (
            f"{teachers.split('.')[0]}.{stamp}.{signature}"
        ),
        "unsigned": payload,
        "another secret": Cookies(b"x" * 32).value(THE_TEACHER),
        "expired": expired,
        "removed": gone,
    }


def refused(answer: Any, sentence: str, status: int) -> bool:
    return answer.status_code == status and answer.json() == {"error": sentence}


def not_found(answer: Any) -> bool:
    body = "" if answer.request.method == "HEAD" else NOT_FOUND
    return answer.status_code == 404 and answer.text in (body, NOT_FOUND)


LIES = {
    "x-forwarded-for": "127.0.0.1",
    "x-real-ip": "127.0.0.1",
    "x-role": "teacher",
    "authorization": "Bearer teacher",
    "content-type": "application/json",
}
FORGED_BODY = '{"role":"teacher","id":"teacher","member":{"role":"teacher"},"want":"stop"}'


def ask(visitor: Visitor, method: str, path: str) -> Any:
    body = FORGED_BODY if method in ("POST", "PUT", "PATCH") else None
    return visitor.request(method, path, headers=LIES, content=body)


def test_nobody_gets_anything_but_the_door(served: Served) -> None:
    visitor = served.visitor("127.0.0.1")  # loopback is no role
    for path in every_place(served):
        for method in METHODS:
            if f"{method} {path}" in FOR_ALL:
                continue
            answer = ask(visitor, method, path)
            if f"{method} {path}" not in LISTED:
                assert not_found(answer), (method, path, answer.status_code)
            elif (method, path) == ("GET", "/"):
                assert answer.status_code == 303 and answer.headers["location"] == "join"
            else:
                assert refused(answer, JOIN_FIRST, 401), (method, path, answer.status_code)


def test_no_forged_cookie_is_anybody(served: Served) -> None:
    watched = [
        ("GET", "/lab/status"),
        ("POST", "/lab/api/runs"),
        ("POST", "/lab/class/poll"),
        ("POST", "/lab/export"),
        ("GET", "/lab/class/people"),
        ("GET", "/theme.css"),
    ]
    for name, cookie in forgeries(served).items():
        visitor = served.visitor()
        if cookie is not None:
            visitor.cookies.set(COOKIE, cookie)
        assert visitor.get("/").status_code == 303, name
        for method, path in watched:
            assert refused(ask(visitor, method, path), JOIN_FIRST, 401), (name, method, path)
        with pytest.raises(WebSocketDisconnect), visitor.connect():
            pass


def test_a_student_gets_what_the_table_says_and_nothing_else(served: Served) -> None:
    student = served.student()
    before = list(served.started)
    for path in every_place(served):
        for method in METHODS:
            if f"{method} {path}" in FOR_STUDENTS:
                continue
            answer = ask(student, method, path)
            if f"{method} {path}" not in LISTED:
                assert not_found(answer), (method, path, answer.status_code)
            else:
                assert refused(answer, TEACHER_ONLY, 403), (method, path, answer.status_code)
    assert served.started == before and served.room.polls.all == []
    for allowed in FOR_STUDENTS:
        method, path = allowed.split()
        answer = ask(student, method, path)
        assert answer.status_code not in (401, 403) or path.startswith("/lab/class/"), allowed


CONTROLS = [
    ("/lab/api/runs", {"max_steps": 2}),
    ("/lab/api/runs/hacked/fork", {"step": 1, "options": {}}),
    ("/lab/api/runs/hacked/control", {"want": "stop"}),
    ("/lab/class/poll", {"kind": "teaches", "run": RUN, "step": 2, "group": 1}),
    ("/lab/class/poll/x", {"want": "reveal"}),
    ("/lab/class/focus", {"view": {"run": RUN}}),
    ("/lab/class/hunt", {"run": "recorded:hacked"}),
    ("/lab/class/remove", {"id": "x"}),
    ("/lab/export", {"run": RUN, "as": "html"}),
]
GRADIOS = [
    ("/gradio_api/queue/join", {"fn_index": 0, "data": [], "session_hash": "x"}),
    ("/gradio_api/call/start", {"data": []}),
    ("/gradio_api/upload", {}),
]


@pytest.mark.parametrize(("path", "body"), CONTROLS)
def test_every_control_asks_who_it_is(served: Served, path: str, body: dict) -> None:
    forged = body | {"role": "teacher", "token": served.room.token}
    assert refused(served.student().post(path, json=forged), TEACHER_ONLY, 403)
    assert refused(served.visitor().post(path, json=forged), JOIN_FIRST, 401)
    for other in ("http://evil.example.com", "null", "http://127.0.0.1:8888"):
        answer = served.teacher().post(path, json=body, headers={"origin": other})
        assert answer.status_code == 403 and "another origin" in answer.text
    answer = served.teacher().post(path, content=str(body), headers={"content-type": "text/plain"})
    assert answer.status_code in (400, 404, 415, 422), path


@pytest.mark.parametrize(("path", "body"), GRADIOS)
def test_gradio_s_own_controls_are_nobody_s(served: Served, path: str, body: dict) -> None:
    for visitor in (served.visitor(), served.student(), served.teacher()):
        assert not_found(visitor.post(path, json=body)), path


def test_the_teacher_has_all_of_it(served: Served) -> None:
    teacher = served.teacher()
    assert "gradio" in teacher.get("/").text and teacher.get("/theme.css").status_code == 200
    assert not_found(teacher.get("/config"))
    assert teacher.get("/lab/class/people").status_code == 200
    assert "data-class" in served.student().get("/").text


# --- a route that nobody thought of ------------------------------------------------------------


def test_a_new_route_is_the_teachers_until_the_table_says_otherwise(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = served.inner

    @app.get("/lab/new")
    async def new() -> dict[str, bool]:
        return {"secret": True}

    @app.websocket("/lab/new/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    app.router.routes.insert(0, app.router.routes.pop())
    app.router.routes.insert(0, app.router.routes.pop())
    for visitor in (served.visitor(), served.student(), served.teacher()):
        assert not_found(visitor.get("/lab/new"))
    opened = [("GET", re.compile("/lab/new")), ("WEBSOCKET", re.compile("/lab/new/ws"))]
    monkeypatch.setattr(allowlist, "_ALLOWED", allowlist._ALLOWED + opened)
    assert served.teacher().get("/lab/new").json() == {"secret": True}
    assert refused(served.student().get("/lab/new"), TEACHER_ONLY, 403)
    assert refused(served.visitor().get("/lab/new"), JOIN_FIRST, 401)
    with pytest.raises(WebSocketDisconnect):
        cookie = f"{COOKIE}={served.student().cookies[COOKIE]}"
        url = "ws://127.0.0.1:7860/lab/new/ws"
        with served.visitor().websocket_connect(url, headers={"cookie": cookie}):
            pass


def test_the_table_knows_whole_paths_only() -> None:
    for path in ("/join/", "/join\n", "/lab/assets/a/b.js", "/lab/assets/.x", "/lab/status/..", ""):
        assert not roles("GET", path), path
    assert not roles("POST", "/join") and not roles("get", "/join") and not roles("GET", "/lab/ws")


def test_a_student_s_pages_are_under_the_strict_policy(served: Served) -> None:
    for visitor, path in ((served.visitor(), "/join"), (served.student(), "/")):
        policy = visitor.get(path).headers["content-security-policy"]
        assert "unsafe" not in policy and "default-src 'none'; script-src 'self'" in policy
    assert "'unsafe-inline'" in served.teacher().get("/").headers["content-security-policy"]


FOREIGN = {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
}


def test_a_foreign_link_opens_pages_and_changes_nothing_in_the_class(served: Served) -> None:
    teacher, room = served.teacher(), served.room
    events, started = len(list(room._journal.events())), list(served.started)
    assert teacher.get("/", headers=FOREIGN).status_code == 200
    assert teacher.get("/join", headers=FOREIGN).status_code == 200
    opened = teacher.get("/lab/class/teach?token=wrong", headers=FOREIGN)
    assert opened.status_code == 401 and "set-cookie" not in opened.headers
    for path in ("/lab/class/people", "/lab/class/results.csv", "/lab/class/qr.svg", "/lab/status"):
        assert teacher.get(path, headers=FOREIGN).status_code == 403, path
    for path, body in CONTROLS:
        assert teacher.post(path, json=body, headers=FOREIGN).status_code == 403, path
    assert len(list(room._journal.events())) == events and served.started == started


def test_a_foreign_link_with_the_token_is_the_teacher_s_link(served: Served) -> None:
    """From a chat or a mail on the web, say. It leads to the page, wherever it came from."""
    visitor = served.visitor()
    opened = visitor.get(served.room.teacher_url, headers=FOREIGN)
    assert opened.status_code == 303 and opened.headers["location"] == "../../"
    assert opened.headers["cross-origin-opener-policy"] == "same-origin"
    assert "gradio" in visitor.get("/", headers=FOREIGN).text
    framed = FOREIGN | {"sec-fetch-dest": "iframe"}
    assert served.visitor().get(served.room.browser_url, headers=framed).status_code == 403
    assert served.room._once is not None  # a page that frames the link does not use it up


# --- the WebSocket -----------------------------------------------------------------------------


def test_the_websocket(served: Served) -> None:
    student = served.student()
    with student.connect() as socket:
        socket.send_json({"run": None})
        assert socket.receive_json()["type"] == "hello"
    with student.connect(origin=BASE) as socket:
        assert socket.receive_json
    for origin in ("http://evil.example.com", "http://127.0.0.1:1", "null"):
        for visitor in (student, served.teacher()):
            with pytest.raises(WebSocketDisconnect), visitor.connect(origin=origin):
                pass
    with pytest.raises(WebSocketDisconnect), served.visitor().connect():
        pass
