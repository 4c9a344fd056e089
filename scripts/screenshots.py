"""Take the README's screenshot: the dashboard on the recorded run, in headless Chromium.

    python docs/images/make.py

Needs Debian's chromium and playwright (`make install` brings the latter). The other pictures in
this folder are drawn by `python data/make.py draw`.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PORT = 7993
STEP = 40  # in the middle of the climb, where good and bad completions share a group


def main() -> None:
    """Serve the dashboard without any run of one's own, and photograph it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("chromium is not here: install Debian's package chromium.")
    with tempfile.TemporaryDirectory() as runs:
        command = [sys.executable, "app.py", "--no-browser", "--port", str(PORT), "--runs", runs]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            while "Ready" not in (line := server.stdout.readline()):
                if not line:
                    sys.exit("The dashboard did not start.")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
                )
                page = browser.new_page(viewport={"width": 1280, "height": 1560})
                page.goto(f"http://127.0.0.1:{PORT}/#step={STEP}")
                page.get_by_role("button", name="Start", exact=True).wait_for()
                page.wait_for_timeout(1500)
                page.screenshot(path=HERE / "dashboard.png")
                browser.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
