"""A class looks on: what 100 viewers cost the training, how late they are, what the server holds.

    python benchmarks/viewers.py [--viewers 100] [--minutes 6] [--pairs 4] [--out FILE.json]

The default run, trained by the real worker from a real dashboard process with Gradio mounted:
alone, watched, alone, watched, as many pairs as are asked for. All have one seed, so step n is the
same work in each, and they take turns, so a machine that slows down slows both; the slowdown is the
median over the pairs, each of which is shown. "Alone" the server is suspended. The runs share the
time, at most a minute each; what is left of it goes to the last, watched one: `--minutes 30` shows
whether memory stays flat.

The viewers are WebSockets of one more process, on the same cores. Of ten, seven go with the run,
each at one of its groups; one turns to another group every few seconds; two drag the time slider
back and forth. They take what a page takes, the map of every group with it, compressed, and draw
nothing. A real class is on machines of its own, so what the viewers' process takes of these cores
is part of the slowdown as measured here and of no other: its CPU is reported beside it.

*Staleness* is how long after a step was recorded a viewer that goes with the run had it: from the
time that run.db keeps of a step, taken as its transaction begins, to the arrival of the first
board of that step or a later one. A step that was overtaken counts until then. Steps recorded in
the first seconds, while the viewers arrive, are left out of it.
"""

import argparse
import asyncio
import contextlib
import json
import random
import re
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from dashboard_cost import request  # noqa: E402

from grpo_core.core import child, machine  # noqa: E402
from grpo_core.runs import Run  # noqa: E402

MIB = 2**20
LONGEST = 60.0  # seconds of a run, but for the last
SETTLING = 5.0  # seconds after the viewers came in which steps are not counted
BOARD = re.compile(rb'\{"type":"board","run":"[^"]*","step":(\d+)')
HABITS = ("live",) * 7 + ("wanders", "scrubs", "scrubs")
HEAD = 300  # bytes of a message that tell what it is


# --- the viewers: a process of their own ---------------------------------------------------------


class Crowd:
    """What the viewers saw."""

    def __init__(self) -> None:
        self.boards: list[tuple[int, int, float]] = []  # viewer, step, Unix time of arrival
        self.live: set[int] = set()  # viewers that go with the run
        self.bytes = 0
        self.lost = 0

    async def view(self, url: str, run: str, number: int) -> None:
        """One viewer, until it is cancelled."""
        from websockets.asyncio.client import connect

        kind = HABITS[number % len(HABITS)]
        if kind != "scrubs":
            self.live.add(number)
        while True:
            try:
                async with connect(url, max_size=None) as socket:
                    habit = asyncio.create_task(move(socket, run, number, kind))
                    try:
                        async for frame in socket:
                            self.note(number, frame)
                    finally:
                        habit.cancel()
            except OSError as error:
                print(f"viewer {number}: {error}", flush=True)
            self.lost += 1
            await asyncio.sleep(1)

    def note(self, number: int, frame: bytes) -> None:
        """Take in a frame (see app/dashboard/packing.py), reading no more of it than what it is."""
        now = time.time()
        self.bytes += len(frame)
        at = 0
        while at < len(frame):
            packed, size = struct.unpack_from(">BI", frame, at)
            part = frame[at + 5 : at + 5 + size]
            head = zlib.decompressobj().decompress(part, HEAD) if packed else part[:HEAD]
            board = BOARD.match(head)
            if board:
                self.boards.append((number, int(board[1]), now))
            at += 5 + size


async def move(socket: Any, run: str, number: int, kind: str) -> None:
    """Tell the server what this viewer looks at, as its page would."""
    luck = random.Random(number)
    group = number % 8

    async def look(step: int | None) -> None:
        await socket.send(json.dumps({"run": run, "step": step, "group": group, "atlas": True}))

    await look(None)
    while kind == "wanders":
        await asyncio.sleep(luck.uniform(2, 6))
        group = luck.randrange(8)
        await look(None)
    while kind == "scrubs":
        await asyncio.sleep(luck.uniform(1, 4))
        begin = luck.randrange(40)
        for step in range(begin, begin + 12):  # a drag of about a second
            await look(step)
            await asyncio.sleep(0.08)


def crowd(url: str, run: str, viewers: int, orders: Any) -> None:
    """The process: `viewers` of them until something comes down the pipe; sends what they saw."""
    seen = Crowd()

    async def watch() -> None:
        tasks = [asyncio.create_task(seen.view(url, run, n)) for n in range(viewers)]
        await asyncio.to_thread(orders.recv)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(watch())
    orders.send((seen.boards, seen.live, seen.bytes, seen.lost))


# --- the server ----------------------------------------------------------------------------------


