"""A class under attack by one machine: what thirty students and their teacher notice of it.

    python benchmarks/class_attack.py [--seconds 20] [--only NAME ...] [--shared] [--out FILE.json]

The real dashboard serves a class on 127.0.0.1 while the default run trains beside it. Thirty
students hold a page open, follow the run and vote every few seconds; a teacher opens, closes,
reveals and ends polls and leads. The attacks come one after another, then all together, each for
`--seconds`; before them is a phase without any. The attacker has four addresses of the loopback
interface (127.0.0.66 to 69) and has joined the class under several names, as a student could.
With `--shared` students and attacker have one address, as in a school behind one router.

For each phase: the time of a vote, the time of the teacher's actions, the longest time that a
student's page had no connection, and the server's memory and CPU. Attacker, students, server and
training share the cores of this machine, so part of each delay is the attacker's own work.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from attacks import ATTACKS, HOST, PORT, ask, attacker, joined, lost, page  # noqa: E402
from viewers import Meter  # noqa: E402

from grpo_core.core import child, machine  # noqa: E402
from grpo_core.runs import Run  # noqa: E402

STUDENTS = 30
OWN = [f"127.0.0.{i}" for i in range(66, 70)]  # the attacker's addresses
TEACHER = "127.0.0.1"
MOST_LOST, MOST_VOTE, MOST_TEACHER = 2.0, 1.0, 1.0  # seconds


# --- the class -----------------------------------------------------------------------------------


class Lesson:
    """Students and a teacher at work, and how long everything took."""

    def __init__(self, token: str, code: str, run: str, addresses: list[str]) -> None:
        self.token, self.code, self.run = token, code, run
        self.addresses = addresses
        self.poll = ""
        self.votes: list[float] = []
        self.actions: list[float] = []
        self.failed: list[str] = []
        self.gaps: list[float] = []
        self.without: dict[int, float] = {}  # student -> since when there is no connection

    async def student(self, number: int) -> None:
        """Join, hold a page open, and vote until cancelled."""
        address = self.addresses[number % len(self.addresses)]
        cookie = await joined(address, self.code, f"Student {number}")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.watch(number, address, cookie))
            tasks.create_task(self.vote(number, address, cookie))

    async def watch(self, number: int, address: str, cookie: str) -> None:
        """Follow the run; come back when the connection is lost, as the page does."""
        view = json.dumps({"run": self.run, "step": None, "group": number % 8, "atlas": True})
        self.without[number] = time.monotonic()
        while True:
            with contextlib.suppress(OSError, TimeoutError, *lost()):
                async with page(address, cookie) as socket:
                    await socket.send(view)
                    await socket.recv()
                    self.gaps.append(time.monotonic() - self.without.pop(number))
                    async for _ in socket:
                        pass
            self.without.setdefault(number, time.monotonic())
            await asyncio.sleep(0.3)

    async def vote(self, number: int, address: str, cookie: str) -> None:
        """Vote every two seconds; a vote that comes between two polls is not counted."""
        for choice in itertools.cycle((0, 1)):
            await asyncio.sleep(1.5 + number % 10 / 10)
            poll, began = self.poll, time.monotonic()
            if not poll:
                continue
            body = {"poll": poll, "choice": choice}
            status, _, text = await ask(address, "POST", "/lab/class/vote", body, cookie)
            if status == 200:
                self.votes.append(time.monotonic() - began)
            elif self.poll == poll:
                self.failed.append(f"vote: {status} {text[:80]}")

    async def teach(self) -> None:
        """Poll after poll: open, close, reveal, end, and lead in between."""
        link = f"/lab/class/teach?token={self.token}"
        _, cookie, _ = await ask(TEACHER, "GET", link)
        place = {"kind": "teaches", "run": self.run, "step": 1, "group": 0}

        async def act(path: str, body: dict) -> dict:
            began = time.monotonic()
            status, _, text = await ask(TEACHER, "POST", f"/lab/class/{path}", body, cookie)
            self.actions.append(time.monotonic() - began)
            if status != 200:
                self.failed.append(f"{path}: {status} {text[:80]}")
            await asyncio.sleep(0.3)
            return json.loads(text) if status == 200 else {}

        while True:
            self.poll = (await act("poll", place)).get("poll", "")
            for _ in range(8):
                await act("focus", {"view": {"run": self.run, "step": 1}})
            poll, self.poll = self.poll, ""
            for want in ("close", "reveal", "end") if poll else ():
                await act(f"poll/{poll}", {"want": want})

    def figures(self) -> dict[str, Any]:
        """What was measured since the last call; connections that are still missing count."""
        now = time.monotonic()
        gaps = self.gaps + [now - since for since in self.without.values()]
        found = {
            "votes": len(self.votes),
            "vote_ms": spread(self.votes),
            "teacher_ms": spread(self.actions),
            "longest_without_s": round(max(gaps, default=0.0), 2),
            "connections_lost": len(gaps),
            "failed": len(self.failed),
            "first_failures": self.failed[:3],
        }
        self.votes, self.actions, self.failed, self.gaps = [], [], [], []
        return found


def spread(seconds: list[float]) -> dict[str, int]:
    """Milliseconds: median, 95th percentile, most."""
    if not seconds:
        return {"p50": -1, "p95": -1, "max": -1}
    ordered = sorted(1000 * value for value in seconds)
    late = ordered[min(int(0.95 * len(ordered)), len(ordered) - 1)]
    return {"p50": round(statistics.median(ordered)), "p95": round(late), "max": round(ordered[-1])}


# --- the whole -----------------------------------------------------------------------------------


@contextlib.contextmanager
def dashboard(runs: Path) -> Iterator[tuple[str, str, psutil.Process]]:
    """A class that is served: the teacher's token, the code, the process."""
    command = [
        "app.py", "--class", "Attack", "--host", HOST, "--port", str(PORT), "--no-browser",
        "--runs", str(runs),
    ]  # fmt: skip
    process = subprocess.Popen(
        child.command(*command),
        cwd=ROOT,
        env=child.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        text = ""
        while "Ready" not in text:
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"The dashboard did not start:\n{text}")
            text += line
        threading.Thread(target=process.stdout.read, daemon=True).start()
        token, code = re.search(r"token=(\S+)", text)[1], re.search(r"code (\S+ \S+)", text)[1]
        yield token, code.replace(" ", ""), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


