"""What the page and the server say to each other is what messages.py declares."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import fake_run
import numpy as np
import pytest
from declared import mismatches
from fastapi.testclient import TestClient
from load_script import load_script

from grpo_core.app.dashboard import messages, payloads
from grpo_core.app.dashboard.masking import Hidden
from grpo_core.app.dashboard.runfeed import RunFeed
from grpo_core.app.dashboard.runs import RECORDED, RunBook
from grpo_core.app.dashboard.server import create_app
from grpo_core.core.records import Completion, Group
from grpo_core.runs import Run

KEY = RECORDED + "recorded"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shipped")
    fake_run.record(root, "recorded", steps=3)
    return root


@pytest.fixture
def run(shipped: Path) -> RunFeed:
    feed = RunFeed(KEY, Run(shipped / "recorded"))
    feed.refresh()
    return feed


def test_the_pages_declarations_are_those_of_python() -> None:
    page_types = load_script("page_types")
    assert page_types.FILE.read_text(encoding="utf-8") == page_types.declarations(), (
        "run .venv/bin/python scripts/page_types.py"
    )


def test_a_value_of_another_kind_is_noticed() -> None:
    """The helper that all tests here stand on."""
    gone = {"type": "gone", "run": "a"}
    assert mismatches(gone, messages.FeedMessage) == []
    for wrong in ({"type": "gone"}, gone | {"run": 1}, gone | {"why": ""}, gone | {"type": "go"}):
        assert mismatches(wrong, messages.Gone)
    assert mismatches({"a": [1, None]}, dict[str, messages.Numbers]) == []
    assert mismatches({"a": [True]}, dict[str, messages.Numbers])
    assert mismatches({"a": ["1"]}, dict[str, messages.Numbers])


@pytest.mark.parametrize("hidden", [None, Hidden(2, 0), Hidden(2, 1)])
def test_what_the_feed_sends_of_a_run(run: RunFeed, hidden: Hidden | None) -> None:
    run.diagnose(hidden)
    sent = [*run.history(len(run.rows), hidden), run.findings_without(hidden)]
    sent.append(run.atlas(-1, hidden).message)
    masked = None if hidden is None else hidden.group
    sent += [run.board(step, 0, masked if step == 2 else None) for step in (0, 1, 2, 3)]
    assert [made.read()["type"] for made in sent].count("board") == 4
    for made in sent:
        assert mismatches(made.read(), messages.FeedMessage) == []


def test_every_array_of_a_card_is_declared() -> None:
    """Those that only some methods record."""
    ones = np.ones(2, np.float32)
    full = Completion(
        "a b", ["a", "b"], ones.astype(np.int32), {"x": 1.0}, 1.0, 1.0, False,
        ones, 2 * ones, 3 * ones, ones, ones, ones, ones, ones,
    )  # fmt: skip
    none = {"token_ids": ones[:0].astype(np.int32), "old_logprobs": ones[:0], "logprobs": ones[:0]}
    none |= {"ref_logprobs": None, "after_logprobs": None}
    bare = replace(full, tokens=[], **none)
    cards = payloads.group_payload(Group("p", {}, [full, bare]))["completions"]
    assert [mismatches(card, messages.Card) for card in cards] == [[], []]
    assert set(cards[0]) | set(cards[1]) == set(messages.Card.__annotations__) - {"edited"}


def test_what_the_server_says_to_a_page(shipped: Path, tmp_path: Path) -> None:
    book = RunBook(tmp_path / "runs", shipped, start_worker=lambda path: None)
    trial = {"preset": "dapo", "weights": {"accuracy_reward": 0.5}, "edits": {"1": "other words"}}
    asked = {"run": KEY, "step": 2, "group": 0, **trial, "token": [0, 1]}
    assert mismatches(asked | {"token": None}, messages.TrialRequest) == []
    with TestClient(create_app(book, with_gradio=False)) as client:
        for request in (asked, asked | {"token": [1, 0]}, asked | {"token": None}):
            answer: Any = client.post("/lab/api/lens", json=request).json()
            assert mismatches(answer, messages.TrialAnswer) == []
        answer = client.get("/lab/glossary").json()
        assert answer and mismatches(answer, list[messages.GlossaryEntry]) == []
        answer = client.get(f"/lab/metrics?run={KEY}").json()
        assert mismatches(answer, messages.Metrics) == []
        with client.websocket_connect("/lab/ws") as socket:
            socket.send_json({"run": KEY, "step": None, "group": 0, "atlas": True})
            kinds = set()
            while not {"hello", "runs", "metrics", "board", "atlas"} <= kinds:
                message = socket.receive_json()
                kinds.add(message["type"])
                assert mismatches(message, messages.FeedMessage) == []
