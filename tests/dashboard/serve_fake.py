"""The dashboard with `fake_run` in place of training.

    python tests/dashboard/serve_fake.py RUNS SHIPPED PORT SECONDS_A_STEP [CLASS_TITLE]

With a title it serves a class of that name, on 127.0.0.1, and prints the teacher's link and the
code as app.py does. `fake_run.hacked` records runs for a hunt.
"""

import subprocess
import sys
from pathlib import Path

from grpo_core.dashboard.classroom import Classroom
from grpo_core.dashboard.runs import RunBook
from grpo_core.dashboard.server import serve

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

    book = RunBook(Path(runs), Path(shipped), start)
    serve(book, port=int(port), open_browser=False, classroom=classroom)


if __name__ == "__main__":
    main()
