"""A run as a file to take away: POST /lab/export {"run": KEY, "as": "html|csv|parquet|trl"}.

A POST, since it keeps this machine busy for a while and a link on any web page can make a browser
send a GET. The page's script saves the answer as a file.

Made by a process of its own (`grpo-lab share`, `grpo-lab export`), so that the live feed does not
wait for it and the server stays small; one at a time, and of bounded duration.
"""

import asyncio
import contextlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.background import BackgroundTask

from grpo_core.app.dashboard.bodies import json_body
from grpo_core.core import child
from grpo_core.core.errors import LabError
from grpo_core.runs import Run

FORMS = ("html", "csv", "parquet", "trl")
MOST_SECONDS = 300.0
# What is downloaded is not to be shown under this server's name, whatever is in it.
HEADERS = {"Cache-Control": "no-store", "Content-Security-Policy": "sandbox"}


def add_exports(app: FastAPI, find: Callable[[str], Run]) -> None:
    """Add the route.

    Args:
        app: the application.
        find: the run with a key; raises LabError where there is none.
    """
    busy = asyncio.Lock()

    @app.post("/lab/export")
    async def export(request: Request) -> Response:
        body = await json_body(request)
        form = body.get("as")
        try:
            if form not in FORMS:
                raise LabError(f"A run can be exported as {', '.join(FORMS)}.")
            found = await asyncio.to_thread(find, str(body.get("run")))
            if busy.locked():
                raise LabError("Another export is being made: try again when it is done.")
            async with busy:
                path = await make(found, form)
        except LabError as error:
            return JSONResponse({"error": str(error)}, status_code=409)
        gone = BackgroundTask(shutil.rmtree, path.parent, ignore_errors=True)
        return FileResponse(path, filename=path.name, headers=HEADERS, background=gone)


async def make(run: Run, form: str, seconds: float = MOST_SECONDS) -> Path:
    """The file, alone in a temporary folder, which the caller removes: a page, or a zipped folder.

    Raises:
        LabError: it could not be made, or not in so many seconds.
    """
    room = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="grpo-lab-export-"))
    try:
        if form == "html":
            target = room / f"{run.name}.html"
            await _grpo_lab(["share", str(run.path), "--out", str(target)], seconds)
            return target
        target = room / f"{run.name}-{form}"
        await _grpo_lab(["export", str(run.path), "--as", form, "--out", str(target)], seconds)
        zipped = await asyncio.to_thread(
            shutil.make_archive, str(target), "zip", str(room), target.name
        )
        return Path(zipped)
    except OSError as error:
        shutil.rmtree(room, ignore_errors=True)
        raise LabError(f"The export was not written: {error.strerror}.") from error
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise


async def _grpo_lab(arguments: list[str], seconds: float) -> None:
    """Run a command to its end, with low priority.

    Raises:
        LabError: the command's own sentence, or that it took too long.
    """
    process = await asyncio.create_subprocess_exec(
        *child.command("-m", "grpo_core.cli", *arguments, "--json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=child.environment(),
    )
    low = psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 10
    with contextlib.suppress(psutil.Error):
        psutil.Process(process.pid).nice(low)
    try:
        _, said = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError as error:
        raise LabError(
            f"The export took longer than {seconds:.0f} s: use grpo-lab {arguments[0]} instead."
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines() or ["The export failed."]
        raise LabError(lines[-1].removeprefix("grpo-lab: "))
