"""The server: our routes and WebSocket, with the Gradio page mounted once Gradio is imported.

`import gradio` takes about five seconds, our own routes one. So the server listens at once with a
page of ours that already plays the run (assets/shell.html, the same script as the whole page),
imports Gradio in a thread, mounts it, and tells open pages to reload.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.requests import HTTPConnection

from grpo_core.analysis.lens import OWN
from grpo_core.app.dashboard import payloads, trials
from grpo_core.app.dashboard.bodies import json_body
from grpo_core.app.dashboard.doors import Doors, descriptors, room_for
from grpo_core.app.dashboard.exports import add_exports
from grpo_core.app.dashboard.feed import MAX_VIEWERS, Feed
from grpo_core.app.dashboard.guard import Guard
from grpo_core.app.dashboard.packing import Message, frame
from grpo_core.app.dashboard.protocols import Config
from grpo_core.app.dashboard.runs import RunBook
from grpo_core.core.errors import LabError

if TYPE_CHECKING:
    from grpo_core.app.dashboard.classroom import Classroom
    from grpo_core.app.dashboard.classroom.people import Member

ASSETS = Path(__file__).parent / "assets"
MAX_TRIAL = (
    250_000  # bytes of a request that tries something, which may hold several edited completions
)
PORTS_TRIED = 20
QUEUE = 1_024  # connections that wait to be accepted; of one too many the peer tries again late


def create_app(
    book: RunBook, with_gradio: bool = True, classroom: "Classroom | None" = None
) -> FastAPI:
    """The application, without the guard around it (see `guarded`).

    Args:
        book: the runs to show.
        with_gradio: False leaves the page at its shell, without controls (for tests).
        classroom: the class that it is served to: then every request is held against who asks.
            Without one, whoever asks may do everything.
    """
    feed = Feed(book, classroom)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(_load_gradio(app)) if with_gradio else None
        yield
        if loading is not None:
            loading.cancel()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.feed = feed
    app.mount("/lab/assets", StaticFiles(directory=ASSETS), name="assets")
    _add_api(app, feed)
    add_exports(app, book.get)
    if classroom is not None:
        _open_to_class(app, feed, classroom)

    @app.websocket("/lab/ws")
    async def live(websocket: WebSocket) -> None:
        await _serve_viewer(websocket, feed)

    @app.get("/", name="shell")
    async def shell() -> FileResponse:
        return FileResponse(ASSETS / "shell.html", headers={"Cache-Control": "no-store"})

    return app


def _open_to_class(app: FastAPI, feed: Feed, classroom: "Classroom") -> None:
    """Add what a class needs, loaded only then, and the wrapper that asks who is asking."""
    from grpo_core.app.dashboard.classroom.access import Access
    from grpo_core.app.dashboard.classroom.routes import add_routes

    add_routes(app, feed, classroom)
    classroom.on_change = feed.class_changed
    app.add_middleware(Access, classroom=classroom)


def guarded(app: FastAPI, allowed_hosts: list[str] | None = None) -> Guard:
    """`app` behind the checks of `guard`."""
    return Guard(app, allowed_hosts or [])


async def _load_gradio(app: FastAPI) -> None:
    """Import Gradio in a thread, mount its page in place of the shell, tell the open pages.

    The page's lifespan is not entered, on purpose: all it does is start Gradio's queue, which
    looks for work a thousand times a second (6% of a core here, with nobody watching). None of
    our controls has a function on Gradio's side, so there is never any.
    """
    try:
        page = await asyncio.to_thread(_import_page)
    except Exception as error:
        print(f"The controls could not be loaded: {error}", file=sys.stderr, flush=True)
        raise
    shell = next(route for route in app.router.routes if getattr(route, "name", "") == "shell")
    app.router.routes.remove(shell)
    app.mount("/", page)
    feed: Feed = app.state.feed
    feed.ready = True
    feed.announce()
    print("Ready. Ctrl-C ends the dashboard; a training run goes on without it.", flush=True)


def _import_page() -> FastAPI:
    from grpo_core.app.dashboard import panels

    return panels.page()


# --- the API -----------------------------------------------------------------------------------


def _add_api(app: FastAPI, feed: Feed) -> None:
    """The requests of the buttons. Everything that changes something is a POST with JSON."""
    book = feed.book

    @app.get("/lab/status")
    async def status() -> dict[str, Any]:
        return {"boot": feed.boot, "ready": feed.ready, "viewers": len(feed.viewers)}

    @app.get("/lab/glossary")
    async def glossary() -> list[dict[str, str]]:
        return payloads.glossary_payload()

    @app.get("/lab/metrics")
    async def metrics(request: Request, run: str) -> Response:
        try:
            found = await feed.metrics_of(run)
        except LabError as error:
            return _refused(feed.words(error, _member(request)))
        return Response(found.text, media_type="application/json")

    @app.get("/lab/source")
    async def source(of: str) -> Response:
        try:
            return JSONResponse(trials.source_payload(of))
        except LabError as error:
            raise HTTPException(404, str(error)) from error

    @app.post("/lab/api/lens")
    async def lens(request: Request) -> Response:
        body = await json_body(request, MAX_TRIAL)
        try:
            asked = trials.Request.parse(body)
            async with feed.trial(_member(request), asked):
                step, options = await feed.step_of(asked.run, asked.step)
                found = await asyncio.to_thread(trials.answer, asked, step, options)
        except LabError as error:
            return _refused(feed.words(error, _member(request)))
        return Response(payloads.encode(found), media_type="application/json")

    @app.post("/lab/api/runs")
    async def start(request: Request) -> Response:
        options = await json_body(request)
        return await _answer(lambda: {"run": book.start(options)}, feed)

    @app.post("/lab/api/runs/{key}/fork")
    async def fork(key: str, request: Request) -> Response:
        body = await json_body(request)
        step, options = body.get("step"), body.get("options")
        if type(step) is not int or not isinstance(options, dict):
            raise HTTPException(400, "A fork needs a step and options.")
        preset = str(body.get("preset") or OWN)
        return await _answer(lambda: {"run": book.fork(key, step, preset, options)}, feed)

    @app.post("/lab/api/runs/{key}/control")
    async def control(key: str, request: Request) -> Response:
        want = str((await json_body(request)).get("want"))
        return await _answer(lambda: book.control(key, want), feed)


def _refused(sentence: str) -> Response:
    """An error's sentence. In ASCII: it may quote half of a character that somebody sent."""
    text = payloads.encode({"error": sentence})
    return Response(text, status_code=409, media_type="application/json")


