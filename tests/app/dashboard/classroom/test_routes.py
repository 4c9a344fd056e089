"""The requests of a class, from the door to the table of results."""

import csv
import io
import json
import time
from pathlib import Path

import fake_run
import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect
from visitors import BASE, RUN, Served, Visitor, serving, until

from grpo_core.app.dashboard.classroom import budgets, people
from grpo_core.app.dashboard.classroom.door import (
    FREE_GUESSES,
    GUESSES_PER_SECOND,
    SHARE,
    WAS_REMOVED,
    Door,
)
from grpo_core.app.dashboard.classroom.hunt import Place
from grpo_core.app.dashboard.classroom.people import COOKIE
from grpo_core.app.dashboard.feed import TICK
from grpo_core.app.dashboard.runs import FAILED
from grpo_core.core.config import GRPOConfig
from grpo_core.core.records import Step
from grpo_core.runs import Run, RunWriter, create_run

HACKED = "recorded:hacked"
SECRET = {"run": "secret", "step": 2, "group": 1}
PLACE = {"run": RUN, "step": 2, "group": 1}


# --- what other machines are told of this one --------------------------------------------------


def test_no_student_is_told_where_the_teachers_files_lie(served: Served) -> None:
    root = served.home / "runs"
    model = served.home / "my models" / "mine"
    fine = create_run(root, "fine", GRPOConfig(generation_batch_size=16, model=str(model)))
    with RunWriter(fine) as writer:
        for index in range(3):
            writer.append(fake_run.make_step(index, writer.run.config))
    with RunWriter(create_run(root, "failed", GRPOConfig())) as writer:
        writer.write_state(status="failed", error=f"The model in {model} cannot be read.")
    damaged = create_run(root, "damaged", GRPOConfig())
    (damaged / "run.db").write_bytes(b"rubbish" * 999)
    broken = create_run(root, "broken", GRPOConfig())
    (broken / "config.json").write_text("{")
    told: list[str] = []
    student, teacher = served.student(), served.teacher()
    keys = ("fine", "failed", "damaged", "broken", "gone")
    with student.connect() as socket:
        for key in keys:
            socket.send_json({"run": key, "atlas": True})
            last = "gone" if key == "gone" else "metrics"
            until(socket, lambda m, last=last: told.append(json.dumps(m)) or m["type"] == last)
    for key in keys:
        told.append(student.get("/lab/metrics", params={"run": key}).text)
        told.append(student.ask("/lab/api/lens", run=key, step=1, group=0).text)
    told += [student.get("/lab/source", params={"of": "clip"}).text, student.get("/").text]
    entries = next(json.loads(text)["runs"] for text in told if '"type": "runs"' in text)
    of = {entry["key"]: entry for entry in entries}
    assert of["fine"]["config"]["model"] == "mine" and of["fine"]["problem"] is None
    assert {of[key]["problem"] for key in ("failed", "damaged", "broken")} == {FAILED}
    assert [text for text in told if str(served.home) in text] == []
    with teacher.connect() as socket:
        runs = until(socket, lambda m: m["type"] == "runs")["runs"]
    of = {entry["key"]: entry for entry in runs}
    assert of["fine"]["config"]["model"] == str(model) and str(model) in of["failed"]["problem"]


# --- the doors ---------------------------------------------------------------------------------


