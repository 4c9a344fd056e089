"""What each student may ask for in a while, so that a flood of one delays nobody else.

Over a budget the server waits before it goes on with that student's request or message. It refuses
where the wait would be too long: the page then says so.
"""

import re
from collections import Counter

from grpo_core.app.dashboard.classroom.people import Member
from grpo_core.app.dashboard.limits import Budget, network
from grpo_core.core.errors import LabError

COSTS = (
    (re.compile(r"/lab/class/join"), 0.0),  # has a line of its own, see door
    (re.compile(r"/lab/assets/.*"), 0.2),  # a page has about seventy
    (re.compile(r"/lab/(metrics|api/lens|class/flag)"), 3.0),  # worked out, or read from a run
)
"""Tokens that a request takes from its budget, by path; all others take one."""

STUDENT_RATE, STUDENT_BURST = 10.0, 150.0  # of a student
VISITOR_RATE, VISITOR_BURST = 30.0, 400.0  # of an address without a cookie: a class that joins
LONGEST_WAIT = 10.0  # seconds that a request is delayed; beyond it is refused
VIEW_RATE, VIEW_BURST = 20.0, 100.0  # messages of all WebSockets of a student
RENAMES, RENAMES_PER_SECOND = 10, 1 / 60  # of a student
SHARE_OF_JOURNAL = 50  # a student may write a fiftieth of what is left of it since the start
TOO_OFTEN = "You ask too often: wait a few seconds, then try again."


class Budgets:
    """The budgets of a class, by member and by address."""

    def __init__(self) -> None:
        self._students = Budget(STUDENT_RATE, STUDENT_BURST)
        self._visitors = Budget(VISITOR_RATE, VISITOR_BURST)
        self._views = Budget(VIEW_RATE, VIEW_BURST)
        self._renames = Budget(RENAMES_PER_SECOND, RENAMES)
        self._written: Counter[str] = Counter()  # student -> events since the start

    def request(self, member: Member | None, address: str, path: str) -> float | None:
        """Take what a request costs; return the seconds to wait before it is answered.

        Args:
            member: the student who asks; None for somebody who has not joined.
            address: of the connection.
            path: of the request.

        Returns:
            None where the wait would be too long, so that the request has to be refused.
        """
        cost = next((cost for pattern, cost in COSTS if pattern.fullmatch(path)), 1.0)
        budget = self._students if member else self._visitors
        key = member.id if member else network(address)
        if budget.wait(key, cost) > LONGEST_WAIT:
            return None
        return budget.take(key, cost)

    def view(self, member: Member) -> float:
        """Take one message of a student's page; return the seconds to wait before it is read."""
        return self._views.take(member.id)

    def rename(self, member: str) -> None:
        """Count a change of name. Raises LabError where there were too many of late."""
        if self._renames.wait(member, 1) > 0:
            raise LabError("You changed your name often enough: wait a minute.")
        self._renames.take(member)

    def check_event(self, member: str, left: int) -> None:
        """Raise LabError where a student has written enough into the journal.

        Args:
            member: the student's id.
            left: events that students may still write, all together.
        """
        if self._written[member] >= left // SHARE_OF_JOURNAL:
            raise LabError("You have done so much that no more of it is kept: it stays as it is.")

    def count_event(self, member: str) -> None:
        """Count an event that a student caused."""
        self._written[member] += 1
