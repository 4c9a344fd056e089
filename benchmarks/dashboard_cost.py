"""What one open page costs the training: the same run with and without a viewer, alternating.

    python benchmarks/dashboard_cost.py [--steps 15] [--repeats 3] [--model tiny]

Each run is the real worker, started by a real dashboard process. "With a viewer" has a headless
Chromium on the run, which draws in software on the same cores: more than a laptop's browser would
cost. All runs have one seed, so step n is the same work in each: its fastest time with a viewer is
compared with its fastest without, which other load on the machine disturbs least. Also reported:
the server's CPU share and memory while it serves, and its CPU share while nobody looks.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from grpo_core.core import child  # noqa: E402
from grpo_core.runs import Run  # noqa: E402


def request(url: str, body: object = None) -> dict:
    """GET, or POST JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        return json.load(answer)


def train(
    base: str, runs: Path, options: dict, server: psutil.Process
) -> tuple[list[float], float]:
    """One run from Start to its end; seconds a step and what the server used meanwhile."""
    run = Run(runs / request(base + "lab/api/runs", options)["run"])
    while not (run.last_step() or 0):
        if run.status == "failed":
            raise SystemExit(f"{run.name}: {run.problem}")
        time.sleep(0.2)
    began, used = time.monotonic(), sum(server.cpu_times()[:2])
    while run.status not in ("finished", "failed"):
        time.sleep(0.2)
    share = (sum(server.cpu_times()[:2]) - used) / (time.monotonic() - began)
    # Step 1 warms up; evaluation is no part of a step's own time.
    return [m["seconds/step"] for step, m in run.metrics() if step > 1], share


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--model", default="tiny")
    arguments = parser.parse_args()
    options = {"model": arguments.model, "max_steps": arguments.steps, "eval_size": 8}
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        words = ["app.py", "--port", "7990", "--no-browser", "--runs", str(runs)]
        process = subprocess.Popen(
            child.command(*words),
            cwd=ROOT,
            env=child.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            base = next(line for line in process.stdout if "Open " in line).split()[1]
            while not request(base + "lab/status")["ready"]:
                time.sleep(0.2)
            measure(base, runs, options, psutil.Process(process.pid), arguments.repeats)
        finally:
            process.terminate()
            process.wait()
    return 0


def measure(base: str, runs: Path, options: dict, server: psutil.Process, repeats: int) -> None:
    """Alternate, and print the table."""
    from playwright.sync_api import sync_playwright

    used = sum(server.cpu_times()[:2])
    time.sleep(5)
    idle = (sum(server.cpu_times()[:2]) - used) / 5
    results: dict[str, list[tuple[list[float], float]]] = {
        "without a viewer": [],
        "with a viewer": [],
    }
    with sync_playwright() as playwright:
        for _ in range(repeats):
            results["without a viewer"].append(train(base, runs, options, server))
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--headless", "--no-sandbox", "--disable-gpu"],
            )
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(base)
            results["with a viewer"].append(train(base, runs, options, server))
            assert page.locator(".lab-card").count(), "the viewer saw nothing"
            browser.close()
    fastest = {}
    for name, each in results.items():
        fastest[name] = [min(times) for times in zip(*(run for run, _ in each), strict=True)]
        share = statistics.median(share for _, share in each)
        mean = statistics.mean(fastest[name])
        print(f"{name:18}{mean:6.2f} s a step; server {share:.1%} of a core")
    ratio = sum(fastest["with a viewer"]) / sum(fastest["without a viewer"])
    print(f"ratio {ratio:.3f}")
    print(f"nobody looking: server {idle:.1%} of a core")
    print(f"server memory {server.memory_info().rss / 2**20:.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
