"""How much room the kit needs: memory of a run, of each notebook, of the servers; disk.

    python benchmarks/footprint.py [--out data/results/footprint.json]

Memory is the most that a process and all its children held at once, resident, sampled five times a
second (so a library that two of them share is counted twice). It does not depend on how busy the
machine is, so this one may run beside other work. What the file has already is not measured again;
delete it to start over.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from grpo_core.core import child, machine  # noqa: E402
from grpo_core.core.config import GRPOConfig  # noqa: E402
from grpo_core.course import build  # noqa: E402
from grpo_core.course.sources import notebook_sources  # noqa: E402

MIB = 2**20
EVERY = 0.2  # seconds between two looks


class Most:
    """The most memory that a process and its children held at once."""

    def __init__(self, pid: int, without: int = 0) -> None:
        """Start looking. `without` bytes are taken off: what the process held before."""
        self.process = psutil.Process(pid)
        self.bytes = 0
        self.without = without
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._done.wait(EVERY):
            with contextlib.suppress(psutil.Error):
                family = [self.process, *self.process.children(recursive=True)]
                self.bytes = max(self.bytes, sum(held(p) for p in family) - self.without)

    def mib(self) -> int:
        """Stop looking; what was seen, in MiB."""
        self._done.set()
        self._thread.join()
        return round(self.bytes / MIB)


def held(process: psutil.Process) -> int:
    """Resident bytes of a process, 0 when it has gone."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


@contextlib.contextmanager
def started(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this Python, ended on leaving; what it says goes into a file."""
    with (folder / "said.log").open("ab") as said:
        process = subprocess.Popen(
            child.command(*command),
            cwd=ROOT,
            env=child.environment(),
            stdout=said,
            stderr=said,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def run(steps: int, folder: Path) -> dict[str, Any]:
    """The default run: its memory, and the room its folder takes."""
    command = ["-m", "grpo_core.cli", "train", "--steps", str(steps)]
    with started([*command, "--run", str(folder / "default")], folder) as process:
        most = Most(process.pid)
        if process.wait():
            sys.exit((folder / "said.log").read_text(encoding="utf-8"))
    return {"memory_mib": most.mib(), "disk_mib": size(folder / "default"), "steps": steps}


def server(command: list[str], folder: Path, ready: str) -> dict[str, Any]:
    """A server until it has been ready for a while, as it says, with nobody looking."""
    with started(command, folder) as process:
        most = Most(process.pid)
        while ready not in (folder / "said.log").read_text(encoding="utf-8", errors="replace"):
            time.sleep(EVERY)
        time.sleep(3)
        return {"memory_mib": most.mib()}


def notebook(source: Path) -> dict[str, Any]:
    """A solved notebook from top to bottom: the memory of its kernel, and the seconds it took."""
    me = psutil.Process()
    most = Most(me.pid, without=me.memory_info().rss)
    began = time.monotonic()
    build.execute(build.edition(source, solved=True))
    return {"memory_mib": most.mib(), "seconds": round(time.monotonic() - began)}


def size(folder: Path) -> int:
    """MiB of all files in a folder; links are not followed."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return round(sum(path.stat().st_size for path in files) / MIB)


def main() -> None:
    """Measure everything, one after the other, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=GRPOConfig().max_steps)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine.describe(), "notebooks": {}}
    if options.out and options.out.exists():
        result |= json.loads(options.out.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        for what in to_measure(result, Path(name), options.steps):
            what()
            text = json.dumps(result, indent=1) + "\n"
            if options.out:
                options.out.write_text(text, encoding="utf-8")
    print(text)


def to_measure(result: dict[str, Any], folder: Path, steps: int) -> Iterator[Callable[[], None]]:
    """What `result` has not got, each as a function that puts it there."""
    servers = {
        "dashboard": (["app.py", "--no-browser", "--port", "7991"], "Ready."),
        "jupyterlab": (
            ["-m", "jupyterlab", "--no-browser", "--port=7992", "--allow-root"],
            "is running at",
        ),
    }
    for name, (command, words) in servers.items():
        if name not in result:
            result[name] = {}
            yield partial(measure, result[name], server, command, folder, words)
    if "run" not in result:
        result["run"] = {}
        yield partial(measure, result["run"], run, steps, folder)
    for source in notebook_sources():
        if source.stem not in result["notebooks"]:
            result["notebooks"][source.stem] = {}
            yield partial(measure, result["notebooks"][source.stem], notebook, source)
    result["disk_mib"] = {"data": size(ROOT / "data"), "venv": size(Path(sys.prefix))}
    yield lambda: None


def measure(into: dict[str, Any], how: Callable[..., dict[str, Any]], *arguments: Any) -> None:
    """Put what `how` measures into its place, and say it."""
    into |= how(*arguments)
    print(how.__name__, *arguments, into, flush=True)


if __name__ == "__main__":
    main()
