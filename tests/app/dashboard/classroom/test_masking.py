"""What students get while a question is open, in two worlds that differ in the answer alone."""

import asyncio
import contextlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import fake_run
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from visitors import Served, Visitor, serving
from waits import PATIENCE

from grpo_core.app.dashboard import masking
from grpo_core.app.dashboard.classroom.access import TABLE
from grpo_core.app.dashboard.classroom.people import STUDENT, THE_TEACHER
from grpo_core.app.dashboard.feed import Viewer
from grpo_core.app.dashboard.masking import Hidden, mask_row
from grpo_core.app.dashboard.runfeed import RunFeed
from grpo_core.core.config import GRPOConfig
from grpo_core.core.records import Step
from grpo_core.runs import Run, RunWriter, create_run

STEPS, GROUPS, SIZE = 4, 3, 4
PLACES = [(step, group) for step in range(1, STEPS + 1) for group in range(GROUPS)]


# --- two worlds --------------------------------------------------------------------------------


def settle(step: Step, config: GRPOConfig) -> None:
    """Work out everything of a step that follows from its rewards, and from nothing else."""
    rewards = np.array([[c.reward for c in group.completions] for group in step.groups])
    spread = rewards.std(axis=1, ddof=1, keepdims=True)
    if config.scale_rewards == "batch":
        spread = np.full_like(spread, rewards.std(ddof=1))
    advantages = (rewards - rewards.mean(axis=1, keepdims=True)) / (spread + 1e-4)
    moved = np.float32(0.1 * np.abs(advantages).sum())  # all tokens share the weights
    for group, some in zip(step.groups, advantages, strict=True):
        for c, advantage in zip(group.completions, some, strict=True):
            c.advantage = float(advantage)
            c.push = np.full(len(c), advantage / 100, np.float32)
            c.token_advantages = np.full(len(c), advantage, np.float32)
            c.logprobs = c.old_logprobs + moved
            c.after_logprobs = c.logprobs + c.push
    tied = [bool(np.ptp(some) == 0) for some in rewards]
    parts = [c.rewards for group in step.groups for c in group.completions]
    step.metrics |= {
        "reward": float(rewards.mean()),
        "reward_std": float(rewards.std(ddof=1)),
        "reward_std_in_group": float(rewards.std(axis=1, ddof=1).mean()),
        "frac_reward_zero_std": float(np.mean(tied)),
        "kl": float(moved),
        "loss": float((advantages * advantages).mean()),
        "grad_norm": float(moved),
        "clip_ratio/region_mean": float(moved),
        "seconds/update": 1.0 - float(np.mean(tied)),  # of the groups that teach
        "eval/accuracy": float(rewards.mean()),
        "of_somebody_else": float(rewards.max()),
    } | {f"rewards/{name}/mean": float(np.mean([p[name] for p in parts])) for name in parts[0]}


def record(root: Path, config: GRPOConfig, place: tuple[int, int], rewards: list[float]) -> None:
    """Run "secret", in one group of which the completions earned these rewards."""
    path = create_run(root, "secret", config)
    total = 0.0
    with RunWriter(path) as writer:
        for index in range(STEPS + 1):
            step = fake_run.make_step(index, config)
            if index == place[0]:
                for c, reward in zip(step.groups[place[1]].completions, rewards, strict=True):
                    c.reward = reward
                    c.rewards = {"accuracy_reward": float(reward >= 1), "format_reward": reward % 1}
            if index:
                settle(step, config)
                total += step.metrics["reward"]
            writer.append(Step(index, {**step.metrics, "reward_so_far": total}, step.groups))
        writer.write_state(status="finished", started=1.0, step=STEPS)


# --- all that a student can get ----------------------------------------------------------------

