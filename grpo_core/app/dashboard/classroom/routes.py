"""The requests of a class. Who may make which is said in `access`, and nowhere here."""

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response

from grpo_core.app.dashboard.bodies import json_body
from grpo_core.app.dashboard.classroom import Classroom, people
from grpo_core.app.dashboard.classroom.access import ASSETS
from grpo_core.app.dashboard.classroom.address import qr_svg
from grpo_core.app.dashboard.classroom.hunt import is_hit
from grpo_core.app.dashboard.classroom.people import THE_TEACHER, Member
from grpo_core.app.dashboard.classroom.polls import WANTS
from grpo_core.app.dashboard.feed import Feed
from grpo_core.app.dashboard.guard import hostname
from grpo_core.app.dashboard.limits import network
from grpo_core.app.dashboard.payloads import clip, encode
from grpo_core.app.dashboard.runs import options_of
from grpo_core.core.errors import LabError
from grpo_core.core.records import Group
from grpo_core.tasks import get_task

MAX_BODY = 4_000  # bytes
MAX_OTHERS = 3
MANY = 10**6  # more steps, groups or completions than any run has
TEACHER_JOINS = (
    "You are the teacher here: to see what students see, open the join page in a private window."
)
OLD_LINK = "This is not the teacher's link of this start: take the one that was printed last."
UNSEEN = {"Cache-Control": "no-store"}


def add_routes(app: FastAPI, feed: Feed, classroom: Classroom) -> None:
    """All of them."""
    _entrance(app, classroom)
    _student(app, feed, classroom)
    _teacher(app, feed, classroom)
    _door(app, classroom)
    _lists(app, classroom)


def _entrance(app: FastAPI, classroom: Classroom) -> None:
    """The two doors."""

    @app.get("/join")
    async def page() -> FileResponse:
        return FileResponse(ASSETS / "join.html", headers=UNSEEN)

    @app.post("/lab/class/join")
    async def join(request: Request) -> Response:
        body = await json_body(request, MAX_BODY)
        member: Member | None = request.state.member
        if classroom.is_teacher(member):
            return _error(TEACHER_JOINS, 409)
        attempt = asyncio.create_task(_attempt(request, classroom, body, member))
        left = asyncio.create_task(_left(request))
        await asyncio.wait((attempt, left), return_when=asyncio.FIRST_COMPLETED)
        left.cancel()
        if not attempt.done():  # the browser is gone, and so is its place in the line
            attempt.cancel()
            return Response(status_code=408)
        return attempt.result()

    @app.get("/lab/class/teach")
    async def teach(request: Request, token: str = "") -> Response:
        if not classroom.takes_token(token):
            return _error(OLD_LINK, 401)
        response = RedirectResponse("../../", 303, headers=UNSEEN)
        return _remember(response, THE_TEACHER, request, classroom)


async def _attempt(
    request: Request, classroom: Classroom, body: dict[str, Any], member: Member | None
) -> Response:
    """Check a code when it is its address's turn, and let the student in."""
    address = request.client.host if request.client else ""
    async with classroom.door.turn(address):
        if not people.is_code(body.get("code"), classroom.code):
            classroom.door.guessed(address)
            return _error("That is not the code of this class.", 403)
        held = classroom.cookies.read(request.cookies.get(people.COOKIE))
        member = classroom.people.members.get(member.id) if member else None  # as it is by now
        try:
            member = classroom.join(body.get("name"), member, address, held[1] if held else "")
        except LabError as error:
            return _error(str(error), 409)
        classroom.door.joins.take(network(address))
    return _remember(JSONResponse({"ok": True}), member, request, classroom)


