"""The page that replays a run: what is in it, that it fits, and that it can do nothing else."""

import base64
import gzip
import hashlib
import json
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from make_steps import step

from grpo_core.app.dashboard import payloads
from grpo_core.app.dashboard.runfeed import RunFeed
from grpo_core.app.share import html
from grpo_core.app.share.html import Boards, Choice, share_html, trained_with
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Step
from grpo_core.runs import Run, RunWriter


class Page(HTMLParser):
    """The elements of a page, and what each script holds."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data: dict[str, str] = {}
        self.inside: str | None = None
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self.inside = dict(attributes).get("id") or tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = None

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.data[self.inside] = self.data.get(self.inside, "") + data

    def unpack(self, name: str) -> Any:
        return json.loads(gzip.decompress(base64.b64decode(self.data[name])))

    @property
    def boards(self) -> list[tuple[int, int]]:
        found = (re.fullmatch(r"lab-board-(\d+)-(\d+)", name) for name in self.data)
        return [(int(m[1]), int(m[2])) for m in found if m]


def steps(count: int, groups: int = 3, length: int = 40) -> list[Step]:
    first = Step(0, {"eval/accuracy": 0.25})
    return [first, *(step(i, groups, 4, length) for i in range(1, count + 1))]


def test_it_has_what_the_feed_sends(made: Callable[..., Run], tmp_path: Path) -> None:
    run = made("whole", steps(4))
    shared = share_html(run, tmp_path / "run.html", title="A <b>title", description="some words")
    page = Page(shared.path)
    assert shared.left_out == "" and shared.size == shared.path.stat().st_size
    head = page.unpack("lab-head")
    feed = RunFeed("whole", run)
    feed.refresh()
    feed.diagnose()
    assert head["metrics"] == feed.metrics(0, 5, reset=True).read()
    assert head["findings"] == feed.findings.read()
    assert head["atlas"] == feed.atlas(-1).message.read()
    assert head["glossary"] == payloads.glossary_payload()
    assert page.boards == [(s, g) for s in (1, 2, 3, 4) for g in range(3)]
    for s, g in page.boards:
        sent = feed.board(s, g).read()
        mine = page.unpack(f"lab-board-{s}-{g}")
        assert head["groups"][str(s)] == sent["groups"]
        assert {**sent, **mine} == sent and set(sent) - set(mine) == {
            "type", "run", "step", "groups", "group",
        }  # fmt: skip
    assert head["bare"] == [0]
    about = head["about"]
    assert (about["title"], about["description"]) == ("A <b>title", "some words")
    assert about["seed"] == 0 and about["options"] == run.options
    assert "<title>A &lt;b&gt;title</title>" in page.text


def test_nothing_in_it_can_run_or_ask(awkward: Run, tmp_path: Path) -> None:
    bad = "</title><script>alert(1)</script>"
    page = Page(share_html(awkward, tmp_path / "run.html", title=bad, description=bad).path)
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert [a["type"] for a in scripts].count("module") == 1
    assert {a["type"] for a in scripts} == {"module", "application/gzip;base64"}
    assert all(re.fullmatch(r"[A-Za-z0-9+/=]+", page.data[a["id"]]) for a in scripts if "id" in a)
    (meta,) = [a for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    policy = dict(part.split(" ", 1) for part in (meta["content"] or "").split("; "))
    assert policy["default-src"] == "'none'" and policy["img-src"] == "data:"
    assert "unsafe" not in (meta["content"] or "")
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        (inline,) = re.findall(rf'<{tag}(?: type="module")?>(.*?)</{tag}>', page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert policy[name] == f"'sha256-{digest}'"
    # no element that loads something, and no attribute that runs something
    tags = {tag for tag, _ in page.tags}
    assert tags <= {"html", "head", "meta", "title", "link", "style", "script", "body", "noscript",
                    "p"}  # fmt: skip
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert (attributes.get("href") or "data:").startswith("data:")
    assert not re.search(r"https?://(?!www\.w3\.org/)", page.text)


def test_nothing_of_this_machine_is_in_it(made: Callable[..., Run], tmp_path: Path) -> None:
    run = made("mine", steps(1), model=str(tmp_path / "secret" / "my-model"))
    with RunWriter(run.path) as writer:
        writer.write_state(pid=4242, host="my-host", status="failed", error=f"{tmp_path} is full")
    head = Page(share_html(run, tmp_path / "run.html").path).unpack("lab-head")
    text = json.dumps(head)
    assert str(tmp_path) not in text and "4242" not in text and "my-host" not in text
    assert head["run"]["config"]["model"] == head["about"]["options"]["model"] == "my-model"
    assert head["run"]["recorded"] and not head["run"]["live"]


@pytest.mark.parametrize("room", [1.0, 0.6, 0.3, 0.12, 0.05])
def test_it_fits(made: Callable[..., Run], tmp_path: Path, room: float) -> None:
    """Whatever is asked for, the file is no larger, and the page says what is missing."""
    run = made("big", steps(9, groups=4, length=400))
    whole = share_html(run, tmp_path / "whole.html").size
    bare = whole - sum(len(Page(tmp_path / "whole.html").data[f"lab-board-{s}-{g}"])
                       for s in range(1, 10) for g in range(4))  # fmt: skip
    most = math.ceil(bare + 8_000 + room * (whole - bare))
    shared = share_html(run, tmp_path / "small.html", max_mb=most / 1e6)
    assert shared.size <= most
    page = Page(shared.path)
    head = page.unpack("lab-head")
    assert head["about"]["left_out"] == shared.left_out
    kept = page.boards
    assert len(kept) == len(set(kept)) > 0 and kept[-1][0] == 9  # the last step always
    for s, summary in head["groups"].items():
        here = [g for step_, g in kept if step_ == int(s)]
        assert here == list(range(len(here)))
        assert [bool(e.get("left_out")) for e in summary] == [g not in here for g in range(4)]
    assert (len(kept) == 36) == (shared.left_out == "")
    if len(kept) < 36:
        assert "to keep the file small" in shared.left_out
    assert len(head["metrics"]["steps"]) == 10 and len(head["atlas"]["cells"]) == 36


def test_groups_go_before_steps() -> None:
    boards = Boards(10**9, list(range(10)))
    for k in range(10):
        boards.add(k, [{"mean": 1}] * 3, ["x" * 50 * (k + 1) + str(g) for g in range(3)])
    assert boards.groups is None and [len(b) for b in boards.data.values()] == [3] * 10
    boards.most = boards.size - 1
    boards.add(10, [], [])
    assert boards.groups == 2 and boards.every == 1


def test_choices(made: Callable[..., Run], tmp_path: Path) -> None:
    run = made("chosen", steps(9))

    def kept(name: str, choice: Choice) -> tuple[list[tuple[int, int]], str]:
        shared = share_html(run, tmp_path / name, choice=choice)
        return Page(shared.path).boards, shared.left_out

    boards, said = kept("a.html", Choice(frozenset({2, 5, 77}), groups=1))
    assert boards == [(2, 0), (5, 0)]
    assert said.startswith("Left out, as was asked for: the groups of 7 of 9 steps, and all but")
    assert kept("b.html", Choice(every=4, groups=1))[0] == [(1, 0), (5, 0), (9, 0)]
    with pytest.raises(LabError, match="None of these"):
        kept("c.html", Choice(frozenset({77})))
    with pytest.raises(LabError, match="1 or more"):
        Choice(every=0)


def test_refusals(made: Callable[..., Run], awkward: Run, tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text("mine")
    with pytest.raises(LabError, match=r"there\.html exists already"):
        share_html(awkward, tmp_path / "there.html")
    with pytest.raises(LabError, match="recorded nothing"):
        share_html(made("empty", []), tmp_path / "run.html")
    with pytest.raises(LabError, match="page alone takes"):
        share_html(awkward, tmp_path / "run.html", max_mb=0.01)
    with pytest.raises(LabError, match="above 0"):
        share_html(awkward, tmp_path / "run.html", max_mb=math.nan)
    assert (tmp_path / "there.html").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "there.html"]


def test_a_full_disk_leaves_nothing(
    awkward: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = html._pack, []

    def full(text: str) -> str:
        calls.append(text)
        if len(calls) > 3 and "about" in text[:4000] and '"bare"' in text:
            raise OSError(28, "No space left on device")
        return whole(text)

    monkeypatch.setattr(html, "_pack", full)
    with pytest.raises(LabError, match=r"run\.html was not written: the disk is full\."):
        share_html(awkward, tmp_path / "run.html")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_run_without_groups_is_shown_too(made: Callable[..., Run], tmp_path: Path) -> None:
    run = made("bare", [Step(0, {"reward": 0.5}), Step(1, {"reward": 0.75})])
    head = Page(share_html(run, tmp_path / "run.html").path).unpack("lab-head")
    assert head["bare"] == [0, 1] and head["groups"] == {} and head["about"]["left_out"] == ""


def test_the_command_that_trained() -> None:
    options = GRPOConfig(seed=3, beta=0.04, task_options={"count": 4}).to_dict()
    assert trained_with(options) == (
        "grpo-lab train --seed 3 --set beta=0.04 --set task_options.count=4"
    )
    assert trained_with({"seed": 3, "beta": 0.5}) == "grpo-lab train --seed 3 --set beta=0.5"