# For a path of the table that stands for many: one of them.
ONE_OF = {
    "core": "view.js",
    "panels": "board.js",
    "tools": "bench.js",
    "class": "room.js",
    "pages": "lab.js",
}
EXAMPLES = {
    r"/lab/assets/(pages/join\.js|join\.css|icon\.svg)": "/lab/assets/pages/join.js",
    r"/lab/assets/\w[\w.-]*": "/lab/assets/lab.css",
    **{
        rf"/lab/assets/{room}/\w[\w.-]*": f"/lab/assets/{room}/{file}"
        for room, file in ONE_OF.items()
    },
}
TRIALS: list[dict[str, Any]] = [
    {},
    {"token": [0, 0]},
    {"weights": {"format_reward": 2}},
    {"edits": {"0": "<think> </think> <answer> 1 </answer>"}},
    {"preset": "dr_grpo"},
]


def asked_by_table(student: Visitor, poll: str, place: tuple[int, int]) -> dict[str, Any]:
    """The answers to what every line of the table lets a student ask about a group and others."""
    got = {}
    step, group = place
    other = [("secret", at) for at in ((step, (group + 1) % GROUPS), (step % STEPS + 1, group))]
    places = [("secret", place), ("recorded:secret", place), *other, ("secret", (None, 0))]
    everything = {"completion": 0, "on": True, "poll": poll, "choice": 1}  # whatever a route reads
    for method, pattern, roles in TABLE:
        path = EXAMPLES.get(pattern, pattern)
        if STUDENT not in roles or method == "WEBSOCKET":
            continue
        assert re.fullmatch(r"[/\w.]*", path), f"Give an example of {pattern}."
        for key, (at, which) in places:
            asked = [{"params": {"run": key, "of": "surrogate", "token": "x"}}]
            if method != "GET":
                body = {"run": key, "step": at, "group": which, **everything}
                asked = [{"json": body | more} for more in TRIALS]
            for one in asked:
                answer = student.request(method, path, **one)
                got[f"{method} {path} {json.dumps(one)}"] = answer.status_code, answer.text
    return got