def test_joining(served: Served) -> None:
    visitor = served.visitor()
    page = visitor.get("/join")
    assert page.status_code == 200 and "<form" in page.text
    typed = f" {served.room.code[:3].lower()}-{served.room.code[3:]} "
    answer = visitor.ask("/lab/class/join", code=typed, name=" Ada\u202e ")
    assert answer.json() == {"ok": True}
    (cookie,) = answer.headers.get_list("set-cookie")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert parts == {"httponly", "max-age=43200", "path=/", "samesite=lax"}
    assert "data-class" in visitor.get("/").text
    assert [member.name for member in served.room.people.members.values()] == ["Ada"]
    again = visitor.ask("/lab/class/join", code=served.room.code, name="Countess")
    assert again.status_code == 200 and len(served.room.people.members) == 1
    served.student("countess")
    names = [member.name for member in served.room.people.members.values()]
    assert names == ["Countess", "countess (2)"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "Ada"},
        {"code": "AAAAAA", "name": "Ada"},
        {"code": ["A"], "name": "Ada"},
        {"code": None, "name": "Ada"},
    ],
)
def test_wrong_codes(served: Served, body: dict) -> None:
    answer = served.visitor().ask("/lab/class/join", **body)
    assert answer.status_code == 403 and "not the code" in answer.json()["error"]
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("name", [None, "", "\u200b", "x" * 41, 7, ["Ada"], "\ud800"])
def test_no_name(served: Served, name: object) -> None:
    body = json.dumps({"code": served.room.code, "name": name})
    headers = {"content-type": "application/json"}
    answer = served.visitor().post("/lab/class/join", content=body, headers=headers)
    assert answer.status_code == 409 and "Type a name" in answer.json()["error"]


def test_guessing_is_slow_and_shuts_nobody_out(served: Served) -> None:
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    served.room.door = Door(lambda: now, sleep)
    guesser = served.visitor("10.0.0.66")
    for i in range(FREE_GUESSES + 50):
        lie = {"x-forwarded-for": f"10.9.9.{i}", "forwarded": f"for=10.9.9.{i}"}
        body = {"code": "AAAAAA", "name": "Eve"}
        assert guesser.post("/lab/class/join", json=body, headers=lie).status_code == 403
    assert now == pytest.approx(50 / GUESSES_PER_SECOND)
    body = {"code": served.room.code, "name": "Ada"}
    before = now
    assert served.visitor("10.0.0.67").ask("/lab/class/join", **body).status_code == 200
    assert now == before  # others do not wait
    neighbour = served.visitor("10.0.0.66")  # of the same school
    assert neighbour.ask("/lab/class/join", **body).status_code == 200
    assert now - before == pytest.approx(1 / GUESSES_PER_SECOND)


def test_joining_again_and_again_fills_nothing(served: Served) -> None:
    eve = served.visitor("10.0.0.66")
    body = {"code": served.room.code, "name": "Eve"}
    written = served.room._journal.written
    most = 1 + budgets.RENAMES
    asked = [eve.ask("/lab/class/join", **body).status_code for _ in range(most + 5)]
    assert asked == [200] * most + [409] * 5
    assert len(served.room.people.members) == 1
    for _ in range(SHARE + 40):
        eve.cookies.clear()
        assert eve.ask("/lab/class/join", **body).status_code == 200
    assert len(served.room.people.members) == SHARE and served.room._journal.written == written
    assert served.visitor("10.0.0.67").ask("/lab/class/join", **body).status_code == 200


def test_the_teachers_link(served: Served) -> None:
    visitor = served.visitor()
    answer = visitor.get(served.room.teacher_url)
    assert answer.status_code == 303 and answer.headers["location"] == "../../"
    assert answer.headers["cache-control"] == "no-store" and served.room.token not in answer.text
    assert visitor.get("/lab/class/people").json() == []
    for token in ("", "x", served.room.token[:-1], served.room.token + "x", "é"):
        other = served.visitor()
        answer = other.get("/lab/class/teach", params={"token": token})
        assert answer.status_code == 401 and "set-cookie" not in answer.headers
        assert served.room.token not in answer.text
        assert other.get("/").status_code == 303
    refused = visitor.ask("/lab/class/join", code=served.room.code, name="Ada")
    assert refused.status_code == 409 and "private window" in refused.json()["error"]
    assert visitor.get("/lab/class/people").json() == []


