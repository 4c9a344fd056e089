"""What is closed: every route there is, Gradio's too, and all that a foreign page can send."""

import asyncio
import http.server
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import fake_run
import pytest
from asgi import HOST, JSON, Answer, request
from fastapi import WebSocket
from fastapi.testclient import TestClient

from grpo_core.app.dashboard import exports
from grpo_core.app.dashboard.runs import RECORDED, RunBook
from grpo_core.app.dashboard.server import create_app, guarded

KEY = RECORDED + "recorded"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "WEBSOCKET")

# Written once more by hand, not taken from the list: what is answered when there is no class.
OPEN = {
    "GET /",
    "GET /lab/assets/lab.js",
    "GET /lab/status",
    "GET /lab/glossary",
    "GET /lab/metrics",
    "GET /lab/source",
    "WEBSOCKET /lab/ws",
    "POST /lab/export",
    "POST /lab/api/lens",
    "POST /lab/api/runs",
    "POST /lab/api/runs/x/fork",
    "POST /lab/api/runs/x/control",
    "GET /static/js/iframeResizer.contentWindow.min.js",
    "GET /theme.css",
    "GET /favicon.ico",
    "GET /manifest.json",
    "GET /pwa_icon",
}
NOT_FOUND = (404, b"There is nothing at this address.\n")


class Outside:
    """A server of somebody else's on this machine, and what it was asked."""

    def __init__(self) -> None:
        outside = self
        self.asked: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outside.asked.append(f"{self.command} {self.path}")
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<script>stolen</script>")

            do_HEAD = do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("guarded")
    fake_run.record(home / "shipped", "recorded", steps=2)
    return home


class Whole:
    """The whole dashboard, Gradio's page included, in this process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.started: list[Path] = []
        self.book = RunBook(home / "runs", home / "shipped", start_worker=self.started.append)
        self.inner = create_app(self.book)
        self.app = guarded(self.inner, ["lab.example.org"])
        self.portal: Any = None

    def ask(self, method: str, path: str, **more: Any) -> Answer:
        """One request, without help."""
        return self.portal.call(lambda: request(self.app, method, path, **more))


@pytest.fixture(scope="module")
def whole(home: Path) -> Iterator[Whole]:
    whole = Whole(home)
    with TestClient(whole.app, base_url=f"http://{HOST}") as client:
        whole.portal = client.portal
        end = time.monotonic() + 150
        while not client.get("/lab/status").json()["ready"]:
            assert time.monotonic() < end
            time.sleep(0.1)
        yield whole


def walk(routes: Any, prefix: str = "") -> Iterator[str]:
    """Every path, with its parameters. Written once more: the table's own walk is tested by it."""
    for route in routes:
        path = prefix + getattr(route, "path", "")
        within = [getattr(route, name, None) for name in ("original_router", "app")]
        inner = next((room.routes for room in (route, *within) if hasattr(room, "routes")), None)
        if inner:
            yield from walk(inner, path.rstrip("/"))
        else:
            yield path or "/"


def filled(path: str, value: str = "x") -> str:
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda _: value, path)


# --- the list ----------------------------------------------------------------------------------


def test_every_route_is_on_the_list_or_not_found(whole: Whole) -> None:
    found = {filled(path) for path in walk(whole.inner.routes)}
    gradio = {path for path in found if path.startswith("/gradio_api/")}
    assert len(gradio) > 40 and {"/gradio_api/file=x", "/gradio_api/startup-events"} < gradio
    found |= {entry.split()[1] for entry in OPEN} | {"/lab/assets", "/lab/assets/"}
    for path in sorted(found):
        for method in METHODS:
            answer = whole.ask(method, path, headers=JSON, body=b'{"seed": -1}')
            entry = f"{method} {path}"
            if entry in OPEN:
                assert answer.status in (101, 200, 400, 409, 422), entry
            elif entry not in ("GET /assets/x",):  # on the list; there is no such file
                assert (answer.status, answer.body) == NOT_FOUND, entry
    assert whole.started == []