def _member(connection: HTTPConnection) -> "Member | None":
    """Who asks; None without a class."""
    member: Member | None = getattr(connection.state, "member", None)
    return member


async def _answer(action: Any, feed: Feed) -> Response:
    """Run `action` in a thread; its result, or the sentence of its LabError with status 409."""
    try:
        result = await asyncio.to_thread(action)
    except LabError as error:
        return _refused(str(error))
    await asyncio.to_thread(feed.list_runs)
    feed.announce()
    return JSONResponse(result)


async def _serve_viewer(websocket: WebSocket, feed: Feed) -> None:
    """One page's connection."""
    classroom, member = feed.classroom, _member(websocket)
    if classroom is None or member is None:
        full = classroom is not None or len(feed.viewers) >= MAX_VIEWERS
    else:  # so that no student can take the places of the others
        full = not classroom.admits(member)
    if full:
        await websocket.close(1013, "too many viewers")
        return
    await websocket.accept()

    async def views() -> AsyncIterator[Any]:
        # KeyError: a frame of bytes, which our page never sends; it ends the connection
        with contextlib.suppress(WebSocketDisconnect, KeyError):
            while True:
                text = await websocket.receive_text()
                if classroom is not None and member is not None:
                    await asyncio.sleep(classroom.budgets.view(member))
                with contextlib.suppress(ValueError, RecursionError):
                    yield json.loads(text)

    packed = websocket.query_params.get("packed") == "1"

    async def send(messages: Sequence[Message]) -> None:
        if packed:
            await websocket.send_bytes(frame(messages))
            return
        for message in messages:
            await websocket.send_text(message.text)

    if classroom is None or member is None:
        await feed.serve(send, views())
        return
    left = websocket.state.until - time.time()
    with classroom.connected(member, websocket.close), contextlib.suppress(TimeoutError):
        async with asyncio.timeout(left):
            await feed.serve(send, views(), member)
            return
    await websocket.close(1008, "The day is over: join again.")


