"""Messages put into frames: compressed once for all viewers who are sent them, several at a time.

WebSocket's own compression works once for each connection: with a hundred viewers that was most of
a core. So it is off, and a page that says it can unpack gets whatever it lacks as one binary frame,
in which long messages are zlib data, a fifth of their size, which 100 phones in one room's network
notice. A frame is one part after another, each

    1 byte    PLAIN or PACKED
    4 bytes   how many bytes follow, the highest first
              the message as JSON in ASCII, or that as zlib data

`assets/socket.js` takes them apart.
"""

import struct
import zlib
from collections import OrderedDict
from collections.abc import Iterable

PLAIN, PACKED = 0, 1
WORTHWHILE = 1_000  # characters; less is sent as it is
KEPT = 8 * 2**20  # characters and bytes of what was packed last
LEVEL = 3  # of zlib: the highest takes three times as long and saves a fifth

_head = struct.Struct(">BI").pack


class Packer:
    """Packs texts, and remembers the last ones. For one thread, the event loop's."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def frame(self, texts: Iterable[str]) -> bytes:
        """One frame with these texts, which are ASCII."""
        return b"".join([self._part(text) for text in texts])

    def _part(self, text: str) -> bytes:
        if len(text) < WORTHWHILE:
            return _head(PLAIN, len(text)) + text.encode("ascii")
        part = self._known.get(text)  # costs no look at the text: its hash was kept with it
        if part is None:
            packed = zlib.compress(text.encode("ascii"), LEVEL)
            part = self._known[text] = _head(PACKED, len(packed)) + packed
            self._size += len(text) + len(part)
            while self._size > KEPT:
                self._size -= sum(map(len, self._known.popitem(last=False)))
        return part