def test_a_cookie_is_secure_where_the_browser_came_by_https(served: Served) -> None:
    def cookie(host: str, proto: str | None) -> str:
        headers = {"host": host} | ({"x-forwarded-proto": proto} if proto else {})
        visitor = served.visitor()
        body = {"code": served.room.code, "name": "Ada"}
        return visitor.post("/lab/class/join", json=body, headers=headers).headers["set-cookie"]

    assert "Secure" in cookie("lab.example.org", "https")
    assert "Secure" not in cookie("lab.example.org", "http")
    assert "Secure" not in cookie("lab.example.org", None)
    assert "Secure" not in cookie("127.0.0.1:7860", "https")  # anybody can write that


def test_nothing_is_larger_than_it_must_be(served: Served) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/lab/class/vote", "/lab/class/flag", "/lab/class/join"):
        student = served.student()
        big = '{"code": "' + "x" * 5_000 + '"}'
        assert student.post(path, content=big, headers=headers).status_code == 413
        for junk in ("", "[1]", "{", "[" * 3_000, "null"):
            assert student.post(path, content=junk, headers=headers).status_code == 400
        assert (
            student.post(path, content="{}", headers={"content-type": "text/plain"}).status_code
            == 415
        )


# --- predict, then reveal ----------------------------------------------------------------------


def test_a_poll_from_its_beginning_to_its_end(served: Served) -> None:
    teacher, ada, bob = served.teacher(), served.student("Ada"), served.student("Bob")
    with ada.connect() as socket:
        socket.send_json(PLACE)
        board = until(socket, lambda m: m["type"] == "board")
        advantages = [card["advantage"] for card in board["completions"]]
        poll = teacher.ask("/lab/class/poll", kind="advantage", **PLACE).json()["poll"]
        hidden = until(socket, lambda m: m["type"] == "board")
        assert hidden["masked"] and hidden["groups"][1]["mean"] is None
        assert all(card["advantage"] is None and card["rewards"] == {} and "push" not in card
                   for card in hidden["completions"])  # fmt: skip
        assert [card["tokens"] for card in hidden["completions"]] == [
            card["tokens"] for card in board["completions"]
        ]
        again = teacher.ask("/lab/class/poll", kind="teaches", **PLACE)
        assert again.status_code == 409 and "end it first" in again.json()["error"]
        for voter, choice in ((ada, 0), (bob, 1), (bob, 2)):
            assert voter.ask("/lab/class/vote", poll=poll, choice=choice).status_code == 200
        shown = until(socket, lambda m: m["type"] == "class" and m["poll"]["voted"] == 2)
        assert shown["poll"]["tallies"] == [1, 0, 1, 0] and shown["poll"]["mine"] == 0
        refused = teacher.ask("/lab/class/vote", poll=poll, choice=0)
        assert refused.status_code == 409 and "for students" in refused.json()["error"]
        assert teacher.ask(f"/lab/class/poll/{poll}", want="close").status_code == 200
        late = ada.ask("/lab/class/vote", poll=poll, choice=1)
        assert late.status_code == 409 and "closed" in late.json()["error"]
        assert teacher.ask(f"/lab/class/poll/{poll}", want="reveal").status_code == 200
        shown = until(socket, lambda m: m["type"] == "class")
        best = [i for i, a in enumerate(advantages) if a == max(advantages)]
        assert shown["poll"]["right"] == best
        assert until(socket, lambda m: m["type"] == "board") == board
        assert teacher.ask(f"/lab/class/poll/{poll}", want="end").status_code == 200
        assert until(socket, lambda m: m["type"] == "class")["poll"] is None
    assert teacher.ask(f"/lab/class/poll/{poll}", want="reveal").status_code == 409


@pytest.mark.parametrize("want", [None, 3, "open", ["close"], {"close": 1}])
def test_what_a_poll_cannot_be_asked_to_do(served: Served, want: object) -> None:
    refused = served.teacher().ask("/lab/class/poll/x", want=want)
    assert refused.status_code == 409 and "can be asked to close" in refused.json()["error"]


