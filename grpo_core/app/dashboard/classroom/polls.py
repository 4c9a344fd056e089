"""Predict, then reveal: a group is frozen, everybody votes, then the colours come.

    advantage   which completion gets the highest advantage? The choices are the completions;
                right are those that have it (several, where they tie)
    teaches     does this group teach anything? 0: yes; 1: no, nobody is above anybody else

While a poll is not revealed, no page gets anything from which the answer follows: what that means
is declared in `masking`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from grpo_core.app.dashboard.masking import Hidden
from grpo_core.app.dashboard.payloads import MAX_COMPLETIONS, clip
from grpo_core.core.errors import LabError
from grpo_core.core.records import Group

KINDS = ("advantage", "teaches")
WANTS = {"close": "closed", "reveal": "revealed", "end": "ended"}
ORDER = ("open", "closed", "revealed", "ended")
MAX_POLLS = 200  # of a class
MAX_CHANGES = 30  # of a vote, so that nobody can fill the journal


@dataclass
class Poll:
    """One question about one group.

    Attributes:
        choices: how many there are.
        right: those that are right; leaves the server when the poll is revealed.
        at: when it was opened, in seconds of the epoch.
        votes: member -> choice.
        changes: member -> how often they voted.
    """

    id: str
    kind: str
    run: str
    step: int
    group: int
    choices: int
    right: list[int]
    at: float = 0.0
    state: str = "open"
    votes: dict[str, int] = field(default_factory=dict)
    changes: dict[str, int] = field(default_factory=dict)

    @property
    def tallies(self) -> list[int]:
        """How many chose each."""
        counts = [0] * self.choices
        for choice in self.votes.values():
            counts[choice] += 1
        return counts

    def is_right(self, choice: int) -> bool | None:
        """Whether a choice is right; None while that is not told."""
        return choice in self.right if self.state in ("revealed", "ended") else None

    def named_choice(self, choice: int) -> tuple[int | None, str]:
        """The completion that a choice stands for, counted from 1, and the choice in words."""
        if self.kind == "teaches":
            return None, ("yes", "no")[choice]
        return choice + 1, f"completion {choice + 1}"

    def told(self) -> dict[str, Any]:
        """What everybody of the class may know."""
        names = ("id", "kind", "run", "step", "group", "choices", "state", "tallies")
        message = {name: getattr(self, name) for name in names} | {"voted": len(self.votes)}
        return message | ({"right": self.right} if self.state == "revealed" else {})


def ask(kind: Any, group: Group) -> tuple[int, list[int]]:
    """How many choices a question about this group has, and which are right.

    Raises:
        LabError: no such question, or a group that has too few completions to ask it of.
    """
    if kind not in KINDS:
        raise LabError(f"A poll asks for one of: {', '.join(KINDS)}; not '{clip(str(kind), 40)}'.")
    shown = group.completions[:MAX_COMPLETIONS]
    if len(shown) < 2:
        raise LabError("That group is too small to ask about: choose one with two completions.")
    if kind == "teaches":
        return 2, [1 if group.is_dead else 0]
    return len(shown), _highest([c.advantage for c in shown])


def _highest(values: Sequence[float]) -> list[int]:
    known = [value if math.isfinite(value) else -math.inf for value in values]
    return [i for i, value in enumerate(known) if value == max(known)]


class Polls:
    """All polls of a class: the one that is on, if any, and those that were."""

    def __init__(self) -> None:
        self.all: list[Poll] = []

    @property
    def current(self) -> Poll | None:
        """The poll that the page shows; None between two."""
        last = self.all[-1] if self.all else None
        return last if last is not None and last.state != "ended" else None

    @property
    def unrevealed(self) -> Poll | None:
        """The poll whose answer is hidden now."""
        poll = self.current
        return poll if poll is not None and poll.state != "revealed" else None

    def hidden(self) -> Hidden | None:
        """The group of which no page must get the answer now, whatever the run.

        Another run may hold the same group at the same place: a copy, the same folder served as
        recorded, or a run with the same seed, whose first steps are equal to the last digit.
        """
        poll = self.unrevealed
        return None if poll is None else Hidden(poll.step, poll.group)

    def check_open(self) -> None:
        """Raise LabError when no poll can be opened now."""
        if self.current is not None:
            raise LabError("A poll is on: end it first.")
        if len(self.all) >= MAX_POLLS:
            raise LabError(f"A class has at most {MAX_POLLS} polls: begin anew with --new-class.")

    def open(self, poll: Poll) -> None:
        """Add a poll, which is on from now."""
        self.all.append(poll)

    def named(self, key: Any) -> Poll:
        """The poll that is on. Raises LabError when it is not the one of this id."""
        poll = self.current
        if poll is None or poll.id != key:
            raise LabError("That poll is over.")
        return poll

    def check_vote(self, member: str, key: Any, choice: Any) -> Poll:
        """The poll that a vote is for. Raises LabError when it cannot be given."""
        poll = self.named(key)
        if poll.state != "open":
            raise LabError("That poll is closed: votes are no longer counted.")
        if type(choice) is not int or not 0 <= choice < poll.choices:
            raise LabError(f"A vote is a number from 0 to {poll.choices - 1}.")
        if poll.changes.get(member, 0) >= MAX_CHANGES:
            raise LabError("You changed your vote often enough: this one stays.")
        return poll

    def vote(self, poll: Poll, member: str, choice: int) -> None:
        """Count a checked vote."""
        poll.votes[member] = choice
        poll.changes[member] = poll.changes.get(member, 0) + 1

    def check_move(self, poll: Poll, state: str) -> None:
        """Raise LabError for a step backwards."""
        if ORDER.index(state) <= ORDER.index(poll.state):
            raise LabError(f"The poll is {poll.state} already.")

    def move(self, poll: Poll, state: str) -> None:
        """Close, reveal or end a poll. Raises ValueError when that is no state."""
        poll.state = ORDER[ORDER.index(state)]

    def forget(self, member: str) -> None:
        """Take somebody's votes out, of all polls."""
        for poll in self.all:
            poll.votes.pop(member, None)
            poll.changes.pop(member, None)
