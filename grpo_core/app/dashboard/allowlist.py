"""The requests that the dashboard answers. Any other gets 404, whoever asks.

Gradio brings some eighty routes, of which its page needs seven. One of the others fetches any
address it is given and serves what it finds as if it were ours, and several change something on a
GET. So the list says what is open, and all else is closed, routes of later releases included.
`python -m grpo_core.app.dashboard.routes_table` prints every route, and what becomes of it.

Who may ask for what in a class is another question, which `classroom.access` answers.
"""

import re

# What may stand in the place of a {name}: exactly one part of a path.
PARTS = {"file": r"\w[\w.-]*", "key": r"[^/]+"}

# Method and path of our own requests; WEBSOCKET stands for the handshake of one.
OURS = (
    ("GET", "/"),
    ("GET", "/lab/assets/{file}"),
    ("GET", "/lab/status"),
    ("GET", "/lab/glossary"),
    ("GET", "/lab/metrics"),
    ("GET", "/lab/source"),
    ("WEBSOCKET", "/lab/ws"),
    ("POST", "/lab/export"),
    ("POST", "/lab/api/lens"),
    ("POST", "/lab/api/runs"),
    ("POST", "/lab/api/runs/{key}/fork"),
    ("POST", "/lab/api/runs/{key}/control"),
    ("GET", "/join"),
    ("GET", "/lab/class/teach"),
    ("GET", "/lab/class/people"),
    ("GET", "/lab/class/results.csv"),
    ("GET", "/lab/class/qr.svg"),
    ("POST", "/lab/class/join"),
    ("POST", "/lab/class/vote"),
    ("POST", "/lab/class/flag"),
    ("POST", "/lab/class/poll"),
    ("POST", "/lab/class/poll/{key}"),
    ("POST", "/lab/class/focus"),
    ("POST", "/lab/class/hunt"),
    ("POST", "/lab/class/remove"),
    ("POST", "/lab/class/readmit"),
    ("POST", "/lab/class/door"),
    ("POST", "/lab/class/code"),
    ("POST", "/lab/class/allow"),
)

# What Gradio's page asks for, beside the page itself: files that came with Gradio, its theme, and
# what a browser wants to know to offer the page as an app.
GRADIO = (
    ("GET", "/assets/{file}"),
    ("GET", "/static/js/iframeResizer.contentWindow.min.js"),
    ("GET", "/theme.css"),
    ("GET", "/favicon.ico"),
    ("GET", "/manifest.json"),
    ("GET", "/pwa_icon"),
)

ALLOWED = OURS + GRADIO

# The pages that a link on another site may lead to. Opening one changes nothing, but for the
# teacher's link, which sets a cookie where its secret token is right. A site that knows the token
# needs no visitor to use it; sending one there gives that visitor rights, and takes none away.
PAGES = frozenset({"/", "/join", "/lab/class/teach"})


def pattern(path: str) -> re.Pattern[str]:
    """Compile a path of the list.

    Args:
        path: with {file} or {key} in the place of a part.

    Returns:
        an expression to be matched against whole paths.
    """
    pieces = re.split(r"\{(\w+)\}", path)
    pieces[::2] = map(re.escape, pieces[::2])
    pieces[1::2] = [PARTS[name] for name in pieces[1::2]]
    return re.compile("".join(pieces), re.ASCII)


_ALLOWED = [(method, pattern(path)) for method, path in ALLOWED]


def is_allowed(method: str, path: str) -> bool:
    """Return whether a request is on the list.

    Args:
        method: as in the request, or WEBSOCKET.
        path: the whole path, percent-decoded, without the query.
    """
    return any(method == known and paths.fullmatch(path) for known, paths in _ALLOWED)
