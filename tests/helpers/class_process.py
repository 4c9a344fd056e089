"""A class that is served by a process with a port, which can be killed, and browsers of its own."""

import contextlib
import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import fake_run
from waits import free_port

FAKE = Path(__file__).with_name("serve_fake.py")
ROOT = Path(__file__).parents[2]


class Process:
    """The server, as `app.py --class` starts it."""

    def __init__(self, home: Path, files: int | None = None) -> None:
        """Args: files: how many the process may have open; None leaves the limit as it is."""
        self.limit = [] if files is None else ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh"]
        self.log = home / "server.log"
        self.runs = home / "runs"
        fake_run.hacked(self.runs, "hacked", steps=2, num_generations=4, generation_batch_size=8)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start it, and wait for its door."""
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        command = [sys.executable, str(FAKE), str(self.runs), str(self.runs), str(self.port), "1"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*self.limit, *command, "Monday"],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path},
            )
        end, door = time.monotonic() + 150, self.url + "join"
        while time.monotonic() < end:
            with contextlib.suppress(OSError), urllib.request.urlopen(door, timeout=10):
                return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """As a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def link(self) -> str:
        """The teacher's, as it was printed."""
        return re.findall(r"http://\S+token=\S+", self.log.read_text())[0]

    @property
    def code(self) -> str:
        """The class code, as it was printed."""
        return re.findall(r"code (\S{3} \S{3})", self.log.read_text())[0]


class Browser:
    """Cookies and JSON, over the network."""

    def __init__(self, url: str) -> None:
        self.url = url
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        """Status and text of a GET, or of a POST with JSON; redirections are followed."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | headers
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