async def _left(request: Request) -> None:
    """Wait until the browser closes the connection; the body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _remember(
    response: Response, member: Member, request: Request, classroom: Classroom
) -> Response:
    """`response`, with the cookie that says who this is."""
    response.set_cookie(
        people.COOKIE,
        classroom.cookies.value(member),
        max_age=people.COOKIE_SECONDS,
        path="/",
        httponly=True,
        samesite="lax",
        secure=_is_https(request, classroom),
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _is_https(request: Request, classroom: Classroom) -> bool:
    """Whether the browser came by https; a proxy is believed under a name it was given only."""
    if request.scope["scheme"] == "https":
        return True
    known = hostname(request.headers.get("host", "")) in classroom.proxies
    return known and request.headers.get("x-forwarded-proto", "").lower() == "https"


def _student(app: FastAPI, feed: Feed, classroom: Classroom) -> None:
    """What students do."""

    @app.post("/lab/class/vote")
    async def vote(request: Request) -> Response:
        body = await json_body(request, MAX_BODY)
        try:
            member = _student_of(request)
            classroom.vote(member, body.get("poll"), body.get("choice"))
        except LabError as error:
            return _error(str(error), 409)
        return JSONResponse({"ok": True})

    @app.post("/lab/class/flag")
    async def flag(request: Request) -> Response:
        body = await json_body(request, MAX_BODY)
        try:
            member = _student_of(request)
            hunt = classroom.hunt_of(body.get("run"))
            step, group, completion = _counts(body, "step", "group", "completion")
            place = (step, group, completion)
            on = body.get("on")
            hunt.check(member.id, place, on)
            classroom.check_flag(hunt, place)
            if on:
                record = await _group(feed, hunt.run, step, group)
                hit = await asyncio.to_thread(is_hit, record, completion, hunt.task)
                classroom.flag(member, hunt, place, hit)
            else:
                classroom.unflag(member, hunt, place)
        except LabError as error:
            return _error(feed.words(error, request.state.member), 409)
        return JSONResponse({"ok": True})


def _teacher(app: FastAPI, feed: Feed, classroom: Classroom) -> None:
    """What the teacher does."""

    @app.post("/lab/class/poll")
    async def poll(request: Request) -> Response:
        body = await json_body(request, MAX_BODY)
        try:
            step, group = _counts(body, "step", "group")
            run = _key(body)
            record = await _group(feed, run, step, group)
            opened = classroom.open_poll(body.get("kind"), run, step, group, record)
        except LabError as error:
            return _error(str(error), 409)
        return JSONResponse({"poll": opened.id})

    @app.post("/lab/class/poll/{key}")
    async def move(key: str, request: Request) -> Response:
        want = (await json_body(request, MAX_BODY)).get("want")
        try:
            if not isinstance(want, str) or want not in WANTS:
                raise LabError(f"A poll can be asked to {', '.join(WANTS)}.")
            classroom.move_poll(key, WANTS[want])
        except LabError as error:
            return _error(str(error), 409)
        return JSONResponse({"ok": True})

    @app.post("/lab/class/focus")
    async def focus(request: Request) -> Response:
        body = await json_body(request, MAX_BODY)
        view = body.get("view")
        if view is not None and not isinstance(view, dict):
            raise HTTPException(400, "A view is an object, or null.")
        classroom.follow(None if view is None else clean_view(view))
        return JSONResponse({"ok": True})

    @app.post("/lab/class/hunt")
    async def hunt(request: Request) -> Response:
        body = await json_body(request, MAX_BODY)
        try:
            if body.get("run") is None:
                classroom.end_hunt()
                return JSONResponse({"ok": True})
            run = await asyncio.to_thread(feed.book.get, _key(body))
            options = await asyncio.to_thread(options_of, run)
            task = str(options.get("task"))
            get_task(task)
            opened = classroom.open_hunt(_key(body), _rewards(options), task)
        except LabError as error:
            return _error(str(error), 409)
        return JSONResponse({"hunt": opened.id})

    @app.post("/lab/class/remove")
    async def remove(request: Request) -> Response:
        body = await json_body(request, MAX_BODY)
        try:
            await classroom.remove(body.get("id"))
        except LabError as error:
            return _error(str(error), 409)
        return JSONResponse({"ok": True})


def _door(app: FastAPI, classroom: Classroom) -> None:
    """What the teacher does at the door."""

    @app.post("/lab/class/door")
    async def door(request: Request) -> Response:
        is_open = (await json_body(request, MAX_BODY)).get("open")
        if not isinstance(is_open, bool):
            raise HTTPException(400, "`open` must be true or false.")
        return _done(lambda: classroom.set_door(is_open))

    @app.post("/lab/class/code")
    async def code(request: Request) -> Response:
        await json_body(request, MAX_BODY)
        return _done(classroom.change_code)

    @app.post("/lab/class/readmit")
    async def readmit(request: Request) -> Response:
        key = (await json_body(request, MAX_BODY)).get("id")
        return _done(lambda: classroom.readmit(key))

    @app.post("/lab/class/allow")
    async def allow(request: Request) -> Response:
        address = (await json_body(request, MAX_BODY)).get("address")
        return _done(lambda: classroom.allow(address))


def _done(action: Callable[[], None]) -> Response:
    """Do something; an empty answer, or the sentence of its LabError with status 409."""
    try:
        action()
    except LabError as error:
        return _error(str(error), 409)
    return JSONResponse({"ok": True})


def _lists(app: FastAPI, classroom: Classroom) -> None:
    """What the teacher reads."""

    @app.get("/lab/class/people")
    async def members() -> Response:
        return JSONResponse(classroom.listed(), headers=UNSEEN)

    @app.get("/lab/class/results.csv")
    async def results() -> Response:
        headers = UNSEEN | {"Content-Disposition": 'attachment; filename="class-results.csv"'}
        return Response(classroom.results(), media_type="text/csv; charset=utf-8", headers=headers)

    @app.get("/lab/class/qr.svg")
    async def qr() -> Response:
        if not classroom.invitation:
            raise HTTPException(404, "This machine has no address in a network.")
        return Response(qr_svg(classroom.invitation), media_type="image/svg+xml", headers=UNSEEN)


# --- reading what was sent ---------------------------------------------------------------------


def clean_view(view: dict[str, Any]) -> dict[str, Any]:
    """The teacher's view as it is passed on: known fields, of the right kind, of bounded size."""
    step, token, others = view.get("step"), view.get("token"), view.get("others")
    cleaned: dict[str, Any] = {
        "run": _text(view.get("run"), 200),
        "step": step if _is_count(step) else None,
        "group": view["group"] if _is_count(view.get("group")) else 0,
        "token": None,
        "others": [],
    }
    for name in ("shade", "sort", "tool", "stage"):
        cleaned[name] = _text(view.get(name), 20)
    if isinstance(token, list) and len(token) == 2 and all(map(_is_count, token)):
        cleaned["token"] = token
    if isinstance(others, list):
        cleaned["others"] = [key for key in others[:MAX_OTHERS] if _text(key, 200) is not None]
    return cleaned


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < MANY


