"""How long the default run takes to 0.75 held-out accuracy, alone and with a page open on it.

    python benchmarks/time_to_accuracy.py [--target 0.75] [--seeds 0 1 2] [--out FILE.json]

Each run is the real worker, started by a real dashboard process. "With a viewer" has a headless
Chromium on the run, which draws in software on the same cores: more than a laptop's browser would
cost. With and without alternate, seed by seed, and each run is stopped once it is there.

Three clocks: *wall* from the request to start until the evaluation that reached the target was on
disk, with the seconds that Python takes to import torch; *training*, the steps and evaluations
alone; and the steps alone. Accuracy is measured every 25 steps, on all 553 held-out problems, so a
run is called there at step 25, 50, 75 and so on.
"""

import argparse
import contextlib
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from dashboard_cost import request  # noqa: E402

from grpo_core.core import child, machine  # noqa: E402
from grpo_core.runs import Run  # noqa: E402


@contextlib.contextmanager
def dashboard(runs: Path) -> Iterator[str]:
    """A dashboard on a port of its own; its address."""
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
        yield base
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def viewer(base: str) -> Iterator[None]:
    """A headless Chromium with the page open."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(base)
        yield
        assert page.locator(".lab-card").count(), "the viewer saw nothing"
        browser.close()


def reach(base: str, runs: Path, seed: int, target: float) -> dict[str, Any]:
    """Train until an evaluation reaches `target`, then stop the run."""
    began = time.monotonic()
    key = request(base + "lab/api/runs", {"seed": seed})["run"]
    run = Run(runs / key)
    while True:
        time.sleep(0.2)
        measured = [(step, m) for step, m in run.metrics() if "eval/accuracy" in m]
        if measured and measured[-1][1]["eval/accuracy"] >= target:
            break
        if run.status in ("failed", "finished"):
            raise SystemExit(f"{run.name} {run.status} below {target}: {run.problem}")
    wall = time.monotonic() - began
    request(base + f"lab/api/runs/{key}/control", {"want": "stop"})
    while run.status == "running":
        time.sleep(0.2)
    step = measured[-1][0]
    frame = run.frame().loc[:step]
    return {
        "seed": seed,
        "step": step,
        "accuracy": measured[-1][1]["eval/accuracy"],
        "wall": wall,
        "training": float(frame["seconds/step"].sum() + frame["seconds/eval"].sum()),
        "steps": float(frame["seconds/step"].sum()),
    }


def main() -> int:
    """Measure, print a line a run, and the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=float, default=0.75)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    results: dict[str, list[dict[str, Any]]] = {"alone": [], "with a viewer": []}
    with tempfile.TemporaryDirectory() as folder, dashboard(Path(folder) / "runs") as base:
        for seed in options.seeds:
            for name, looking in (
                ("alone", contextlib.nullcontext()),
                ("with a viewer", viewer(base)),
            ):
                with looking:
                    result = reach(base, Path(folder) / "runs", seed, options.target)
                results[name].append(result)
                print(
                    f"{name:14} seed {seed}: {result['accuracy']:.3f} at step {result['step']}, "
                    f"wall {result['wall']:.1f} s, training {result['training']:.1f} s",
                    flush=True,
                )
    for name, each in results.items():
        medians = {
            clock: statistics.median(r[clock] for r in each) for clock in ("wall", "training")
        }
        print(
            f"{name:14} median: wall {medians['wall']:.1f} s, training {medians['training']:.1f} s"
        )
    if options.out:
        written = {"target": options.target, "machine": machine.describe(), "runs": results}
        options.out.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