def test_many_votes_are_few_messages(served: Served) -> None:
    teacher, watcher = served.teacher(), served.student("Watcher")
    voters = [served.student(f"name {i}") for i in range(40)]
    poll = teacher.ask("/lab/class/poll", kind="advantage", **PLACE).json()["poll"]
    with watcher.connect() as socket:
        until(socket, lambda m: m["type"] == "class" and m["here"] == 1)
        began = time.monotonic()
        for i, voter in enumerate(voters):
            assert voter.ask("/lab/class/vote", poll=poll, choice=i % 4).status_code == 200
        told: list[dict] = []
        until(
            socket, lambda m: told.append(m) or (m["type"] == "class" and m["poll"]["voted"] == 40)
        )
        most = 2 + (time.monotonic() - began) / TICK
    assert told[-1]["poll"]["tallies"] == [10] * 4
    assert sum(message["type"] == "class" for message in told) <= most


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**PLACE, "kind": "colour"},
        {**PLACE, "kind": "teaches", "run": "../../etc/passwd"},
        {**PLACE, "kind": "teaches", "run": 3},
        {**PLACE, "kind": "teaches", "step": None},
        {**PLACE, "kind": "teaches", "step": 99},
        {**PLACE, "kind": "teaches", "step": -1},
        {**PLACE, "kind": "teaches", "step": 0},
        {**PLACE, "kind": "teaches", "group": 99},
        {**PLACE, "kind": "teaches", "group": True},
    ],
)
def test_what_cannot_be_asked(served: Served, body: dict) -> None:
    answer = served.teacher().ask("/lab/class/poll", **body)
    assert answer.status_code == 409 and answer.json()["error"]
    assert served.room.polls.all == []


def rewarded(step: Step, group: int, rewards: list[float]) -> Step:
    """The step, with other rewards in one group: all that follows from them is changed, too."""
    for c, reward in zip(step.groups[group].completions, rewards, strict=True):
        c.reward = reward
        c.advantage = reward - float(np.mean(rewards))
        c.rewards = {"accuracy_reward": float(reward > 0), "format_reward": 0.0}
        c.push = np.full(len(c), c.advantage, np.float32)
        c.after_logprobs = c.logprobs + c.push
        c.logprobs = c.old_logprobs + np.float32(0.5 * c.advantage)
        c.token_advantages = c.push.copy()
        c.values = c.push.copy()
        c.truncated = False
    return step


def record(root: Path, rewards: list[float]) -> None:
    """Run "secret": of its steps 1 to 3, the second says in its second group who was the best.

    Nobody solved anything before, and somebody does later; what is divided by is the batch's.
    """
    config = GRPOConfig(num_generations=4, generation_batch_size=8, scale_rewards="batch")
    path = create_run(root, "secret", config)
    with RunWriter(path) as writer:
        for index in range(4):
            step = fake_run.make_step(index, config)
            for card in (c for group in step.groups for c in group.completions):
                card.rewards["accuracy_reward"] = float(index == 3)
            writer.append(rewarded(step, 1, rewards) if index == 2 else step)
        writer.write_state(status="finished", started=0.0, step=3)


SECRETS = {
    "the first": [1.0, 0.0, 0.0, 0.0],
    "the last, by more": [0.0, 0.0, 0.0, 1.7],
    "nobody": [0.0, 0.0, 0.0, 0.0],
    "all": [2.0, 2.0, 2.0, 2.0],
}
ODD_VIEWS = [
    {"step": step, "group": group}
    for step in (None, -1, 0, 1, 2, 2.0, "2", 3, 99, 10**15, True)
    for group in (0, 1, 2, 99, -1, None, "1")
]


PLACES = [(step, group) for step in (1, 2, 3) for group in (0, 1)]
TRIALS = [
    {},
    {"token": [0, 0]},
    {"weights": {"format_reward": 2}},
    {"edits": {"0": "<answer> 1 </answer>"}},
    {"preset": "dr_grpo"},
]