def test_what_the_page_needs_is_there(whole: Whole) -> None:
    page = whole.ask("GET", "/").body.decode()
    needed = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)
    assert len(needed) == 2
    for path in (*needed, "theme.css", "static/js/iframeResizer.contentWindow.min.js"):
        assert whole.ask("GET", f"/{path}").status == 200, path
    assert whole.ask("GET", "/favicon.ico").headers["content-type"] == "image/svg+xml"


def test_odd_paths_are_not_found(whole: Whole) -> None:
    bases = ["/gradio_api/file=/etc/passwd", "/gradio_api/startup-events", "/config", "/lab/status"]
    odd = [
        *(f"/{base}" for base in bases),
        *(f"{base}/" for base in bases),
        *(base.upper() for base in bases),
        *(f"/assets/..{base}" for base in bases),
        *(f"/lab/assets/..{base}" for base in bases),
        *(f"/.{base}" for base in bases),
        *(f"{base}%00" for base in bases),
        *(f"{base}\n" for base in bases[1:]),
        *(f" {base}" for base in bases),
        "/assets/../config", "/assets/..", "/assets/.", "/assets/", "/assets", "/assets/a/b.js",
        "/assets/a\\b.js", "/assets/%2e%2e/config", "/assets/.hidden", "/static/js/", "/static/x",
        "/static/js/../img/logo.svg", "/lab/assets/../server.py", "/lab/assets/..", "/lab//status",
        "//", "/.", "/..", "", "*", "http://127.0.0.1/", "/theme.css/", "/THEME.css", "/index.html",
    ]  # fmt: skip
    for path in odd:
        for method in ("GET", "POST", "HEAD", "WEBSOCKET"):
            assert whole.ask(method, path).status == 404, (method, path)


