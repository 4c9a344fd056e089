"""Print every route, and what becomes of it: `python -m grpo_core.app.dashboard.routes_table`.

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
from starlette.types import Message, Scope

from grpo_core.app.dashboard.allowlist import ALLOWED
from grpo_core.app.dashboard.classroom import Classroom
from grpo_core.app.dashboard.classroom.access import Access
from grpo_core.app.dashboard.classroom.budgets import Budgets
from grpo_core.app.dashboard.classroom.people import COOKIE, THE_TEACHER
from grpo_core.app.dashboard.guard import Guard
from grpo_core.app.dashboard.runs import RunBook
from grpo_core.app.dashboard.server import create_app

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


@contextlib.contextmanager
def empty_class() -> Iterator[Classroom]:
    """A class of its own, in a temporary folder."""
    with (
        tempfile.TemporaryDirectory(prefix="grpo-lab-routes-") as folder,
        contextlib.closing(Classroom(Path(folder))) as classroom,
    ):
        yield classroom


def every_place(classroom: Classroom) -> list[Place]:
    """Return every route of the dashboard with a class, and then of Gradio's page."""
    from grpo_core.app.dashboard import panels

    book = RunBook(Path("no-runs"))
    app = create_app(book, with_gradio=False, classroom=classroom)
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


async def _yes(scope: Scope, receive: Any, send: Any) -> None:
    await Response(status_code=200)(scope, receive, send)


async def outcome(classroom: Classroom, place: Place, headers: dict[str, str]) -> int:
    """Return the status with which the wrappers answer.

    Args:
        classroom: the class that is asked.
        place: what is asked for.
        headers: what the browser sends beside Host.
    """
    classroom.budgets = Budgets()  # the table is not to wait for what it asked before
    wrapped = Guard(Access(_yes, classroom))
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


async def rows(classroom: Classroom, found: Iterable[Place]) -> list[tuple[str, ...]]:
    """Return a row of the table for each route: method, path, and a word for each column."""
    student, teacher = (
        {"cookie": f"{COOKIE}={classroom.cookies.value(member)}"}
        for member in (classroom.join("Student"), THE_TEACHER)
    )
    askers: list[dict[str, str]] = [{}, student, teacher, teacher | EMBEDS, teacher | FOLLOWS]
    table = []
    for entry in dict.fromkeys(entry for place in found for entry in expand(place)):
        statuses = [await outcome(classroom, entry, headers) for headers in askers]
        table.append((*entry, *(WORDS.get(status, str(status)) for status in statuses)))
    return table


def main() -> None:
    """Print the table."""
    with empty_class() as classroom:
        table = [COLUMNS, *asyncio.run(rows(classroom, every_place(classroom)))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(map(str.ljust, row, widths)).rstrip())
    print(f"\n{NOTE}", end="")


if __name__ == "__main__":
    main()