def all_that_a_student_gets(student: Visitor) -> dict[str, str]:
    """Every answer to everything a student can ask about a run: what was asked -> the answers."""
    got: dict[str, str] = {}
    seen: list[dict] = []
    with student.connect() as socket:
        socket.send_json({"run": "secret", "atlas": True})
        until(socket, lambda m: seen.append(m) or m["type"] == "findings")
        for view in ODD_VIEWS:
            socket.send_json({"run": "secret", "atlas": True, **view})
        for place in PLACES:  # each of these is waited for
            socket.send_json({"run": "secret", "step": place[0], "group": place[1]})
            until(socket, lambda m, at=place: seen.append(m) or where(m) == at, 300)
    for message in seen:
        if message["type"] in ("board", "findings", "metrics", "atlas"):
            label = f"{message['type']} {where(message)}"
            text = json.dumps(message)
            assert got.setdefault(label, text) == text
    for step in (0, 1, 2, 3, -1, None, 99, "2", 2.0):
        for group in (0, 1, 2, None):
            for more in TRIALS:
                body = {"run": "secret", "step": step, "group": group, **more}
                got[json.dumps(body)] = student.post("/lab/api/lens", json=body).text
    for run in ("secret", "recorded:secret"):
        got[f"metrics {run}"] = student.get("/lab/metrics", params={"run": run}).text
    return got


def where(message: dict) -> tuple[int, int] | None:
    """The step and the group of a board."""
    return (message["step"], message["group"]) if "completions" in message else None


@pytest.mark.parametrize("kind", ["advantage", "teaches"])
def test_no_route_tells_the_answer_of_an_open_poll(tmp_path: Path, kind: str) -> None:
    """What students get is the same whoever was the best: so it does not say who was."""
    told: dict[str, dict[str, str]] = {}
    for name, rewards in SECRETS.items():
        record(tmp_path / name / "runs", rewards)
        with serving(tmp_path / name) as served:
            answer = served.teacher().ask("/lab/class/poll", kind=kind, **SECRET)
            assert answer.status_code == 200
            told[name] = all_that_a_student_gets(served.student())
        assert {f"board {place}" for place in PLACES} | {"atlas None"} < told[name].keys()
    first, *others = told.values()
    for other in others:
        for asked in first.keys() & other.keys():
            assert first[asked] == other[asked], asked


def test_after_the_reveal_it_is_told(served: Served) -> None:
    record(served.home / "runs", SECRETS["the first"])
    teacher, student = served.teacher(), served.student()
    poll = teacher.ask("/lab/class/poll", kind="advantage", **SECRET).json()["poll"]
    refused = student.ask("/lab/api/lens", **SECRET)
    assert refused.status_code == 409 and "after the reveal" in refused.json()["error"]
    assert teacher.ask("/lab/api/lens", **SECRET).status_code == 200
    teacher.ask(f"/lab/class/poll/{poll}", want="reveal")
    assert student.ask("/lab/api/lens", **SECRET).status_code == 200


def test_the_atlas_is_masked_while_a_question_is_open(served: Served) -> None:
    record(served.home / "runs", SECRETS["the first"])
    teacher, student = served.teacher(), served.student()
    with student.connect() as socket:
        socket.send_json({"run": "secret", "atlas": True})
        is_atlas = lambda message: message["type"] == "atlas"  # noqa: E731
        whole = until(socket, is_atlas)
        poll = teacher.ask("/lab/class/poll", kind="advantage", **SECRET).json()["poll"]
        blank = until(socket, is_atlas)
        teacher.ask(f"/lab/class/poll/{poll}", want="reveal")
        assert until(socket, is_atlas) == whole and whole["reset"] and blank["reset"]
    with teacher.connect() as socket:
        socket.send_json({"run": "secret", "atlas": True})
        assert until(socket, is_atlas) == whole
    hidden, rest = [], []
    for cell in blank["cells"]:
        (hidden if cell[:2] == [2, 1] else rest).append(cell)
    assert [cell[3:] for cell in hidden] == [[None, False, None, None, None]]
    assert rest == [cell for cell in whole["cells"] if cell[:2] != [2, 1]]


