"""A page of another site in the same browser: whatever it does, nothing happens on the dashboard.

The other site is `http://localhost:PORT`, to a browser a site of its own, and `http://127.0.0.1:PORT`,
another origin of the same site.
"""

import http.client
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from waits import PATIENCE, wait

pytestmark = pytest.mark.browser

# What makes a whole page of somebody else's act as the user, once it is served under our origin.
START = """<!doctype html><title>mine</title><script>
  fetch("/lab/api/runs", { method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ seed: 666 }) }).then(() => (document.title = "started"));
</script>"""

# Everything a page can ask of another origin without leaving, each with how it ended.
EMBEDS = """async ([board, paths]) => {
  const ends = {};
  const once = (name, make, good, bad) => new Promise((done) => {
    const thing = make();
    const end = (how) => { ends[name] = how; done(); };
    thing[good] = () => end("came");
    thing[bad] = () => end("refused");
    if (thing instanceof Node) document.body.append(thing);
  });
  const tag = (name, attributes) => () => Object.assign(document.createElement(name), attributes);
  const json = JSON.stringify({ seed: 667, run: "recorded:countdown-recorded", as: "html" });
  for (const path of paths) {
    const url = board + path;
    for (const mode of ["no-cors", "cors"]) {
      for (const method of ["GET", "POST"]) {
        const body = method === "POST" ? json : null;
        const sent = { method, mode, credentials: "include", body };
        await fetch(url, sent).then(
          ({ type }) => (ends[`${mode} ${method} ${path}`] = type),
          () => (ends[`${mode} ${method} ${path}`] = "refused"),
        );
      }
    }
    await once(`img ${path}`, tag("img", { src: url }), "onload", "onerror");
    await once(`script ${path}`, tag("script", { src: url }), "onload", "onerror");
    await once(`module ${path}`, tag("script", { src: url, type: "module" }), "onload", "onerror");
    await once(`style ${path}`, tag("link", { href: url, rel: "stylesheet" }), "onload", "onerror");
  }
  const socket = () => new WebSocket(board.replace("http", "ws") + "lab/ws");
  await once("websocket", socket, "onopen", "onerror");
  return ends;
}"""

PATHS = [
    "lab/status",
    "lab/assets/pages/lab.js",
    "lab/assets/icon.svg",
    "lab/assets/lab.css",
    "lab/api/runs",
    "lab/export?run=recorded%3Acountdown-recorded&as=html",
    "lab/class/people",
    "theme.css",
    "gradio_api/startup-events",
    "gradio_api/info",
    "gradio_api/file=http://localhost:1/x.png",
]


