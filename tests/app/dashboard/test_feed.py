"""The live feed and what it sends: capped, rounded, once for all, the latest wins."""

import asyncio
import json
import math
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fake_run
import numpy as np
import pytest
from strangers import stranger

from grpo_core.analysis.diagnosis import diagnose
from grpo_core.app.dashboard import payloads
from grpo_core.app.dashboard.feed import TICK, Feed, View, Viewer
from grpo_core.app.dashboard.history import History
from grpo_core.app.dashboard.packing import Message
from grpo_core.app.dashboard.runfeed import RunFeed
from grpo_core.app.dashboard.runs import RECORDED, RunBook, describe
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion, Group
from grpo_core.runs import Run, RunWriter, create_run
from grpo_core.tasks import get_task


def completion(tokens: list[str], push: float | None = 0.5, text: str = "") -> Completion:
    size = len(tokens)
    zeros = np.zeros(size, dtype=np.float32)
    return Completion(
        text=text,
        tokens=tokens,
        token_ids=np.zeros(size, dtype=np.int32),
        rewards={"accuracy_reward": 1.0},
        reward=1.0,
        advantage=1.0,
        truncated=False,
        old_logprobs=zeros,
        logprobs=zeros,
        push=None if push is None else np.full(size, push, dtype=np.float32),
    )


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shipped")
    fake_run.record(root, "recorded", steps=3)
    return root


@pytest.fixture
def book(tmp_path: Path, shipped: Path) -> RunBook:
    return RunBook(tmp_path / "runs", shipped, start_worker=lambda path: None)


def record_steps(path: Path, first: int, last: int) -> None:
    with RunWriter(path) as writer:
        for index in range(first, last + 1):
            writer.append(fake_run.make_step(index, writer.run.config))


# --- payloads ----------------------------------------------------------------------------------


def test_sizes_are_capped() -> None:
    group = Group("p" * 10**6, {}, [completion(["x" * 10**5] * 3000) for _ in range(100)])
    payload = payloads.group_payload(group)
    assert len(payload["prompt"]) == payloads.MAX_PROMPT
    assert len(payload["completions"]) == payloads.MAX_COMPLETIONS
    assert payload["hidden"] == 100 - payloads.MAX_COMPLETIONS
    card = payload["completions"][0]
    assert len(card["tokens"]) == payloads.MAX_TOKENS
    assert max(map(len, card["tokens"])) == payloads.MAX_TOKEN
    assert card["length"] == 3000
    without_tokens = completion([], text="y" * 10**6)
    capped = payloads.group_payload(Group("p", {}, [without_tokens]))["completions"][0]["text"]
    assert len(capped) == payloads.MAX_TEXT


def test_no_number_can_break_the_json() -> None:
    odd = completion(["a", "b", "c"])
    odd.old_logprobs = np.array([np.nan, -np.inf, -1.23456789], dtype=np.float32)
    odd.push = np.array([np.nan, np.inf, 1e-4], dtype=np.float32)
    odd.reward = odd.advantage = math.nan
    text = payloads.encode(payloads.group_payload(Group("\ud800", {}, [odd])))
    card = json.loads(text)["completions"][0]
    assert card["logprob"] == [None, None, -1.2346]
    assert card["push"] == [0, 0, payloads.PUSH_LEVELS]
    assert card["reward"] is None and card["advantage"] is None
    assert text.isascii()
    assert payloads.encode({"config": [math.nan, {"beta": -math.inf}]}) == (
        '{"config":[null,{"beta":null}]}'
    )
    columns = payloads.metric_columns([(0, {"kl": math.inf}), (1, {"kl": 0.5, "loss": 1.0})])
    assert columns == {"steps": [0, 1], "metrics": {"kl": [None, 0.5], "loss": [None, 1.0]}}


def test_push_travels_in_units_of_the_group() -> None:
    group = Group("p", {}, [completion(["a"], 2e-4), completion(["b"], -1e-4)])
    payload = payloads.group_payload(group)
    assert [c["push"] for c in payload["completions"]] == [[1000], [-500]]
    assert payload["push_unit"] == pytest.approx(2e-7)
    assert "push" not in payloads.group_payload(Group("p", {}, [completion(["a"], None)]))