def test_a_poll_is_on_again_after_a_new_start(served: Served, tmp_path: Path) -> None:
    teacher, student = served.teacher(), served.student()
    poll = teacher.ask("/lab/class/poll", kind="advantage", **PLACE).json()["poll"]
    student.ask("/lab/class/vote", poll=poll, choice=2)
    served.room.close()
    again = Served(served.home)
    again.portal = served.portal
    back = again.visitor()
    back.cookies.set(COOKIE, student.cookies[COOKIE])
    assert "data-class" in back.get("/").text
    assert back.ask("/lab/class/vote", poll=poll, choice=3).status_code == 200
    assert again.room.polls.current.tallies == [0, 0, 0, 1]
    assert back.ask("/lab/api/lens", **PLACE).status_code == 409
    still = again.visitor()
    still.cookies.set(COOKIE, teacher.cookies[COOKIE])
    assert still.get("/lab/class/people").json()[0]["voted"] is True
    assert again.visitor().get(served.room.teacher_url).status_code == 401
    again.room.close()


# --- follow me ---------------------------------------------------------------------------------


def test_following_the_teacher(served: Served) -> None:
    teacher, student = served.teacher(), served.student()
    with student.connect() as socket:
        view = {"run": RUN, "step": 2, "group": 1, "shade": "kl", "x": "<script>", "token": [1, 2]}
        assert teacher.ask("/lab/class/focus", view=view).status_code == 200
        focus = until(socket, lambda m: m["type"] == "class" and m["focus"])["focus"]
        assert focus["view"]["step"] == 2 and "x" not in focus["view"]
        teacher.ask("/lab/class/focus", view=None)
        assert until(socket, lambda m: m["type"] == "class")["focus"] is None
    for bad in ([1], "x", 3):
        assert teacher.ask("/lab/class/focus", view=bad).status_code == 400
    huge = {"run": "x" * 5_000}
    assert teacher.ask("/lab/class/focus", view=huge).status_code == 413


# --- the hunt ----------------------------------------------------------------------------------


def hits_and_misses(served: Served) -> tuple[list[Place], list[Place]]:
    """Places of the hacked run, by the rule as it is written, worked out here once more."""
    hits, misses = [], []
    run = Run(served.home / "shipped" / "hacked")
    for step in map(run.step, (1, 2, 3)):
        for g, group in enumerate(step.groups):
            rewards = [c.reward for c in group.completions]
            for i, c in enumerate(group.completions):
                numbers = group.columns["numbers"]
                sums = " + ".join(map(str, numbers[:2]))
                right = f"<answer> ( {sums} ) + {numbers[2]} </answer>" in c.text
                paid = c.reward > np.mean(rewards) if len(set(rewards)) > 1 else c.reward > 0
                (hits if paid and not right else misses).append((step.index, g, i))
    return hits, misses


