"""Many viewers of a real server, over real sockets, and viewers who misbehave."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_run
import feed_frames
import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from grpo_core.app.dashboard import payloads
from grpo_core.app.dashboard.runs import RunBook
from grpo_core.app.dashboard.server import create_app, guarded
from grpo_core.core.config import GRPOConfig
from grpo_core.runs import RunWriter, create_run

VIEWERS = 40
HIGH_WATER = 64 * 1024  # bytes that asyncio lets wait before it asks a sender to wait


class Live:
    """A server in a thread, and a run that grows when asked."""

    def __init__(self, root: Path) -> None:
        self.path = create_run(root / "runs", "live", GRPOConfig())
        app = create_app(RunBook(root / "runs"), with_gradio=False)
        self.feed = app.state.feed
        config = uvicorn.Config(guarded(app), port=0, log_level="warning")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        until(lambda: self.server.started)
        self.port = self.server.servers[0].sockets[0].getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/lab/ws"

    def record(self, first: int, last: int) -> None:
        with RunWriter(self.path) as writer:
            for index in range(first, last + 1):
                writer.append(fake_run.make_step(index, writer.run.config))

    def waiting(self) -> int:
        """Bytes that wait for the viewer who takes least."""
        sizes = []
        for connection in list(self.server.server_state.connections):
            sizes.append(connection.transport.get_write_buffer_size())
        return max(sizes)


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    live = Live(tmp_path)
    live.record(0, 2)
    yield live
    live.server.should_exit = live.server.force_exit = True
    live.thread.join(60)
    assert not live.thread.is_alive()


def unpacked(frame: str | bytes) -> list[dict]:
    return [json.loads(text) for text in feed_frames.texts(frame)]


async def follow(url: str, view: dict, last: int) -> list[dict]:
    """All messages until the board of step `last`."""
    messages = []
    async with asyncio.timeout(90), connect(url, max_size=None, proxy=None) as page:
        await page.send(json.dumps(view))
        async for frame in page:
            for message in unpacked(frame):
                messages.append(message)
                if message["type"] == "board" and message["step"] == last:
                    return messages
    raise AssertionError("the server closed the connection")


def test_many_viewers_get_every_metric_and_the_last_board(live: Live) -> None:
    async def scenario() -> list[list[dict]]:
        tasks = []
        for number in range(VIEWERS):
            url = live.url + ("?packed=1" if number % 2 else "")
            view = {"run": "live", "group": number % 8}
            tasks.append(asyncio.create_task(follow(url, view, 12)))
        while len(live.feed.viewers) < VIEWERS:
            await asyncio.sleep(0.05)
        for step in range(3, 13):
            await asyncio.to_thread(live.record, step, step)
            await asyncio.sleep(0.05)
        return await asyncio.gather(*tasks)

    everything = asyncio.run(scenario())
    assert len(everything) == VIEWERS
    for number, messages in enumerate(everything):
        metrics = [m for m in messages if m["type"] == "metrics"]
        assert [step for m in metrics for step in m["steps"]] == [*range(13)]
        assert messages[-1]["group"] == number % 8
    until(lambda: not live.feed.viewers)


def test_packed_and_plain_say_the_same(live: Live) -> None:
    async def scenario() -> tuple[list[dict], list[dict]]:
        view = {"run": "live", "step": 2, "group": 3}
        return await follow(live.url, view, 2), await follow(live.url + "?packed=1", view, 2)

    plain, packed = asyncio.run(scenario())
    for messages in (plain, packed):
        for message in messages:
            message.pop("now", None)
    assert plain == packed


def raw_viewer(port: int) -> socket.socket:
    """A connection that has asked for the run and reads nothing, not even the handshake."""
    asleep = socket.socket()
    asleep.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    asleep.connect(("127.0.0.1", port))
    asleep.sendall(
        b"GET /lab/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    return asleep


def look(asleep: socket.socket, view: dict) -> None:
    """Send a view: one masked text frame, the mask being zeros."""
    text = json.dumps(view).encode()
    asleep.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)


def test_a_viewer_who_reads_nothing_holds_little_and_holds_up_nobody(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = 0
    encode = payloads.encode

    def measured(message: dict) -> str:
        nonlocal largest
        text = encode(message)
        largest = max(largest, len(text))
        return text

    monkeypatch.setattr(payloads, "encode", measured)
    with contextlib.closing(raw_viewer(live.port)) as asleep:
        until(lambda: len(live.feed.viewers) == 1)
        sleeper = next(iter(live.feed.viewers))
        # Larger boards than a socket's buffers take: back and forth until nothing more goes out.
        step = 0
        while live.waiting() <= HIGH_WATER:
            step += 1
            look(asleep, {"run": "live", "step": 1 + step % 2, "group": step % 7})
            time.sleep(0.05)
            assert step < 2000, "it never had to wait"
        for last in range(3, 9):
            live.record(last, last)
            look(asleep, {"run": "live"})
            messages = asyncio.run(follow(live.url, {"run": "live"}, last))
            assert messages[-1]["step"] == last
            assert live.waiting() <= HIGH_WATER + 2 * largest
        assert sleeper.board[0] <= 3  # one that was made already; none was made for it since
    until(lambda: not live.feed.viewers)  # gone without a goodbye


def test_who_is_let_go_makes_room(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grpo_core.app.dashboard.feed.STALLED_SECONDS", 0.5)
    with contextlib.closing(raw_viewer(live.port)) as asleep:
        until(lambda: len(live.feed.viewers) == 1)
        for step in range(4000):
            if not live.feed.viewers:
                break
            with contextlib.suppress(ConnectionError):
                look(asleep, {"run": "live", "step": 1 + step % 2, "group": step % 7})
            time.sleep(0.05)
        assert not live.feed.viewers


def test_one_viewer_too_many_is_told_so(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grpo_core.app.dashboard.server.MAX_VIEWERS", 2)

    async def scenario() -> None:
        view = json.dumps({"run": "live"})
        async with connect(live.url, proxy=None) as one, connect(live.url, proxy=None) as two:
            for page in (one, two):
                await page.send(view)
                assert unpacked(await page.recv())[0]["type"] == "hello"
            with pytest.raises(InvalidStatus):
                async with connect(live.url, proxy=None) as three:
                    await three.recv()
            await one.send(view)
            assert unpacked(await one.recv())
        while live.feed.viewers:
            await asyncio.sleep(0.02)
        assert (await follow(live.url, {"run": "live"}, 2))[-1]["step"] == 2

    asyncio.run(scenario())
