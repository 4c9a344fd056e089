"""Which connections are admitted, which give way, which are dropped."""

import sys

import pytest

from grpo_core.app.dashboard import doors
from grpo_core.app.dashboard.doors import (
    CHANCE_SECONDS,
    FOR_TEACHER,
    LINGER_SECONDS,
    MAX_ASIDE_DROPPED,
    MAX_PER_ADDRESS,
    MAX_PER_MEMBER,
    MEMBER,
    NOBODY,
    NOTICE_SECONDS,
    SOCKET,
    STALLED_SECONDS,
    TEACHER,
    Connection,
    Doors,
    descriptors,
    room_for,
)


class Transport:
    """As much of a transport as the doors need."""

    def __init__(self, address: str, port: int) -> None:
        self.peer = (address, port)
        self.is_aborted = self.is_closed = False

    def get_extra_info(self, name: str) -> object:
        return self.peer if name == "peername" else None

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_closed or self.is_aborted


class World:
    """Doors with a clock that is moved by hand."""

    def __init__(self, most: int = 1_500) -> None:
        self.now = 100.0
        self.doors = Doors(most, clock=lambda: self.now)
        self.port = 0

    def come(self, address: str, rank: int | None = None, who: str | None = None) -> Connection:
        self.port += 1
        place = self.doors.enter(Transport(address, self.port))
        if place is not None and rank is not None:
            self.doors.seen(place.client, who, rank)
        return place


def test_idle_connections_of_one_address_give_way_to_its_own_new_ones() -> None:
    world = World()
    idle = [world.come("10.0.0.66") for _ in range(MAX_PER_ADDRESS)]
    assert all(idle) and world.doors.full() == []
    world.now += CHANCE_SECONDS
    student = world.come("10.0.0.66", MEMBER, "ada")  # of the same school
    assert student and idle[0].is_aside and not idle[1].is_aside
    for _ in range(2 * MAX_PER_ADDRESS):
        assert world.come("10.0.0.66")
        world.now += CHANCE_SECONDS / MAX_PER_ADDRESS
        assert world.doors._counts["10.0.0.66"] <= 2 * MAX_PER_ADDRESS
    world.now += CHANCE_SECONDS
    assert world.come("10.0.0.66") and world.doors._counts["10.0.0.66"] == MAX_PER_ADDRESS
    assert all(place.is_aside for place in idle) and not student.is_aside
    assert world.doors.full() == ["10.0.0.66"]


def test_who_gave_way_comes_back_when_it_sends_something() -> None:
    """A browser opens connections before it needs them; theirs is a request like any other."""
    world = World()
    early = world.come("10.0.0.66")
    for _ in range(MAX_PER_ADDRESS - 1):
        world.come("10.0.0.66")
    world.now += CHANCE_SECONDS
    world.come("10.0.0.66")
    assert early.is_aside and world.doors._counts["10.0.0.66"] == MAX_PER_ADDRESS
    deadline = early.deadline
    for _ in range(3):  # it keeps to its first deadline, however often it comes and goes
        world.doors.come_back(early)
        assert not early.is_aside and world.doors._counts["10.0.0.66"] == MAX_PER_ADDRESS
        for _ in range(MAX_PER_ADDRESS):
            world.now += CHANCE_SECONDS
            world.come("10.0.0.66")
        assert early.is_aside and early.deadline == deadline
    world.doors.seen(early.client, "ada", MEMBER)
    assert not early.is_aside and early.rank == MEMBER
    for place in list(world.doors._open.values()):
        world.doors.leave(place)
    assert not world.doors._open and not world.doors._counts and not world.doors._weak
    assert not world.doors._aside


@pytest.mark.parametrize("is_aside", [False, True])
def test_a_peer_that_comes_again_from_the_same_port_leaves_nothing_behind(is_aside: bool) -> None:
    world = World(most=2 * MAX_PER_ADDRESS)
    first = world.come("10.0.0.66")
    if is_aside:
        for _ in range(MAX_PER_ADDRESS - 1):
            world.come("10.0.0.66")
        world.now += CHANCE_SECONDS
        world.come("10.0.0.66")
    assert first.is_aside == is_aside
    again = world.doors.enter(Transport(*first.client))
    assert first.transport.is_aborted and not again.transport.is_aborted
    world.doors.leave(first)  # as the transport says a little later
    assert world.doors.find(again.transport) is again and first not in world.doors._aside
    for place in list(world.doors._open.values()):
        world.doors.leave(place)
    assert not world.doors._counts and not world.doors._aside


def test_who_gave_way_is_not_closed_before_its_time() -> None:
    """Closed, it would come back at once."""
    world = World()
    places = [world.come("10.0.0.66") for _ in range(MAX_PER_ADDRESS)]
    world.now += CHANCE_SECONDS
    places += [world.come("10.0.0.66") for _ in range(MAX_ASIDE_DROPPED + 20)]
    world.now += doors.HEAD_SECONDS - 1
    world.doors.sweep()  # the counted ones, which came first, were there too long
    aside = [place for place in places if place.is_aside]
    assert len(aside) == MAX_ASIDE_DROPPED + 20
    assert not any(place.transport.is_aborted for place in aside)
    world.now += 1
    for dropped in (MAX_ASIDE_DROPPED, MAX_ASIDE_DROPPED + 20):
        world.doors.sweep()
        assert sum(place.transport.is_aborted for place in aside) == dropped
    assert not world.doors._aside and len(world.doors) == 0