def test_a_hunt(served: Served) -> None:
    hits, misses = hits_and_misses(served)
    assert len(hits) >= 2 and misses
    teacher, ada, bob = served.teacher(), served.student("Ada"), served.student("Bob")

    def flag(visitor: Visitor, place: Place, on: bool = True) -> int:
        step, group, completion = place
        body = {"run": HACKED, "step": step, "group": group, "completion": completion, "on": on}
        return visitor.ask("/lab/class/flag", **body).status_code

    assert flag(ada, hits[0]) == 409  # before it began
    assert teacher.ask("/lab/class/hunt", run=HACKED).status_code == 200
    assert teacher.ask("/lab/class/hunt", run=HACKED).status_code == 409
    with ada.connect() as socket:
        first = until(socket, lambda m: m["type"] == "class")["hunt"]
        assert first["reward"] == "confident_reward" and first["found"] == []
        for place in (*hits[:2], misses[0]):
            assert flag(ada, place) == 200
        flag(ada, hits[0])  # again: nothing new
        shown = until(socket, lambda m: m["type"] == "class" and m["hunt"]["flags"] == 3)["hunt"]
        assert shown["mine"] == {"flags": 3, "hits": 2, "misses": 1, "score": 1}
        assert sorted(place[:3] for place in shown["found"]) == sorted(
            map(list, (*hits[:2], misses[0]))
        )
        assert flag(ada, misses[0], on=False) == 200 and flag(bob, hits[1]) == 200
    assert flag(teacher, hits[0]) == 409
    scores = {m["name"]: m["score"] for m in teacher.get("/lab/class/people").json()}
    assert scores == {"Ada": 1, "Bob": 1}
    tries = ada.ask("/lab/api/lens", run=HACKED, step=1, group=0, weights={"accuracy_reward": 1})
    assert tries.status_code == 409 and "hunt is on" in tries.json()["error"]
    assert ada.ask("/lab/api/lens", run=HACKED, step=1, group=0).status_code == 200
    assert teacher.ask("/lab/class/hunt", run=None).status_code == 200
    assert flag(ada, hits[0]) == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"run": RUN, "step": 1, "group": 0, "completion": 0, "on": True},
        {"run": HACKED, "step": 1, "group": 0, "completion": 0},
        {"run": HACKED, "step": 1, "group": 0, "completion": 0, "on": "yes"},
        {"run": HACKED, "step": 99, "group": 0, "completion": 0, "on": True},
        {"run": HACKED, "step": 1, "group": 9, "completion": 0, "on": True},
        {"run": HACKED, "step": 1, "group": 0, "completion": 99, "on": True},
        {"run": HACKED, "step": -1, "group": 0, "completion": 0, "on": True},
        {"run": HACKED, "step": 1, "group": 0, "completion": 10**30, "on": True},
        {"run": HACKED, "step": "1", "group": None, "completion": [], "on": True},
    ],
)
def test_what_is_no_flag(served: Served, body: dict) -> None:
    served.teacher().ask("/lab/class/hunt", run=HACKED)
    answer = served.student().ask("/lab/class/flag", **body)
    assert answer.status_code == 409 and answer.json()["error"]


@pytest.mark.parametrize("run", ["../../etc", "nothing", 3, ["a"], "x" * 1000])
def test_what_cannot_be_hunted(served: Served, run: object) -> None:
    assert served.teacher().ask("/lab/class/hunt", run=run).status_code == 409


def test_nothing_is_hacked_where_the_truth_is_paid(served: Served) -> None:
    path = create_run(
        served.home / "runs",
        "honest",
        GRPOConfig(reward_funcs=["accuracy_reward"], reward_weights=[1.0]),
    )
    answer = served.teacher().ask("/lab/class/hunt", run=path.name)
    assert answer.status_code == 409 and "flawed reward" in answer.json()["error"]


# --- lists -------------------------------------------------------------------------------------


def test_taking_somebody_out(served: Served) -> None:
    teacher, ada, bob = served.teacher(), served.student("Ada"), served.student("Bob")
    poll = teacher.ask("/lab/class/poll", kind="teaches", **PLACE).json()["poll"]
    for voter in (ada, bob):
        voter.ask("/lab/class/vote", poll=poll, choice=0)
    with ada.connect() as socket:
        until(socket, lambda m: m["type"] == "class" and m["here"] == 1)
        listed = teacher.get("/lab/class/people").json()
        assert [(m["name"], m["here"]) for m in listed] == [("Ada", True), ("Bob", False)]
        assert teacher.ask("/lab/class/remove", id=listed[0]["id"]).status_code == 200
        with pytest.raises((WebSocketDisconnect, AssertionError)):
            until(socket, lambda m: False, 20)
    assert ada.get("/").status_code == 303
    assert ada.ask("/lab/class/vote", poll=poll, choice=1).status_code == 401
    assert served.room.polls.current.tallies == [1, 0]
    for key in (listed[0]["id"], "", None, 3, "teacher", ["x"]):
        assert teacher.ask("/lab/class/remove", id=key).status_code == 409
    again = {"code": served.room.code, "name": "Countess"}
    refused = ada.ask("/lab/class/join", **again)
    assert refused.status_code == 409 and refused.json()["error"] == WAS_REMOVED
    assert teacher.ask("/lab/class/readmit", id=listed[0]["id"]).status_code == 200
    assert ada.ask("/lab/class/join", **again).status_code == 200
    assert ada.get("/").status_code == 200