async def come(holds: Callable[[], Any]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE / 1000
    while not holds():
        assert time.monotonic() < end, "it did not come"
        await asyncio.sleep(0.005)


class Page:
    """A page of a student without a browser, and the messages that it was sent."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.messages: list[dict[str, Any]] = []
        self.views: asyncio.Queue[Any] = asyncio.Queue()

    async def send(self, messages: Any) -> None:
        for message in messages:
            self.parts.append(message.part)
            self.messages.append(message.read())

    async def each(self) -> AsyncIterator[Any]:
        while (view := await self.views.get()) is not None:
            yield view

    def has(self, kind: str, **facts: Any) -> bool:
        said = [m for m in self.messages if m["type"] == kind]
        return any(all(m.get(k) == v for k, v in facts.items()) for m in said)

    def material(self) -> dict[str, bytes]:
        """What came, by what it is; the frame's own bytes, so compressed ones, too."""
        got: dict[str, bytes] = {}
        for part, message in zip(self.parts, self.messages, strict=True):
            kind = message["type"]
            if kind in ("board", "atlas", "findings", "metrics"):
                place = [message.get(name) for name in ("step", "group", "reset", "steps")]
                assert got.setdefault(f"{kind} {place}", part) == part
        return got


@contextlib.asynccontextmanager
async def watching(served: Served, member: Any) -> AsyncIterator[Page]:
    page, feed = Page(), served.inner.state.feed
    serve = asyncio.create_task(feed.serve(page.send, page.each(), member))
    try:
        yield page
    finally:
        page.views.put_nowait(None)
        await serve


async def seen(
    served: Served, member: Any, kind: str, place: tuple[int, int]
) -> tuple[str, dict[str, bytes]]:
    """What the pages of a student get: one that was open when the question came, and a new one."""
    room, feed = served.room, served.inner.state.feed
    view = {"run": "secret", "step": place[0], "group": place[1], "atlas": True}
    got: dict[str, bytes] = {}
    async with watching(served, member) as page:
        page.views.put_nowait(view)
        whole = ("board", "atlas", "metrics", "findings")
        await come(lambda: all(page.has(one) for one in whole))
        step, _ = await feed.step_of("secret", place[0])
        page.parts.clear()
        page.messages.clear()
        poll = room.open_poll(kind, "secret", *place, step.groups[place[1]])
        await come(lambda: all(page.has(one) for one in ("class", *whole)))
        got |= {f"at once {name}": part for name, part in page.material().items()}
        assert page.has("board", masked="group")
    async with watching(served, member) as page:
        for step_, group in PLACES:
            page.views.put_nowait({"run": "secret", "step": step_, "group": group, "atlas": True})
            await come(lambda at=(step_, group): page.has("board", step=at[0], group=at[1]))
        await come(lambda: all(page.has(one) for one in ("class", *whole)))
        got |= {f"anew {name}": part for name, part in page.material().items()}
        for message in (m for m in page.messages if m["type"] in ("runs", "class", "own")):
            message.pop("now", None)
            for run in message.get("runs", []):
                run["ended"] = None
            got[f"anew {message['type']}"] = json.dumps(message, sort_keys=True).encode()
    return poll.id, got


def all_that_a_student_gets(
    home: Path, config: GRPOConfig, kind: str, place: tuple[int, int], rewards: list[float]
) -> dict[str, Any]:
    """Everything, in the world where the group earned these rewards; ids are the same in all."""
    record(home / "runs", config, place, rewards)
    with pytest.MonkeyPatch.context() as patch, serving(home, unlimited=True) as served:
        patch.setattr("grpo_core.app.dashboard.feed.TICK", 0.01)  # the same is sent, only sooner
        student = served.student("Ada")
        (member,) = served.room.people.members.values()
        teacher = served.teacher()
        teacher.ask("/lab/class/hunt", run="secret")
        flag = {"run": "secret", "step": place[0], "group": place[1], "completion": 0, "on": True}
        assert student.ask("/lab/class/flag", **flag).status_code == 200
        poll, got = served.portal.call(seen, served, member, kind, place)
        got |= {"open": asked_by_table(student, poll, place)}
        teacher.ask(f"/lab/class/poll/{poll}", want="close")
        got |= {"closed": asked_by_table(student, poll, place)}
        told = [served.room.shared(member.role).text, served.room.own(member)]
        ids = {member.id: "ada", poll: "poll", served.room.hunt.id: "hunt"}
    text = json.dumps([told, {k: v for k, v in got.items() if isinstance(v, dict)}])
    frames = {
        k: re.sub("|".join(ids).encode(), b"id", v) for k, v in got.items() if isinstance(v, bytes)
    }
    text = re.sub(r'(\\*"boot\\*": ?\\*")\w+', r"\1", re.sub("|".join(ids), "id", text))
    return frames | {"text": text}


REWARDS = st.lists(st.sampled_from([0.0, 0.3, 1.0, 1.3]), min_size=SIZE, max_size=SIZE)


@settings(
    max_examples=1,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # a smaller difference would take minutes to find
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@example("teaches", "batch", (2, 1), [1.0, 1.0, 1.0, 1.0], [1.3, 0.0, 1.0, 0.0])
@example("advantage", "group", (STEPS, 0), [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0])
@given(
    st.sampled_from(["advantage", "teaches"]),
    st.sampled_from(["group", "batch"]),
    st.sampled_from(PLACES),
    REWARDS,
    REWARDS,
)
def test_two_worlds_that_differ_in_the_answer_look_the_same(
    kind: str, scale: str, place: tuple[int, int], one: list[float], other: list[float]
) -> None:
    config = GRPOConfig(
        num_generations=SIZE,
        generation_batch_size=SIZE * GROUPS,
        scale_rewards=scale,
        num_iterations=2,
    )
    got = []
    for rewards in (one, other):
        with tempfile.TemporaryDirectory() as home:
            got.append(all_that_a_student_gets(Path(home), config, kind, place, rewards))
    assert got[0].keys() == got[1].keys()
    for name, found in got[0].items():
        assert found == got[1][name], name


# --- attacks -----------------------------------------------------------------------------------


def ties(metrics: dict[str, Any], groups: list[dict[str, Any]], step: int) -> list[int | None]:
    """Whether the hidden group ties (1), by the share of those that do and by the mean reward."""
    at = metrics["steps"].index(step)
    share, reward = (
        (metrics["metrics"].get(name) or [None] * (at + 1))[at]
        for name in ("frac_reward_zero_std", "reward")
    )
    open_ = [group for group in groups if group["mean"] is not None]
    left = None if share is None else round(share * len(groups)) - sum(g["dead"] for g in open_)
    mean = None if reward is None else reward * len(groups) - sum(g["mean"] for g in open_)
    by_mean = None if mean is None else int(min(abs(mean), abs(1 - mean)) < 1e-3)
    return [left, by_mean]


def test_the_metrics_of_a_step_answer_none_of_112_questions(tmp_path: Path) -> None:
    """Ties are a share of the step's groups, and all others were to be seen: 112 of 112 once."""
    config = GRPOConfig(num_generations=4, generation_batch_size=32)
    rng = np.random.default_rng(5)
    with RunWriter(create_run(tmp_path / "runs", "secret", config)) as writer:
        for index in range(15):
            step = fake_run.make_step(index, config)
            for group in step.groups:
                wins = rng.choice([0, 0, 1, 2, 4])
                for i, c in enumerate(group.completions):
                    c.reward = float(i < wins)
                    c.rewards = {"accuracy_reward": c.reward, "format_reward": 0.0}
            if index:
                settle(step, config)
            writer.append(step)
        writer.write_state(status="finished", started=1.0, step=14)
    guesses: list[list[int | None]] = []
    right = 0
    with serving(tmp_path, unlimited=True) as served:
        teacher, student = served.teacher(), served.student("Ada")
        (member,) = served.room.people.members.values()
        for step_, group in [(step, group) for step in range(1, 15) for group in range(8)]:
            place = {"run": "secret", "step": step_, "group": group}
            poll = teacher.ask("/lab/class/poll", kind="teaches", **place).json()["poll"]
            metrics = student.get("/lab/metrics", params={"run": "secret"}).json()
            board = served.portal.call(board_of, served, member, place)
            guesses.append(ties(metrics, board["groups"], step_))
            right += guesses[-1][0] == served.room.polls.current.right[0]
            teacher.ask(f"/lab/class/poll/{poll}", want="end")
    assert len(guesses) == 112
    assert (right, guesses) == (0, [[None, None]] * 112)


async def board_of(served: Served, member: Any, place: dict[str, Any]) -> dict[str, Any]:
    """The board that a page of a member gets."""
    feed = served.inner.state.feed

    async def nothing(messages: Any) -> None:
        pass

    viewer = Viewer(nothing, member=member)
    viewer.view = type(viewer.view).parse(place)
    messages = [message.read() for message in await feed.messages(viewer)]
    return next(message for message in messages if message["type"] == "board")


def opened(served: Served, place: tuple[int, int], rewards: list[float]) -> str:
    """A question about the group of a run that it was recorded for; the id of the question."""
    config = GRPOConfig(num_generations=SIZE, generation_batch_size=SIZE * GROUPS)
    record(served.home / "runs", config, place, rewards)
    body = {"kind": "advantage", "run": "secret", "step": place[0], "group": place[1]}
    return served.teacher().ask("/lab/class/poll", **body).json()["poll"]


def test_no_words_are_judged_on_any_run_while_a_question_is_open(served: Served) -> None:
    """The group's own words, tried on another step or run with its prompt, would be judged."""
    poll = opened(served, (2, 1), [1.0, 0.0, 0.0, 0.0])
    student = served.student()
    words = {"step": 1, "group": 0, "edits": {"0": "<answer> 1 </answer>"}}
    for run in ("secret", "recorded:recorded"):
        refused = student.ask("/lab/api/lens", run=run, **words)
        assert refused.status_code == 409 and "after the reveal" in refused.json()["error"]
        body = {"run": run, "step": 1, "group": 0, "weights": {"format_reward": 2}}
        assert student.ask("/lab/api/lens", **body).status_code == 200
    served.teacher().ask(f"/lab/class/poll/{poll}", want="reveal")
    assert student.ask("/lab/api/lens", run="secret", **words).status_code == 200


def test_a_run_with_the_same_group_does_not_tell(served: Served) -> None:
    """A copy under another name; so are the first steps of two runs with one seed."""
    poll = opened(served, (2, 1), [1.0, 0.0, 0.0, 0.0])
    runs = served.home / "runs"
    shutil.copytree(runs / "secret", runs / "twin")
    student, member = served.student(), served.room.people.put("x", "X")
    place = {"run": "twin", "step": 2, "group": 1}
    assert served.portal.call(board_of, served, member, place)["masked"] == "group"
    assert student.ask("/lab/api/lens", **place).status_code == 409
    metrics = "/lab/metrics?run=twin"
    during = student.get(metrics).json()["metrics"]["reward"]
    served.teacher().ask(f"/lab/class/poll/{poll}", want="reveal")
    assert "masked" not in served.portal.call(board_of, served, member, place)
    assert student.ask("/lab/api/lens", **place).status_code == 200
    told = student.get(metrics).json()["metrics"]["reward"]
    assert during[2] is None and [*during[:2], told[2], *during[3:]] == told


def test_a_hunt_counts_nothing_in_the_group_that_is_asked_about(served: Served) -> None:
    config = GRPOConfig(num_generations=SIZE, generation_batch_size=SIZE * GROUPS)
    record(served.home / "runs", config, (2, 1), [1.0, 0.0, 0.0, 0.0])
    teacher, student = served.teacher(), served.student("Ada")
    teacher.ask("/lab/class/hunt", run="secret")
    place = {"run": "secret", "step": 2, "group": 1}
    assert student.ask("/lab/class/flag", **place, completion=3, on=True).status_code == 200
    poll = teacher.ask("/lab/class/poll", kind="teaches", **place).json()["poll"]
    (ada,) = served.room.people.members.values()
    for member in (ada, THE_TEACHER):
        told = served.room.shared(member.role).read()["hunt"]
        assert told["misses"] == told["hits"] == 0
        assert json.loads(served.room.own(member))["flags"] == [[2, 1, 3, 1, None]]
    assert teacher.get("/lab/class/people").json()[0]["score"] == 0
    for on in (True, False):
        refused = student.ask("/lab/class/flag", **place, completion=0, on=on)
        assert refused.status_code == 409 and "after the reveal" in refused.json()["error"]
    assert student.ask("/lab/class/flag", **{**place, "group": 0}, completion=0, on=True).is_success
    teacher.ask(f"/lab/class/poll/{poll}", want="reveal")
    assert [2, 1, 3, 1, 0] in json.loads(served.room.own(ada))["flags"]
    assert served.room.shared(ada.role).read()["hunt"]["misses"] >= 1


def test_findings_are_the_same_whatever_the_step_was(tmp_path: Path) -> None:
    """A long run, so that they say something; the step is one of those that they look at."""
    config = GRPOConfig(num_generations=4, generation_batch_size=8)
    hidden, open_, masked = Hidden(23, 0), [], []
    for reward in (0.0, 50.0):
        path = create_run(tmp_path, f"run{reward:.0f}", config)
        with RunWriter(path) as writer:
            for index in range(25):
                step = fake_run.make_step(index, config)
                if index == hidden.step:
                    step.metrics = {name: reward for name in step.metrics}
                    for i, c in enumerate(step.groups[0].completions):
                        c.rewards = {"accuracy_reward": 0.0, "format_reward": 1.0}
                        c.advantage = reward * (i - 2)
                writer.append(step)
        feed = RunFeed("run", Run(path))
        feed.refresh()
        assert feed.diagnose(hidden) and feed.findings is None
        masked.append(feed.findings_without(hidden).part)
        assert feed.diagnose()
        open_.append(feed.findings.part)
    assert masked[0] == masked[1] and open_[0] != open_[1]


# --- what is told again ------------------------------------------------------------------------


def test_a_page_gets_the_rows_again_at_the_question_and_at_the_reveal(served: Served) -> None:
    """Also while the run goes on: what comes after the step arrives meanwhile."""
    config = GRPOConfig(num_generations=SIZE, generation_batch_size=SIZE * GROUPS)
    record(served.home / "runs", config, (STEPS, 1), [1.0, 0.0, 0.0, 0.0])
    served.student("Ada")

    async def scenario() -> None:
        room, feed = served.room, served.inner.state.feed
        (member,) = room.people.members.values()
        async with watching(served, member) as page:
            page.views.put_nowait({"run": "secret", "step": STEPS, "group": 1})
            await come(lambda: page.has("metrics", reset=True) and page.has("findings"))
            whole = next(m for m in page.messages if m["type"] == "metrics")
            group = (await feed.step_of("secret", STEPS))[0].groups[1]
            poll = room.open_poll("teaches", "secret", STEPS, 1, group)
            await come(lambda: page.has("metrics", steps=[STEPS]))
            blank = next(m for m in page.messages if m.get("steps") == [STEPS])
            assert not blank["reset"] and blank["metrics"] == {"learning_rate": [3e-4]}
            page.messages.clear()
            more = fake_run.make_step(STEPS + 1, config)
            with RunWriter(Run(served.home / "runs" / "secret").path) as writer:
                writer.append(more)
            await come(lambda: page.has("metrics", steps=[STEPS + 1]))
            row = next(m for m in page.messages if m["type"] == "metrics")
            assert row["metrics"]["reward"] == [pytest.approx(more.metrics["reward"], rel=1e-4)]
            page.messages.clear()
            room.move_poll(poll.id, "revealed")
            await come(lambda: page.has("metrics", steps=[STEPS, STEPS + 1]))
            again = next(m for m in page.messages if m["type"] == "metrics")
            for name, values in again["metrics"].items():
                assert values[0] == whole["metrics"][name][-1], name
            await come(lambda: page.has("board") and page.has("findings"))
            assert all("masked" not in m for m in page.messages if m["type"] == "board")

    served.portal.call(scenario)


def test_what_was_being_made_when_the_question_came_is_made_again(served: Served) -> None:
    config = GRPOConfig(num_generations=SIZE, generation_batch_size=SIZE * GROUPS)
    record(served.home / "runs", config, (2, 1), [1.0, 0.0, 0.0, 0.0])

    async def scenario(name: str) -> None:
        room, feed, loop = served.room, served.inner.state.feed, asyncio.get_running_loop()
        group = (await feed.step_of("secret", 2))[0].groups[1]
        inside = await feed._watched("secret")
        real, place = getattr(inside, name), {"run": "secret", "step": 2, "group": 1}

        def make(*given: Any) -> Any:
            if room.polls.current is None:
                loop.call_soon_threadsafe(room.open_poll, "teaches", "secret", 2, 1, group)
            return real(*given)

        setattr(inside, name, make)
        if name == "metrics":
            columns = (await feed.metrics_of("secret")).read()["metrics"]
            assert columns["reward"][2] is None and columns["reward"][1] is not None
        else:
            assert (await board_of(served, THE_TEACHER, place))["masked"] == "group"
        setattr(inside, name, real)
        room.move_poll(room.polls.current.id, "ended")

    for name in ("history", "metrics"):
        served.portal.call(scenario, name)


def test_the_teachers_page_is_masked_as_well(served: Served) -> None:
    opened(served, (2, 1), [1.0, 0.0, 0.0, 0.0])
    place = {"run": "secret", "step": 2, "group": 1}
    (board, students) = (
        served.portal.call(board_of, served, member, place)
        for member in (THE_TEACHER, served.room.people.put("x", "X"))
    )
    assert board == students and board["masked"] == "group"
    for card in board["completions"]:
        assert card.keys() <= {*masking.CARD, "reward", "advantage", "rewards"}
    other = served.portal.call(board_of, served, THE_TEACHER, {**place, "group": 0})
    assert other["masked"] == "step" and other["groups"][1]["mean"] is None
    for card in other["completions"]:
        assert card["reward"] is not None and card["advantage"] is None and "push" not in card


def test_a_metric_that_nobody_explained_may_be_a_sum() -> None:
    known = {"reward": 1.0, "rewards/mine/mean": 2.0, "learning_rate": 3.0, "seconds/step": 1.0}
    metrics = {**known, "num_tokens": 5.0, "new": 6.0}
    hidden = Hidden(2, 0)
    assert mask_row((1, metrics), hidden) == (1, metrics)
    assert mask_row((2, metrics), hidden) == (2, {"learning_rate": 3.0})
    assert mask_row((3, metrics), hidden) == (3, known)
