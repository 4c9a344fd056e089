"""How a test of a page waits: for what it asks about, and long enough for a machine at work.

A pause is no wait: too short on a busy machine, too long on every other. What must *not* happen is
looked for after something that comes later than it would: the next message, frame, beat or step.
"""

import random
import socket
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 60_000  # milliseconds; what takes a quarter of a second alone took 20 s at load 30

# The page draws once a frame what changed before it. The third is for what was scheduled in the
# second, by an observer of sizes for example.
FRAMES = """() => new Promise((done) => {
  let left = 3;
  const next = () => (left-- ? requestAnimationFrame(next) : done());
  next();
})"""

AT_REST = """() => document.getAnimations().every((one) => one.playState !== "running"
  || one.effect?.getComputedTiming().endTime === Infinity)"""


def wait(page: Any, condition: str, argument: object = None) -> None:
    """Wait until a function in the page says true; it must bear what is not there yet (`?.`).

    Only the page's script may be missing: Gradio's buttons can be there before it.
    """
    if "grpoLab" in condition:
        page.wait_for_function("() => globalThis.grpoLab", timeout=PATIENCE)
    page.wait_for_function(condition, arg=argument, timeout=PATIENCE)


def drawn(page: Any) -> None:
    """Wait until what has changed in the page is drawn."""
    page.evaluate(FRAMES)


def at_rest(page: Any) -> None:
    """Wait until it is drawn and no colour or place is on its way to another."""
    drawn(page)
    wait(page, AT_REST)


def address(page: Any) -> str:
    """Where the page is, by itself: `page.url` is told a moment after the page has changed it."""
    return page.evaluate("location.href")


def beats(page: Any, count: int) -> None:
    """Wait until a replay would have gone on so many times."""
    begun = page.evaluate("grpoLab.session.beats")
    wait(page, "end => grpoLab.session.beats >= end", begun + count)


def tried(page: Any) -> None:
    """Wait until the server has answered the last trial, and its answer is drawn."""
    wait(page, "() => grpoLab.session.trial.asked !== null && !grpoLab.session.trial.busy")
    drawn(page)


def until(condition: Callable[[], object], seconds: float = PATIENCE / 1000) -> None:
    """Wait, outside any page, until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)


def free_port() -> int:
    """A port for a server that is to be started, or killed and started again.

    Not one of those that the system gives to outgoing connections (on Linux from 32768): a browser
    beside it could take it in the meantime.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