def test_a_new_route_is_closed_until_the_list_opens_it(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    from grpo_core.app.dashboard import allowlist

    @whole.inner.get("/lab/new")
    async def new() -> dict[str, bool]:
        return {"secret": True}

    @whole.inner.websocket("/lab/new/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    for _ in range(2):  # before Gradio's page, which takes what is left
        whole.inner.router.routes.insert(0, whole.inner.router.routes.pop())
    wanted = [("GET", "/lab/new"), ("WEBSOCKET", "/lab/new/ws")]
    assert [whole.ask(*place).status for place in wanted] == [404, 404]
    opened = [(method, allowlist.pattern(path)) for method, path in wanted]
    monkeypatch.setattr(allowlist, "_ALLOWED", opened)
    assert [whole.ask(*place).status for place in wanted] == [200, 101]
    del whole.inner.router.routes[:2]


def test_gradio_sees_no_query(whole: Whole) -> None:
    plain = whole.ask("GET", "/").body
    assert b'"deep_link_state":"none"' in plain
    for query in ("deep_link=abc", "page=x", "deep_link=..%2F..&page=y&all_endpoints=1"):
        assert whole.ask("GET", "/", query=query).body == plain, query


# --- no address --------------------------------------------------------------------------------


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    """Somebody else's server; Gradio takes its address for one on the internet."""
    import safehttpx

    async def validate(hostname: str) -> str:
        return "127.0.0.1"

    monkeypatch.setattr(safehttpx, "async_validate_url", validate)
    outside = Outside()
    yield outside
    outside.close()


def connections() -> Callable[[], list[str]]:
    """Begin to note every address that this process resolves or connects to; returns the notes."""
    noted: list[str] = []
    on = [True]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if on[0] and event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
            noted.append(f"{event} {arguments[1:]}")

    sys.addaudithook(hook)  # one cannot be taken away again, only switched off

    def stop() -> list[str]:
        on[0] = False
        return noted

    return stop


def test_no_address_is_ever_fetched(whole: Whole, outside: Outside) -> None:
    address = f"http://{outside.address}/stolen.png"
    forms = [
        address,
        address.replace("http:", "HTTP:"),
        address.replace("//", "/"),
        address.replace("http:", ""),
        address.replace(":", "%3A").replace("/", "%2F"),
        address.replace("http", "https"),
        f"/{address}",
        f"../{address}",
        f"{address}/",
        f"http://x@{outside.address}/",
        "http://localhost:" + outside.address.split(":")[1] + "/x.html",
    ]
    templates = set(walk(whole.inner.routes))
    takers = {path for path in templates if "{" in path}
    takers |= {f"/gradio_api{path}{{x}}" for path in ("/file=", "/file/", "/proxy=", "/stream/")}
    takers |= {path.upper() for path in takers} | {f"/{path}" for path in takers}
    names = ("file", "url", "path", "deep_link", "theme", "page", "proxy_url", "session_hash")
    query = "&".join(f"{name}={address}" for name in names)
    body = json.dumps(dict.fromkeys(names, address) | {"data": [{"path": address}]}).encode()
    stop = connections()
    for template in sorted(takers):
        for form in forms:
            for method in ("GET", "HEAD", "POST", "WEBSOCKET"):
                ranged = {"range": "bytes=0-9"}
                whole.ask(method, filled(template, form), headers=ranged)
    for template in sorted(templates):
        for method in ("GET", "POST"):
            whole.ask(method, filled(template), headers=JSON, query=query, body=body)
    assert outside.asked == [] and stop() == []


# --- a page of another origin ------------------------------------------------------------------


def fetch_headers(site: str, mode: str, dest: str) -> dict[str, str]:
    return {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}


EMBEDDED = [
    ("no-cors", "image"), ("no-cors", "script"), ("no-cors", "style"), ("no-cors", "empty"),
    ("cors", "empty"), ("cors", "script"), ("navigate", "iframe"), ("navigate", "frame"),
    ("navigate", "object"), ("navigate", "embed"), ("nested", "document"),
    ("websocket", "websocket"), ("no-cors", "document"), ("navigate", "empty"), ("navigate", ""),
    ("navigate", "fencedframe"),
]  # fmt: skip


@pytest.mark.parametrize("site", ["cross-site", "same-site", "a-later-word"])
def test_a_foreign_page_gets_nothing_but_a_link_to_a_page(whole: Whole, site: str) -> None:
    paths = sorted({filled(path) for path in walk(whole.inner.routes)} | {"/lab/assets/lab.js"})
    for path in paths:
        for mode, dest in EMBEDDED:
            for method in ("GET", "POST", "WEBSOCKET"):
                answer = whole.ask(method, path, headers=fetch_headers(site, mode, dest))
                assert answer.status == 403 and b"another origin" in answer.body, (method, path)
        link = fetch_headers(site, "navigate", "document")
        leads = whole.ask("GET", path, headers=link).status
        assert leads == (200 if path == "/" else 403), path
        assert whole.ask("POST", path, headers=link | JSON, body=b"{}").status == 403, path


def test_ones_own_page_and_the_address_bar_get_what_they_ask_for(whole: Whole) -> None:
    for site in ("same-origin", "none"):
        for mode, dest in (("cors", "empty"), ("no-cors", "script"), ("navigate", "document")):
            headers = fetch_headers(site, mode, dest)
            assert whole.ask("GET", "/lab/status", headers=headers).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example.com", "null", "http://127.0.0.1:8888"])
def test_a_foreign_origin_is_refused_on_every_method(whole: Whole, origin: str) -> None:
    """Browsers say no Sec-Fetch-Site to an address of the local network, where a class is."""
    for method in ("GET", "HEAD", "OPTIONS", "POST", "WEBSOCKET"):
        for path in ("/", "/lab/status", "/theme.css", "/lab/ws"):
            answer = whole.ask(method, path, headers={"origin": origin, "host": "192.168.1.7:7860"})
            assert answer.status == 403, (method, path)
            assert "access-control-allow-origin" not in answer.headers


def test_behind_a_proxy_everything_is_as_without(whole: Whole) -> None:
    """The proxy keeps what the browser says of itself, and may change Host and port."""
    proxied = {"origin": "https://lab.example.org"}
    for host in ("lab.example.org", "127.0.0.1:7860"):
        headers = proxied | fetch_headers("same-origin", "cors", "empty") | {"host": host}
        assert whole.ask("GET", "/lab/status", headers=headers).status == 200
        answer = whole.ask("POST", "/lab/api/runs", headers=headers | JSON, body=b'{"seed": -1}')
        assert answer.status == 409
        assert whole.ask("WEBSOCKET", "/lab/ws", headers=headers).status == 101


# --- nothing changes on a GET ------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_nothing_changes_on_a_get(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    async def make(*arguments: object) -> Path:
        made.append(arguments)
        raise AssertionError

    monkeypatch.setattr(exports, "make", make)
    monkeypatch.setattr(subprocess, "Popen", make)
    before, temporary = contents(whole.home), set(Path(tempfile.gettempdir()).glob("grpo-lab-*"))
    paths = {filled(path, KEY) for path in walk(whole.inner.routes)} | {"/lab/assets/lab.js"}
    query = f"run={KEY}&as=html&of=push&want=stop&step=1&options={{}}&token=x"
    for path in sorted(paths):
        whole.ask("GET", path, query=query)
    assert made == [] and whole.started == [] and contents(whole.home) == before
    assert set(Path(tempfile.gettempdir()).glob("grpo-lab-*")) == temporary


# --- headers -----------------------------------------------------------------------------------

HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 200),
        ("GET", "/lab/status", {}, 200),
        ("GET", "/lab/assets/lab.js", {}, 200),
        ("GET", "/lab/assets/none.js", {}, 404),
        ("GET", "/lab/source", {}, 422),
        ("GET", "/gradio_api/info", {}, 404),
        ("POST", "/lab/api/runs", {}, 415),
        ("POST", "/lab/api/runs", {"origin": "null"}, 403),
        ("GET", "/", {"host": "evil.example.com"}, 403),
        ("WEBSOCKET", "/lab/ws", {"origin": "null"}, 403),
        ("WEBSOCKET", "/lab/ws", {"host": "evil.example.com"}, 403),
        ("WEBSOCKET", "/gradio_api/queue", {}, 404),
    ],
)
def test_every_answer_has_the_headers(
    whole: Whole, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = whole.ask(method, path, headers=headers)
    assert answer.status == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy and "form-action 'none'" in policy
    assert ("'unsafe-inline'" in policy) == (path == "/" and status == 200)


def test_a_websocket_that_is_turned_away_inside_says_why(whole: Whole) -> None:
    feed = whole.inner.state.feed
    full = {object(): None for _ in range(1000)}
    viewers, feed.viewers = feed.viewers, full
    try:
        answer = whole.ask("WEBSOCKET", "/lab/ws")
    finally:
        feed.viewers = viewers
    assert (answer.status, answer.body) == (403, b"too many viewers\n")
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_a_server_that_cannot_answer_a_handshake_closes_it() -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/x", "headers": [(b"host", b"localhost")]}
    asyncio.run(guarded(None)(scope, None, send))  # type: ignore[arg-type]
    reason = "There is nothing at this address."
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": reason}]


STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "require-trusted-types-for": "'script'",
}


def policy_of(headers: Mapping[str, str]) -> dict[str, str]:
    parts = headers["content-security-policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


def test_the_page_before_gradio_s_is_under_the_strict_policy(home: Path) -> None:
    app = guarded(create_app(RunBook(home / "runs", home / "shipped"), with_gradio=False))
    with TestClient(app, base_url=f"http://{HOST}") as client:
        answer = client.get("/")
    assert answer.status_code == 200 and "data-shell" in answer.text
    assert STRICT.items() <= policy_of(answer.headers).items()
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_gradio_s_page_may_load_from_and_send_to_this_server_only(whole: Whole) -> None:
    policy = policy_of(whole.ask("GET", "/").headers)
    assert policy["default-src"] == policy["connect-src"] == policy["base-uri"] == "'self'"
    assert policy["object-src"] == "'none'" and "http" not in str(policy)
