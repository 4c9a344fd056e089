"""The dashboard with `fake_run` in place of training.

    python tests/helpers/serve_fake.py RUNS SHIPPED PORT SECONDS_A_STEP [CLASS_TITLE]

With a title it serves a class of that name, on 127.0.0.1, and prints the teacher's link and the
code as app.py does. `fake_run.hacked` records runs for a hunt. Where GRPO_FAKE_HOLD names a file,
the controls are not loaded before that file is there. With GRPO_FAKE_INTERNET set, what Gradio
would fetch from the internet it takes from this machine: there is no other in a test.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from grpo_core.app.dashboard import server
from grpo_core.app.dashboard.classroom import Classroom
from grpo_core.app.dashboard.runs import RunBook

FAKE = Path(__file__).with_name("fake_run.py")


def main() -> None:
    """Serve until killed."""
    runs, shipped, port, seconds, *title = sys.argv[1:]
    classroom = Classroom(Path(runs), title[0]) if title else None

    def start(path: Path) -> None:
        with (path / "worker.log").open("wb") as log:
            subprocess.Popen(
                [sys.executable, str(FAKE), str(path), seconds],
                start_new_session=True,
                stdout=log,
                stderr=log,
            )

    hold, load = os.environ.get("GRPO_FAKE_HOLD"), server._import_page

    def load_late() -> object:
        while hold and not Path(hold).exists():
            time.sleep(0.02)
        return load()

    server._import_page = load_late
    if os.environ.get("GRPO_FAKE_INTERNET"):
        import safehttpx

        async def is_here(hostname: str) -> str:
            return "127.0.0.1"

        safehttpx.async_validate_url = is_here
    book = RunBook(Path(runs), Path(shipped), start)
    server.serve(book, port=int(port), open_browser=False, classroom=classroom)


if __name__ == "__main__":
    main()
