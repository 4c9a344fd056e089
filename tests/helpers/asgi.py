"""One request, handed to an ASGI app as it is: no client tidies its path or adds a header."""

from collections.abc import Mapping
from typing import Any, NamedTuple

HOST = "127.0.0.1:7860"
JSON = {"content-type": "application/json"}


class Answer(NamedTuple):
    """Status, headers in lower case, and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


async def request(
    app: Any,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    query: str = "",
    body: bytes = b"",
) -> Answer:
    """Ask, and return the answer; WEBSOCKET stands for a handshake, after which the visitor leaves.

    Args:
        app: the application.
        method: as in the request.
        path: percent-decoded, as a server hands it on.
        headers: on top of Host.
        query: without its question mark.
        body: of the request.
    """
    pairs = {"host": HOST, **(headers or {})}.items()
    scope: dict[str, Any] = {
        "type": "websocket" if method == "WEBSOCKET" else "http",
        "http_version": "1.1",
        "scheme": "ws" if method == "WEBSOCKET" else "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in pairs],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 7860),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
        "state": {},
    }
    if scope["type"] == "http":
        scope["method"] = method
    messages: list[dict[str, Any]] = []
    asked = 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if method == "WEBSOCKET":
            return {"type": "websocket.connect" if asked == 1 else "websocket.disconnect"}
        if asked == 1:
            return {"type": "http.request", "body": body, "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    try:
        await app(scope, receive, send)
    except Exception:  # a server answers 500
        return Answer(500, {}, b"")
    start = next((m for m in messages if "status" in m), None)
    if start is None:  # a WebSocket that was accepted, or closed without a response
        return Answer(101 if messages[0]["type"] == "websocket.accept" else 0, {}, b"")
    given = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], given, b"".join(m.get("body", b"") for m in messages))