def test_a_burst_pushes_nobody_out_before_the_request_was_read() -> None:
    world = World()
    for _ in range(MAX_PER_ADDRESS - 1):
        world.come("10.0.0.66")
    student = world.come("10.0.0.66")  # whose request is on its way
    for _ in range(MAX_PER_ADDRESS):
        assert world.come("10.0.0.66")
    assert not student.is_aside
    world.doors.seen(student.client, "ada", MEMBER)
    for _ in range(3 * MAX_PER_ADDRESS):
        assert world.come("10.0.0.66")
    assert not student.is_aside and len(world.doors) <= 5 * MAX_PER_ADDRESS


def test_a_full_server_takes_from_whom_has_most() -> None:
    world = World(most=60)
    few = [world.come("10.0.0.7") for _ in range(5)]
    many = [world.come("10.0.0.66") for _ in range(55)]
    assert world.come("10.0.0.8") and len(world.doors) == 60
    assert many[0].transport.is_aborted and not any(p.transport.is_aborted for p in few)


def test_a_full_server_closes_first_who_gave_way() -> None:
    world = World(most=MAX_PER_ADDRESS + 10)
    few = [world.come("10.0.0.7") for _ in range(5)]
    many = [world.come("10.0.0.66") for _ in range(MAX_PER_ADDRESS)]
    world.now += CHANCE_SECONDS
    many += [world.come("10.0.0.66") for _ in range(20)]
    assert all(many) and len(world.doors) == MAX_PER_ADDRESS + 10
    assert [p.transport.is_aborted for p in many[:20]] == [True] * 15 + [False] * 5
    assert not any(p.transport.is_aborted or p.is_aside for p in few)


def test_members_never_give_way_and_the_teacher_has_a_reserve() -> None:
    world = World(most=60)
    world.come("127.0.0.1", TEACHER, "teacher")
    for i in range(59):
        world.come(f"10.0.0.{i}", SOCKET, f"member {i}")
    assert world.come("10.0.1.1") is None
    assert all(world.come("127.0.0.1", TEACHER, "teacher") for _ in range(FOR_TEACHER))
    assert world.come("127.0.0.1") is None
    assert not any(p.transport.is_aborted for p in world.doors._open.values())


def test_the_teacher_raises_a_limit() -> None:
    world = World()
    changes: list[int] = []
    world.doors.on_change = lambda: changes.append(1)
    for i in range(MAX_PER_ADDRESS):
        world.come("10.0.0.66", MEMBER, f"member {i}")
    for _ in range(3):
        assert world.come("10.0.0.66") is None
    assert world.doors.full() == ["10.0.0.66"] and len(changes) == 1
    world.doors.allow("10.0.0.66")
    assert world.doors.full() == [] and world.come("10.0.0.66", MEMBER, "late")
    world.now += NOTICE_SECONDS + 1
    assert world.doors.full() == []


def test_one_member_has_so_many_connections() -> None:
    world = World()
    socket = world.come("10.0.0.7", SOCKET, "ada")
    own = [world.come("10.0.0.7", MEMBER, "ada") for _ in range(MAX_PER_MEMBER)]
    assert own[0].transport.is_aborted and not socket.transport.is_aborted
    assert len(world.doors) == MAX_PER_MEMBER
    assert world.come("10.0.0.7", MEMBER, "bob")


def test_what_is_dropped_and_when() -> None:
    world = World()
    idle, stalled, closing, busy = (world.come("10.0.0.7") for _ in range(4))
    for place in (stalled, closing, busy):
        place.deadline = None
    stalled.stalled = world.now
    closing.transport.is_closed = True
    world.doors.sweep()
    assert len(world.doors) == 4
    world.now += LINGER_SECONDS
    world.doors.sweep()
    assert closing.transport.is_aborted and not idle.transport.is_aborted
    world.now += doors.HEAD_SECONDS - LINGER_SECONDS
    world.doors.sweep()
    assert idle.transport.is_aborted and not stalled.transport.is_aborted
    world.now += STALLED_SECONDS
    world.doors.sweep()
    assert stalled.transport.is_aborted and not busy.transport.is_aborted


def test_nothing_is_kept_of_those_who_left() -> None:
    world = World()
    places = [world.come(f"10.0.{i}.1", (None, NOBODY, MEMBER)[i % 3]) for i in range(200)]
    for place in places:
        world.doors.leave(place)
        world.doors.leave(place)
    assert not world.doors._open and not world.doors._counts and not world.doors._weak
    assert not world.doors._aside


def test_descriptors_are_kept_for_runs() -> None:
    assert room_for(None) == doors.MAX_CONNECTIONS
    assert room_for(4_096) == doors.MAX_CONNECTIONS
    assert (room_for(1_024), room_for(400), room_for(100)) == (768, 200, 50)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_the_limit_of_open_files_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    limits = [(256, 1_000), (256, resource.RLIM_INFINITY), (8_000, 9_000)]
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[0])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: set_to.append(pair))
    assert descriptors() == 1_000 and set_to == [(1_000, 1_000)]
    limits.pop(0)
    assert descriptors() == doors.DESCRIPTORS
    limits.pop(0)
    assert descriptors() == 8_000 and len(set_to) == 2
    limits[0] = (256, 1_000)

    def refuse(_: int, pair: tuple[int, int]) -> None:
        raise OSError("not allowed")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert descriptors() == 256