def test_what_a_card_tells_of_its_tokens() -> None:
    one = completion(["a", "b"])
    card = payloads.group_payload(Group("p", {}, [one]))["completions"][0]
    assert not {"ratio", "held", "values", "advantages", "kl", "entropy"} & set(card)
    one.logprobs = np.array([0.5, 0.1], dtype=np.float32)
    one.values = np.array([0.25, np.nan], dtype=np.float32)
    one.token_advantages = np.array([1.0, -1.0], dtype=np.float32)
    options = {"loss_type": "dapo", "epsilon": 0.2, "epsilon_high": 0.28}
    card = payloads.group_payload(Group("p", {}, [one]), options)["completions"][0]
    assert card["held"] == [0] and card["values"] == [0.25, None]
    assert card["advantages"] == [1.0, -1.0]
    damaged = {"loss_type": "dapo", "epsilon": "wide"}
    assert payloads.group_payload(Group("p", {}, [one]), damaged)["completions"][0]["held"] == []


def test_a_tie_is_said() -> None:
    group = Group("p", {}, [completion(["a"]), completion(["b"])])
    group.completions[0].advantage = group.completions[1].advantage = 0.0
    assert payloads.group_payload(group)["dead"]
    lively = Group("q", {}, [completion(["a"]), completion(["b"])])
    lively.completions[0].advantage = 1.0  # their sums tie, and GDPO tells them apart
    assert not payloads.group_payload(lively)["dead"]
    summary = payloads.step_summary([group, lively, Group("none", {}, [])])
    assert [entry["dead"] for entry in summary] == [True, False, False]
    assert [entry["mean"] for entry in summary][2] is None


def test_of_a_conversation_the_board_shows_what_is_asked() -> None:
    problem = get_task("arithmetic").problems("train")[0]
    payload = payloads.group_payload(Group(problem.prompt, {}, [completion(["a"])]))
    assert payload["prompt"] == problem.prompt and "User:" in problem.prompt
    assert problem.prompt.endswith(f"User: {payload['question']}")
    assert "User:" not in payload["question"]
    plain = payloads.group_payload(Group("Use 3 , 5 to make 8 .", {}, []))
    assert plain["question"] == plain["prompt"]


# --- one run -----------------------------------------------------------------------------------


def test_history_once_then_increments(tmp_path: Path) -> None:
    path = create_run(tmp_path, "a", GRPOConfig())
    record_steps(path, 0, 2)
    feed = RunFeed("a", Run(path))
    assert feed.refresh() and not feed.refresh()
    first = feed.metrics(0, 3, reset=True).read()
    assert first["steps"] == [0, 1, 2] and first["reset"]
    record_steps(path, 3, 4)
    assert feed.refresh()
    more = feed.metrics(3, 5, reset=False).read()
    assert more["steps"] == [3, 4] and not more["reset"]


def test_a_long_history_is_made_in_pieces_that_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grpo_core.app.dashboard.runfeed.CHUNK", 4)
    path = create_run(tmp_path, "a", GRPOConfig())
    feed = RunFeed("a", Run(path))
    assert [message.read()["steps"] for message in feed.history(0)] == [[]]
    before: list[Message] = []
    for last in range(11):
        record_steps(path, last, last)
        feed.refresh()
        parts = feed.history(last + 1)
        messages = [part.read() for part in parts]
        assert [step for message in messages for step in message["steps"]] == [*range(last + 1)]
        assert [message["reset"] for message in messages] == [True] + [False] * (len(parts) - 1)
        whole = (last + 1) // 4
        kept = min(whole, len(before))
        assert all(old is new for old, new in zip(before[:kept], parts[:kept], strict=True))
        before = parts[:whole]


def test_the_boards_that_are_kept_have_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = create_run(tmp_path, "a", GRPOConfig())
    record_steps(path, 0, 6)
    feed = RunFeed("a", Run(path))
    feed.refresh()
    bound = 3 * len(feed.board(1, 0))
    monkeypatch.setattr("grpo_core.app.dashboard.runfeed.CACHED_BYTES", bound)
    for step in range(1, 7):
        for group in range(8):
            assert feed.board(step, group) is feed.made(step, group)
            assert sum(map(len, feed._boards.values())) <= bound
    assert feed.made(1, 0) is None and feed.board(1, 0)
    monkeypatch.setattr("grpo_core.app.dashboard.runfeed.CACHED_BYTES", 1)
    assert feed.board(2, 0) is feed.made(2, 0)  # the one in use, however large


