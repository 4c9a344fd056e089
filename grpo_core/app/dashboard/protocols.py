"""The two protocols of uvicorn, with the deadlines and budgets that it lacks.

uvicorn waits for the rest of a request for ever, reads a WebSocket's small frames as fast as they
come, and keeps a closed connection until the peer took the last byte. Each class here adds to its
parent when data is read and when a deadline starts; what then happens is decided in `doors`.
"""

import asyncio
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from grpo_core.app.dashboard.doors import BODY_SECONDS, HEAD_SECONDS, Connection, Doors
from grpo_core.app.dashboard.limits import Budget

ACCEPTED_AT_ONCE = 32  # connections, each with a descriptor before the doors see it
SLICE = 1_024  # bytes of a WebSocket that are parsed at once: 170 of the smallest frames
FRAMES_PER_SECOND, FRAMES_AT_ONCE = 40.0, 160.0  # of one WebSocket; a page sends at most 25
FRAME_BYTES = 400  # that count as one frame
MAX_FRAGMENTS = 16  # of a message; a browser sends ours whole
MAX_HELD = 1_048_576  # bytes of a WebSocket that wait to be parsed
READ_BYTES = 16_384  # that count as one read
SENTENCE = b"Too many connections are open: close some pages, then try again.\n"
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nRetry-After: 5\r\nConnection: close\r\n\r\n%s"
) % (len(SENTENCE), SENTENCE)


class Config(uvicorn.Config):
    """uvicorn's configuration, with these protocols and the doors that they report to."""

    def __init__(self, app: Any, doors: Doors, **options: Any) -> None:
        super().__init__(
            app,
            http=HttpProtocol,
            ws=SocketProtocol,
            backlog=ACCEPTED_AT_ONCE,
            log_level="error",  # a warning for each malformed request would flood the terminal
            ws_max_size=4_096,
            ws_per_message_deflate=False,  # see packing
            h11_max_incomplete_event_size=16_384,  # bytes of a header
            timeout_keep_alive=5,
            timeout_graceful_shutdown=2,
            **options,
        )
        self.doors = doors


class HttpProtocol(H11Protocol):
    """HTTP with a deadline for each header and body, and delayed reads."""

    place: Connection | None = None
    _request: Any = None  # whose body the deadline is for
    _paced: asyncio.TimerHandle | None = None

    @property
    def doors(self) -> Doors:
        """Where connections are counted."""
        return cast(Config, self.config).doors

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, or say that there is none."""
        self.place = self.doors.enter(transport)
        if self.place is None:
            transport.write(FULL)
            transport.close()
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        if self._paced is not None:
            self._paced.cancel()
        if self.place is not None:
            self.doors.leave(self.place)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, then see what the peer still owes, and whether it sends too fast."""
        if self.place is None:
            return
        self.doors.come_back(self.place)
        super().data_received(data)
        self._set_deadline()
        self._pace(max(1.0, len(data) / READ_BYTES))

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._set_deadline()
        if self._paced is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def _set_deadline(self) -> None:
        """Start the clock for a header or a body when the peer begins to owe one."""
        place, cycle = self.place, self.cycle
        if place is None or self.transport.get_protocol() is not self:
            return
        if cycle is None or cycle.response_complete:
            if self._request is not None:
                self._request = None
                place.deadline = self.doors.clock() + HEAD_SECONDS
        elif not cycle.more_body:
            self._request, place.deadline = cycle, None
        elif self._request is not cycle:
            self._request, place.deadline = cycle, self.doors.clock() + BODY_SECONDS

    def _pace(self, cost: float) -> None:
        """Read no more for a while when the address sends faster than its budget."""
        if self.place is None or self.transport.is_closing():
            return
        wait = self.doors.reads.take(self.place.network, cost)
        if wait > 0 and self._paced is None and self.transport.get_protocol() is self:
            self.transport.pause_reading()
            self._paced = self.loop.call_later(wait, self._read_on)

    def _read_on(self) -> None:
        self._paced = None
        protocol = self.transport.get_protocol()
        if not self.transport.is_closing() and not self.flow.read_paused and protocol is self:
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """The send buffer is full: from now on the peer has to take something."""
        if self.place is not None:
            self.place.stalled = self.doors.clock()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The peer took something."""
        if self.place is not None:
            self.place.stalled = None
        super().resume_writing()


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket whose frames are read at no more than a page's rate."""

    place: Connection | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held = bytearray()  # what was received and is not parsed yet
        self._frames = 0  # that the last slice held
        self._timer: asyncio.TimerHandle | None = None
        self._budget = Budget(FRAMES_PER_SECOND, FRAMES_AT_ONCE, self.loop.time)

    @property
    def doors(self) -> Doors:
        """Where connections are counted."""
        return cast(Config, self.config).doors

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Go on with the place of the request that asked for the upgrade."""
        self.place = self.doors.find(cast(asyncio.Transport, transport))
        if self.place is not None:
            self.place.deadline = None
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        if self._timer is not None:
            self._timer.cancel()
        self._held.clear()
        if self.place is not None:
            self.doors.leave(self.place)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hold what comes, and parse as much of it as the budget allows."""
        self._held += data
        if len(self._held) > MAX_HELD:
            self.transport.abort()
            return
        self._parse()

    async def receive(self) -> Any:
        """Hand on one message; what is held comes after it."""
        message = await super().receive()
        self._parse()
        return message

    def _parse(self) -> None:
        """Parse slice after slice, until a message waits for the application or the budget ends."""
        while self._held and not self.read_paused and self._timer is None:
            part = bytes(self._held[:SLICE])
            del self._held[:SLICE]
            self._frames = 0
            super().data_received(part)
            if self.transport.is_closing():
                return
            cost = max(1.0, self._frames, len(part) / FRAME_BYTES)
            wait = self._budget.take("", cost)
            if wait > 0:
                self._timer = self.loop.call_later(wait, self._parse_on)
        if self.transport.is_closing():
            return
        if self._held or self.read_paused or self._timer is not None:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _parse_on(self) -> None:
        self._timer = None
        self._parse()

    def handle_events(self) -> None:
        """Count the frames, and end a message of endless fragments."""
        self._frames += len(self.conn.events)
        super().handle_events()
        if len(self.frames) > MAX_FRAGMENTS:
            self.transport.abort()

    def pause_writing(self) -> None:
        """The send buffer is full: from now on the peer has to take something."""
        if self.place is not None:
            self.place.stalled = self.doors.clock()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The peer took something."""
        if self.place is not None:
            self.place.stalled = None
        super().resume_writing()
