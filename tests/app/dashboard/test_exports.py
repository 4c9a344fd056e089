"""POST /lab/export: the file is made elsewhere, one at a time, and nothing is left behind."""

import asyncio
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fake_run
import pytest
from fastapi.testclient import TestClient

from grpo_core.app.dashboard import exports
from grpo_core.app.dashboard.exports import make
from grpo_core.app.dashboard.runs import RECORDED, RunBook
from grpo_core.app.dashboard.server import create_app, guarded
from grpo_core.core.errors import LabError
from grpo_core.runs import Run

KEY = RECORDED + "recorded"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go."""
    room = tmp_path / "temporary"
    room.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    return room


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    fake_run.record(tmp_path / "shipped", "recorded", steps=2)
    book = RunBook(tmp_path / "runs", tmp_path / "shipped", start_worker=lambda path: None)
    app = guarded(create_app(book, with_gradio=False))
    with TestClient(app, headers={"host": "127.0.0.1:7860"}) as client:
        yield client


def test_the_page_is_a_download(client: TestClient, room: Path) -> None:
    answer = client.post("/lab/export", json={"run": KEY, "as": "html"})
    assert answer.status_code == 200 and b'id="lab-head"' in answer.content
    assert answer.headers["content-disposition"] == 'attachment; filename="recorded.html"'
    assert answer.headers["content-security-policy"] == "sandbox"
    assert list(room.iterdir()) == []


def test_a_get_makes_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr(exports, "make", lambda *arguments: made.append(arguments))
    query = {"run": KEY, "as": "html"}
    for method in ("GET", "HEAD", "OPTIONS"):
        assert client.request(method, "/lab/export", params=query).status_code == 404
    assert client.post("/lab/export", params=query).status_code == 415
    assert made == []


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("csv", ["README.md", "completions.csv", "steps.csv"]),
        ("parquet", ["README.md", "completions.parquet", "steps.parquet"]),
        ("trl", ["README.md", "completions/completions_00001.parquet", "trainer_state.json"]),
    ],
)
def test_folders_come_zipped(client: TestClient, room: Path, form: str, files: list[str]) -> None:
    answer = client.post("/lab/export", json={"run": KEY, "as": form})
    assert answer.status_code == 200
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert {f"recorded-{form}/{name}" for name in files} <= set(names)
    assert list(room.iterdir()) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"run": KEY, "as": "exe"}, "exported as html, csv"),
        ({"run": "nothing", "as": "csv"}, "no run called"),
        ({"run": "../../etc", "as": "csv"}, "no run called"),
        ({"run": ["x"], "as": "csv"}, "no run called"),
        ({"run": KEY}, "exported as html, csv"),
        ({"run": KEY, "as": ["csv"]}, "exported as html, csv"),
    ],
)
def test_refusals(client: TestClient, room: Path, query: dict[str, object], said: str) -> None:
    answer = client.post("/lab/export", json=query)
    assert answer.status_code == 409 and said in answer.json()["error"]
    assert list(room.iterdir()) == []


def test_the_commands_own_sentence_is_told(client: TestClient, tmp_path: Path, room: Path) -> None:
    (tmp_path / "shipped" / "recorded" / "run.db").write_bytes(b"rubbish" * 1000)
    answer = client.post("/lab/export", json={"run": KEY, "as": "csv"})
    assert answer.status_code == 409 and "is damaged" in answer.json()["error"]
    assert list(room.iterdir()) == []


def test_one_at_a_time(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nested(run: Run, form: str) -> Path:
        query = {"run": KEY, "as": "csv"}
        asked = asyncio.to_thread(client.post, "/lab/export", json=query)
        answer = await asyncio.wait_for(asked, 60)
        raise LabError(json.dumps(answer.json()))

    monkeypatch.setattr(exports, "make", nested)
    answer = client.post("/lab/export", json={"run": KEY, "as": "csv"})
    assert "Another export is being made" in answer.json()["error"]


def test_it_does_not_take_for_ever(client: TestClient, tmp_path: Path, room: Path) -> None:
    run = Run(tmp_path / "shipped" / "recorded")
    with pytest.raises(LabError, match=r"longer than 0 s: use grpo-lab export instead"):
        asyncio.run(make(run, "csv", seconds=0.05))
    assert list(room.iterdir()) == []


def test_a_run_without_tokens_has_no_formula(client: TestClient, tmp_path: Path) -> None:
    import pandas as pd

    from grpo_core.app.share.trl import import_folder

    table = {"step": [1] * 2, "prompt": ["p"] * 2, "completion": ["a", "b"]}
    table |= {"good": [1.0, 0.0], "advantage": [0.7, -0.7]}
    (tmp_path / "trl").mkdir()
    pd.DataFrame(table).to_parquet(tmp_path / "trl" / "completions_00001.parquet")
    import_folder(tmp_path / "trl", tmp_path / "runs" / "imported")
    answer = client.post("/lab/api/lens", json={"run": "imported", "step": 1, "group": 0})
    assert answer.status_code == 409 and "no tokens" in answer.json()["error"]