# --- serving -----------------------------------------------------------------------------------


def listen(host: str, port: int) -> socket.socket:
    """A listening socket on `port`, or on the next free one, saying so.

    Raises:
        LabError: the address cannot be used, or 20 ports in a row are taken.
    """
    if not 0 <= port < 65_536:
        raise LabError(f"A port is a number from 0 to 65535, not {port}.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port, min(port + PORTS_TRIED, 65_536)):
        server = socket.socket(family, socket.SOCK_STREAM)
        if os.name != "nt":
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, candidate))
            server.listen(128)
        except OSError as error:
            server.close()
            if candidate == port and not _is_taken(error):
                raise LabError(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
            continue
        if candidate != port:
            print(f"Port {port} is taken: using {candidate}.", flush=True)
        return server
    last = min(port + PORTS_TRIED, 65_536) - 1
    raise LabError(f"Ports {port} to {last} are all taken: choose another with --port.")


def _is_taken(error: OSError) -> bool:
    import errno

    return error.errno in (errno.EADDRINUSE, getattr(errno, "WSAEACCES", errno.EADDRINUSE))


def serve(
    book: RunBook,
    host: str = "127.0.0.1",
    port: int = 7860,
    allowed_hosts: list[str] | None = None,
    open_browser: bool = True,
    classroom: "Classroom | None" = None,
) -> None:
    """Serve until interrupted.

    Raises:
        LabError: no port is free, or other machines would be served without roles.
    """
    loopback = host in ("127.0.0.1", "::1", "localhost")
    if not loopback and classroom is None:
        raise LabError("Serving other machines needs roles: add --class.")
    _share_one_heap()
    server_socket = listen(host, port)
    bracketed = f"[{host}]" if ":" in host else host
    url = f"http://{bracketed}:{server_socket.getsockname()[1]}/"
    lines = [f"Open {url} - it plays already; the controls follow."]
    if classroom is not None:
        classroom.lives_at(host, server_socket.getsockname()[1])
        url, lines = classroom.browser_url, classroom.words()
    names = [*(allowed_hosts or []), *([] if loopback else [host])]
    doors = Doors(room_for(descriptors()))
    if classroom is not None:
        classroom.guarded_by(doors)
    config = Config(
        guarded(create_app(book, classroom=classroom), names),
        doors,
        proxy_headers=classroom is None,  # with a class nobody may say what their address is
    )
    server = _Server(config, url, lines, open_browser)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[server_socket])
    print("The dashboard has ended; training runs go on. Start it again to watch them.")


def _share_one_heap() -> None:
    """Let all threads of this process, from now on, take their memory from one heap.

    glibc gives a new thread a heap of its own, and messages are made by whichever thread is free:
    what one thread keeps then lies between what it has given back, in each of them, and half an
    hour of a class took some 10 MiB more. They hardly ever work at once, so sharing costs nothing.
    Other C libraries share anyway, or cannot be told.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # TypeError: on Windows
        ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX, see <malloc.h>


class _Server(uvicorn.Server):
    """uvicorn, telling when it listens, and looking after its doors."""

    def __init__(self, config: Config, url: str, lines: list[str], open_browser: bool) -> None:
        super().__init__(config)
        self.doors = config.doors
        self.url = url
        self.lines = lines
        self.open_browser = open_browser

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or []:
            each.listen(QUEUE)  # uvicorn made it as short as what is accepted at once
        for line in self.lines:
            with contextlib.suppress(UnicodeEncodeError):  # a terminal without the QR code's blocks
                print(line, flush=True)
        if self.open_browser and _has_display():
            threading.Thread(target=webbrowser.open, args=(self.url,), daemon=True).start()

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second."""
        if counter % 10 == 0:
            self.doors.sweep()
        return await super().on_tick(counter)


def _has_display() -> bool:
    """Whether a browser could open a window (a text browser would take over the terminal)."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
