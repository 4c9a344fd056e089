"""A message compressed once for all viewers who are sent it.

WebSocket's own compression works once for each connection: with a hundred viewers that was most of
a core. So it is off, and a page that says it can unpack gets long messages as zlib data in binary
frames, a fifth of their size, which 100 phones in one room's network notice.
"""

import zlib
from collections import OrderedDict

WORTHWHILE = 1_000  # characters; less is sent as it is
KEPT = 8 * 2**20  # characters and bytes of what was packed last
LEVEL = 3  # of zlib: the highest takes three times as long and saves a fifth


class Packer:
    """Packs texts, and remembers the last ones. For one thread, the event loop's."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def pack(self, text: str) -> bytes | None:
        """`text` in ASCII as zlib data; None where that would not pay."""
        if len(text) < WORTHWHILE:
            return None
        packed = self._known.get(text)  # costs no look at the text: its hash was kept with it
        if packed is None:
            packed = self._known[text] = zlib.compress(text.encode("ascii"), LEVEL)
            self._size += len(text) + len(packed)
            while self._size > KEPT:
                self._size -= sum(map(len, self._known.popitem(last=False)))
        return packed
