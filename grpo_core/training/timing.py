"""Where the time goes: seconds by phase."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up the wall time of named phases; threads may use one together.

    Attributes:
        seconds: phase -> seconds so far.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def phase(self, name: str, share: float = 1.0) -> Iterator[None]:
        """Count what happens inside to a phase; `share` of it, where several threads count."""
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - started) * share
            with self._lock:
                self.seconds[name] = self.seconds.get(name, 0.0) + spent
