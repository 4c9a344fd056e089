"""Which connections are held open, and how long: the bounds on what one machine can occupy.

The protocols (see `protocols`) report each connection here. Three bounds:

- **Number.** A bounded number of connections in all, which keeps file descriptors for runs, workers
  and the teacher, and a bounded number from one address. Where an address has too many, one that
  nobody has identified by a cookie gives way to the new one, the idle ones first. It is set aside:
  no longer counted, and closed only when its time is over or all together are too many, for an
  attacker whose connection is closed opens another, which costs the server more than silence. One
  that sends something is counted again, and another gives way. Each member has at most
  MAX_PER_MEMBER.
- **Deadlines.** A request's header has to be complete in HEAD_SECONDS, its body in BODY_SECONDS; an
  idle connection is closed; a peer that takes nothing of what it is sent is dropped.
- **Reads.** An address whose connections send data faster than READS_PER_SECOND has its reads
  delayed, so that the event loop has time for the others.
"""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from grpo_core.app.dashboard.limits import Budget, network

HEAD_SECONDS = 10.0  # from the first moment of a connection, or the end of an answer
BODY_SECONDS = 20.0
STALLED_SECONDS = 30.0  # with a full send buffer, none of which the peer takes
CHANCE_SECONDS = 0.5  # in which a new connection may send its request before it gives way
LINGER_SECONDS = 5.0  # for what is still to be sent when a connection is closed
MAX_CONNECTIONS = 1_500
MAX_PER_ADDRESS = 256  # a class of thirty behind one address, seven connections to a browser
MAX_PER_MEMBER = 32
MAX_ASIDE_DROPPED = 100  # in one sweep, so that an attacker's do not all come back at once
READS_PER_SECOND, READS_AT_ONCE = 400.0, 4_000.0  # of an address
DESCRIPTORS = 4_096  # that are asked for
RESERVED = 256  # descriptors for runs, workers, files
FOR_TEACHER = 32  # connections beyond `most`, for addresses at which the teacher was
NOTICE_SECONDS = 60.0  # after its last refusal an address is no longer shown as full

UNKNOWN, NOBODY, MEMBER, SOCKET, TEACHER = range(5)
"""Whose a connection is, by how late it gives way: one that completed no request yet, one without
a valid cookie, a student's, a student's WebSocket, the teacher's."""


@dataclass(eq=False)
class Connection:
    """One open connection.

    Attributes:
        client: address and port of the peer.
        network: what its address counts as.
        since: when it was admitted.
        deadline: the time of the doors' clock at which it is dropped; None for no limit.
        stalled: since when its send buffer is full; None when it is not.
        closing: since when it is being closed; None when it is not.
        is_aside: whether it gave way, and is not counted.
    """

    transport: asyncio.Transport
    client: tuple[str, int]
    network: str
    since: float
    rank: int = UNKNOWN
    who: str | None = None
    deadline: float | None = None
    stalled: float | None = None
    closing: float | None = None
    is_aside: bool = False