def test_a_board_that_is_asked_for_again_and_again_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = create_run(tmp_path, "a", GRPOConfig())
    record_steps(path, 0, 6)
    feed = RunFeed("a", Run(path))
    feed.refresh()
    often = feed.board(1, 0)
    monkeypatch.setattr("grpo_core.app.dashboard.runfeed.CACHED_BYTES", 6 * len(often))
    for step in range(2, 7):
        for group in range(8):
            feed.board(step, group)
            assert feed.made(1, 0) is often
    assert feed.made(2, 0) is None


def test_a_board_is_serialised_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = create_run(tmp_path, "a", GRPOConfig())
    record_steps(path, 0, 2)
    feed = RunFeed("a", Run(path))
    feed.refresh()
    made = []
    real = payloads.group_payload
    monkeypatch.setattr(payloads, "group_payload", lambda *given: made.append(1) or real(*given))
    messages = {feed.board(2, 3) for _ in range(5)}
    assert len(messages) == 1 and len(made) == 1
    message = messages.pop().read()
    assert message["step"] == 2 and message["group"] == 3 and len(message["groups"]) == 8


def test_views_are_clamped_and_junk_is_ignored(tmp_path: Path) -> None:
    path = create_run(tmp_path, "a", GRPOConfig())
    record_steps(path, 0, 2)
    feed = RunFeed("a", Run(path))
    feed.refresh()
    assert feed.resolve(99) == 2
    assert feed.resolve(-5) == 0
    feed.rows = History([(0, {}), (5, {}), (10, {})])
    assert [feed.resolve(s) for s in (0, 4, 5, 9, 10)] == [0, 0, 5, 5, 10]
    assert feed.board(1, 10**6).read()["group"] == 7
    assert feed.board(0, 0).read()["groups"] == []
    for junk in (None, [], {"run": 5, "step": "x", "group": -1}, {"step": True}, {"step": 1e9}):
        assert View.parse(junk) == View()


def test_the_diagnosis_is_made_once_for_each_new_step(tmp_path: Path) -> None:
    path = create_run(tmp_path, "a", GRPOConfig())
    feed = RunFeed("a", Run(path))
    assert not feed.diagnose() and feed.findings is None
    record_steps(path, 0, 12)
    feed.refresh()
    assert feed.diagnose() and not feed.diagnose()
    message = feed.findings.read()
    assert (message["type"], message["run"], message["step"]) == ("findings", "a", 12)
    assert [f["name"] for f in message["findings"]] == ["loss", "reward", "length", "format", "kl"]
    direct = diagnose(Run(path))
    for shown, finding in zip(message["findings"], direct, strict=True):
        assert shown["answer"] == finding.answer and shown["verdict"] == finding.verdict
        assert shown["sign"] and shown["headline"] == finding.headline
    record_steps(path, 13, 13)
    feed.refresh()
    assert feed.diagnose() and feed.findings.read()["step"] == 13
    assert len(feed._recent) <= 5  # the groups that answers rest on, and no more


def test_where_the_time_went_travels_with_the_metrics() -> None:
    rows = [(0, {"eval/accuracy": 0.1}), (1, {"seconds/step": 2.0, "seconds/update": 1.5})]
    assert payloads.phase_columns(rows) == {"update": [None, 1.5], "other": [None, 0.5]}
    assert payloads.phase_columns([(0, {})]) == {}


# --- viewers -----------------------------------------------------------------------------------


class Page:
    """A viewer without a browser."""

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.messages: list[dict] = []
        self.views: asyncio.Queue = asyncio.Queue()

    async def send(self, messages: Sequence[Message]) -> None:
        await asyncio.sleep(self.delay)
        self.messages += [message.read() for message in messages]

    async def stream(self):
        while (view := await self.views.get()) is not None:
            yield view

    def of(self, kind: str) -> list[dict]:
        return [message for message in self.messages if message["type"] == kind]


