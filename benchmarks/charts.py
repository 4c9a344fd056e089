"""Our SVG charts against plotly's bundled script: first paint, time a tick, DOM nodes.

    python benchmarks/charts.py

Both draw the dashboard's eight charts (fourteen series) of a run of 150 steps in headless
Chromium: once with all steps, then one more step at a time, as a live run does. plotly gets its
cheapest way, Plotly.extendTraces on charts that are kept, and its script comes from the installed
wheel by file, so the network costs nothing. Needs Debian's chromium, playwright and plotly; the
kit itself has no use for plotly, so without it this is left out and says so.
"""

import importlib.util
import json
import shutil
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "grpo_core" / "app" / "dashboard" / "assets"
TICKS = 40
REPEATS = 3

# Series a chart, and steps; the same numbers for both.
SHAPE = [3, 2, 2, 2, 1, 2, 1, 1]
SETUP = f"""
const shape = {json.dumps(SHAPE)};
const value = (chart, line, step) =>
  1 - Math.exp(-step / 40) + Math.sin(step * (chart + line + 1)) / 20;
const nodes = () => document.querySelectorAll('*').length;
const painted = () => new Promise((r) => requestAnimationFrame(() => setTimeout(r)));
"""

PLOTLY = """async () => {
  const began = performance.now();
  await new Promise((r) => { const s = document.createElement('script');
    s.src = location.origin + '/plotly.min.js'; s.onload = r; document.head.append(s); });
  const steps = [...Array(150).keys()];
  const boxes = shape.map((count, chart) => {
    const box = document.createElement('div');
    box.style = 'width:240px;height:150px;display:inline-block';
    document.body.append(box);
    const lines = [...Array(count).keys()].map((line) =>
      ({ x: steps, y: steps.map((s) => value(chart, line, s)), mode: 'lines' }));
    const layout = { margin: { l: 30, r: 5, t: 5, b: 20 }, showlegend: false };
    Plotly.newPlot(box, lines, layout, { displayModeBar: false, staticPlot: true });
    return box;
  });
  await painted();
  const first = performance.now() - began, before = nodes(), ticks = [];
  for (let step = 150; step < 150 + TICKS; step++) {
    const t = performance.now();
    await Promise.all(boxes.map((box, chart) => {
      const lines = [...Array(shape[chart]).keys()];
      return Plotly.extendTraces(box, { x: lines.map(() => [step]),
        y: lines.map((line) => [value(chart, line, step)]) }, lines);
    }));
    document.body.getBoundingClientRect();
    ticks.push(performance.now() - t);
    await painted();
  }
  return { first, ticks, before, after: nodes() };
}"""

OURS = """async () => {
  const began = performance.now();
  const { charts } = await import(location.origin + '/panels/charts.js');
  const { CHARTS } = await import(location.origin + '/panels/metrics.js');
  const names = ['reward', 'rewards/a/mean', 'rewards/b/mean'];
  const keys = CHARTS.map((c) => c.keys(names).map(([key]) => key));
  const metrics = new Map(keys.flat().map((key) => [key, []]));
  const run = { live: true, config: { max_steps: 300 } };
  const session = { steps: [], marked: [], history: { metrics }, run,
    following: true, series: (key) => metrics.get(key),
    get step() { return this.steps.at(-1); }, get lastStep() { return this.step; } };
  const add = (step) => { session.steps.push(step);
    keys.forEach((list, chart) => list.forEach((key, line) =>
      metrics.get(key).push(value(chart, line, step)))); };
  for (let step = 0; step < 150; step++) add(step);
  document.body.className = 'lab';
  const update = charts(document.body, session);
  update();
  await painted();
  const first = performance.now() - began, before = nodes(), ticks = [];
  for (let step = 150; step < 150 + TICKS; step++) {
    add(step);
    const t = performance.now();
    update();
    document.body.getBoundingClientRect();
    ticks.push(performance.now() - t);
    await painted();
  }
  return { first, ticks, before, after: nodes() };
}"""


def main() -> int:
    """Measure both, alternating, and print a table."""
    if importlib.util.find_spec("plotly") is None:
        print("left out: plotly is not here (.venv/bin/python -m uv pip install plotly)")
        return 0
    import plotly
    from playwright.sync_api import sync_playwright

    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    chromium = shutil.which("chromium")
    results: dict[str, list[dict]] = {"plotly": [], "ours": []}
    with sync_playwright() as playwright:
        arguments = ["--headless", "--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for _ in range(REPEATS):
            for name, code in (("plotly", PLOTLY), ("ours", OURS)):
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.route("**/*", lambda route: _serve(route, script))
                page.goto("http://bench.invalid/")
                page.add_script_tag(content=SETUP.replace("TICKS", str(TICKS)))
                results[name].append(page.evaluate(code.replace("TICKS", str(TICKS))))
                page.close()
        browser.close()
    sizes = {
        "plotly": script.stat().st_size,
        "ours": sum(
            (ASSETS / f).stat().st_size
            for f in (
                "panels/charts.js",
                "panels/metrics.js",
                "panels/scale.js",
                "core/dom.js",
                "core/format.js",
            )
        ),
    }
    print(f"{'':8}{'script':>10}{'first paint':>14}{'a tick':>12}{'DOM nodes':>20}")
    for name, runs in results.items():
        first = statistics.median(run["first"] for run in runs)
        tick = statistics.median(t for run in runs for t in run["ticks"])
        nodes = f"{runs[-1]['before']} -> {runs[-1]['after']}"
        print(f"{name:8}{sizes[name] // 1024:>7} KB{first:>11.0f} ms{tick:>9.2f} ms{nodes:>20}")
    return 0


def _serve(route: object, script: Path) -> None:
    """Answer from the disk."""
    name = route.request.url.split("/", 3)[3]
    if not name:
        route.fulfill(content_type="text/html", body="<!doctype html><title>charts</title>")
    elif name == "plotly.min.js":
        route.fulfill(content_type="text/javascript", body=script.read_text(encoding="utf-8"))
    elif (ASSETS / name).is_file():
        route.fulfill(content_type="text/javascript", body=(ASSETS / name).read_text())
    else:
        route.fulfill(status=404)


if __name__ == "__main__":
    sys.exit(main())
