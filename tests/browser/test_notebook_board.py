"""The board of a notebook cell: the bundled script in a bare page, a stand-in for anywidget."""

import contextlib
import functools
import http.server
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_run
import nbformat
import pytest
from waits import PATIENCE, drawn, free_port, until

from grpo_core.core.config import GRPOConfig
from grpo_core.course.widgets.board import Board

pytestmark = pytest.mark.browser

# What an editor gives the module: a model with values and listeners, and an element on a page
# whose background is the editor's. `put` is what Python does when it sets a value.
PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>cell</title>
<link rel="stylesheet" href="board.css"><link rel="icon" href="data:,"></head>
<body style="background: #fff; margin: 40px"><p id="outside">text of the page</p>
<div id="cell"></div><div data-grpo-still="STILL" id="still">a table</div>
<script type="module">
  import widget from "./cell.js";
  const values = await (await fetch("values.json")).json();
  const listeners = new Map();
  const model = {
    get: (name) => values[name],
    on: (event, call) => listeners.set(event, [...(listeners.get(event) ?? []), call]),
    off: (event, call) => listeners.set(event, listeners.get(event).filter((c) => c !== call)),
  };
  globalThis.put = (name, value) => {
    values[name] = value;
    for (const call of listeners.get(`change:${name}`) ?? []) call();
  };
  globalThis.listening = () => [...listeners.values()].flat().length;
  globalThis.close = widget.render({ model, el: document.getElementById("cell") });
