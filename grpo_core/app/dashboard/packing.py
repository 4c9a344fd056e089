"""Messages as they travel: compressed once for all viewers who are sent them, several in a frame.

WebSocket's own compression works once for each connection: with a hundred viewers that was most of
a core. So it is off, and a page that says it can unpack gets whatever it lacks as one binary frame,
in which long messages are zlib data, a fifth of their size, which 100 phones in one room's network
notice. A frame is one part after another, each

    1 byte    PLAIN or PACKED
    4 bytes   how many bytes follow, the highest first
              the message as JSON in ASCII, or that as zlib data

`assets/core/socket.js` takes them apart. Other pages get a frame of text for each message.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Self

from grpo_core.app.dashboard import payloads

PLAIN, PACKED = 0, 1
WORTHWHILE = 1_000  # characters; less is sent as it is
LEVEL = 3  # of zlib: the highest takes three times as long and saves a fifth

_HEAD = struct.Struct(">BI")


class Message:
    """One message, made once and never changed. A long one is only kept compressed.

    Attributes:
        part: its part of a frame.
    """

    __slots__ = ("part",)

    def __init__(self, text: str) -> None:
        """Pack JSON, which is ASCII as `payloads.encode` makes it."""
        data, kind = text.encode("ascii"), PLAIN
        if len(text) >= WORTHWHILE:
            data, kind = zlib.compress(data, LEVEL), PACKED
        self.part = _HEAD.pack(kind, len(data)) + data

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Self:
        """Encode and pack a message."""
        return cls(payloads.encode(message))

    def __eq__(self, other: object) -> bool:
        """Whether both say the same, so that a message made again is not sent again."""
        return isinstance(other, Message) and self.part == other.part

    def __hash__(self) -> int:
        return hash(self.part)

    def __len__(self) -> int:
        """Bytes of it."""
        return len(self.part)

    @property
    def text(self) -> str:
        """The JSON again."""
        data = self.part[_HEAD.size :]
        return (data if self.part[0] == PLAIN else zlib.decompress(data)).decode("ascii")

    def read(self) -> Any:
        """What it says."""
        return json.loads(self.text)


def frame(messages: Iterable[Message]) -> bytes:
    """One frame with all of these."""
    return b"".join([message.part for message in messages])
