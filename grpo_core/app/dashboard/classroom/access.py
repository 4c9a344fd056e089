"""Who may ask for what: one table, and the wrapper that holds every request against it.

What is not in the table is the teacher's. So a route that somebody adds is closed to students
until a line here opens it, and nothing that Gradio serves is open to anybody else.
"""

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from grpo_core.app.dashboard.classroom.budgets import TOO_OFTEN
from grpo_core.app.dashboard.classroom.people import NOBODY, STUDENT, Member
from grpo_core.app.dashboard.doors import MEMBER, SOCKET
from grpo_core.app.dashboard.doors import NOBODY as UNNAMED
from grpo_core.app.dashboard.doors import TEACHER as THE_TEACHERS

if TYPE_CHECKING:
    from grpo_core.app.dashboard.classroom import Classroom

ASSETS = Path(__file__).parents[1] / "assets"

ALL = frozenset({NOBODY, STUDENT})
STUDENTS = frozenset({STUDENT})

# Method, the whole path as a regular expression, and who may ask beside the teacher.
TABLE = (
    ("GET", r"/join", ALL),
    ("POST", r"/lab/class/join", ALL),
    ("GET", r"/lab/class/teach", ALL),
    ("GET", r"/lab/assets/(join\.js|join\.css|icon\.svg)", ALL),
    ("GET", r"/", STUDENTS),
    ("GET", r"/lab/assets/\w[\w.-]*", STUDENTS),
    ("GET", r"/lab/status", STUDENTS),
    ("GET", r"/lab/glossary", STUDENTS),
    ("GET", r"/lab/metrics", STUDENTS),
    ("GET", r"/lab/source", STUDENTS),
    ("POST", r"/lab/api/lens", STUDENTS),
    ("POST", r"/lab/class/vote", STUDENTS),
    ("POST", r"/lab/class/flag", STUDENTS),
    ("WEBSOCKET", r"/lab/ws", STUDENTS),
)
_TABLE = [(method, re.compile(path, re.ASCII), roles) for method, path, roles in TABLE]

JOIN_FIRST = "Join the class first: open /join, and type the class code and a name."
TEACHER_ONLY = "Only the teacher can do that."


def roles(method: str, path: str) -> frozenset[str]:
    """Who may ask for this beside the teacher."""
    found = [roles for m, pattern, roles in _TABLE if m == method and pattern.fullmatch(path)]
    return frozenset().union(*found)


class Access:
    """The wrapper. It puts the member who asks into `scope["state"]`, for the routes."""

    def __init__(self, app: ASGIApp, classroom: "Classroom") -> None:
        self.app = app
        self.classroom = classroom

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what the asking role may ask for; refuse the rest with one sentence."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        member, until = self.classroom.who(HTTPConnection(scope))
        scope.setdefault("state", {})
        scope["state"] |= {"member": member, "until": until}
        role = member.role if member else NOBODY
        method = scope.get("method", "WEBSOCKET")
        self._seen(scope, member)
        if self.classroom.is_teacher(member) or role in roles(method, scope["path"]):
            answer = self._page(role, scope)
            if not await self._in_time(scope, member):
                answer = JSONResponse({"error": TOO_OFTEN}, 429)
            await (answer or self.app)(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": _sentence(role)})
        else:
            await _refusal(role, scope)(scope, receive, send)

    def _seen(self, scope: Scope, member: Member | None) -> None:
        """Tell the doors whose connection this is."""
        rank = UNNAMED if member is None else MEMBER
        if self.classroom.is_teacher(member):
            rank = THE_TEACHERS
        elif member is not None and scope["type"] == "websocket":
            rank = SOCKET
        self.classroom.doors.seen(scope.get("client"), member.id if member else None, rank)

    async def _in_time(self, scope: Scope, member: Member | None) -> bool:
        """Wait as long as this member's budget says; False where that is too long."""
        if scope["type"] != "http" or self.classroom.is_teacher(member):
            return True
        address = scope["client"][0] if scope.get("client") else ""
        wait = self.classroom.budgets.request(member, address, scope["path"])
        await asyncio.sleep(wait or 0)
        return wait is not None

    def _page(self, role: str, scope: Scope) -> Response | None:
        """The student's page, which is at / in the place of the teacher's."""
        if role != STUDENT or scope["type"] != "http" or scope["path"] != "/":
            return None
        return FileResponse(ASSETS / "class.html", headers={"Cache-Control": "no-store"})


def _sentence(role: str) -> str:
    return JOIN_FIRST if role == NOBODY else TEACHER_ONLY


def _refusal(role: str, scope: Scope) -> Response:
    if role == NOBODY and (scope["method"], scope["path"]) == ("GET", "/"):
        return RedirectResponse("join", 303, headers={"Cache-Control": "no-store"})
    return JSONResponse({"error": _sentence(role)}, 401 if role == NOBODY else 403)
