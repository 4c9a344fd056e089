"""A page that is left open: nothing piles up, nothing is made anew, nothing moves.

Some steps of what `benchmarks/page.py` watches for ten minutes, with the same instrument. The
steps are recorded here, each when the one before it is drawn, so that none is drawn during a look.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_run
import psutil
import pytest
from waits import drawn, tried, wait

from grpo_core.core.config import GRPOConfig
from grpo_core.runs import RunWriter, create_run

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from page import BEGIN, STEP, look

pytestmark = pytest.mark.browser

SETTLED = 20  # steps after which every chart has its axis and the picker its groups
LOOKS, STEPS_A_LOOK = 7, 6


@pytest.fixture
def live(dashboard) -> Iterator[RunWriter]:
    """A run that counts as training: a process is there, though it records nothing itself."""
    path = create_run(dashboard.runs, "left-open", GRPOConfig(max_steps=100_000))
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as worker, RunWriter(path) as writer:
        writer.write_state(
            status="running",
            pid=worker.pid,
            pid_started=psutil.Process(worker.pid).create_time(),
            host=socket.gethostname(),
            started=time.time(),
        )
        yield writer
        writer.write_state(status="stopped")
        worker.kill()


def test_nothing_piles_up(visit: Callable, live: RunWriter) -> None:
    def train(first: int, last: int) -> None:
        for index in range(first, last + 1):
            live.append(fake_run.make_step(index, live.run.config))
            live.write_state(step=index)

    train(0, SETTLED)
    page = visit("#run=left-open", viewport={"width": 1280, "height": 1800}).page  # cards and all
    page.wait_for_selector("#lab-start", state="attached")
    wait(page, "() => grpoLab.session.run?.live && grpoLab.session.findings")
    page.evaluate("grpoLab.session.chooseTool('compare')")  # the tool with the most text
    tried(page)
    client = page.context.new_cdp_session(page)
    client.send("Performance.enable")
    page.evaluate(BEGIN)
    looks, step = [], SETTLED
    while len(looks) < LOOKS:
        for _ in range(STEPS_A_LOOK):
            step += 1
            train(step, step)
            wait(page, f"step => ({STEP})() === step", step)
        drawn(page)
        seen = [look(page, client) for _ in range(2)]
        looks.append(min((one for one in seen if one), key=lambda one: one["nodes"]))
    live.write_state(status="stopped")
    wait(page, "() => document.querySelector('.lab-status')?.textContent === 'stopped'")
    third = len(looks) // 3
    # Dots of the evaluations, every 25 steps, are all that is added; one node a step is too much.
    allowed = 40 + (looks[-1]["step"] - looks[0]["step"]) / 2
    for name, most in (("nodes", allowed), ("listeners", 8)):
        first, last = (min(look[name] for look in some) for some in (looks[:third], looks[-third:]))
        assert last - first <= most, [look[name] for look in looks]
    assert looks[-1]["remounted"] == 0
    assert looks[-1]["shift"] < 0.02
