"""Guessing, places, and students who were taken out."""

import asyncio
import time

import pytest

from grpo_core.app.dashboard.classroom import people
from grpo_core.app.dashboard.classroom.door import (
    ALL_FREE_GUESSES,
    ALL_GUESSES_PER_SECOND,
    FREE_GUESSES,
    GUESSES_PER_SECOND,
    OUT_SECONDS,
    PENDING_SECONDS,
    SHARE,
    WAS_REMOVED,
    Door,
)
from grpo_core.app.dashboard.classroom.people import STUDENT, Member
from grpo_core.core.errors import LabError

DAY, PART = 86_400.0, 900.0  # seconds


class World:
    """A door with a clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.door = Door(lambda: self.now, self.sleep)
        self.members: dict[str, Member] = {}

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def join(self, key: str, address: str) -> None:
        for ghost in self.door.make_room(address, self.members):
            del self.members[ghost]
            self.door.left(ghost)
        self.door.came(key, address)
        self.members[key] = Member(STUDENT, key, key)

    def confirm(self, key: str) -> None:
        del self.door.pending[key]


def test_how_many_codes_are_guessed_in_a_day() -> None:
    world = World()

    async def guess(addresses: int) -> int:
        tried = 0
        while world.now < PART:
            async with world.door.turn(f"10.0.0.{tried % addresses}"):
                world.door.guessed(f"10.0.0.{tried % addresses}")
            tried += 1
        return tried

    one = asyncio.run(guess(1))
    assert one == pytest.approx(FREE_GUESSES + GUESSES_PER_SECOND * PART, rel=0.01)
    world = World()
    everybody = asyncio.run(guess(200))
    most = ALL_FREE_GUESSES + ALL_GUESSES_PER_SECOND * PART
    assert everybody == pytest.approx(most, rel=0.01)
    codes = len(people.CODE_LETTERS) ** people.CODE_LENGTH
    assert (ALL_FREE_GUESSES + ALL_GUESSES_PER_SECOND * DAY) / codes < 0.001


def test_a_line_is_kept_in_order_and_one_who_leaves_is_not_checked() -> None:
    async def scenario() -> None:
        door = Door()
        first, checked = asyncio.Event(), []

        async def attempt(name: str) -> None:
            async with door.turn("10.0.0.7"):
                checked.append(name)
                if name == "first":
                    await first.wait()

        tasks = {}
        for name in ("first", "gone", "last"):
            tasks[name] = asyncio.create_task(attempt(name))
            await asyncio.sleep(0)
        async with door.turn("10.0.0.8"):  # others do not wait
            checked.append("other")
        tasks["gone"].cancel()
        first.set()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert checked == ["first", "other", "last"] and not door._lines and not door._waiting

    asyncio.run(scenario())


def test_confirmed_students_never_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "MAX_MEMBERS", 40)
    world = World()
    world.join("ada", "10.0.0.7")
    world.confirm("ada")
    for i in range(360):
        world.join(f"ghost {i}", f"10.0.0.{66 + i % 4}")
        world.now += 0.1
    assert "ada" in world.members and len(world.members) == 40
    for key in list(world.door.pending):
        world.confirm(key)
    with pytest.raises(LabError, match="class is full"):
        world.join("late", "10.0.0.8")


def test_an_address_has_a_share_that_the_teacher_raises() -> None:
    world = World()
    for i in range(SHARE):
        world.join(f"student {i}", "10.0.0.66")
        world.confirm(f"student {i}")
    with pytest.raises(LabError, match="places of your address"):
        world.join("late", "10.0.0.66")
    world.join("elsewhere", "10.0.0.7")
    assert world.door.told([])["full"] == ["10.0.0.66"]
    world.door.allow("10.0.0.66")
    world.join("late", "10.0.0.66")
    assert world.door.told(["10.0.0.9"])["full"] == ["10.0.0.9"]


def test_a_pending_place_is_free_again_after_a_while() -> None:
    world = World()
    world.join("slow", "10.0.0.7")
    world.now = PENDING_SECONDS - 1
    world.join("next", "10.0.0.7")
    assert "slow" in world.members
    world.now = PENDING_SECONDS
    world.join("third", "10.0.0.7")
    assert world.members.keys() == {"next", "third"}


def test_taken_out_of_a_class_behind_one_address() -> None:
    world = World()
    for key in ("eve", "ada", "bob"):
        world.join(key, "10.0.0.7")
    world.door.take_out("eve", "Eve", time.time())
    world.door.left("eve")
    with pytest.raises(LabError, match=WAS_REMOVED):
        world.door.check("eve", "Another", "10.0.0.9")
    with pytest.raises(LabError, match=WAS_REMOVED):
        world.door.check(None, "EVE", "10.0.0.7")
    world.door.check(None, "Another", "10.0.0.7")  # a neighbour, or Eve: nothing tells them apart
    world.door.check(None, "Eve", "10.0.0.8")


def test_taken_out_where_every_machine_has_an_address() -> None:
    world = World()
    for i, key in enumerate(("eve", "ada", "bob", "cleo")):
        world.join(key, f"10.0.0.{i}")
    world.door.take_out("eve", "Eve", time.time())
    world.door.left("eve")
    with pytest.raises(LabError, match=WAS_REMOVED):
        world.door.check(None, "Another", "10.0.0.0")
    world.door.check(None, "Another", "10.0.0.1")
    del world.door.out["eve"]  # let in again
    world.door.check("eve", "Eve", "10.0.0.0")


def test_it_is_forgotten_who_was_taken_out() -> None:
    world = World()
    world.door.take_out("eve", "Eve", time.time() - OUT_SECONDS - 1)
    world.door.check("eve", "Eve", "10.0.0.7")
    assert world.door.told([])["out"] == []
