"""A class: one teacher, many students, one dashboard (`python app.py --class`).

    people    who is in, the code, the cookie          access   who may ask for what
    polls     predict, then reveal                     hunt     the reward-hack hunt
    journal   what happened, kept on disk              address  where the class finds this machine
    door      who may still come in                    budgets  how much each may ask for
    routes    the requests

`Classroom` is what the server holds. All of it is changed on the event loop only, so it needs no
locks; every change is an event that is written down first (`journal`) and then applied, and a new
start of the server applies the same events again.
"""

import contextlib
import hmac
import secrets
import time
import unicodedata
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from starlette.requests import HTTPConnection

from grpo_core.app.dashboard.classroom import journal, people
from grpo_core.app.dashboard.classroom.address import addresses, qr_text
from grpo_core.app.dashboard.classroom.budgets import Budgets
from grpo_core.app.dashboard.classroom.door import Door
from grpo_core.app.dashboard.classroom.hunt import Hunt, Hunter
from grpo_core.app.dashboard.classroom.people import COOKIE_SECONDS, STUDENT, TEACHER, Member
from grpo_core.app.dashboard.classroom.polls import Poll, Polls, ask
from grpo_core.app.dashboard.doors import Doors
from grpo_core.app.dashboard.masking import Hidden
from grpo_core.app.dashboard.payloads import clip, encode
from grpo_core.app.dashboard.trials import Request
from grpo_core.core import spreadsheet
from grpo_core.core.errors import LabError
from grpo_core.core.records import Group

MAX_HUNTS = 50
MAX_SOCKETS = 8  # of a student, while there are few; everybody may have one
FEW_SOCKETS = 256
TEACHERS_SOCKETS = 32
TRIALS = 4  # of a student that are worked on at once
POLL_FIELDS = ("id", "kind", "run", "step", "group", "choices", "right", "at")
HUNT_FIELDS = ("id", "run", "reward", "task", "at")

Close = Callable[[], Awaitable[None]]


