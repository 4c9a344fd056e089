"""The attacks of benchmarks/class_attack.py: what one machine in the room can send to a class.

Each is a coroutine that goes on until it is cancelled; its first line says what it does. All of
them connect to HOST alone.
"""

import asyncio
import contextlib
import itertools
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

HOST, PORT = "127.0.0.1", 7991
JSON = b"Content-Type: application/json\r\n"
TINY = b"\x81\x80\x00\x00\x00\x00"  # a masked text frame that holds nothing
TIMEOUT = 30.0


# --- HTTP over addresses of one's own ------------------------------------------------------------


def packet(method: str, path: str, body: Any = None, cookie: str = "") -> bytes:
    """A request."""
    text = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}:{PORT}\r\n".encode()
    if cookie:
        head += f"Cookie: {cookie}\r\n".encode()
    if body is not None:
        head += JSON + f"Content-Length: {len(text)}\r\n".encode()
    return head + b"Connection: close\r\n\r\n" + text


async def ask(
    address: str, method: str, path: str, body: Any = None, cookie: str = ""
) -> tuple[int, str, str]:
    """Status, cookie that was set, and text of an answer; status 0 where none came."""
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection(HOST, PORT, local_addr=(address, 0))
            try:
                writer.write(packet(method, path, body, cookie))
                answer = (await reader.read()).decode("utf-8", "replace")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return 0, "", ""
    head, _, text = answer.partition("\r\n\r\n")
    status = re.match(r"HTTP/1.1 (\d+)", head)
    made = re.search(r"(?i)set-cookie: ([^;]+)", head)
    return int(status[1]) if status else 0, made[1] if made else "", text


async def joined(address: str, code: str, name: str) -> str:
    """The cookie of a student who joins."""
    status, cookie, text = await ask(
        address, "POST", "/lab/class/join", {"code": code, "name": name}
    )
    if status != 200:
        raise RuntimeError(f"{name} could not join: {status} {text}")
    return cookie


def page(address: str, cookie: str) -> Any:
    """A page's WebSocket, to be entered."""
    from websockets.asyncio.client import connect

    return connect(
        f"ws://{HOST}:{PORT}/lab/ws?packed=1",
        additional_headers={"Cookie": cookie},
        local_addr=(address, 0),
        max_size=None,
        proxy=None,
        open_timeout=TIMEOUT,
    )


def lost() -> tuple[type[Exception], ...]:
    """What websockets raises where a connection ends or is refused."""
    from websockets.exceptions import WebSocketException

    return (WebSocketException, EOFError)


# --- the attacks: each a coroutine of a process of its own ---------------------------------------

Attack = Callable[[str, list[str], str], Awaitable[None]]


async def hold(addresses: list[str], count: int, first: bytes, drip: bytes) -> None:
    """Keep `count` connections open, each of which sent `first` and continues with `drip`."""

    async def one(number: int) -> None:
        address = addresses[number % len(addresses)]
        while True:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(HOST, PORT, local_addr=(address, 0))
                writer.write(first)
                while not reader.at_eof():
                    if drip:
                        writer.write(drip)
                        await writer.drain()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            await reader.read(1)
                writer.close()
            await asyncio.sleep(0.2)

    await asyncio.gather(*(one(number) for number in range(count)))


async def repeat(count: int, what: Callable[[int], Awaitable[Any]]) -> None:
    """Do something over and over, `count` at once."""

    async def one(number: int) -> None:
        while True:
            await what(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(number) for number in range(count)))


async def idle(code: str, own: list[str], run: str) -> None:
    """1,200 connections that say nothing."""
    await hold(own, 1_200, b"", b"")


async def headers(code: str, own: list[str], run: str) -> None:
    """400 headers that never end."""
    await hold(own, 400, f"GET /join HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode(), b"x")


async def bodies(code: str, own: list[str], run: str) -> None:
    """400 bodies that never end."""
    first = packet("POST", "/lab/class/join", {"code": "AAAAAA", "name": "x" * 900})[:-900]
    await hold(own, 400, first, b"x")


async def deaf(code: str, own: list[str], run: str) -> None:
    """24 pages of three students that ask for boards and read none."""
    cookies = [await joined(own[0], code, f"Deaf {i}") for i in range(3)]

    async def one(number: int) -> None:
        cookie, address = cookies[number % 3], own[number % len(own)]
        with contextlib.suppress(OSError, TimeoutError, *lost()):
            async with page(address, cookie) as socket:
                socket.transport.pause_reading()
                for step in itertools.count():
                    view = {"run": run, "step": step % 5, "group": step % 8, "atlas": True}
                    await socket.send(json.dumps(view))
                    await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)

    await repeat(24, one)


async def frames(code: str, own: list[str], run: str) -> None:
    """The smallest messages there are, over eight pages of one student, without a pause."""
    cookie = await joined(own[0], code, "Frames")

    async def one(number: int) -> None:
        with contextlib.suppress(OSError, TimeoutError, *lost()):
            async with page(own[0], cookie) as socket:
                while True:
                    socket.transport.write(TINY * 5_000)
                    while socket.transport.get_write_buffer_size() > 60_000:
                        await asyncio.sleep(0.005)
        await asyncio.sleep(0.2)

    await repeat(8, one)


async def names(code: str, own: list[str], run: str) -> None:
    """One student who joins under another name all the time: each is a line of the journal."""
    cookie = await joined(own[0], code, "Names")
    turn = itertools.count()
    body = lambda: {"code": code, "name": f"Name {next(turn)}"}  # noqa: E731
    await repeat(16, lambda n: ask(own[0], "POST", "/lab/class/join", body(), cookie))


async def joins(code: str, own: list[str], run: str) -> None:
    """New students without end, who know the code."""
    turn = itertools.count()
    body = lambda: {"code": code, "name": f"Ghost {next(turn)}"}  # noqa: E731
    await repeat(16, lambda n: ask(own[n % len(own)], "POST", "/lab/class/join", body()))


async def guesses(code: str, own: list[str], run: str) -> None:
    """Wrong codes."""
    body = {"code": "AAAAAA", "name": "Eve"}
    await repeat(32, lambda n: ask(own[n % len(own)], "POST", "/lab/class/join", body))


async def requests(code: str, own: list[str], run: str) -> None:
    """The join page, a student's metrics and trials, as fast as they are answered."""
    cookie = await joined(own[0], code, "Requests")
    trial = {"run": run, "step": 1, "group": 0, "weights": {"format_reward": 2}}

    async def one(number: int) -> None:
        if number % 3 == 0:
            await ask(own[number % len(own)], "GET", "/join")
        elif number % 3 == 1:
            await ask(own[0], "GET", f"/lab/metrics?run={run}", cookie=cookie)
        else:
            await ask(own[0], "POST", "/lab/api/lens", trial, cookie)

    await repeat(48, one)


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (idle, headers, bodies, deaf, frames, names, joins, guesses, requests)
}


def attacker(names: list[str], seconds: float, code: str, own: list[str], run: str) -> None:
    """The process: these attacks at once, for so long."""

    async def work() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(ATTACKS[name](code, own, run) for name in names))

    with contextlib.suppress(RuntimeError):  # it was kept out, which is as good
        asyncio.run(work())
