"""Whether an open page stays as it is while a run goes on: DOM, memory, layout, charts.

    python benchmarks/page.py [--minutes 2] [--seconds 0.25] [--out FILE.json]

A dashboard process whose worker makes steps up (tests/helpers/fake_run.py), one every so many
seconds, and the real page on it in headless Chromium. Every five seconds, after a forced garbage
collection, the browser is asked for

    nodes      DOM nodes it keeps, shown or not, without those of the completions' tokens, whose
               number is what the model wrote and not the page's doing
    listeners  event listeners
    heap       JavaScript's, which holds the run's metrics and so grows by some bytes a step
    shift      the layout shifts so far, as the Core Web Vitals count them (under 0.1 is good)
    remounted  charts, cards and panels that are not the elements they were at the beginning

*A minute* is by least squares over the second half: the first minute fills what is bounded, such
as the charts' points.
"""

import argparse
import contextlib
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from dashboard_cost import request  # noqa: E402

from grpo_core.core import child, machine  # noqa: E402

EVERY = 5.0  # seconds
TRIES = 4  # that succeed, of one look: what is about to be collected may still be counted
STEP = "() => Number(document.querySelector('.lab-board')?.dataset.step ?? -1)"
MARKED = ".lab-chart, .lab-chart svg, .lab-panel, .lab-card, .lab-item"
BEGIN = f"""() => {{
  window.shift = 0;
  new PerformanceObserver((list) => {{
    for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift += one.value;
  }}).observe({{ type: "layout-shift", buffered: false }});
  document.querySelectorAll("{MARKED}").forEach((e) => (e.first = true));
}}"""
LOOK = f"""() => ({{
  step: ({STEP})(),
  tokens: document.querySelectorAll(".tk").length,
  elements: document.querySelectorAll("*").length,
  shift: window.shift,
  remounted: [...document.querySelectorAll("{MARKED}")].filter((e) => !e.first).length,
}})"""
NODES_A_TOKEN = 2  # its element and its text
FIGURES = ("nodes", "listeners", "heap", "shift", "remounted")


@contextlib.contextmanager
def dashboard(home: Path, seconds: float) -> Iterator[str]:
    """A dashboard with made-up training; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = ROOT / "tests" / "helpers" / "serve_fake.py"
    words = [script, home / "runs", home / "shipped", port, seconds]
    process = subprocess.Popen(child.command(*words), cwd=ROOT, env=child.environment())
    base = f"http://127.0.0.1:{port}/"
    try:
        while True:
            with contextlib.suppress(OSError):
                if request(base + "lab/status")["ready"]:
                    break
            time.sleep(0.2)
        yield base
    finally:
        process.terminate()
        process.wait()


def watch(
    page: Any, looks: int, every: float = EVERY, tries: int = TRIES
) -> list[dict[str, float]]:
    """Observe the page that many times; it already shows a live run."""
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")
    page.evaluate(BEGIN)
    began = time.monotonic()
    found: list[dict[str, float]] = []
    while len(found) < looks:
        page.wait_for_timeout(1000 * every)
        seen: list[dict[str, float]] = []
        while len(seen) < tries:
            now = look(page, client)
            seen += [now] if now else []
        now = min(seen, key=lambda one: one["nodes"])
        found.append(now | {"seconds": time.monotonic() - began})
    return found


def look(page: Any, client: Any) -> dict[str, float] | None:
    """What there is now; None when a step was drawn between the questions."""
    before = page.evaluate(LOOK)
    client.send("HeapProfiler.collectGarbage")
    told = {m["name"]: m["value"] for m in client.send("Performance.getMetrics")["metrics"]}
    seen = page.evaluate(LOOK)
    if seen != before:
        return None
    return seen | {
        "nodes": told["Nodes"] - NODES_A_TOKEN * seen["tokens"],
        "listeners": told["JSEventListeners"],
        "heap": told["JSHeapUsedSize"] / 2**20,
    }


def slope(looks: list[dict[str, float]], name: str) -> float:
    """How much more a minute, over the second half."""
    half = looks[len(looks) // 2 :]
    if len(half) < 2:
        return 0.0
    times = [look["seconds"] for look in half]
    return 60 * statistics.linear_regression(times, [look[name] for look in half]).slope


def main() -> int:
    """Measure and print."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seconds", type=float, default=0.25, help="between two steps")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the figures here")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        dashboard(Path(folder), options.seconds) as base,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1800})  # cards and all
        run = request(base + "lab/api/runs", {"max_steps": 100_000})["run"]
        page.goto(f"{base}#run={run}")
        page.wait_for_selector("#lab-start", timeout=60_000)
        page.wait_for_function(f"() => ({STEP})() >= 20", timeout=120_000)
        looks = watch(page, max(2, round(60 * options.minutes / EVERY)))
        browser.close()
        request(base + f"lab/api/runs/{run}/control", {"want": "stop"})
    print(
        f"{looks[-1]['seconds'] / 60:.1f} minutes, {looks[-1]['step'] - looks[0]['step']:.0f} steps"
    )
    print(f"{'':12}{'first':>10}{'most':>10}{'last':>10}{'a minute':>10}")
    for name in FIGURES:
        values = [look[name] for look in looks]
        row = (values[0], max(values), values[-1], slope(looks, name))
        print(f"{name:12}" + "".join(f"{value:>10.2f}" for value in row))
    if options.out:
        written = {"machine": machine.describe(), "looks": looks}
        options.out.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