</script></body></html>"""


@pytest.fixture
def cell(watch: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable]:
    """Open a page with a board; returns the page and the Python side, whose `show` reaches it."""
    monkeypatch.delenv("GRPO_LAB_WIDGETS", raising=False)
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def open_cell(**options: object) -> tuple[object, Callable]:
        board = Board()
        widget = board._widget
        (tmp_path / "cell.js").write_text(widget._esm, encoding="utf-8")
        (tmp_path / "board.css").write_text(widget._css, encoding="utf-8")
        names = ("shown", "glossary", "still")
        values = {name: getattr(widget, name) for name in names}
        (tmp_path / "values.json").write_text(json.dumps(values), encoding="utf-8")
        (tmp_path / "index.html").write_text(PAGE.replace("STILL", widget.still), encoding="utf-8")
        page = watch(f"http://127.0.0.1:{server.server_port}/", **options).page
        page.wait_for_function("globalThis.close !== undefined")
        page.wait_for_function("document.querySelector('.lab') !== null")

        def show(what: object) -> None:
            board.show(what)
            page.evaluate("text => put('shown', text)", widget.shown)
            drawn(page)

        return page, show

    yield open_cell
    server.shutdown()
    server.server_close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def made(index: int, seed: int = 0):
    return fake_run.make_step(index, GRPOConfig(seed=seed, generation_batch_size=32))


def test_it_shows_each_step_as_it_comes(cell: Callable) -> None:
    page, show = cell()
    assert page.locator(".lab-board").is_hidden() and page.locator("#still").is_hidden()
    for index in (1, 2, 3):
        step = made(index)
        show(step)
        assert page.inner_text(".lab-cell-step") == f"Step {index}"
        assert page.inner_text(".lab-prompt") == step.groups[0].prompt
        assert page.locator(".lab-card").count() == 16
        texts = page.locator(".lab-card .lab-think").all_inner_texts()
        assert step.groups[0].completions[0].tokens[0] in texts[0]


def test_a_card_stays_open_and_a_group_stays_chosen(cell: Callable) -> None:
    page, show = cell()
    show(made(1))
    page.locator(".lab-open").nth(2).click()
    page.locator(".lab-group").nth(1).click()
    drawn(page)
    assert page.inner_text(".lab-prompt") == made(1).groups[1].prompt
    page.get_by_label("Tokens shaded by").select_option("entropy")
    show(made(2))
    assert page.inner_text(".lab-prompt") == made(2).groups[1].prompt
    assert "lab-card-open" in page.locator(".lab-card").nth(2).get_attribute("class")
    assert page.locator(".lab-card .s1, .lab-card .s2").count() > 0
    show(made(1))  # an earlier step: another loop, begun again
    assert page.get_attribute(".lab-board", "data-step") == "1"


def test_a_token_and_a_metric_say_what_they_are(cell: Callable) -> None:
    page, show = cell()
    show(made(3))
    page.locator(".lab-card").first.focus()
    page.keyboard.press("ArrowRight")
    assert "probability" in page.inner_text(".lab-tip")
    page.get_by_role("button", name="What is the shading?").click()
    page.wait_for_function(
        "document.querySelector('.lab-gloss dd')?.textContent.includes('derivative')"
    )


def test_hostile_completions_are_text(cell: Callable) -> None:
    page, show = cell()
    show(made(2, seed=666))
    assert page.evaluate("window.hacked") is None
    assert page.locator("#cell script, #cell img, #cell b > b").count() == 0
    text = page.locator("#cell").inner_text()
    for bad in ("<script>window.hacked", "${window.hacked", "<img"):
        assert bad in text
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_dresses_as_the_editor_does_and_leaves_the_editor_alone(cell: Callable) -> None:
    page, show = cell()
    show(made(1))
    look = "() => getComputedStyle(document.querySelector('.lab-card')).backgroundColor"
    ours = "() => getComputedStyle(document.body).fontFamily + getComputedStyle(outside).color"
    before = page.evaluate(ours)
    assert page.evaluate(look) == "rgb(255, 255, 255)"
    page.evaluate("document.body.style.background = '#111'")
    page.wait_for_function(f"({look})() === 'rgb(22, 29, 38)'")
    assert page.evaluate(ours) == before
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 17, 17)"


@pytest.mark.parametrize("width", [390, 800, 1500])
def test_cards_fit_the_cell(cell: Callable, width: int) -> None:
    page, show = cell()
    page.set_viewport_size({"width": width, "height": 800})
    show(made(60))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    columns = page.locator(".lab-cards").evaluate(
        "grid => getComputedStyle(grid).gridTemplateColumns.split(' ').length"
    )
    assert columns == {390: 1, 800: 3, 1500: 6}[width]


def test_a_cell_that_is_cleared_leaves_nothing_behind(cell: Callable) -> None:
    page, show = cell()
    show(made(1))
    assert page.evaluate("listening()") == 1
    page.evaluate("globalThis.close()")
    assert page.evaluate("listening()") == 0
    assert page.locator("#still").is_visible()


@pytest.mark.slow
def test_in_jupyterlab(browser, tmp_path: Path) -> None:
    """The real thing: a kernel, anywidget, JupyterLab, and a loop in a later cell."""
    cells = [
        "import sys, time; sys.path.append(FAKES); import fake_run\n"
        "from grpo_core.core.config import GRPOConfig\n"
        "from grpo_core.course.widgets.board import Board\nboard = Board()\nboard",
        "for i in range(1, 200):\n"  # it goes on until everything below was looked at
        "    board.show(fake_run.make_step(i, GRPOConfig())); time.sleep(0.2)",
    ]
    cells[0] = cells[0].replace("FAKES", repr(str(Path(fake_run.__file__).parent)))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, tmp_path / "lesson.ipynb")
    with jupyterlab(tmp_path) as address:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        outside: list[str] = []
        page.on("request", lambda r: None if here(r.url, address) else outside.append(r.url))
        page.goto(address + "lab/tree/lesson.ipynb")
        page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
        run_first_cell(page)
        page.locator(".grpo-cell").wait_for(state="attached")
        page.keyboard.press("Shift+Enter")
        page.locator(".lab-card").first.wait_for()
        page.locator(".lab-open").nth(1).click()
        before = int(page.get_attribute(".lab-board", "data-step"))
        page.wait_for_function(
            "step => document.querySelector('.lab-board')?.dataset.step > step + 2", arg=before
        )
        assert page.locator(".lab-card-open").count() == 1  # while the kernel is busy
        assert page.locator("[data-grpo-still]").count() == 1
        assert page.locator("[data-grpo-still]").is_hidden()
        page.locator(".jp-Cell .cm-content").first.click()
        page.keyboard.press("Control+s")
        saved = tmp_path / "lesson.ipynb"
        until(lambda: "data-grpo-still" in saved.read_text(encoding="utf-8"))
        assert len(saved.read_bytes()) < 60_000
        assert not outside
        context.close()


def here(url: str, address: str) -> bool:
    return url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))


def run_first_cell(page) -> None:
    """Run it; JupyterLab swallows the keys of somebody who is faster than its kernel."""
    from playwright.sync_api import TimeoutError

    begun = "() => !/^\\[ \\]/.test(document.querySelector('.jp-InputPrompt')?.innerText ?? '[ ]:')"
    for _ in range(10):
        page.locator(".jp-Cell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(begun, timeout=5000)
            return
    raise AssertionError("the cell did not run")


@contextlib.contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """A JupyterLab that serves a folder; its address."""
    port = free_port()
    home = folder / "home"
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home),
        "JUPYTERLAB_SETTINGS_DIR": str(home),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--port={port}", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    with (folder / "jupyterlab.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        address = f"http://127.0.0.1:{port}/"
        until(lambda: answers(address + "api/status"), 150)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10):
            return True
    except OSError:
        return False
