"""From `python app.py` to a painted page, beside what `import gradio` alone takes.

    python benchmarks/first_paint.py [REPEATS]

Alternates the two in fresh processes and prints medians. "Painted" is the group board with its
cards on the screen, in a headless Chromium that is already open and asks for the page as soon as
the port answers; "controls" is the whole page with a Start button that can be pressed.
"""

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

import fake_run  # noqa: E402

from grpo_core.core import child  # noqa: E402


def import_gradio() -> float:
    """Seconds of a process that only imports gradio."""
    began = time.perf_counter()
    command = child.command("-c", "import gradio")
    subprocess.run(command, env=child.environment(), check=True)
    return time.perf_counter() - began


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def app(browser: object, runs: Path) -> tuple[float, float]:
    """Seconds until painted, and until the controls work."""
    port = free_port()
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    began = time.perf_counter()
    command = child.command("app.py", "--port", port, "--no-browser", "--runs", runs)
    process = subprocess.Popen(
        command, cwd=ROOT, env=child.environment(), stdout=subprocess.DEVNULL
    )
    try:
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", port), timeout=0.2),
            ):
                break
            time.sleep(0.02)
        page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
        page.wait_for_selector(".lab-card [data-token]", timeout=60_000)
        painted = time.perf_counter() - began
        page.wait_for_selector("#lab-start:not([disabled])", timeout=60_000)
        return painted, time.perf_counter() - began
    finally:
        page.close()
        process.terminate()
        process.wait()


def main() -> int:
    """Measure and print."""
    from playwright.sync_api import sync_playwright

    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    imports, paints, controls = [], [], []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        fake_run.record(Path(folder), "sample", steps=20)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--headless", "--no-sandbox", "--disable-gpu"],
        )
        for _ in range(repeats):
            imports.append(import_gradio())
            painted, whole = app(browser, Path(folder))
            paints.append(painted)
            controls.append(whole)
        browser.close()
    for name, values in [
        ("import gradio alone", imports),
        ("app.py to painted page", paints),
        ("app.py to controls", controls),
    ]:
        each = ", ".join(f"{value:.1f}" for value in values)
        print(f"{name:24}{statistics.median(values):6.1f} s   ({each})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
