"""What each may ask for, and what a flood leaves of the journal."""

import pytest

from grpo_core.app.dashboard.classroom import Classroom, journal
from grpo_core.app.dashboard.classroom.budgets import LONGEST_WAIT, STUDENT_BURST, Budgets
from grpo_core.app.dashboard.classroom.people import STUDENT, Member
from grpo_core.core.errors import LabError

ADA, BOB = Member(STUDENT, "1", "Ada"), Member(STUDENT, "2", "Bob")


def test_a_flood_of_one_waits_and_then_is_refused() -> None:
    budgets, waits = Budgets(), []
    for _ in range(500):
        waits.append(budgets.request(ADA, "10.0.0.7", "/lab/class/vote"))
    assert waits[: int(STUDENT_BURST)] == [0] * int(STUDENT_BURST) and waits[-1] is None
    assert max(w for w in waits if w is not None) <= LONGEST_WAIT
    assert budgets.request(BOB, "10.0.0.7", "/lab/class/vote") == 0
    assert budgets.request(None, "10.0.0.7", "/join") == 0
    assert budgets.request(None, "10.0.0.7", "/lab/class/join") == 0


def test_a_page_is_loaded_at_once_and_work_costs_more() -> None:
    budgets = Budgets()
    for _ in range(3):
        for _ in range(75):
            assert budgets.request(ADA, "", "/lab/assets/lab.js") == 0
    for _ in range(30):
        assert budgets.request(BOB, "", "/lab/api/lens") == 0
    assert sum(budgets.request(BOB, "", "/lab/metrics") or 0 for _ in range(30)) > 10


def test_a_flood_never_keeps_the_teacher_or_the_others_from_acting(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MAX_EVENTS", 4_000)
    monkeypatch.setattr(journal, "RESERVED", 400)
    room = Classroom(tmp_path, "Test")
    crowd = [room.join(f"name {i}") for i in range(20)]
    honest = room.join("Ada")
    room.confirm(honest)
    refused = 0
    for number in range(40):
        hunt = room.open_hunt(f"run {number}", "judge", "countdown")
        for member in crowd:
            for i in range(200):
                try:
                    room.flag(member, hunt, (i, 0, 0), False)
                    room.unflag(member, hunt, (i, 0, 0))
                except LabError:
                    refused += 1
                    break
        room.flag(honest, hunt, (1, 0, 0), True)
        room.end_hunt()
    assert refused > 700
    for _ in range(50):
        room.set_door(False)
        room.set_door(True)
    room.change_code()
    room.close()
