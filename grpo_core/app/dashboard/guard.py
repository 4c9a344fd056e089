"""Which requests are answered: an ASGI wrapper around everything the dashboard serves.

Gradio's own protection does not reach the routes and WebSockets of the app it is mounted on, so
one wrapper checks them all:

- Host must be a name of this machine. A page on the web can make its own name resolve to
  127.0.0.1 (DNS rebinding); it cannot make the browser send our Host.
- The request must not come from a page of another origin. Browsers say so in two headers: Origin
  comes with every POST and every WebSocket, and Sec-Fetch-Site with everything, images and scripts
  included, that goes to this machine or by https. (To an address of the local network it does not
  come. There, what keeps a foreign page out is Origin, and that nothing changes on a GET.)
  The one exception is a link that opens one of our pages in a tab.
- Method and path must be on the list of `allowlist`.

Left out: who the user is. On 127.0.0.1 that is whoever sits at the machine; other machines are
served to a class only, whose roles are asked inside this wrapper (see classroom.access).
"""

import ipaddress
import socket
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grpo_core.app.dashboard.allowlist import PAGES, is_allowed

# Of all pages but Gradio's: no inline script or style, and no text that becomes HTML or a script.
STRICT_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
)
# Gradio's page needs inline scripts and `new Function` (its templates), so neither can be
# forbidden; what the policy does guarantee is that nothing is loaded from, or sent to, any other
# host. Model text never reaches a place where a script could run: see assets/tokens.js.
GRADIO_POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
SECURITY_HEADERS = {
    "Content-Security-Policy": STRICT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
DENIAL = "websocket.http.response"  # the ASGI extension that answers a handshake with a response
FOREIGN = "Requests from pages of another origin are refused."
UNKNOWN = "There is nothing at this address."


class Refusal(NamedTuple):
    """Why a request is not answered.

    Attributes:
        status: the HTTP status, 403 or 404.
        sentence: the body, or the reason with which a WebSocket is closed.
    """

    status: int
    sentence: str


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
        send = _with_headers(scope, receive, send)
        refusal = self.refusal(scope)
        if refusal is None:
            await self.app(scope, receive, send)
        else:
            await _refuse(refusal, scope, receive, send)

    def refusal(self, scope: Scope) -> Refusal | None:
        """Return why this request is not answered, or None."""
        headers = Headers(scope=scope)
        name = hostname(headers.get("host", ""))
        if name not in self.names and not _is_address(name):
            accept = f"Start with --allow-host {name or 'NAME'} to accept it."
            return Refusal(403, f"Host not accepted. {accept}")
        if self._is_foreign(scope, headers):
            return Refusal(403, FOREIGN)
        if not is_allowed(scope.get("method", "WEBSOCKET"), scope["path"]):
            return Refusal(404, UNKNOWN)
        return None

    def _is_foreign(self, scope: Scope, headers: Headers) -> bool:
        """Return whether a page of another origin asks, otherwise than by a link to a page."""
        origin = headers.get("origin")
        if origin is not None:
            authority = origin.partition("://")[2]
            own = authority.lower() == headers.get("host", "").lower()
            if not own and hostname(authority) not in self.proxies:
                return True
        if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
            return False
        opens_a_tab = (
            headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
        )
        return not (opens_a_tab and scope.get("method") == "GET" and scope["path"] in PAGES)


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the refusal's sentence, a handshake too where the server is able to."""
    if scope["type"] == "websocket" and DENIAL not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.sentence})
        return
    headers = {"Cache-Control": "no-store"}
    response = PlainTextResponse(refusal.sentence + "\n", refusal.status, headers)
    await response(scope, receive, send)


def _with_headers(scope: Scope, receive: Receive, send: Send) -> Send:
    """Return a `send` that adds the security headers to a response.

    A WebSocket that is closed before it was accepted would be answered by the server's own
    response, without headers and without the reason: here it becomes a response of ours.
    """
    is_accepted = False

    async def send_with_headers(message: Message) -> None:
        nonlocal is_accepted
        kind = message["type"]
        is_accepted = is_accepted or kind == "websocket.accept"
        closed = kind == "websocket.close" and not is_accepted
        if closed and DENIAL in scope.get("extensions", {}):
            reason = message.get("reason") or "The connection is refused."
            await _refuse(Refusal(403, reason), scope, receive, send_with_headers)
            return
        if kind in ("http.response.start", f"{DENIAL}.start"):
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if scope["path"].startswith("/lab/"):
                headers.setdefault("Cache-Control", "no-cache")
        await send(message)

    return send_with_headers
