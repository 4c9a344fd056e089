"""What assets/socket.js does with a frame, for tests without its page."""

import struct
import zlib


def texts(frame: str | bytes) -> list[str]:
    """The messages of a frame of the feed as JSON: one of text, any number of a binary one."""
    if isinstance(frame, str):
        return [frame]
    found, at = [], 0
    while at < len(frame):
        packed, size = struct.unpack_from(">BI", frame, at)
        part = frame[at + 5 : at + 5 + size]
        found.append((zlib.decompress(part) if packed else part).decode("ascii"))
        at += 5 + size
    assert at == len(frame)
    return found