class Site:
    """A site of somebody else's: `/` is a blank page, `/bait.png` one that acts as the user."""

    def __init__(self) -> None:
        site = self
        self.baits = 0  # how often the second was asked for
        self.leads_to = ""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.baits += self.path.startswith("/bait")
                if self.path == "/leads":
                    self.send_response(302)
                    self.send_header("Location", site.leads_to)
                    self.end_headers()
                    return
                body = START if self.path.startswith("/bait") else "<title>foreign</title>"
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def user(browser: Any, board: Any) -> Iterator[Any]:
    """A page of somebody who has the dashboard open; in a class, the teacher's."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(board.teacher_url if hasattr(board, "teacher_url") else board.url)
    page.wait_for_selector("#lab-start")
    yield page
    context.close()
    assert started(board) == [], "a foreign page started a run"


@pytest.fixture(params=["localhost", "127.0.0.1"])
def foreign(request: pytest.FixtureRequest, user: Any, site: Site) -> Any:
    """Another tab of the same browser, at the other site."""
    page = user.context.new_page()
    page.goto(f"http://{request.param}:{site.port}/")
    return page


def started(board: Any) -> list[str]:
    """Runs that were started."""
    return [path.name for path in board.runs.glob("[!.]*")]


def bait(board: Any, site: Site, form: str) -> str:
    """The address on the dashboard of a page that the other site wrote."""
    return board.url + form.format(f"http://localhost:{site.port}/bait.png")


FORMS = [
    "gradio_api/file={}",
    "gradio_api/file/{}",
    "gradio_api/proxy={}",
    "gradio_api//file={}",
    "/gradio_api/file={}",
    "gradio_api/file%3D{}",
    "lab/../gradio_api/file={}",
    "lab/assets/%2e%2e/%2e%2e/gradio_api/file={}",
    "?deep_link={}",
]


def test_a_link_to_an_address_shows_nothing_of_it(foreign: Any, board: Any, site: Site) -> None:
    for form in FORMS:
        opened = follow(foreign, bait(board, site, form))
        if form.startswith("?"):  # a query of the page itself is not looked at
            wait(opened, "() => document.title === 'GRPO Lab'")
        else:
            sentence = opened.locator("body").inner_text()
            assert "another origin" in sentence or "nothing at this address" in sentence, form
        opened.close()
    assert site.baits == 0


def follow(page: Any, url: str) -> Any:
    """Click a link on a page, which opens a tab, and return that."""
    with page.context.expect_page() as opened:
        page.evaluate(
            """(href) => {
              const link = document.createElement("a");
              Object.assign(link, { href, target: "_blank", rel: "opener" });
              document.body.append(link);
              link.click();
            }""",
            url,
        )
    opened.value.wait_for_load_state()
    return opened.value


def test_a_redirect_does_not_act_as_the_user(foreign: Any, board: Any, site: Site) -> None:
    for form in ("gradio_api/file={}", "gradio_api/startup-events", "lab/export?run=x&as=html"):
        site.leads_to = bait(board, site, form)
        opened = follow(foreign, f"http://localhost:{site.port}/leads")
        assert "another origin" in opened.locator("body").inner_text()
        opened.close()


def test_the_address_bar_cannot_be_made_to_fetch(user: Any, board: Any, site: Site) -> None:
    """As by a link in a mail program: the browser says that nobody sent it."""
    for form in ("gradio_api/file={}", "gradio_api/startup-events", "gradio_api/proxy={}"):
        answer = user.goto(bait(board, site, form))
        assert answer.status == 404
    assert site.baits == 0


def test_nothing_can_be_embedded_fetched_or_connected_to(foreign: Any, board: Any) -> None:
    ends = foreign.evaluate(EMBEDS, [board.url, PATHS])
    assert len(ends) == 8 * len(PATHS) + 1
    # an opaque answer is one that the page cannot look into; what it was, `started` tells
    assert {how for name, how in ends.items() if not name.startswith("no-cors")} == {"refused"}, (
        ends
    )


def test_a_form_of_another_site_is_refused(foreign: Any, board: Any) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        for path in ("lab/api/runs", "lab/export", "gradio_api/queue/join", "gradio_api/upload"):
            with foreign.context.expect_page() as opened:
                foreign.evaluate(
                    """([action, enctype]) => {
                      const form = document.createElement("form");
                      Object.assign(form, { action, enctype, method: "post", target: "_blank" });
                      const field = document.createElement("input");
                      Object.assign(field, { name: '{"seed": 668, "x": "', value: '"}' });
                      form.append(field);
                      document.body.append(form);
                      form.submit();
                    }""",
                    [board.url + path, kind],
                )
            opened.value.wait_for_load_state()
            assert "another origin" in opened.value.locator("body").inner_text(), (kind, path)
            opened.value.close()


def test_a_frame_shows_nothing(foreign: Any, board: Any) -> None:
    foreign.evaluate(
        """(url) => new Promise((done) => {
          const frame = document.createElement("iframe");
          frame.onload = done;
          frame.src = url;
          document.body.append(frame);
        })""",
        board.url,
    )
    (frame,) = foreign.main_frame.child_frames
    assert not frame.url.startswith(board.url)  # the browser's own page, that it was refused
    assert foreign.evaluate("frames[0].length") == 0


def test_who_opens_the_dashboard_has_no_hold_on_it(foreign: Any, board: Any) -> None:
    with foreign.context.expect_page() as opened:
        foreign.evaluate("(url) => { globalThis.opened = window.open(url, 'board'); }", board.url)
    page = opened.value
    page.wait_for_selector("#lab-start")
    assert page.evaluate("window.opener") is None
    assert foreign.evaluate("opened.closed")  # so it seems, from there
    foreign.evaluate("opened.location = 'about:blank'; opened.postMessage('start', '*')")
    assert page.evaluate("document.title") == "GRPO Lab"


def test_a_link_from_elsewhere_opens_the_page(foreign: Any, board: Any) -> None:
    """As teachers give links on: it must go on working."""
    page = follow(foreign, board.url + "#run=recorded%3Acountdown-recorded&step=9")
    page.wait_for_selector("#lab-start")
    wait(page, "() => document.querySelector('.lab-board')?.dataset.step === '9'")


def test_the_server_itself_knows_no_way_round(board: Any, site: Site) -> None:
    """What no browser would send: targets as they are, over the network."""
    address = f"http://localhost:{site.port}/bait.png"
    code = address.replace(":", "%3A").replace("/", "%2F")
    targets = [
        f"/gradio_api/file={address}", f"/gradio_api/file={code}", f"/gradio_api/%66ile={code}",
        f"//gradio_api/file={address}", f"/./gradio_api/file={address}",
        f"/assets/../gradio_api/file={address}", f"/assets/..%2fgradio_api%2ffile={code}",
        f"/lab/assets/..%2f..%2fgradio_api/file={code}", f"/GRADIO_API/file={address}",
        f"/gradio_api/file={address}/", f"/gradio_api/file={address}?x",
        f"/gradio_api/proxy={address}",
        f"http://127.0.0.1:{board.port}/gradio_api/file={address}", f"/theme.css/../file={address}",
        f"/gradio_api;/file={address}", f"/gradio_api/file=%2568ttp{address[4:]}",
        "/gradio_api/startup-events", "/config", "/gradio_api/heartbeat/x",
        "/assets/..%2f..%2f..%2fx",
    ]  # fmt: skip
    allowed = {404, 401} if hasattr(board, "teacher_url") else {404}
    for target in targets:
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            connection = http.client.HTTPConnection("127.0.0.1", board.port, timeout=60)
            connection.request(method, target, body=json.dumps({}) if method == "POST" else None)
            answer = connection.getresponse()
            assert answer.status in allowed, (method, target, answer.status)
            assert answer.getheader("Cross-Origin-Resource-Policy") == "same-origin"
            connection.close()
    assert site.baits == 0


# What hostile text would need to become: each is stopped, at once or with an event.
INLINE = """async () => {
  const stopped = [];
  const hear = ({ effectiveDirective: of }) => of === "style-src-attr" && stopped.push("style");
  const attempt = (name, act) => { try { act(); } catch { stopped.push(name); } };
  document.addEventListener("securitypolicyviolation", hear);
  const script = document.createElement("script");
  attempt("script", () => (script.textContent = "globalThis.ran = 1"));
  attempt("onclick", () => document.body.setAttribute("onclick", "globalThis.ran = 2"));
  document.body.setAttribute("style", "color: red");
  while (!stopped.includes("style")) await new Promise((done) => setTimeout(done, 20));
  document.body.removeAttribute("style");
  attempt("eval", () => (0, eval)("globalThis.ran = 3")); // not before: tests' own code may
  return [globalThis.ran ?? null, stopped];
}"""


def test_a_class_s_student_pages_run_no_inline_script(
    browser: Any, classroom: Any, watch: Callable
) -> None:
    """The strict policy of /join and of a student's page, on a real browser."""
    watched = watch(classroom.url)
    watched.expected = ["Content Security Policy", "'TrustedScript'"]
    page = watched.page
    for place in ("join", "student"):
        if place == "student":
            page.get_by_label("Class code").fill(classroom.code)
            page.get_by_label("Your name").fill("Ada")
            page.get_by_role("button", name="Join").click()
            page.wait_for_selector(".lab-class[data-role=student]")
        ran, stopped = page.evaluate(INLINE)
        assert ran is None and set(stopped) == {"script", "onclick", "eval", "style"}