async def until(condition, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def watch(feed: Feed, *pages: Page):
    return [asyncio.create_task(feed.serve(page.send, page.stream())) for page in pages]


def test_first_messages_and_the_end_of_polling(book: RunBook) -> None:
    async def scenario() -> None:
        feed, page = Feed(book), Page()
        tasks = watch(feed, page)
        page.views.put_nowait({"run": RECORDED + "recorded", "step": 2, "group": 1})
        await until(lambda: page.of("board"))
        assert [m["type"] for m in page.messages][:2] == ["hello", "runs"]
        assert page.of("metrics")[0]["steps"] == [0, 1, 2, 3]
        assert (page.of("board")[0]["step"], page.of("board")[0]["group"]) == (2, 1)
        page.views.put_nowait(None)
        await asyncio.gather(*tasks)
        assert not feed.viewers
        await until(lambda: feed._poller.done())

    asyncio.run(scenario())


def test_every_viewer_gets_the_diagnosis_and_the_asking_ends(book: RunBook) -> None:
    async def scenario() -> None:
        feed, pages = Feed(book), [Page(), Page()]
        tasks = watch(feed, *pages)
        for page in pages:
            page.views.put_nowait({"run": RECORDED + "recorded"})
        await until(lambda: all(page.of("findings") for page in pages))
        assert pages[0].of("findings") == pages[1].of("findings")
        assert len(pages[0].of("findings")) == 1
        for page in pages:
            page.views.put_nowait(None)
        await asyncio.gather(*tasks)
        await until(lambda: feed._asker.done())

    asyncio.run(scenario())


def test_latest_wins_for_a_slow_viewer(book: RunBook) -> None:
    path = create_run(book.root, "live", GRPOConfig(generation_batch_size=16))
    record_steps(path, 0, 1)

    async def scenario() -> None:
        feed, slow, quick = Feed(book), Page(delay=0.15), Page()
        tasks = watch(feed, slow, quick)
        for page in (slow, quick):
            page.views.put_nowait({"run": "live"})
        await until(lambda: slow.of("board") and quick.of("board"))
        began = time.monotonic()
        for last in range(2, 22):
            await asyncio.to_thread(record_steps, path, last, last)
            await asyncio.sleep(0.02)
        await until(lambda: all(p.of("board")[-1]["step"] == 21 for p in (slow, quick)))
        most = 3 + (time.monotonic() - began) / TICK  # at most one a tick, however slow the disk
        for page in (slow, quick):
            steps = [step for message in page.of("metrics") for step in message["steps"]]
            assert steps == list(range(22))  # no metric is lost
            assert len(page.of("board")) <= most  # boards in between are
            assert len(page.of("metrics")) <= most
            page.views.put_nowait(None)
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_a_viewer_who_takes_nothing_is_let_go(
    book: RunBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grpo_core.app.dashboard.feed.STALLED_SECONDS", 0.3)
    path = create_run(book.root, "live", GRPOConfig(generation_batch_size=16))
    record_steps(path, 0, 1)

    async def scenario() -> None:
        feed, asleep, awake = Feed(book), Page(delay=10**6), Page()
        tasks = watch(feed, asleep, awake)
        for page in (asleep, awake):
            page.views.put_nowait({"run": "live"})
        await asyncio.wait_for(tasks[0], 30)
        assert asleep.messages == [] and len(feed.viewers) == 1
        await asyncio.to_thread(record_steps, path, 2, 2)
        await until(lambda: awake.of("board") and awake.of("board")[-1]["step"] == 2)
        awake.views.put_nowait(None)
        await asyncio.gather(*tasks)
        assert not feed.viewers

    asyncio.run(scenario())


def test_boards_are_there_before_anybody_is_woken(book: RunBook) -> None:
    path = create_run(book.root, "live", GRPOConfig())
    record_steps(path, 0, 1)

    async def scenario() -> None:
        feed, pages = Feed(book), [Page() for _ in range(3)]
        tasks = watch(feed, *pages)
        for page, group in zip(pages, (0, 5, 5), strict=True):
            page.views.put_nowait({"run": "live", "group": group})
        await until(lambda: all(page.of("board") for page in pages))
        inside, asked = feed._feeds["live"], []
        real = inside.board

        def board(*place: int) -> str:
            asked.append((sys._getframe(1).f_code.co_name, *place[:2]))
            return real(*place)

        inside.board = board  # type: ignore[method-assign]
        await asyncio.to_thread(record_steps, path, 2, 2)
        await until(lambda: all(page.of("board")[-1]["step"] == 2 for page in pages))
        # By the one who looks, and not only by a viewer that was woken.
        assert {("_make_messages", 2, 0), ("_make_messages", 2, 5)} <= set(asked)
        for page in pages:
            page.views.put_nowait(None)
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_of_the_run_list_only_what_changed_is_sent(book: RunBook) -> None:
    paths = [create_run(book.root, name, GRPOConfig()) for name in "abc"]
    for path in paths:
        record_steps(path, 0, 0)

    async def scenario() -> None:
        feed, viewer, late = Feed(book), Viewer(send=None), Viewer(send=None)  # type: ignore
        known: dict[str, dict] = {}

        def take(sent: list[Message]) -> list[str]:
            nonlocal known
            messages = [m for m in (one.read() for one in sent) if m["type"] in ("run", "runs")]
            for message in messages:
                if message["type"] == "runs":
                    known = {run["key"]: run for run in message["runs"]}
                else:
                    known[message["run"]["key"]] = message["run"]
            assert list(known.values()) == feed._entries
            return [message["type"] for message in messages]

        assert take(await feed.messages(viewer)) == ["runs"]
        record_steps(paths[1], 1, 1)
        feed.list_runs()
        assert take(await feed.messages(viewer)) == ["run"] and known["b"]["step"] == 1
        assert take(await feed.messages(viewer)) == []
        for path in paths[:2]:  # two at once, and one whom it comes late to: the whole list
            record_steps(path, 2, 2)
        feed.list_runs()
        assert take(await feed.messages(viewer)) == ["runs"]
        assert take(await feed.messages(late)) == ["runs"]
        record_steps(create_run(book.root, "d", GRPOConfig()), 0, 0)
        feed.list_runs()
        assert take(await feed.messages(viewer)) == ["runs"]
        for last in (3, 4):
            record_steps(paths[2], last, last)
            feed.list_runs()
        assert take(await feed.messages(viewer)) == ["runs"] and known["c"]["step"] == 4

    asyncio.run(scenario())


def test_scrubbing_ends_at_the_last_place(book: RunBook) -> None:
    async def scenario() -> None:
        feed, page = Feed(book), Page()
        tasks = watch(feed, page)
        key = RECORDED + "recorded"
        for step in [1, 2, 3] * 20 + [2]:
            page.views.put_nowait({"run": key, "step": step, "group": 0})
        await until(lambda: page.of("board") and page.of("board")[-1]["step"] == 2)
        assert len(page.of("board")) < 10
        page.views.put_nowait(None)
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_who_turns_away_and_back_at_once_gets_all_of_it_again(book: RunBook) -> None:
    """The page forgets a run as it turns to another, whether the server noticed that or not."""
    record_steps(create_run(book.root, "a", GRPOConfig(generation_batch_size=16)), 0, 2)

    async def scenario() -> None:
        feed, page = Feed(book), Page()
        tasks = watch(feed, page)
        page.views.put_nowait({"run": "a", "atlas": True})
        await until(lambda: page.of("findings"))
        before = [len(page.of(kind)) for kind in ("metrics", "board", "atlas", "findings")]
        for key in (RECORDED + "recorded", "a"):
            page.views.put_nowait({"run": key, "atlas": True})
        await until(lambda: len(page.of("findings")) > before[-1])
        for kind in ("metrics", "atlas"):
            assert page.of(kind)[-1]["run"] == "a" and page.of(kind)[-1]["reset"]
        assert [len(page.of(kind)) for kind in ("metrics", "board", "atlas", "findings")] == [
            count + 1 for count in before
        ]
        page.views.put_nowait(None)
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_the_atlas_comes_in_pieces_to_whom_it_is_wanted_by(book: RunBook) -> None:
    path = create_run(book.root, "a", GRPOConfig(generation_batch_size=32))
    record_steps(path, 0, 2)

    async def scenario() -> None:
        feed, wants, not_now = Feed(book), Page(), Page()
        tasks = watch(feed, wants, not_now)
        wants.views.put_nowait({"run": "a", "atlas": True})
        not_now.views.put_nowait({"run": "a", "atlas": "yes"})
        await until(lambda: wants.of("atlas") and not_now.of("board"))
        await asyncio.to_thread(record_steps, path, 3, 3)
        await until(lambda: all(page.of("board")[-1]["step"] == 3 for page in (wants, not_now)))
        await until(lambda: wants.of("atlas")[-1]["last"] == 3)
        first, then = wants.of("atlas")
        assert {cell[0] for cell in first["cells"]} == {1, 2} and first["reset"]
        assert {cell[0] for cell in then["cells"]} == {3} and not then["reset"]
        assert not_now.of("atlas") == []
        not_now.views.put_nowait({"run": "a", "atlas": True})
        await until(lambda: not_now.of("atlas"))
        (whole,) = not_now.of("atlas")
        assert whole["cells"] == first["cells"] + then["cells"] and whole["reset"]
        assert len(wants.of("atlas")) == 2
        for page in (wants, not_now):
            page.views.put_nowait(None)
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


@pytest.mark.parametrize("steps", [0, 5])
def test_a_long_atlas_is_sent_to_its_end(
    book: RunBook, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grpo_core.app.dashboard.atlas.MAX_CELLS", 4)
    record_steps(create_run(book.root, "a", GRPOConfig(generation_batch_size=32)), 0, steps)

    async def scenario() -> None:
        feed, page = Feed(book), Page()
        tasks = watch(feed, page)
        page.views.put_nowait({"run": "a", "atlas": True})
        await until(lambda: page.of("atlas") and page.of("atlas")[-1]["last"] == (steps or -1))
        page.views.put_nowait({"run": "a", "atlas": True, "group": 1})
        await until(lambda: page.of("board")[-1].get("group", 1) == 1)
        parts = page.of("atlas")
        cells = [cell[:2] for part in parts for cell in part["cells"]]
        assert cells == [[step, g] for step in range(1, steps + 1) for g in (0, 1)]
        assert [part["reset"] for part in parts] == [True] + [False] * (len(parts) - 1)
        assert len(parts) == (3 if steps else 1)
        page.views.put_nowait(None)
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_a_run_that_is_not_there(book: RunBook) -> None:
    async def scenario() -> None:
        feed = Feed(book)
        for key in ("nothing", "../shipped/recorded", "/etc", "recorded:../x", "recorded:"):
            messages = await feed.messages(Viewer(send=None, view=View(run=key)))  # type: ignore
            assert messages[-1].read() == {"type": "gone", "run": key}

    asyncio.run(scenario())


def test_who_watches_a_run_that_is_deleted_is_told(book: RunBook) -> None:
    path = create_run(book.root, "a", GRPOConfig(generation_batch_size=16))
    record_steps(path, 0, 2)

    async def scenario() -> None:
        feed, page = Feed(book), Page()
        tasks = watch(feed, page)
        page.views.put_nowait({"run": "a"})
        await until(lambda: page.of("board"))
        shutil.rmtree(path)
        await until(lambda: page.of("gone"))
        record_steps(create_run(book.root, "a", GRPOConfig(seed=5)), 0, 1)
        page.views.put_nowait({"run": "a", "group": 1})  # one of its name: all of it
        await until(lambda: page.of("metrics")[-1]["steps"] == [0, 1])
        assert page.of("metrics")[-1]["reset"]
        page.views.put_nowait(None)
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_a_damaged_run_is_told_in_the_list(book: RunBook) -> None:
    path = create_run(book.root, "a", GRPOConfig())
    (path / "run.db").write_bytes(b"rubbish" * 999)

    async def scenario() -> None:
        messages = await Feed(book).messages(Viewer(send=None, view=View("a")))  # type: ignore
        kinds = [message.read() for message in messages]
        assert [message["type"] for message in kinds] == ["hello", "runs", "metrics"]
        entry = next(run for run in kinds[1]["runs"] if run["key"] == "a")
        assert "damaged" in entry["problem"]

    asyncio.run(scenario())


def test_a_run_replaced_by_another_of_its_name(book: RunBook) -> None:
    path = create_run(book.root, "a", GRPOConfig())
    record_steps(path, 0, 3)
    feed = RunFeed("a", Run(path))
    feed.refresh()
    assert feed.diagnose() and feed.findings
    shutil.rmtree(path)
    record_steps(create_run(book.root, "a", GRPOConfig(seed=1)), 0, 1)
    feed.refresh()
    assert len(feed.rows) == 2 and feed.epoch == 1
    assert feed.findings is None and feed.diagnose()
    assert feed.findings.read()["step"] == 1


# --- the run list and the controls ---------------------------------------------------------------


def test_describe_says_what_a_run_does(book: RunBook) -> None:
    key = book.start({"max_steps": 5, "seed": 3})
    entry = describe(key, book.get(key))
    assert entry["status"] == "starting" and entry["live"] and entry["step"] is None
    assert entry["config"]["seed"] == 3 and not entry["recorded"]
    recorded = describe(RECORDED + "recorded", book.get(RECORDED + "recorded"))
    assert recorded["recorded"] and recorded["step"] == 3 and recorded["status"] == "finished"


def test_of_many_starts_at_once_one_is_granted(tmp_path: Path) -> None:
    started: list[Path] = []

    def start_worker(path: Path) -> None:
        time.sleep(0.05)  # others come meanwhile
        started.append(path)

    book = RunBook(tmp_path / "runs", start_worker=start_worker)

    def press(_: int) -> str:
        try:
            return book.start({})
        except LabError as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(press, range(8)))
    assert len(started) == 1 and len(book.runs()) == 1
    assert answers.count(started[0].name) == 1
    assert sum("stop it first" in answer for answer in answers) == 7


def test_refusals_are_sentences(book: RunBook) -> None:
    for options, part in [
        ({"task": "nope"}, "nope"),
        ({"reward_funcs": ["nope_reward"], "reward_weights": [1.0]}, "no reward called"),
        ({"max_stepz": 5}, "max_stepz"),
        ({"num_generations": 7}, "multiple"),
        ({"learning_rate": "fast"}, "learning_rate"),
    ]:
        with pytest.raises(LabError, match=part):
            book.start(options)
    assert book.runs().keys() == {RECORDED + "recorded"}  # nothing was left behind
    book.start({})
    with pytest.raises(LabError, match="stop it first"):
        book.start({})
    with pytest.raises(LabError, match="recorded run"):
        book.control(RECORDED + "recorded", "pause")
    with pytest.raises(LabError, match="no run called"):
        book.control("../a", "pause")
    with pytest.raises(LabError, match="asked to"):
        book.control("a", "explode")


# --- runs of strangers ---------------------------------------------------------------------------


def test_a_stranger_s_run_is_copied_and_its_copy_started(tmp_path: Path) -> None:
    started: list[Path] = []
    book = RunBook(tmp_path, start_worker=started.append)
    path = stranger(tmp_path, "gift")
    before = sorted((p.name, p.read_bytes()) for p in path.iterdir())
    answer = book.control("gift", "run")
    assert answer["run"] == "gift-copy" and started == [tmp_path / "gift-copy"]
    assert "it was copied to 'gift-copy', which is continued" in answer["notice"]
    assert sorted((p.name, p.read_bytes()) for p in path.iterdir()) == before
    with pytest.raises(LabError, match="can only be looked at"):
        book.control("gift", "pause")


def test_a_stranger_s_run_that_says_it_is_live_stops_no_other(tmp_path: Path) -> None:
    book = RunBook(tmp_path, start_worker=lambda path: None)
    path = stranger(tmp_path, "gift")
    state = {"status": "running", "host": "elsewhere", "heartbeat": time.time() + 10**8}
    (path / "state.json").write_text(json.dumps(state))
    assert describe("gift", book.get("gift"))["status"] == "lost"
    state["heartbeat"] = time.time()
    (path / "state.json").write_text(json.dumps(state))
    assert describe("gift", book.get("gift"))["status"] == "running"
    assert book.start({})


def test_a_stranger_s_folder_is_one_line_of_the_list(tmp_path: Path) -> None:
    path = stranger(tmp_path, "gift", task_options={"x": 1})
    options = json.loads((path / "config.json").read_text())
    options |= {"model": "m" * 10**5, "reward_funcs": ["r"] * 10**5, "reward_weights": {}}
    (path / "config.json").write_text(json.dumps(options))
    state = {"status": "\x1b[2J", "started": [[]], "error": "\x1b[2J" * 10**5}
    (path / "state.json").write_text(json.dumps(state))
    entry = describe("gift", Run(path))
    assert len(json.dumps(entry)) < 6_000 and "\x1b" not in str(entry)
    assert entry["status"] == "stopped" and entry["started"] > 0


def test_a_model_of_a_stranger_that_brings_code_is_not_trained_from(tmp_path: Path) -> None:
    path = stranger(tmp_path, "gift")
    model = path / "checkpoints" / "step-000003"
    model.mkdir(parents=True)
    (model / "pytorch_model.bin").write_bytes(b"pickle")
    book = RunBook(tmp_path, start_worker=lambda path: None)
    for start in (
        lambda: book.fork("gift", 3, "own", {}),
        lambda: book.start({"model": str(model)}),
    ):
        with pytest.raises(LabError, match=r"is refused as a model: 'pytorch_model\.bin'"):
            start()
    assert book.runs().keys() == {"gift"}
