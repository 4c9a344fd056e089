"""Print every route there is, and what becomes of it: `python -m grpo_core.dashboard.routes_table`.

The routes are those of the dashboard with a class, and of Gradio's page. Each is asked for once by
everybody, through the real wrappers (`guard.Guard`, `classroom.access.Access`) around an app that
says yes to everything. So the table shows what those two let through, and nothing is done.
"""

import asyncio
import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Scope

from grpo_core.dashboard.allowlist import ALLOWED
from grpo_core.dashboard.classroom import Classroom
from grpo_core.dashboard.classroom.access import Access
from grpo_core.dashboard.classroom.people import STUDENT, THE_TEACHER, Member
from grpo_core.dashboard.guard import Guard
from grpo_core.dashboard.runs import RunBook
from grpo_core.dashboard.server import create_app

# As a browser says on behalf of a page of another site: an image, say, or a link that was clicked.
EMBEDS = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
FOLLOWS = {
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
}
COLUMNS = ("", "route", "nobody", "student", "teacher", "foreign page", "link from it")
WORDS = {200: "yes", 303: "to /join", 401: "join first", 403: "refused", 404: "404"}
NOTE = """\
yes: let through. All else is answered by that one sentence, and nothing is done.
Without a class, everybody at this machine has the teacher's column. The last two columns are a page
of another origin in the teacher's browser: it embeds or fetches the route, or it has a link to it.
Of /lab/assets/ the files of the join page are open to nobody too (see classroom/access.py).
"""


class Place(NamedTuple):
    """A route, as it is declared.

    Attributes:
        method: of HTTP, or WEBSOCKET.
        path: the whole path, with its parameters.
    """

    method: str
    path: str

    def fill(self, value: str = "x") -> str:
        """Return the path with a value in the place of each parameter."""
        return re.sub(r"\{\w+(:\w+)?\}", lambda _: value, self.path)


def places(routes: Iterable[Any], prefix: str = "") -> Iterator[Place]:
    """Walk through routes, mounted apps and included routers.

    Args:
        routes: of an app or a router.
        prefix: the path at which they are mounted.
    """
    for route in routes:
        path = prefix + getattr(route, "path", "")
        within: list[Any] = [route, *(getattr(route, n, None) for n in ("original_router", "app"))]
        inner = next((room.routes for room in within if hasattr(room, "routes")), None)
        if inner:
            yield from places(inner, path.rstrip("/"))
        elif inner is not None:  # a folder of files
            yield Place("GET", f"{path}/{{path:path}}")
        elif hasattr(route, "methods"):
            yield from (Place(method, path or "/") for method in sorted(route.methods or ["GET"]))
        else:
            yield Place("WEBSOCKET", path)


def every_place() -> list[Place]:
    """Return every route of the dashboard with a class, and then of Gradio's page."""
    from grpo_core.dashboard import panels

    with (
        tempfile.TemporaryDirectory(prefix="grpo-lab-routes-") as folder,
        contextlib.closing(Classroom(Path(folder))) as classroom,
    ):
        app = create_app(RunBook(Path(folder)), with_gradio=False, classroom=classroom)
    return list(dict.fromkeys([*places(app.routes), *places(panels.page().routes)]))


def expand(place: Place) -> list[Place]:
    """Return the entries of the list that a route answers, or the route itself if there is none."""
    own, _, _ = compile_path(place.path)
    found = [
        entry
        for entry in (Place(method, path) for method, path in ALLOWED)
        if entry.method == place.method and own.match(entry.fill())
    ]
    return found or [place]


class _ClassOf:
    """A class in which everybody is the same member."""

    def __init__(self, member: Member | None) -> None:
        self.member = member

    def who(self, connection: Any) -> tuple[Member | None, float]:
        return self.member, 0.0

    def is_teacher(self, member: Member | None) -> bool:
        return member == THE_TEACHER


async def _yes(scope: Scope, receive: Any, send: Any) -> None:
    await Response(status_code=200)(scope, receive, send)


async def outcome(place: Place, member: Member | None, headers: dict[str, str]) -> int:
    """Return the status with which the wrappers answer somebody.

    Args:
        place: what is asked for.
        member: who asks; None for nobody.
        headers: what the browser adds.
    """
    access: Any = Access(_yes, _ClassOf(member))  # type: ignore[arg-type]
    wrapped: ASGIApp = Guard(access)
    path = place.fill()
    pairs = {"host": "127.0.0.1:7860", **headers}.items()
    scope: Scope = {
        "type": "websocket" if place.method == "WEBSOCKET" else "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in pairs],
        "extensions": {"websocket.http.response": {}},
    }
    if scope["type"] == "http":
        scope["method"] = place.method
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if "status" in message:
            statuses.append(message["status"])

    await wrapped(scope, receive, send)
    return statuses[0]


async def rows(found: Iterable[Place]) -> list[tuple[str, ...]]:
    """Return a row of the table for each route: method, path, and a word for each column."""
    student = Member(STUDENT, "0" * 16, "Student")
    askers: list[tuple[Member | None, dict[str, str]]] = [
        (None, {}),
        (student, {}),
        (THE_TEACHER, {}),
        (THE_TEACHER, EMBEDS),
        (THE_TEACHER, FOLLOWS),
    ]
    table = []
    for entry in dict.fromkeys(entry for place in found for entry in expand(place)):
        statuses = [await outcome(entry, *asker) for asker in askers]
        table.append((*entry, *(WORDS.get(status, str(status)) for status in statuses)))
    return table


def main() -> None:
    """Print the table."""
    table = [COLUMNS, *asyncio.run(rows(every_place()))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(map(str.ljust, row, widths)).rstrip())
    print(f"\n{NOTE}", end="")


if __name__ == "__main__":
    main()
