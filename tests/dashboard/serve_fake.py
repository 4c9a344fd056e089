"""The dashboard with `fake_run` in place of training.

python tests/dashboard/serve_fake.py RUNS SHIPPED PORT SECONDS_A_STEP
"""

import subprocess
import sys
from pathlib import Path

from grpo_core.dashboard.runs import RunBook
from grpo_core.dashboard.server import serve

FAKE = Path(__file__).with_name("fake_run.py")


def main() -> None:
    """Serve until killed."""
    runs, shipped, port, seconds = sys.argv[1:5]

    def start(path: Path) -> None:
        with (path / "worker.log").open("wb") as log:
            subprocess.Popen(
                [sys.executable, str(FAKE), str(path), seconds],
                start_new_session=True,
                stdout=log,
                stderr=log,
            )

    serve(RunBook(Path(runs), Path(shipped), start), port=int(port), open_browser=False)


if __name__ == "__main__":
    main()
