"""Who may still come in: guessing, places, the closed door, and students who were taken out.

**Guessing.** Codes from one address are checked one after another. The first wrong ones cost
nothing; after those an address gets GUESSES_PER_SECOND checked, all addresses together
ALL_GUESSES_PER_SECOND, and the rest waits in line, right codes with it. A right code is therefore
taken from any address at any time, a guesser gets no answer faster than that, and one who leaves
the line loses the place.

**Places.** Who typed the code has a place at once, in memory only. It is *confirmed*, and written
to the journal, when the student's page connects or votes; until then it may give way to somebody
else's, and after PENDING_SECONDS it is free again. A confirmed student never gives way. One address
has at most `share` places, which the teacher can raise.

**Taken out.** For OUT_SECONDS, a student whom the teacher removed cannot come back with the same
cookie, nor under the same name from the same address; nor from that address at all where it was
nobody else's in a class of several addresses, so that it was the student's own machine.
"""

import asyncio
import contextlib
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from grpo_core.app.dashboard.classroom import people
from grpo_core.app.dashboard.classroom.people import Member
from grpo_core.app.dashboard.limits import Budget, network
from grpo_core.core.errors import LabError

FREE_GUESSES, GUESSES_PER_SECOND = 20, 5.0  # wrong codes of one address
ALL_FREE_GUESSES, ALL_GUESSES_PER_SECOND = 200, 10.0  # and of all addresses together
JOINS_AT_ONCE, JOINS_PER_SECOND = 100, 10.0  # right codes of one address
SHARE = 100  # places of one address
PENDING_SECONDS = 120.0
OUT_SECONDS = 1_800.0
MAX_OUT = 100  # that are remembered
FEW_ADDRESSES = 3  # from here on a class is known to have an address for each machine
NOTICE_SECONDS = 600.0

CLOSED = "The teacher has closed the door: nobody new can join now."
WAS_REMOVED = "The teacher has taken you out of the class: ask to be let in again."


@dataclass(frozen=True)
class Removed:
    """A student who was taken out.

    Attributes:
        network: the address, "" where it is not known (after a new start).
        whole: nobody may join from there.
        at: when it was, in seconds of the epoch.
    """

    name: str
    network: str
    whole: bool
    at: float


class Door:
    """The way into a class."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self.is_open = True
        self.out: OrderedDict[str, Removed] = OrderedDict()
        self.guesses = Budget(GUESSES_PER_SECOND, FREE_GUESSES, clock)
        self.all_guesses = Budget(ALL_GUESSES_PER_SECOND, ALL_FREE_GUESSES, clock)
        self.joins = Budget(JOINS_PER_SECOND, JOINS_AT_ONCE, clock)
        self.pending: dict[str, float] = {}  # id -> when the code was typed
        self._clock = clock
        self._sleep = sleep
        self._networks: dict[str, str] = {}  # id -> where from, of those who joined since the start
        self._shares: dict[str, int] = {}
        self._full: dict[str, float] = {}  # network -> when somebody found no place
        self._lines: dict[str, asyncio.Lock] = {}  # network -> held by whose turn it is
        self._waiting: Counter[str] = Counter()

    # The line

    @contextlib.asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait until a code of this address may be checked; one at a time is."""
        of = network(address)
        line = self._lines.setdefault(of, asyncio.Lock())
        self._waiting[of] += 1
        try:
            async with line:
                await self._sleep(self.guesses.wait(of, 1))
                await self._sleep(self.all_guesses.wait("", 1))
                await self._sleep(self.joins.wait(of, 1))
                yield
        finally:
            self._waiting[of] -= 1
            if not self._waiting[of]:
                del self._waiting[of], self._lines[of]

    def guessed(self, address: str) -> None:
        """Count a wrong code."""
        self.guesses.take(network(address))
        self.all_guesses.take("")

    # Places

    def check(self, key: str | None, name: str, address: str) -> None:
        """Raise LabError where a person must not come in now.

        Args:
            key: the id in the browser's cookie, if it has one of this class.
            name: a clean name.
            address: of the connection.
        """
        if not self.is_open:
            raise LabError(CLOSED)
        self._forget_old()
        of = network(address)
        for was, removed in self.out.items():
            same = removed.network == of != ""
            if key == was or (
                same and (removed.whole or removed.name.casefold() == name.casefold())
            ):
                raise LabError(WAS_REMOVED)

    def make_room(self, address: str, members: dict[str, Member]) -> list[str]:
        """Return the pending students who give way to a new one.

        Raises:
            LabError: the class, or the share of the address, is full of confirmed students.
        """
        of, now = network(address), self._clock()
        gone = [key for key, at in self.pending.items() if now - at >= PENDING_SECONDS]
        held = Counter(self._networks[key] for key in members if key in self._networks)
        held.subtract(self._networks.get(key, "") for key in gone)
        if held[of] >= self.share(of):
            gone.append(self._first_pending(of, gone))
        elif len(members) - len(gone) >= people.MAX_MEMBERS:
            waiting = {self._networks[key] for key in self.pending if key not in gone}
            most = max(waiting, key=lambda other: held[other], default="")
            gone.append(self._first_pending(most, gone))
        if gone and gone[-1] == "":
            self._full[of] = now
            if held[of] >= self.share(of):
                raise LabError("The places of your address are taken: ask the teacher for more.")
            raise LabError(f"The class is full: {people.MAX_MEMBERS} are in it.")
        return gone

    def _first_pending(self, of: str, but: list[str]) -> str:
        """The pending student of a network who came first, "" for none."""
        own = (k for k in self.pending if self._networks[k] == of and k not in but)
        return next(own, "")

    def came(self, key: str, address: str) -> None:
        """A new student has a place, which is not confirmed yet."""
        self.pending[key] = self._clock()
        self._networks[key] = network(address)

    def left(self, key: str) -> None:
        """A student is in the class no longer."""
        self.pending.pop(key, None)
        self._networks.pop(key, None)

    def share(self, of: str) -> int:
        """How many places a network has."""
        return self._shares.get(of, SHARE)

    def allow(self, of: str) -> None:
        """Let a network have twice as many places as now."""
        self._shares[of] = min(2 * self.share(of), people.MAX_MEMBERS)
        self._full.pop(of, None)

    def full(self) -> list[str]:
        """Networks whose share was taken when somebody wanted to join, of the last minutes."""
        since = self._clock() - NOTICE_SECONDS
        return [of for of, at in self._full.items() if at >= since]

    # Taken out

    def take_out(self, key: str, name: str, at: float) -> None:
        """Keep a student out for a while, whom the teacher removed at this time of the epoch."""
        of = self._networks.get(key, "")
        others = Counter(n for k, n in self._networks.items() if k != key)
        whole = of != "" and others[of] == 0 and len(others) >= FEW_ADDRESSES
        self.out[key] = Removed(name, of, whole, at)
        while len(self.out) > MAX_OUT:
            self.out.popitem(last=False)

    def _forget_old(self) -> None:
        since = time.time() - OUT_SECONDS
        for key in [key for key, removed in self.out.items() if removed.at < since]:
            del self.out[key]

    def told(self, full: list[str]) -> dict[str, Any]:
        """What the teacher's page shows.

        Args:
            full: networks that have as many connections as they may.
        """
        self._forget_old()
        return {
            "open": self.is_open,
            "full": sorted({*full, *self.full()})[:20],
            "out": [{"id": key, "name": removed.name} for key, removed in self.out.items()],
        }