@contextlib.contextmanager
def dashboard(runs: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A dashboard on a port of its own; its address and process."""
    words = ["app.py", "--port", "7990", "--no-browser", "--runs", str(runs)]
    process = subprocess.Popen(
        child.command(*words),
        cwd=ROOT,
        env=child.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    server = psutil.Process(process.pid)
    try:
        base = next(line for line in process.stdout if "Open " in line).split()[1]
        while not request(base + "lab/status")["ready"]:
            time.sleep(0.2)
        yield base, server
    finally:
        server.resume()
        process.terminate()
        process.wait()


class Meter:
    """Memory of a process over time, and its share of a core."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process
        self.memory: list[tuple[float, float]] = []  # seconds since the beginning, MiB
        self._began = time.monotonic()
        self._used = self._cpu()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _cpu(self) -> float:
        return sum(self.process.cpu_times()[:2])

    def _look(self) -> None:
        while not self._done.wait(1.0):
            held = self.process.memory_info().rss / MIB
            self.memory.append((time.monotonic() - self._began, held))

    def stop(self) -> float:
        """End; its share of a core meanwhile."""
        self._done.set()
        self._thread.join()
        return (self._cpu() - self._used) / (time.monotonic() - self._began)


# --- a run, alone or watched ---------------------------------------------------------------------


def begin(base: str, runs: Path, options: dict) -> Run:
    """Start the run, and wait for its first steps: loading torch is no part of what is measured."""
    run = Run(runs / request(base + "lab/api/runs", options)["run"])
    while (run.last_step() or 0) < 2:
        if run.status == "failed":
            raise SystemExit(f"{run.name}: {run.problem}")
        time.sleep(0.2)
    return run


def end(base: str, run: Run) -> None:
    """Stop it, and wait until it has."""
    request(base + f"lab/api/runs/{run.name}/control", {"want": "stop"})
    while run.status == "running":
        time.sleep(0.2)


def alone(base: str, server: psutil.Process, runs: Path, options: dict, seconds: float) -> dict:
    """The run while the server stands still."""
    run = begin(base, runs, options)
    server.suspend()
    time.sleep(seconds)
    server.resume()
    end(base, run)
    return {"steps": steps_of(run)}


def watched(
    base: str, server: psutil.Process, runs: Path, options: dict, seconds: float, viewers: int
) -> dict:
    """The run with everybody looking."""
    run = begin(base, runs, options)
    url = base.replace("http", "ws", 1) + "lab/ws?packed=1"
    context = child.spawning()
    mine, theirs = context.Pipe()
    process = context.Process(target=crowd, args=(url, run.name, viewers, theirs))
    process.start()
    while request(base + "lab/status")["viewers"] < viewers:
        if not process.is_alive():
            raise SystemExit("The viewers' process is gone.")
        time.sleep(0.2)
    time.sleep(SETTLING)
    since, meter, client = time.time(), Meter(server), Meter(psutil.Process(process.pid))
    time.sleep(seconds)
    until, cpu, their_cpu = time.time(), meter.stop(), client.stop()
    mine.send("enough")
    boards, live, size, lost = mine.recv()
    process.join()
    end(base, run)
    return {
        "steps": steps_of(run),
        "staleness": staleness(recorded(run, since, until), boards, live),
        "lost": lost,
        "server_cpu": cpu,
        "viewers_cpu": their_cpu,
        "kb_per_second": size / 1000 / (until - since + SETTLING),
        "memory": meter.memory,
    }


def steps_of(run: Run) -> dict[int, dict[str, float]]:
    """Of each step its seconds and how long its completions were, which tells its work."""
    wanted = ("seconds/step", "completions/mean_length")
    return {step: {name: m[name] for name in wanted} for step, m in run.metrics() if step > 1}


def recorded(run: Run, since: float, until: float) -> list[tuple[int, float]]:
    """The steps of that time, and when run.db took each."""
    with contextlib.closing(sqlite3.connect(run.path / "run.db")) as db:
        query = "SELECT step, time FROM steps WHERE time BETWEEN ? AND ? ORDER BY step"
        return db.execute(query, (since, until - 2)).fetchall()  # the last may be on its way


def staleness(
    steps: list[tuple[int, float]], boards: list[tuple[int, int, float]], live: set[int]
) -> list[float]:
    """Milliseconds, one number a step and viewer: see the module's docstring."""
    found = []
    for viewer in live:
        shown = sorted((when, step) for who, step, when in boards if who == viewer)
        place = 0
        for step, taken in steps:
            while place < len(shown) and (shown[place][1] < step or shown[place][0] < taken):
                place += 1
            late = shown[place][0] if place < len(shown) else time.time()  # it never came
            found.append(1000 * (late - taken))
    return found


# --- figures -------------------------------------------------------------------------------------


def compare(runs: dict[str, list[dict]]) -> dict[str, Any]:
    """Seconds a step, over the steps that every run did; all of them must be the same work."""
    everything = [run["steps"] for each in runs.values() for run in each]
    common = sorted(set.intersection(*(set(steps) for steps in everything)))
    if not common:
        raise SystemExit("No step was done in every run: give it more --minutes.")
    same = all(
        len({steps[i]["completions/mean_length"] for steps in everything}) == 1 for i in common
    )
    if not same:
        raise SystemExit("The runs differ in what they sampled, so their seconds do not compare.")
    seconds = {
        name: statistics.mean(run["steps"][i]["seconds/step"] for run in each for i in common)
        for name, each in runs.items()
    }
    pairs = zip(runs["watched"], runs["alone"], strict=True)
    slower = [
        sum(w["steps"][i]["seconds/step"] for i in common)
        / sum(a["steps"][i]["seconds/step"] for i in common)
        - 1
        for w, a in pairs
    ]
    return {
        "common_steps": len(common),
        "seconds_alone": seconds["alone"],
        "seconds_watched": seconds["watched"],
        "slowdown": statistics.median(slower),
        "slowdown_of_each_pair": slower,
    }


def slope(memory: list[tuple[float, float]]) -> float:
    """MiB a minute, by least squares over the second half: the first fills caches."""
    half = memory[len(memory) // 2 :]
    if len(half) < 2:
        return 0.0
    return 60 * statistics.linear_regression(*zip(*half, strict=True)).slope


def summary(runs: dict[str, list[dict]]) -> dict[str, Any]:
    """Every figure, and the memory of the longest watch once every ten seconds."""
    late = sorted(value for run in runs["watched"] for value in run["staleness"])
    at = lambda share: late[min(int(share * len(late)), len(late) - 1)]  # noqa: E731
    longest = max(runs["watched"], key=lambda run: len(run["memory"]))
    memory = longest["memory"]
    mean = lambda name: statistics.mean(run[name] for run in runs["watched"])  # noqa: E731
    return compare(runs) | {
        "staleness_ms": {"p50": at(0.5), "p95": at(0.95), "p99": at(0.99), "max": late[-1]},
        "boards_due": len(late),
        "connections_lost": sum(run["lost"] for run in runs["watched"]),
        "server_cpu": mean("server_cpu"),
        "viewers_cpu": mean("viewers_cpu"),
        "kb_per_second": mean("kb_per_second"),
        "memory_mib": {
            "most": max(held for run in runs["watched"] for _, held in run["memory"]),
            "begin": memory[0][1],
            "end": memory[-1][1],
            "mib_a_minute": slope(memory),
            "minutes": memory[-1][0] / 60,
            "every_10_s": [round(held, 1) for _, held in memory[::10]],
        },
    }


def report(figures: dict[str, Any], viewers: int) -> None:
    """A table."""
    late, memory = figures["staleness_ms"], figures["memory_mib"]
    pairs = ", ".join(f"{100 * ratio:+.1f}%" for ratio in figures["slowdown_of_each_pair"])
    lines = [
        ("seconds a step, alone", f"{figures['seconds_alone']:.3f}"),
        (f"seconds a step, {viewers} viewers", f"{figures['seconds_watched']:.3f}"),
        ("training slowed by", f"{100 * figures['slowdown']:.1f}% ({pairs})"),
        ("steps compared", str(figures["common_steps"])),
        ("staleness p50", f"{late['p50']:.0f} ms"),
        ("staleness p95", f"{late['p95']:.0f} ms (of {figures['boards_due']})"),
        ("staleness p99, most", f"{late['p99']:.0f}, {late['max']:.0f} ms"),
        ("connections lost", str(figures["connections_lost"])),
        ("server", f"{figures['server_cpu']:.0%} of a core, {figures['kb_per_second']:.0f} KB/s"),
        ("the viewers' process", f"{figures['viewers_cpu']:.0%} of a core"),
        ("server memory, most", f"{memory['most']:.0f} MiB"),
        (
            f"over {memory['minutes']:.1f} minutes",
            f"{memory['begin']:.0f} to {memory['end']:.0f} MiB, "
            f"{memory['mib_a_minute']:+.2f} MiB a minute in the second half",
        ),
    ]
    for name, value in lines:
        print(f"{name:28}{value}")


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=6.0, help="of training, all runs")
    parser.add_argument("--pairs", type=int, default=4, help="of a run alone and one watched")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    if min(arguments.pairs, arguments.viewers) < 1 or arguments.minutes <= 0:
        parser.error("--viewers, --pairs and --minutes must be above 0.")
    whole = 60 * arguments.minutes
    window = min(LONGEST, whole / (2 * arguments.pairs))
    # Never done before it is stopped: the rate is constant, so this changes no step.
    options = {"max_steps": 100_000}
    runs: dict[str, list[dict]] = {"alone": [], "watched": []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        with dashboard(root) as (base, server):
            for left in reversed(range(arguments.pairs)):
                runs["alone"].append(alone(base, server, root, options, window))
                seconds = window if left else whole - (2 * arguments.pairs - 1) * window
                runs["watched"].append(
                    watched(base, server, root, options, seconds, arguments.viewers)
                )
    figures = summary(runs)
    report(figures, arguments.viewers)
    if arguments.out:
        written = {"machine": machine.describe(), "viewers": arguments.viewers, **figures}
        arguments.out.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