@dataclass
class Doors:
    """All open connections of the server.

    Attributes:
        most: connections in all.
        limits: network -> connections it may have, where that was raised.
        on_change: called when the set of full addresses changes.
    """

    most: int = MAX_CONNECTIONS
    clock: Callable[[], float] = time.monotonic
    limits: dict[str, int] = field(default_factory=dict)
    on_change: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._open: dict[tuple[str, int], Connection] = {}  # in the order in which they came
        self._counts: Counter[str] = Counter()
        self._weak: dict[tuple[str, int], dict[Connection, None]] = {}  # that may have to give way
        self._aside: dict[Connection, None] = {}  # that gave way, in that order
        self._teachers: set[str] = set()  # networks at which the teacher was
        self._full: dict[str, float] = {}  # network -> time of its last refusal
        self.reads = Budget(READS_PER_SECOND, READS_AT_ONCE, self.clock)

    def __len__(self) -> int:
        return len(self._open)

    # Coming and going

    def enter(self, transport: asyncio.Transport) -> Connection | None:
        """Admit a new connection; return None if there is no room for it."""
        peer = transport.get_extra_info("peername")
        client = (str(peer[0]), int(peer[1])) if peer else ("", id(transport))
        now = self.clock()
        place = Connection(transport, client, network(client[0]), now, deadline=now + HEAD_SECONDS)
        if client in self._open:  # it came back before the end of the old one was noticed
            self._drop(self._open[client])
        if not self._has_room(place.network):
            return None
        self._open[client] = place
        self._counts[place.network] += 1
        self._weak.setdefault((place.network, UNKNOWN), {})[place] = None
        return place

    def leave(self, place: Connection) -> None:
        """Forget a connection that is closed."""
        if self._open.get(place.client) is place:
            del self._open[place.client]
            if place.is_aside:
                del self._aside[place]
            else:
                self._uncount(place)

    def find(self, transport: asyncio.Transport) -> Connection | None:
        """The connection of a transport that was admitted."""
        peer = transport.get_extra_info("peername")
        place = self._open.get((str(peer[0]), int(peer[1]))) if peer else None
        return place if place is not None and place.transport is transport else None

    def seen(self, client: tuple[str, int] | None, who: str | None, rank: int) -> None:
        """Take note of whose a connection is; a member's oldest gives way to one too many."""
        place = self._open.get(client) if client else None
        if place is None:
            return
        if rank > NOBODY:
            self.come_back(place)
        if rank > place.rank:
            self._strengthen(place)
            place.rank = rank
            if rank <= NOBODY:
                self._weak.setdefault((place.network, rank), {})[place] = None
        if rank == TEACHER:
            self._teachers.add(place.network)
        if who is None or place.who == who:
            return
        place.who = who
        own = [p for p in self._open.values() if p.who == who and p.closing is None]
        if rank < TEACHER and len(own) > MAX_PER_MEMBER:
            idle = next((p for p in own if p.rank < SOCKET), own[0])
            self._drop(idle)

    def limit(self, of: str) -> int:
        """How many connections a network may have."""
        return min(self.limits.get(of, MAX_PER_ADDRESS), self.most)

    def allow(self, of: str) -> None:
        """Let a network have twice as many connections as now."""
        self.limits[of] = min(2 * self.limit(of), self.most)
        self._full.pop(of, None)
        self.on_change()

    def full(self) -> list[str]:
        """The networks that reached their limit in the last minute."""
        since = self.clock() - NOTICE_SECONDS
        return [of for of, at in self._full.items() if at >= since]

    def _has_room(self, of: str) -> bool:
        """Whether a network may have one more connection, after another gave way if need be."""
        if self._counts[of] >= self.limit(of):
            self._refused(of)
            if not self._give_way(of):
                return False
        if len(self._open) < self.most + FOR_TEACHER * (of in self._teachers):
            return True
        # all together are too many: the first that gave way, or one of the network that has most
        found = next(iter(self._aside), None)
        for heavy, _ in () if found else self._counts.most_common():
            found = found or self._weakest(heavy)
        if found is not None:
            self._drop(found)
        return found is not None

    def _give_way(self, of: str) -> bool:
        """Set a full network's weakest connections aside; False where none may give way.

        One that has only just come may be about to send its request, so for a moment a network has
        up to twice as many.
        """
        while self._counts[of] >= self.limit(of):
            place = self._weakest(of)
            if place is None:
                return False
            is_new = self.clock() - place.since < CHANCE_SECONDS
            if is_new and self._counts[of] < 2 * self.limit(of):
                return True
            self._uncount(place)
            place.is_aside = True
            end = self.clock() + HEAD_SECONDS
            place.deadline = end if place.deadline is None else min(place.deadline, end)
            self._aside[place] = None
        return True

    def come_back(self, place: Connection) -> None:
        """Count a connection again that was set aside and now sends something."""
        if not place.is_aside:
            return
        del self._aside[place]
        place.is_aside = False
        self._give_way(place.network)
        place.since = self.clock()
        self._counts[place.network] += 1
        if place.rank <= NOBODY:
            self._weak.setdefault((place.network, place.rank), {})[place] = None

    def _weakest(self, of: str) -> Connection | None:
        """A network's connection that matters least, the oldest of those."""
        ranks = (self._weak.get((of, rank), {}) for rank in (UNKNOWN, NOBODY))
        return next(itertools.chain(*ranks), None)

    def _uncount(self, place: Connection) -> None:
        """Take a connection out of its network's count, and of those that may give way."""
        self._counts[place.network] -= 1
        if self._counts[place.network] <= 0:
            del self._counts[place.network]
        self._strengthen(place)

    def _strengthen(self, place: Connection) -> None:
        """Take a connection out of those that may have to give way."""
        key = place.network, place.rank
        weak = self._weak.get(key, {})
        weak.pop(place, None)
        if not weak:
            self._weak.pop(key, None)

    def _refused(self, of: str) -> None:
        before, now = self.full(), self.clock()
        self._full[of] = now
        if of not in before:
            self._full = {n: at for n, at in self._full.items() if now - at < NOTICE_SECONDS}
            self.on_change()

    def _drop(self, place: Connection) -> None:
        self.leave(place)
        place.transport.abort()

    # Deadlines

    def sweep(self) -> None:
        """Drop every connection whose time is over. Called once per second."""
        now, aside = self.clock(), 0
        for place in list(self._open.values()):
            if place.closing is None and place.transport.is_closing():
                place.closing = now
            if (
                (place.deadline is not None and now >= place.deadline)
                or (place.stalled is not None and now - place.stalled >= STALLED_SECONDS)
                or (place.closing is not None and now - place.closing >= LINGER_SECONDS)
            ):
                aside += place.is_aside
                if not place.is_aside or aside <= MAX_ASIDE_DROPPED:
                    self._drop(place)


def descriptors() -> int | None:
    """Raise this process's limit of open files as far as it goes; None where there is none.

    Returns:
        How many files and connections may be open.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return soft


def room_for(files: int | None) -> int:
    """How many connections may be open beside what runs and workers need."""
    if files is None:
        return MAX_CONNECTIONS
    return max(16, min(MAX_CONNECTIONS, files - min(RESERVED, files // 2)))