def _text(value: Any, most: int) -> str | None:
    return value if isinstance(value, str) and len(value) <= most else None


def _counts(body: dict[str, Any], *names: str) -> list[int]:
    """Some whole numbers of a request. Raises LabError when one is none."""
    if not all(_is_count(body.get(name)) for name in names):
        raise LabError(f"Whole numbers from 0 were expected: {', '.join(names)}.")
    return [body[name] for name in names]


def _key(body: dict[str, Any]) -> str:
    run = _text(body.get("run"), 200)
    if run is None:
        raise LabError("A run's key was expected.")
    return run


def _student_of(request: Request) -> Member:
    """The student who asks. Raises LabError for the teacher, who neither votes nor flags."""
    member: Member = request.state.member
    if member == THE_TEACHER:
        raise LabError("That is for students: open the join page in a private window to try it.")
    return member


def _rewards(options: dict[str, Any]) -> str:
    """What a run is paid for. Raises LabError where that is the truth: nothing could be found."""
    names = [str(name) for name in options.get("reward_funcs") or []]
    if set(names) <= {"accuracy_reward"}:
        raise LabError("That run is paid by the verifier alone: hunt on one with a flawed reward.")
    return clip(", ".join(names), 200)


async def _group(feed: Feed, run: str, step: int, group: int) -> Group:
    """One recorded group. Raises LabError when there is none."""
    found, _ = await feed.step_of(run, step)
    if group >= len(found.groups):
        raise LabError("That group is not on record.")
    return found.groups[group]


def _error(sentence: str, status: int) -> Response:
    return Response(encode({"error": sentence}), status, media_type="application/json")