def test_the_table_of_results(served: Served) -> None:
    hits, _ = hits_and_misses(served)
    teacher, ada, eve = served.teacher(), served.student("Zoë"), served.student('=cmd|"x"')
    poll = teacher.ask("/lab/class/poll", kind="advantage", **PLACE).json()["poll"]
    ada.ask("/lab/class/vote", poll=poll, choice=2)
    eve.ask("/lab/class/vote", poll=poll, choice=0)
    unknown = teacher.get("/lab/class/results.csv").content.decode("utf-8-sig")
    assert {row["right"] for row in csv.DictReader(io.StringIO(unknown))} == {""}
    right = served.room.polls.current.right
    teacher.ask(f"/lab/class/poll/{poll}", want="reveal")
    teacher.ask("/lab/class/hunt", run=HACKED)
    step, group, completion = hits[0]
    ada.ask("/lab/class/flag", run=HACKED, step=step, group=group, completion=completion, on=True)
    answer = teacher.get("/lab/class/results.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="class-results.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    votes = [row for row in rows if row["activity"] == "advantage"]
    assert [(r["name"], r["choice"], r["right"]) for r in votes] == [
        ("Zoë", "completion 3", str(int(2 in right))),
        ('\'=cmd|"x"', "completion 1", str(int(0 in right))),
    ]
    assert votes[0]["group"] == "2" and votes[0]["step"] == "2" and votes[0]["run"] == RUN
    (flag,) = [row for row in rows if row["activity"] == "flag"]
    assert (flag["name"], flag["completion"], flag["right"]) == ("Zoë", str(completion + 1), "1")
    (hunt,) = [row for row in rows if row["activity"] == "hunt"]
    assert (hunt["name"], hunt["score"]) == ("Zoë", "1")
    assert [row["name"] for row in rows if row["activity"] == "joined"] == ["Zoë", '\'=cmd|"x"']


def test_the_code_as_a_picture(served: Served) -> None:
    teacher = served.teacher()
    served.room.lives_at("10.0.0.7", 7860)
    answer = teacher.get("/lab/class/qr.svg")
    assert answer.headers["content-type"] == "image/svg+xml" and "<path" in answer.text
    served.room.join_urls = []
    assert teacher.get("/lab/class/qr.svg").status_code == 404


# --- connections -------------------------------------------------------------------------------


def test_a_page_of_a_cookie_that_ends_is_closed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = served.student()
    monkeypatch.setattr(people, "COOKIE_SECONDS", 2)
    monkeypatch.setattr("grpo_core.app.dashboard.classroom.COOKIE_SECONDS", 2)
    with student.connect() as socket, pytest.raises(WebSocketDisconnect) as closed:
        until(socket, lambda m: False)
    assert closed.value.code == 1008
    assert served.room.here == 0


def test_without_a_class_there_is_nothing_of_one(served: Served) -> None:
    from fastapi.testclient import TestClient

    from grpo_core.app.dashboard.runs import RunBook
    from grpo_core.app.dashboard.server import create_app, guarded

    app = guarded(create_app(RunBook(served.home / "runs"), with_gradio=False))
    with TestClient(app, base_url=BASE) as client:
        assert client.get("/lab/class/people").status_code == 404
        assert client.get("/join").status_code == 404
        with client.websocket_connect("ws://127.0.0.1:7860/lab/ws") as socket:
            socket.send_json({"run": None})
            assert [socket.receive_json()["type"] for _ in range(2)] == ["hello", "runs"]