class Classroom:
    """Everything of a class but the runs."""

    def __init__(
        self, root: Path, title: str = "Class", new: bool = False, proxies: tuple[str, ...] = ()
    ) -> None:
        """Open or begin the class of this title.

        Args:
            root: the folder of runs, in which `.class/` is.
            title: what the class is called.
            new: begin anew, with a new code, and nobody in it.
            proxies: names under which a proxy answers, which may say that the browser came by
                https.

        Raises:
            LabError: it is served already, or the folder cannot be written.
        """
        self.title = clean_title(title)
        self.token = secrets.token_urlsafe(32)
        self._once: str | None = secrets.token_urlsafe(32)
        self.proxies = {name.lower() for name in proxies}
        self.code = ""
        self.people = people.People()
        self.door = Door()
        self.doors = Doors()
        self.budgets = Budgets()
        self.polls = Polls()
        self.hunts: list[Hunt] = []
        self.hunt: Hunt | None = None
        self.focus: dict[str, Any] | None = None
        self.join_urls: list[str] = []
        self.teacher_url = ""
        self.browser_url = ""
        self.on_change: Callable[[], None] = lambda: None
        self._sockets: dict[str, list[Close]] = {}
        self._trying: Counter[str] = Counter()
        self._shared: dict[str, tuple[str, str | None, str | None]] = {}
        self._journal = journal.Journal(root, self.title, new)
        self.cookies = people.Cookies(self._journal.secret)
        for event in self._journal.events():
            # by a hand that edited the file: what cannot be is left out
            with contextlib.suppress(KeyError, TypeError, ValueError, IndexError, LabError):
                self._apply(event)
        if not self.code:
            self._happened("opened", title=self.title, code=people.make_code())

    def close(self) -> None:
        """Let another process serve the class."""
        self._journal.close()

    def guarded_by(self, doors: Doors) -> None:
        """Say where the connections of the class's pages are counted."""
        self.doors = doors
        doors.on_change = self._changed

    # Events

    def _happened(self, what: str, by: str | None = None, **details: Any) -> None:
        """Write an event down, apply it, tell the pages; see `_write`."""
        self._write(what, by, **details)
        self._changed()

    def _write(self, what: str, by: str | None = None, **details: Any) -> None:
        """Write an event down, then apply it.

        Args:
            by: the id of the student who caused it; None for the teacher.

        Raises:
            LabError: it cannot be written, or this student has written enough.
        """
        event = {"what": what, "at": round(time.time(), 3), **details}
        if by is not None:
            self.budgets.check_event(by, self._journal.left)
        self._journal.append(event, of_student=by is not None)
        if by is not None:
            self.budgets.count_event(by)
        self._apply(event)

    def _apply(self, event: dict[str, Any]) -> None:
        """Do what an event says; it was checked before it was written."""
        what = event["what"]
        if what in ("opened", "code"):
            self.code = str(event["code"])
        elif what == "door":
            self.door.is_open = event["open"] is True
        elif what == "joined":
            self.door.pending.pop(event["id"], None)
            self.people.put(event["id"], event["name"])
        elif what == "removed":
            name = self.people.members[event["id"]].name
            self.door.take_out(event["id"], name, float(event["at"]))
            self._forget(event["id"])
        elif what == "readmitted":
            del self.door.out[event["id"]]
        elif what == "poll":
            self.polls.open(Poll(**{name: event[name] for name in POLL_FIELDS}))
        elif what == "vote":
            member = self.people.members[event["id"]]
            poll = self.polls.check_vote(member.id, event["poll"], event["choice"])
            self.polls.vote(poll, member.id, event["choice"])
        elif what == "moved":
            self.polls.move(self.polls.named(event["poll"]), event["state"])
        elif what == "hunt":
            self.hunt = Hunt(**{name: event[name] for name in HUNT_FIELDS})
            self.hunts.append(self.hunt)
        elif what == "hunt ended":
            self.hunt = None
        elif what in ("flag", "unflag") and self.hunt is not None:
            step, group, completion = event["place"]
            place = (step, group, completion)
            if what == "flag":
                self.hunt.flag(event["id"], place, bool(event["hit"]))
            else:
                self.hunt.unflag(event["id"], place)

    def _forget(self, key: str) -> None:
        self.people.remove(key)
        self.door.left(key)
        self.polls.forget(key)
        for hunt in self.hunts:
            hunt.hunters.pop(key, None)

    def _changed(self) -> None:
        """Make the message anew, and have it sent."""
        self._shared.clear()
        self.on_change()

    # Who

    def who(self, connection: HTTPConnection) -> tuple[Member | None, float]:
        """The member whose cookie a request carries, and until when it is good (epoch seconds)."""
        held = self.cookies.read(connection.cookies.get(people.COOKIE))
        if held is None:
            return None, 0.0
        role, key, age = held
        until = time.time() + COOKIE_SECONDS - age
        if role == TEACHER and key == people.THE_TEACHER.id:
            return people.THE_TEACHER, until
        return (self.people.members.get(key) if role == STUDENT else None), until

    def is_teacher(self, member: Member | None) -> bool:
        """Whether this is the teacher."""
        return member == people.THE_TEACHER

    def takes_token(self, given: str) -> bool:
        """Whether this is the token of the teacher's link; takes the same time for all wrong ones.

        The link that the kit itself opens a browser with has a token of its own, good for once:
        what a process is started with can be read by everybody on a shared machine.
        """
        if self._once is not None and hmac.compare_digest(_bytes(given), _bytes(self._once)):
            self._once = None
            return True
        return hmac.compare_digest(_bytes(given), _bytes(self.token))

    def join(
        self, name: Any, member: Member | None = None, address: str = "", was: str = ""
    ) -> Member:
        """Give a place to a student who typed the code; one who is in already gets another name.

        A new place is not written down before it is confirmed (see `door`).

        Args:
            name: what was typed.
            member: the student, if the browser has a place already.
            address: of the connection.
            was: the id in the browser's cookie, which may be of somebody who was taken out.

        Raises:
            LabError: the name is none or not for students, the door is closed to this person, or
                there is no place.
        """
        key = member.id if member else secrets.token_hex(8)
        name = people.clean_name(name, self.title)
        free = self.people.free_name(name, of=key)
        if member is not None:
            self.budgets.rename(key)
        if member is not None and key not in self.door.pending:
            self._happened("joined", by=key, id=key, name=free)
            return self.people.members[key]
        if member is None:
            self.door.check(was, name, address)
            for ghost in self.door.make_room(address, self.people.members):
                self._forget(ghost)
            self.door.came(key, address)
        self.people.put(key, free)
        self._changed()
        return self.people.members[key]

    def confirm(self, member: Member) -> None:
        """Write down a student whose page came back. Raises LabError when that is impossible."""
        if member.id in self.door.pending:
            name = self.people.members[member.id].name
            self._write("joined", by=member.id, id=member.id, name=name)

    def set_door(self, is_open: bool) -> None:
        """Open or close the door; those who are in stay in."""
        if is_open != self.door.is_open:
            self._happened("door", open=is_open)

    def change_code(self) -> None:
        """Make a new code; those who are in stay in."""
        self._happened("code", code=people.make_code())

    def readmit(self, key: Any) -> None:
        """Let a student who was taken out join again.

        Raises:
            LabError: nobody of this id was taken out.
        """
        if not isinstance(key, str) or key not in self.door.out:
            raise LabError("Nobody of that id was taken out.")
        self._happened("readmitted", id=key)

    def allow(self, address: Any) -> None:
        """Let an address have twice as many connections and places.

        Raises:
            LabError: this address is not at its limit.
        """
        if not isinstance(address, str) or address not in {*self.doors.full(), *self.door.full()}:
            raise LabError("That address is not at its limit.")
        self.doors.allow(address)
        self.door.allow(address)
        self._changed()

    async def remove(self, key: Any) -> None:
        """Take a student out, with all votes and flags: the page has to join again.

        Raises:
            LabError: there is no such student.
        """
        if not isinstance(key, str) or key not in self.people.members:
            raise LabError("There is nobody of that id in the class.")
        self._happened("removed", id=key)
        for close in list(self._sockets.get(key, [])):
            with contextlib.suppress(Exception):  # gone by itself meanwhile
                await close()

    # Connections

    def admits(self, member: Member) -> bool:
        """Whether a member may open another page; everybody may have one."""
        own = len(self._sockets.get(member.id, []))
        if self.is_teacher(member):
            return own < TEACHERS_SOCKETS
        few = sum(map(len, self._sockets.values())) < FEW_SOCKETS
        return own == 0 or (few and own < MAX_SOCKETS)

    @contextlib.contextmanager
    def connected(self, member: Member, close: Close) -> Iterator[None]:
        """While a page of a member is open. `close` ends its connection."""
        with contextlib.suppress(LabError):  # the journal is full: the place stays unconfirmed
            self.confirm(member)
        own = self._sockets.setdefault(member.id, [])
        own.append(close)
        self._changed()
        try:
            yield
        finally:
            own.remove(close)
            if not own:
                self._sockets.pop(member.id, None)
            self._changed()

    @property
    def here(self) -> int:
        """How many students have a page open."""
        return len(self._sockets.keys() & self.people.members.keys())

    def listed(self) -> list[dict[str, Any]]:
        """The students, for the teacher, in the order in which they came."""
        poll, hunters = self.polls.current, self.hunt.hunters if self.hunt else {}
        hidden = self._hidden_in_hunt()
        scores = {key: hunter.counts(hidden)["score"] for key, hunter in hunters.items()}
        return [
            {
                "id": member.id,
                "name": member.name,
                "here": member.id in self._sockets,
                "voted": poll is not None and member.id in poll.votes,
                "score": scores.get(member.id),
            }
            for member in self.people.members.values()
        ]

    # Polls

    def open_poll(self, kind: Any, run: str, step: int, group: int, record: Group) -> Poll:
        """Ask the class about a group. Raises LabError when that cannot be asked now."""
        self.polls.check_open()
        choices, right = ask(kind, record)
        self._happened(
            "poll", id=secrets.token_hex(6), kind=kind, run=run, step=step, group=group,
            choices=choices, right=right,
        )  # fmt: skip
        return self.polls.all[-1]

    def vote(self, member: Member, poll: Any, choice: Any) -> None:
        """Count a student's vote, or change it. Raises LabError when it cannot be given."""
        found = self.polls.check_vote(member.id, poll, choice)
        if found.votes.get(member.id) != choice:
            self.confirm(member)
            self._happened("vote", by=member.id, poll=found.id, id=member.id, choice=choice)

    def move_poll(self, poll: Any, state: str) -> None:
        """Close, reveal or end the poll. Raises LabError where it is so far already."""
        found = self.polls.named(poll)
        self.polls.check_move(found, state)
        self._happened("moved", poll=found.id, state=state)

    def check_trial(self, member: Member | None, asked: Request) -> None:
        """Raise LabError where a trial would tell a student what the class is being asked.

        All of the frozen group's step is closed: what a batch is divided by tells of all its
        groups. No words can be tried on any run, as they could be the group's, on a prompt that
        comes again: the verifier would judge them. Nor can they on the run of a hunt.
        """
        if member is None or self.is_teacher(member):
            return
        hidden = self.polls.hidden()
        if hidden is not None and hidden.step == asked.step:
            raise LabError("The class is being asked about this step: try things after the reveal.")
        if asked.trial.edits and self.polls.unrevealed is not None:
            raise LabError("The class is being asked a question: try other words after the reveal.")
        if self.hunt and self.hunt.run == asked.run and (asked.trial.edits or asked.trial.weights):
            raise LabError("A hunt is on: try other words and weights on this run after it.")

    @contextlib.contextmanager
    def trying(self, member: Member | None) -> Iterator[None]:
        """While a trial of a member is worked on. Raises LabError where too many are already."""
        key = member.id if member else ""
        if self._trying[key] >= TRIALS and not self.is_teacher(member):
            raise LabError("Your last trials are still being worked on: try again in a moment.")
        self._trying[key] += 1
        try:
            yield
        finally:
            self._trying[key] -= 1
            if not self._trying[key]:
                del self._trying[key]

    # Hunt

    def open_hunt(self, run: str, reward: str, task: str) -> Hunt:
        """Begin a hunt. Raises LabError when one is on."""
        if self.hunt is not None:
            raise LabError("A hunt is on: end it first.")
        if len(self.hunts) >= MAX_HUNTS:
            raise LabError(f"A class has at most {MAX_HUNTS} hunts: begin anew with --new-class.")
        self._happened("hunt", id=secrets.token_hex(6), run=run, reward=reward, task=task)
        return self.hunts[-1]

    def end_hunt(self) -> None:
        """End the hunt, if there is one."""
        if self.hunt is not None:
            self._happened("hunt ended")

    def hunt_of(self, run: Any) -> Hunt:
        """The hunt on a run. Raises LabError when there is none."""
        if self.hunt is None or self.hunt.run != run:
            raise LabError("There is no hunt on that run.")
        return self.hunt

    def check_flag(self, hunt: Hunt, place: tuple[int, int, int]) -> None:
        """Raise LabError where a flag's truth would tell what the class is being asked."""
        hidden = self.polls.hidden()
        if hidden is not None and hidden.covers(*place[:2]):
            raise LabError("The class is being asked about this group: flag it after the reveal.")

    def _hidden_in_hunt(self) -> Hidden | None:
        """The group of the hunt's run that the class is being asked about."""
        return None if self.hunt is None else self.polls.hidden()

    def flag(self, member: Member, hunt: Hunt, place: tuple[int, int, int], hit: bool) -> None:
        """Set a student's flag, whose truth is known. Raises LabError when the hunt is over."""
        if self.hunt is not hunt:
            raise LabError("That hunt is over.")
        self.check_flag(hunt, place)  # again: the question may have come meanwhile
        hunt.check(member.id, place, True)
        if place not in hunt.hunters.get(member.id, Hunter()).flags:
            self.confirm(member)
            self._happened("flag", by=member.id, id=member.id, place=list(place), hit=hit)

    def unflag(self, member: Member, hunt: Hunt, place: tuple[int, int, int]) -> None:
        """Take a student's flag back."""
        hunt.check(member.id, place, False)
        if place in hunt.hunters.get(member.id, Hunter()).flags:
            self._happened("unflag", by=member.id, id=member.id, place=list(place))

    # Follow me

    def follow(self, view: dict[str, Any] | None) -> None:
        """Show the class what the teacher looks at (see routes.clean_view), or no longer."""
        since = self.focus["since"] if self.focus else round(time.time(), 3)
        self.focus = None if view is None else {"by": TEACHER, "view": view, "since": since}
        self._changed()

    # What the pages are told

    def message(self, member: Member) -> str:
        """The feed's `class` message for one member, as JSON.

        All but the member's own part is made once for each role and change.
        """
        if member.role not in self._shared:
            self._shared[member.role] = self._made(member.role)
        head, poll, hunt = self._shared[member.role]
        me = self.people.members.get(member.id, member)  # by the name of today
        own = {
            "poll": None if poll is None else self._own_vote(me),
            "hunt": None if hunt is None else self._own_flags(me),
        }
        parts = [head, f'"you":{encode({"id": me.id, "name": me.name})}']
        for name, shared in (("poll", poll), ("hunt", hunt)):
            mine = own[name]
            text = "null" if shared is None or mine is None else f"{shared},{encode(mine)[1:]}"
            parts.append(f'"{name}":{text}')
        return ",".join(parts) + "}"

    def _made(self, role: str) -> tuple[str, str | None, str | None]:
        """What all members of a role are told, as JSON objects whose last brace is missing."""
        message: dict[str, Any] = {
            "type": "class",
            "role": role,
            "title": self.title,
            "people": len(self.people.members),
            "here": self.here,
            "focus": self.focus,
        }
        if role == TEACHER:
            message["join"] = {"url": self.join_url, "code": self.code}
            message["door"] = self.door.told(self.doors.full())
        names = {member.id: member.name for member in self.people.members.values()}
        poll = self.polls.current
        return (
            encode(message)[:-1],
            encode(poll.told())[:-1] if poll else None,
            encode(self.hunt.told(names, self._hidden_in_hunt()))[:-1] if self.hunt else None,
        )

    def _own_vote(self, member: Member) -> dict[str, Any]:
        poll = self.polls.current
        return {"mine": poll.votes.get(member.id) if poll else None}

    def _own_flags(self, member: Member) -> dict[str, Any]:
        if self.hunt is None:
            return {}
        hidden = self._hidden_in_hunt()
        if self.is_teacher(member):
            return {"mine": None, "found": self.hunt.places(hidden)}
        hunter = self.hunt.hunters.get(member.id, Hunter())
        return {"mine": hunter.counts(hidden), "found": hunter.places(hidden)}

    def results(self) -> str:
        """Everything that was done, as CSV for a spreadsheet program."""
        header = (
            "name", "activity", "began", "run", "step", "group", "completion", "choice", "right",
            "score",
        )  # fmt: skip
        return spreadsheet.text_of(header, self._rows())

    def _rows(self) -> Iterator[list[Any]]:
        """A row for everybody who joined, every vote and every flag; numbers as the page has."""
        for member in self.people.members.values():
            yield [member.name, "joined", *[None] * 8]
        for poll in self.polls.all:
            asked = [poll.kind, _moment(poll.at), poll.run, poll.step, poll.group + 1]
            for key, choice in poll.votes.items():
                right = poll.is_right(choice)
                yes = None if right is None else int(right)
                named = poll.named_choice(choice)
                yield [self._name(key), *asked, *named, yes, None]
        for hunt in self.hunts:
            for key, hunter in hunt.hunters.items():
                began = _moment(hunt.at)
                for (step, group, completion), hit in hunter.flags.items():
                    place = [hunt.run, step, group + 1, completion + 1]
                    yield [self._name(key), "flag", began, *place, None, int(hit), None]
                score = hunter.counts()["score"]
                yield [self._name(key), "hunt", began, hunt.run, *[None] * 5, score]

    def _name(self, key: str) -> str:
        return self.people.members[key].name

    # Where

    def lives_at(self, host: str, port: int) -> None:
        """Say under which address the class is served."""
        anywhere = host in ("0.0.0.0", "::", "")
        found = addresses() if anywhere else [host]
        self.join_urls = [f"http://{_bracketed(address)}:{port}/join" for address in found]
        here = "127.0.0.1" if anywhere else host
        link = f"http://{_bracketed(here)}:{port}/lab/class/teach?token="
        self.teacher_url, self.browser_url = link + self.token, f"{link}{self._once}"
        self._shared.clear()

    @property
    def join_url(self) -> str | None:
        """Where the class joins; None where no other machine can reach this one."""
        return self.join_urls[0] if self.join_urls else None

    @property
    def invitation(self) -> str:
        """What the QR code says: the join page, with the code filled in. "" without a network."""
        return f"{self.join_url}?code={self.code}" if self.join_url else ""

    def words(self) -> list[str]:
        """What the terminal says at start; the QR code comes last, as one entry."""
        lines = [f"Class: {self.title}"]
        if self.people.members:
            lines.append(f"  taken up again: {len(self.people.members)} joined before")
        lines.append(f"  for you (keep it to yourself):  {self.teacher_url}")
        if not self.join_url:
            lines.append("  This machine has no address in a network: nobody else can join.")
            return lines
        code = f"{self.code[:3]} {self.code[3:]}"
        lines.append(f"  for the class:  {self.join_url}   code {code}")
        lines += [
            f"  or, in another of this machine's networks:  {url}" for url in self.join_urls[1:]
        ]
        return [*lines, qr_text(self.invitation)]


def clean_title(title: str) -> str:
    """A title of one line. Raises LabError when nothing is left of it."""
    visible = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in title)
    found = clip(" ".join(visible.split()), journal.MAX_TITLE)
    if not found:
        raise LabError("A class needs a title with letters: --class Monday, say.")
    return found


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