async def train(token: str) -> str:
    """Start the run that trains beside, and wait for its first steps."""
    _, cookie, _ = await ask(TEACHER, "GET", f"/lab/class/teach?token={token}")
    options = {"max_steps": 100_000, "seed": 0}
    status, _, text = await ask(TEACHER, "POST", "/lab/api/runs", options, cookie)
    if status != 200:
        raise SystemExit(f"The run did not start: {text}")
    run = json.loads(text)["run"]
    for _ in range(600):
        _, _, metrics = await ask(TEACHER, "GET", f"/lab/metrics?run={run}", cookie=cookie)
        if len(json.loads(metrics or "{}").get("steps", [])) > 2:
            return run
        await asyncio.sleep(0.5)
    raise SystemExit("The run made no steps.")


async def stop(token: str, folder: Path) -> None:
    """End the run: its worker is a process that outlives the dashboard."""
    _, cookie, _ = await ask(TEACHER, "GET", f"/lab/class/teach?token={token}")
    await ask(TEACHER, "POST", f"/lab/api/runs/{folder.name}/control", {"want": "stop"}, cookie)
    run = Run(folder)
    while run.status == "running":
        await asyncio.sleep(0.2)


async def phase(
    lesson: Lesson, server: psutil.Process, names: list[str], seconds: float, own: list[str]
) -> dict[str, Any]:
    """One phase: the lesson while these attacks go on."""
    context = child.spawning()
    lesson.figures()
    meter = Meter(server)
    process = context.Process(
        target=attacker, args=(names, seconds, lesson.code, own, lesson.run), daemon=True
    )
    process.start()
    await asyncio.sleep(seconds)
    figures = lesson.figures()
    cpu = meter.stop()
    await asyncio.to_thread(process.join, 10)
    if process.is_alive():
        process.kill()
    memory = max((held for _, held in meter.memory), default=0.0)
    return figures | {"server_cpu": round(cpu, 2), "memory_mib": round(memory, 1)}


async def measure(
    options: argparse.Namespace, runs: Path, token: str, code: str, server: psutil.Process
) -> dict[str, Any]:
    """All phases."""
    own = OWN[:1] if options.shared else OWN
    addresses = own if options.shared else [f"127.0.1.{i + 1}" for i in range(STUDENTS)]
    run = await train(token)
    try:
        return await phases(options, Lesson(token, code, run, addresses), server, own)
    finally:
        await stop(token, runs / run)


async def phases(
    options: argparse.Namespace, lesson: Lesson, server: psutil.Process, own: list[str]
) -> dict[str, Any]:
    """The lesson, with one attack after another."""
    tasks = [asyncio.create_task(lesson.student(n)) for n in range(STUDENTS)]
    tasks.append(asyncio.create_task(lesson.teach()))
    await asyncio.sleep(8)
    chosen = options.only or list(ATTACKS)
    plan = {"none": []} | {name: [name] for name in chosen}
    if len(chosen) > 1:
        plan["all together"] = chosen
    found = {}
    for title, names in plan.items():
        found[title] = await phase(lesson, server, names, options.seconds, own)
        print(row(title, found[title]), flush=True)
        await asyncio.sleep(2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found


def row(title: str, figures: dict[str, Any]) -> str:
    """A line of the table."""
    vote, teacher = figures["vote_ms"], figures["teacher_ms"]
    return (
        f"{title:<13} vote {vote['p50']:>5} {vote['p95']:>6} {vote['max']:>6}   "
        f"teacher {teacher['p95']:>6} {teacher['max']:>6} ms   "
        f"without {figures['longest_without_s']:>5} s   failed {figures['failed']:>3}   "
        f"{figures['memory_mib']:.0f} MiB {figures['server_cpu']:.0%}"
    )


def main() -> None:
    """Measure, print, keep; status 1 where a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20, help="length of each phase")
    parser.add_argument("--only", nargs="*", choices=ATTACKS, help="these attacks")
    parser.add_argument("--shared", action="store_true", help="one address for everybody")
    parser.add_argument("--out", type=Path, help="also write the figures to this JSON file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, dashboard(Path(home)) as (token, code, server):
        found = asyncio.run(measure(options, Path(home), token, code, server))
    broken = [
        title
        for title, f in found.items()
        if f["longest_without_s"] > MOST_LOST
        or not 0 <= f["vote_ms"]["p95"] <= 1000 * MOST_VOTE
        or not 0 <= f["teacher_ms"]["max"] <= 1000 * MOST_TEACHER
    ]
    print(machine.in_words(machine.describe()))
    print(f"Bounds broken in: {', '.join(broken) or 'no phase'}.")
    if options.out:
        result = {"machine": machine.describe(), "seconds": options.seconds, "phases": found}
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
