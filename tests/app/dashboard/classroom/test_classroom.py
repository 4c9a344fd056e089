"""The facade: what a new start brings back, what the pages are told, who may open how much."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grpo_core.app.dashboard import classroom as module
from grpo_core.app.dashboard.classroom import Classroom, clean_title, people
from grpo_core.app.dashboard.classroom.people import STUDENT, THE_TEACHER, Member
from grpo_core.app.dashboard.classroom.routes import MAX_OTHERS, clean_view
from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion, Group


def group(size: int = 3) -> Group:
    one = np.zeros(1, np.float32)
    return Group(
        "p",
        {},
        [
            Completion("x", ["x"], one.astype(np.int32), {}, i, i, False, one, one)
            for i in range(size)
        ],
    )


@pytest.fixture
def room(tmp_path: Path):
    room = Classroom(tmp_path, "Test")
    yield room
    room.close()


def told(room: Classroom, member: Member) -> dict:
    return json.loads(room.message(member))


def state(room: Classroom) -> tuple:
    """All that must survive a new start."""
    return (
        room.code,
        room.people.members,
        room.polls.all,
        room.hunts,
        room.hunt,
        [told(room, member) for member in room.people.members.values()],
        told(room, THE_TEACHER) | {"join": None},
        room.results(),
    )


def act(room: Classroom, what: str, a: int, b: int) -> None:
    """Do something to a class, which may be refused."""
    members = list(room.people.members.values())
    member = members[a % len(members)] if members else None
    if what == "join":
        room.confirm(room.join(f"name {b}"))
    elif what == "rename" and member:
        room.join(f"name {b}", member)
    elif what == "remove" and member:
        asyncio.run(room.remove(member.id))
    elif what == "poll":
        room.open_poll(["advantage", "teaches"][b % 2], "run", a, 0, group())
    elif what == "move" and room.polls.current:
        room.move_poll(room.polls.current.id, ["closed", "revealed", "ended"][b % 3])
    elif what == "vote" and member and room.polls.current:
        room.vote(member, room.polls.current.id, b)
    elif what == "hunt":
        room.open_hunt("run", "judge", "countdown") if b % 4 else room.end_hunt()
    elif what == "flag" and member and room.hunt:
        room.flag(member, room.hunt, (a, 0, b), b % 2 == 0)
    elif what == "unflag" and member and room.hunt:
        room.unflag(member, room.hunt, (a, 0, b))


ACTS = "join rename remove poll move vote hunt flag unflag"
actions = st.tuples(st.sampled_from(ACTS.split()), st.integers(0, 3), st.integers(0, 3))


@settings(deadline=None, max_examples=60)
@given(events=st.lists(actions, max_size=40))
def test_a_new_start_loses_nothing(tmp_path_factory, events: list[tuple]) -> None:
    home = tmp_path_factory.mktemp("class")
    first = Classroom(home, "Test")
    for event in events:
        try:
            act(first, *event)
        except LabError:
            continue
    before = state(first)
    cookies = [first.cookies.value(m) for m in (THE_TEACHER, *first.people.members.values())]
    token = first.token
    first.close()
    second = Classroom(home, "Test")
    assert state(second) == before
    assert all(second.cookies.read(cookie) for cookie in cookies)
    assert not second.takes_token(token)  # the link is of one start; who used it stays in
    second.close()


def test_a_hand_in_the_journal_breaks_nothing(tmp_path: Path) -> None:
    room = Classroom(tmp_path, "Test")
    ada = room.join("Ada")
    room.confirm(ada)
    poll = room.open_poll("advantage", "run", 1, 0, group())
    path = room._journal.path
    room.close()
    bad = [
        "null", "[]", "{", "{}", '{"what": 3}', '{"what": "joined"}', '{"what": "poll"}',
        '{"what": "removed", "id": "x"}', '{"what": "flag", "place": [1]}',
        f'{{"what": "vote", "poll": "{poll.id}", "id": "{ada.id}", "choice": 99}}',
        f'{{"what": "vote", "poll": "{poll.id}", "id": "nobody", "choice": 1}}',
        f'{{"what": "moved", "poll": "{poll.id}", "state": "burnt"}}', "\u0000",
    ]  # fmt: skip
    with path.open("a") as file:
        file.write("\n".join(bad) + "\n")
    again = Classroom(tmp_path, "Test")
    assert again.code == room.code and again.people.members == {ada.id: ada}
    assert again.polls.current.told() == poll.told() and told(again, ada)["poll"]["voted"] == 0
    again.close()


def test_begun_anew(tmp_path: Path) -> None:
    room = Classroom(tmp_path, "Test")
    ada = room.join("Ada")
    cookie = room.cookies.value(ada)
    room.close()
    new = Classroom(tmp_path, "Test", new=True)
    assert new.people.members == {} and new.code != room.code
    assert new.cookies.read(cookie) is None
    other = Classroom(tmp_path, "Another")
    assert other.people.members == {} and other.cookies.read(cookie) is None
    new.close()
    other.close()


# --- what the pages are told -------------------------------------------------------------------


def test_the_message_is_what_the_contract_says(room: Classroom) -> None:
    ada, bob = room.join("Ada"), room.join("Bob")
    assert told(room, ada) == {
        "type": "class", "role": "student", "you": {"id": ada.id, "name": "Ada"}, "title": "Test",
        "people": 2, "here": 0, "focus": None, "poll": None, "hunt": None,
    }  # fmt: skip
    room.lives_at("10.0.0.7", 7860)
    teacher = told(room, THE_TEACHER)
    assert teacher["join"] == {"url": "http://10.0.0.7:7860/join", "code": room.code}
    assert room.code not in room.message(ada) and room.token not in room.message(THE_TEACHER)

    poll = room.open_poll("advantage", "run", 4, 1, group())
    room.vote(ada, poll.id, 0)
    room.vote(bob, poll.id, 2)
    room.vote(bob, poll.id, 1)
    shown = {
        "id": poll.id, "kind": "advantage", "run": "run", "step": 4, "group": 1, "choices": 3,
        "state": "open", "tallies": [1, 1, 0], "voted": 2, "mine": 0,
    }  # fmt: skip
    assert told(room, ada)["poll"] == shown
    assert told(room, bob)["poll"]["mine"] == 1 and told(room, THE_TEACHER)["poll"]["mine"] is None
    room.move_poll(poll.id, "revealed")
    assert told(room, ada)["poll"] == shown | {"state": "revealed", "right": [2]}
    room.move_poll(poll.id, "ended")
    assert told(room, ada)["poll"] is None

    hunt = room.open_hunt("run", "judge", "countdown")
    room.flag(ada, hunt, (3, 0, 1), True)
    room.flag(bob, hunt, (3, 0, 1), True)
    room.flag(bob, hunt, (3, 0, 2), False)
    mine = told(room, ada)["hunt"]
    assert mine["mine"] == {"flags": 1, "hits": 1, "misses": 0, "score": 1}
    assert (mine["flags"], mine["hits"], mine["misses"]) == (3, 2, 1)
    assert mine["found"] == [[3, 0, 1, 1, 1]] and mine["board"] == [{"name": "Ada", "score": 1}]
    assert told(room, THE_TEACHER)["hunt"]["found"] == [[3, 0, 1, 2, 1], [3, 0, 2, 1, 0]]


def test_all_but_ones_own_part_is_made_once(
    room: Classroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [room.join(f"name {i}") for i in range(100)]
    room.open_poll("advantage", "run", 4, 1, group())
    made = []
    monkeypatch.setattr(
        module, "encode", lambda value: made.append(len(json.dumps(value))) or json.dumps(value)
    )
    texts = {room.message(member) for member in members}
    assert len(texts) == 100
    assert sum(size > 100 for size in made) <= 2 and sum(made) < 100 * 100


def test_names_of_today(room: Classroom) -> None:
    ada = room.join("Ada")
    room.join("Countess", ada)
    assert told(room, ada)["you"]["name"] == "Countess" and len(room.people.members) == 1


def test_whoever_changes_something_wakes_the_pages(room: Classroom) -> None:
    woken = []
    room.on_change = lambda: woken.append(1)
    ada = room.join("Ada")
    room.follow({"run": "a"})
    poll = room.open_poll("teaches", "run", 4, 1, group())
    room.vote(ada, poll.id, 0)
    assert len(woken) == 4
    room.vote(ada, poll.id, 0)  # the same again is no news, and no line in the journal
    assert len(woken) == 4 and poll.changes[ada.id] == 1


def test_following(room: Classroom) -> None:
    ada = room.join("Ada")
    room.follow(clean_view({"run": "a", "step": 3}))
    first = told(room, ada)["focus"]
    assert first["by"] == "teacher" and first["view"]["step"] == 3
    room.follow(clean_view({"run": "a", "step": 4}))
    assert told(room, ada)["focus"]["since"] == first["since"]
    room.follow(None)
    assert told(room, ada)["focus"] is None


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
VIEW = ("run", "step", "group", "shade", "sort", "tool", "token", "others", "stage")


@given(st.dictionaries(st.sampled_from([*VIEW, "hide", "x"]), junk))
def test_a_view_is_passed_on_in_bounds(view: dict) -> None:
    cleaned = clean_view(view)
    assert set(cleaned) == set(VIEW) and len(json.dumps(cleaned)) < 8_000
    assert clean_view(cleaned) == cleaned and len(cleaned["others"]) <= MAX_OTHERS
    assert isinstance(cleaned["group"], int) and cleaned["group"] >= 0


def test_a_whole_view_comes_through() -> None:
    view = {
        "run": "recorded:a", "step": 3, "group": 1, "shade": "kl", "sort": "reward", "tool": "lens",
        "token": [2, 17], "others": ["b", "c"], "stage": "4",
    }  # fmt: skip
    assert clean_view(view) == view


# --- full classes ------------------------------------------------------------------------------


def test_ghosts_make_room_and_nobody_else(room: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "MAX_MEMBERS", 3)
    voter, here, ghost = (room.join(name) for name in ("voter", "here", "ghost"))
    poll = room.open_poll("teaches", "run", 1, 0, group())
    room.vote(voter, poll.id, 0)

    async def close() -> None: ...

    with room.connected(here, close):
        new = room.join("new")
        assert room.people.members.keys() == {voter.id, here.id, new.id}
        room.vote(new, poll.id, 1)
        with pytest.raises(LabError, match="is full"):
            room.join("late")
        assert room.join("renamed", new).name == "renamed"
    assert ghost.id not in room.people.members


def test_nobody_takes_the_places_of_the_others(room: Classroom) -> None:
    async def close() -> None: ...

    def open_all(member: Member) -> int:
        """Opens as many pages as are admitted."""
        count = 0
        while room.admits(member) and count < 1000:
            room._sockets.setdefault(member.id, []).append(close)
            count += 1
        return count

    greedy = [room.join(f"name {i}") for i in range(60)]
    counts = [open_all(member) for member in greedy]
    assert counts[0] == module.MAX_SOCKETS and min(counts) >= 1
    assert sum(counts) <= module.FEW_SOCKETS + len(greedy)
    assert open_all(room.join("late")) == 1
    assert open_all(THE_TEACHER) == module.TEACHERS_SOCKETS
    assert room.here == 61


def test_a_page_that_closes_is_no_longer_here(room: Classroom) -> None:
    ada = room.join("Ada")

    async def close() -> None: ...

    with room.connected(ada, close):
        with room.connected(ada, close):
            assert room.here == 1
        assert room.here == 1 and room.listed()[0]["here"]
    assert room.here == 0 and not room._sockets


def test_only_so_many_trials_at_once(room: Classroom) -> None:
    ada, bob = room.join("Ada"), room.join("Bob")
    import contextlib

    with contextlib.ExitStack() as stack:
        for _ in range(module.TRIALS):
            stack.enter_context(room.trying(ada))
        with pytest.raises(LabError, match="still being worked on"), room.trying(ada):
            pass
        with room.trying(bob), room.trying(THE_TEACHER):
            pass
    with room.trying(ada):
        pass


# --- at start ----------------------------------------------------------------------------------


def test_what_is_printed(room: Classroom) -> None:
    room.lives_at("0.0.0.0", 7861)
    text = "\n".join(room.words())
    assert f"http://127.0.0.1:7861/lab/class/teach?token={room.token}" in text
    assert room._once not in text and len(room.token) >= 22  # 128 bits in base64
    if room.join_url:
        assert f"{room.code[:3]} {room.code[3:]}" in text and "█" in text
    room.join_urls = []
    assert "no address in a network" in "\n".join(room.words()) and room.invitation == ""


@pytest.mark.parametrize("title", ["", " ", "\u200b\n"])
def test_no_title(title: str) -> None:
    with pytest.raises(LabError, match="needs a title"):
        clean_title(title)


def test_titles() -> None:
    assert clean_title(" Monday\n10 o'clock\u202e ") == "Monday 10 o'clock"
    assert len(clean_title("x" * 1000)) <= 60


def test_the_browsers_link_is_good_for_once(room: Classroom) -> None:
    once = room._once
    assert not room.takes_token("") and not room.takes_token("\ud800")
    assert room.takes_token(once) and not room.takes_token(once)
    assert room.takes_token(room.token) and room.takes_token(room.token)


def test_a_member_is_known_by_the_cookie_only(room: Classroom) -> None:
    from starlette.requests import HTTPConnection

    def who(cookie: str | None) -> Member | None:
        headers = [] if cookie is None else [(b"cookie", cookie.encode("latin-1", "replace"))]
        scope = {"type": "http", "headers": headers, "client": ("127.0.0.1", 1)}
        return room.who(HTTPConnection(scope))[0]

    ada = room.join("Ada")
    value = room.cookies.value(ada)
    assert who(f"{people.COOKIE}={value}") == ada
    assert who(None) is None and who("") is None and who("x=y; ;=;") is None
    forged = room.cookies.value(Member(STUDENT, "teacher", ""))
    assert who(f"{people.COOKIE}={forged}") is None
    forged = room.cookies.value(Member("teacher", ada.id, ""))
    assert who(f"{people.COOKIE}={forged}") is None
    asyncio.run(room.remove(ada.id))
    assert who(f"{people.COOKIE}={value}") is None
