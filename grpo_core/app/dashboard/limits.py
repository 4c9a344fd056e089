"""How much each may ask for in a while: token buckets, one for each key.

A key is an address or a member. What is asked beyond the bucket is not refused: `take` says how
many seconds it has to wait, and the caller waits. So a flood is slowed down to the bucket's rate,
and those with other keys notice nothing of it.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_KEYS = 4_096  # that are remembered, the latest ones


def network(address: str) -> str:
    """Return the address, or the /64 that one machine has to itself in IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)


class Budget:
    """Token buckets that fill up at one rate."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with full buckets.

        Args:
            rate: tokens per second that each bucket gets back.
            burst: tokens that a full bucket holds.
            clock: returns the time in seconds.
        """
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when

    def wait(self, key: str, cost: float = 0.0) -> float:
        """Return the seconds until the bucket holds `cost` tokens (0: until no debt is left)."""
        return max(0.0, cost - self._tokens(key)) / self.rate

    def take(self, key: str, cost: float = 1.0) -> float:
        """Take tokens, on credit if need be; return the seconds until they are paid for.

        Whoever takes and waits that long keeps to the rate, and those who wait for one bucket are
        served in their order.
        """
        left = self._tokens(key) - cost
        self._buckets[key] = left, self._clock()
        self._buckets.move_to_end(key)
        while len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
        return max(0.0, -left) / self.rate

    def _tokens(self, key: str) -> float:
        """The tokens of a bucket now; a full one is not kept."""
        tokens, at = self._buckets.get(key, (self.burst, 0.0))
        tokens = min(self.burst, tokens + (self._clock() - at) * self.rate)
        if tokens >= self.burst:
            self._buckets.pop(key, None)
        return tokens
