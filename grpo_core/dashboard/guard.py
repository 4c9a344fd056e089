"""Which requests are answered: an ASGI wrapper around everything the dashboard serves.

Gradio's own protection does not reach the routes and WebSockets of the app it is mounted on, so
one wrapper checks them all:

- Host must be a name of this machine. A page on the web can make its own name resolve to
  127.0.0.1 (DNS rebinding); it cannot make the browser send our Host.
- Origin, when there is one, must be the page's own. Browsers send it with every POST and every
  WebSocket, and do not stop a WebSocket to another origin by themselves.

Left out: who the user is. On 127.0.0.1 that is whoever sits at the machine; other machines are
served to a class only, whose roles are asked inside this wrapper (see classroom.access).
"""

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio's page needs inline scripts and `new Function` (its templates), so neither can be
# forbidden; what the policy does guarantee is that nothing is loaded from, or sent to, any other
# host. Model text never reaches a place where a script could run: see assets/tokens.js.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    ]
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def hostname(host: str) -> str:
    """The name in a Host header or authority, lower case, without port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """The wrapper. `allowed` names are accepted as Host and as Origin, on top of this machine's.

    Numeric addresses are always accepted as Host: rebinding needs a name.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self.app = app
        self.proxies = {name.lower() for name in allowed}
        self.names = {"localhost", socket.gethostname().lower(), *self.proxies}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with one sentence."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if refusal and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        elif refusal:
            await PlainTextResponse(refusal + "\n", status_code=403)(scope, receive, send)
        else:
            await self.app(scope, receive, _with_headers(scope, send))

    def refusal(self, scope: Scope) -> str | None:
        """Why this request is not answered, or None."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = hostname(host)
        if name not in self.names and not _is_address(name):
            return f"Host not accepted. Start with --allow-host {name or 'NAME'} to accept it."
        origin = headers.get("origin")
        harmless = scope["type"] == "http" and scope["method"] in SAFE_METHODS
        if origin is None or harmless:
            return None
        authority = origin.partition("://")[2]
        if authority.lower() == host.lower() or hostname(authority) in self.proxies:
            return None
        return "Requests from pages of another origin are refused."


def _with_headers(scope: Scope, send: Send) -> Send:
    """`send`, adding the security headers to a response."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if scope["path"].startswith("/lab/"):
                headers.setdefault("Cache-Control", "no-cache")
        await send(message)

    return send_with_headers
