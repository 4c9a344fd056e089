"""A class that is served without a network: whoever asks is a `Visitor` with cookies of its own."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from grpo_core.app.dashboard.classroom import Classroom
from grpo_core.app.dashboard.limits import Budget
from grpo_core.app.dashboard.runs import RECORDED, RunBook
from grpo_core.app.dashboard.server import create_app, guarded

BASE = "http://127.0.0.1:7860"
RUN = RECORDED + "recorded"


class Visitor(TestClient):
    """A browser: it keeps cookies, and follows nothing by itself."""

    def __init__(self, app: Any, portal: Any, address: str = "testclient") -> None:
        super().__init__(app, base_url=BASE, follow_redirects=False, client=(address, 50000))
        self.portal = portal  # all share one event loop, as in a server
        self.socket = None

    def connect(self, **headers: str) -> Any:
        """The page's WebSocket, with this visitor's cookies."""
        held = "; ".join(f"{c.name}={c.value}" for c in self.cookies.jar)
        headers = {"cookie": held} | headers
        return self.websocket_connect("ws://127.0.0.1:7860/lab/ws", headers=headers)

    def ask(self, path: str, **body: Any) -> Any:
        """POST JSON."""
        return self.post(path, json=body)


def until(socket: Any, wanted: Callable[[dict], Any], most: int = 60) -> dict:
    """The first message of a WebSocket that is wanted."""
    for _ in range(most):
        message = json.loads(socket.receive_text())
        if wanted(message):
            return message
    raise AssertionError("it did not come")


class Served:
    """A class, its app, and who visits it."""

    def __init__(self, home: Path, with_gradio: bool = False) -> None:
        self.home = home
        self.room = Classroom(home / "runs", "Test", proxies=("lab.example.org",))
        self.room.lives_at("0.0.0.0", 7860)
        self.started: list[Path] = []
        book = RunBook(home / "runs", home / "shipped", start_worker=self.started.append)
        self.inner = create_app(book, with_gradio=with_gradio, classroom=self.room)
        self.app = guarded(self.inner, ["lab.example.org"])
        self.portal: Any = None

    def visitor(self, address: str = "testclient") -> Visitor:
        """Somebody who has not joined."""
        return Visitor(self.app, self.portal, address)

    def student(self, name: str = "Ada") -> Visitor:
        """Somebody who has."""
        visitor = self.visitor()
        answer = visitor.ask("/lab/class/join", code=self.room.code, name=name)
        assert answer.status_code == 200, answer.text
        return visitor

    def teacher(self) -> Visitor:
        """Whoever opened the teacher's link."""
        visitor = self.visitor()
        assert visitor.get(self.room.teacher_url).status_code == 303
        return visitor


@contextlib.contextmanager
def serving(home: Path, with_gradio: bool = False, unlimited: bool = False) -> Iterator[Served]:
    """A class that is served, until the end of the block.

    Args:
        with_gradio: whether Gradio's page is there as well.
        unlimited: whether students may ask as often as they like, for a test that asks for
            everything there is: a student's budget would make it wait for minutes.
    """
    served = Served(home, with_gradio)
    if unlimited:
        budgets = served.room.budgets
        budgets._students = budgets._views = Budget(rate=1e9, burst=1e9)
        door = served.room.door
        door.guesses = door.all_guesses = door.joins = budgets._students
    with TestClient(served.app, base_url=BASE) as owner:
        served.portal = owner.portal
        yield served
    served.room.close()
