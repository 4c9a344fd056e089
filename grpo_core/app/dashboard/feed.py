"""The live feed: what every viewer of a run shares, and what each viewer still has to be sent.

One task reads the run folders twenty times per second while there are viewers, and not at all
otherwise. Everything is turned into JSON once, for all viewers: the metrics of new steps, the
state, and each (step, group) that is being viewed. A viewer is sent what it lacks, at most five
times per second; a slow viewer skips intermediate states and gets the latest. So a viewer who reads
nothing delays no other and holds one message.

What is sent, and what the page asks for, is declared in `messages`; a long message is compressed
(see `packing`).
"""

import asyncio
import contextlib
import threading
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from grpo_core.analysis.lens import labels
from grpo_core.app.dashboard.masking import Hidden
from grpo_core.app.dashboard.packing import Message
from grpo_core.app.dashboard.runfeed import RunFeed
from grpo_core.app.dashboard.runs import RunBook, describe, options_of, public, stamp
from grpo_core.core.errors import LabError
from grpo_core.core.records import Step
from grpo_core.runs import is_run

if TYPE_CHECKING:
    from grpo_core.app.dashboard.classroom import Classroom
    from grpo_core.app.dashboard.classroom.people import Member
    from grpo_core.app.dashboard.trials import Request

TICK = 0.2  # seconds between two boards to a viewer
LOOK = 0.05  # seconds between two looks at a live run
SCRUB_TICK = 0.04  # seconds between two answers to a viewer who moves about by hand
LIST_LOOKS = 20  # looks between two readings of the run list
DIAGNOSIS_SECONDS = 1.0  # between two diagnoses of a live run
MAX_VIEWERS = 256
STALLED_SECONDS = 30.0  # a page that takes nothing for so long is let go: it may come again
TRIALS_AT_ONCE = 2

Send = Callable[[Sequence[Message]], Awaitable[None]]


@dataclass(frozen=True)
class View:
    """What one viewer wants to see."""

    run: str | None = None
    step: int | None = None
    group: int = 0
    atlas: bool = False
    turn: int = 0  # how often the page turned to another run: it then begins with nothing

    @classmethod
    def parse(cls, message: Any) -> "View":
        """Read a message of the page; anything unexpected in it counts as not given."""
        if not isinstance(message, dict):
            return cls()
        run, step, group = message.get("run"), message.get("step"), message.get("group")
        return cls(
            run=run if isinstance(run, str) and len(run) <= 200 else None,
            step=step if type(step) is int and abs(step) < 2**53 else None,
            group=group if type(group) is int and 0 <= group < 2**31 else 0,
            atlas=message.get("atlas") is True,
        )


@dataclass(eq=False)
class Viewer:
    """One open page, and what it has been sent."""

    send: Send
    view: View = View()
    member: "Member | None" = None  # of a class
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    hello: bool | None = None
    listed: int = 0  # version of the run list
    run: tuple[RunFeed, int, int] | None = None  # its epoch, and the page's turn
    rows: int = 0
    hidden: Hidden | None = None  # what was left out of them
    board: tuple[int, int, int | None] | None = None  # step, group, and which group is hidden
    atlas: tuple[Any, int] | None = None  # of which run and mask, and its last step
    latest: list[Message] = field(default_factory=list)  # see RunFeed.latest
    shared: bytes | None = None  # what all of the class were told
    own: str | None = None  # what it was told of itself


@dataclass(frozen=True)
class RunList:
    """The run list as messages."""

    whole: Message
    change: Message  # brings the version before up to date

    @classmethod
    def of(cls, before: list[dict[str, Any]], entries: list[dict[str, Any]]) -> "RunList":
        """The messages of these entries, for pages that know the ones before."""
        now, known = time.time(), {run["key"]: run for run in before}
        whole = Message.of({"type": "runs", "now": now, "runs": entries})
        new = [entry for entry in entries if entry != known.get(entry["key"])]
        if len(new) != 1 or list(known) != [entry["key"] for entry in entries]:
            return cls(whole, whole)
        return cls(whole, Message.of({"type": "run", "now": now, "run": new[0]}))


class Feed:
    """All watched runs and all viewers."""

    def __init__(self, book: RunBook, classroom: "Classroom | None" = None) -> None:
        self.book = book
        self.classroom = classroom
        self.boot = uuid.uuid4().hex[:12]
        self.ready = False
        self.viewers: set[Viewer] = set()
        self._turns = asyncio.Semaphore(TRIALS_AT_ONCE)
        self._teachers_turn = asyncio.Semaphore(1)  # does not wait behind the students
        self._telling: asyncio.TimerHandle | None = None
        self._told_at = 0.0  # of the loop's clock
        self._feeds: dict[str, RunFeed] = {}
        self._described: dict[str, tuple[Any, float, dict[str, Any]]] = {}
        self._lists: dict[bool, RunList] = {}  # whether it is for other machines -> the run list
        self._version = 0  # of it
        self._entries: list[dict[str, Any]] = []
        self._listing = threading.Lock()
        self._poller: asyncio.Task[None] | None = None
        self._asker: asyncio.Task[None] | None = None

    # Viewers

    async def serve(self, send: Send, views: Any, member: "Member | None" = None) -> None:
        """Serve one viewer until its connection closes.

        Args:
            send: sends some messages, and returns when there is room for more.
            views: asynchronous iterator over the viewer's messages, parsed from JSON.
            member: who it is, in a class.
        """
        viewer = Viewer(send, member=member)
        self.viewers.add(viewer)
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        if self._asker is None or self._asker.done():
            self._asker = asyncio.create_task(self._diagnose())
        tasks = [
            asyncio.create_task(self._send_all(viewer)),
            asyncio.create_task(_read_all(viewer, views)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.viewers.discard(viewer)
            for task in tasks:
                task.add_done_callback(_was_expected)
                task.cancel()
            await asyncio.wait(tasks)

    async def _send_all(self, viewer: Viewer) -> None:
        """Send a viewer what it lacks, whenever there is something, a board at most every TICK.

        Ends when the viewer takes nothing any more.
        """
        while True:
            await viewer.wake.wait()
            viewer.wake.clear()
            viewer.moved.clear()
            began, shown = time.monotonic(), viewer.board
            try:
                messages = await self.messages(viewer)
            except Exception as error:  # a folder somebody is deleting, a damaged file
                print(f"Reading the run {viewer.view.run} failed: {error}", flush=True)
                messages = []
            if messages:
                async with asyncio.timeout(STALLED_SECONDS):
                    await viewer.send(messages)
            await asyncio.sleep(SCRUB_TICK)
            left = began + TICK - time.monotonic()
            if viewer.board != shown and left > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await viewer.moved.wait()

    async def messages(self, viewer: Viewer) -> list[Message]:
        """What a viewer lacks now, in the order in which it should arrive."""
        found: list[Message] = []
        if viewer.hello != self.ready:
            viewer.hello = self.ready
            hello = {"type": "hello", "boot": self.boot, "ready": self.ready, "methods": labels()}
            found.append(Message.of(hello))
        if not self._lists:
            await asyncio.to_thread(self.list_runs)
        if viewer.listed != self._version:
            runs = self._lists[self._is_student(viewer.member)]
            found.append(runs.change if viewer.listed == self._version - 1 else runs.whole)
            viewer.listed = self._version
        if self.classroom is not None and viewer.member is not None:
            found += self._class_messages(viewer, viewer.member)
        view = viewer.view
        if view.run is None:
            return found
        try:
            feed = await self._watched(view.run)
        except LabError:
            viewer.run = None
            return [*found, Message.of({"type": "gone", "run": view.run})]
        return found + await self._run_messages(viewer, view, feed)

    def _class_messages(self, viewer: Viewer, member: "Member") -> list[Message]:
        """What a viewer lacks of its class."""
        assert self.classroom is not None
        shared, own = self.classroom.shared(member.role), self.classroom.own(member)
        found = [] if shared.part == viewer.shared else [shared]
        found += [] if own == viewer.own else [Message(own)]
        viewer.shared, viewer.own = shared.part, own
        return found

    async def _watched(self, key: str) -> RunFeed:
        """Return the feed of a run. Raises LabError if the run does not exist."""
        feed = self._feeds.get(key)
        if feed is None:
            feed = RunFeed(key, await asyncio.to_thread(self.book.get, key))
            with contextlib.suppress(LabError):  # damaged: the run list says so
                await asyncio.to_thread(feed.refresh)
            feed = self._feeds.setdefault(key, feed)
        return feed

    async def metrics_of(self, key: str) -> Message:
        """The message with a run's metrics, for a page that shows another run; see masking.

        Raises:
            LabError: there is no such run, or it cannot be read.
        """
        feed = await self._watched(key)
        await asyncio.to_thread(feed.refresh)
        hidden = self._hidden()
        found = await asyncio.to_thread(feed.metrics, 0, len(feed.rows), True, hidden)
        return found if self._hidden() == hidden else await self.metrics_of(key)

    @contextlib.asynccontextmanager
    async def trial(self, member: "Member | None", asked: "Request") -> AsyncIterator[None]:
        """Hold a slot while a trial is computed; slots are few, so that boards get their threads.

        Raises:
            LabError: the answer would tell a student what the class is being asked.
        """
        if self.classroom is None:
            async with self._turns:
                yield
            return
        turns = self._turns if self._is_student(member) else self._teachers_turn
        with self.classroom.trying(member):
            async with turns:
                self.classroom.check_trial(member, asked)
                yield
                self.classroom.check_trial(member, asked)  # the question may have come meanwhile

    def _hidden(self) -> Hidden | None:
        """The group whose answer no page must get, not even the teacher's on the wall."""
        return self.classroom.polls.hidden() if self.classroom is not None else None

    def words(self, error: LabError, member: "Member | None") -> str:
        """The error's sentence; for a student without where the runs lie."""
        text = str(error)
        if self._is_student(member):
            for folder in filter(None, (self.book.root, self.book.shipped)):
                text = text.replace(str(folder), folder.name)
        return text

    def _is_student(self, member: "Member | None") -> bool:
        return self.classroom is not None and not self.classroom.is_teacher(member)

    async def step_of(self, key: str, index: int) -> tuple[Step, dict[str, Any]]:
        """A recorded step of a run, and the run's options.

        Raises:
            LabError: there is no such run or step.
        """
        feed = self._feeds.get(key)
        if feed is None:  # it has no viewers: do not keep it
            feed = RunFeed(key, await asyncio.to_thread(self.book.get, key))
        step = await asyncio.to_thread(feed.step, index)
        return step, options_of(feed.run)

    async def _run_messages(self, viewer: Viewer, view: View, feed: RunFeed) -> list[Message]:
        """What a viewer lacks of the run it looks at."""
        found: list[Message] = []
        identity = (feed, feed.epoch, view.turn)
        count = len(feed.rows)  # read once: a thread adds rows meanwhile
        hidden = self._hidden()
        if viewer.run != identity:
            viewer.run, viewer.board, viewer.latest = identity, None, []
            found += await asyncio.to_thread(feed.history, count, hidden)
        elif viewer.hidden != hidden:
            changed = [feed.masked_from(one) for one in (viewer.hidden, hidden) if one]
            start = min(viewer.rows, *changed)
            found.append(await asyncio.to_thread(feed.metrics, start, count, False, hidden))
        elif viewer.rows < count:
            found.append(feed.metrics(viewer.rows, count, False, hidden))
        viewer.rows, viewer.hidden = count, hidden
        wanted = self._wanted(view, feed, hidden)
        if wanted is not None and wanted != viewer.board:
            try:
                made = feed.made(*wanted)
                found.append(await asyncio.to_thread(feed.board, *wanted) if made is None else made)
                viewer.board = wanted
            except Exception as error:  # one damaged step: the rest must still arrive
                print(f"Reading step {wanted[0]} of {feed.key} failed: {error}", flush=True)
        if view.atlas:
            found += await self._atlas_messages(viewer, view, feed)
        latest = feed.latest(hidden)
        found += [made for made in latest if made not in viewer.latest]
        viewer.latest = latest
        if self._hidden() != hidden:  # a question came, or its answer, meanwhile
            viewer.run = None
            return await self._run_messages(viewer, view, feed)
        return found

    def _wanted(
        self, view: View, feed: RunFeed, hidden: Hidden | None
    ) -> tuple[int, int, int | None] | None:
        """The step and group that a view shows, and the group of it whose answer is hidden."""
        step = feed.resolve(view.step)
        if step is None:
            return None
        return step, view.group, hidden.group if hidden and hidden.step == step else None

    def _atlas_wanted(
        self, viewer: Viewer, view: View, feed: RunFeed
    ) -> tuple[Any, int, Hidden | None]:
        """Return a viewer's atlas, the last step it already has, and what is hidden there."""
        hidden = self._hidden()
        which = (feed, feed.epoch, view.turn, hidden)
        known = viewer.atlas
        return which, known[1] if known is not None and known[0] == which else -1, hidden

    async def _atlas_messages(self, viewer: Viewer, view: View, feed: RunFeed) -> list[Message]:
        """What a viewer lacks of the atlas: one message or none."""
        which, after, hidden = self._atlas_wanted(viewer, view, feed)
        if viewer.atlas == (which, feed.atlas_end):
            return []
        try:
            made = feed.made_atlas(after, hidden)
            part = await asyncio.to_thread(feed.atlas, after, hidden) if made is None else made
        except Exception as error:  # a damaged step
            print(f"Reading the groups of {feed.key} failed: {error}", flush=True)
            return []
        viewer.atlas = which, part.last
        if part.last != feed.atlas_end:
            viewer.wake.set()  # there is more
        return [part.message]

    # Looking at the folders

    async def _poll(self) -> None:
        """Look for news while anyone watches."""
        look = 0
        while self.viewers:
            try:
                changed = await asyncio.to_thread(self._look, look % LIST_LOOKS == 0)
            except Exception as error:  # a folder may vanish at any moment: look again later
                changed = set()
                print(f"Looking at the runs failed: {error}", flush=True)
            for viewer in self.viewers:
                if viewer.listed != self._version or viewer.view.run in changed:
                    viewer.wake.set()
            look += 1
            await asyncio.sleep(LOOK)

    async def _diagnose(self) -> None:
        """Ask the questions of every watched run with news, while anyone watches.

        Runs beside the poll, so that the first one, which imports pandas, delays no board.
        """
        while self.viewers:
            asked = False
            for key, feed in list(self._feeds.items()):
                try:
                    news = await asyncio.to_thread(feed.diagnose, self._hidden())
                except Exception as error:  # somebody's own question, a damaged file
                    news = False
                    print(f"The diagnosis of {key} failed: {error}", flush=True)
                asked = asked or news
                for viewer in self.viewers:
                    if news and viewer.view.run == key:
                        viewer.wake.set()
            await asyncio.sleep(DIAGNOSIS_SECONDS if asked else TICK)

    def _look(self, also_list: bool) -> set[str]:
        """Read news of the watched runs, forget those unwatched; returns the keys with news."""
        watched = {viewer.view.run for viewer in list(self.viewers)}
        for key in [key for key in list(self._feeds) if key not in watched]:
            del self._feeds[key]
        changed = set()
        for key, feed in list(self._feeds.items()):
            if not is_run(feed.run.path):  # it was deleted: notify its viewers
                del self._feeds[key]
                changed.add(key)
                continue
            with contextlib.suppress(LabError):
                if feed.refresh():
                    changed.add(key)
                    self._make_messages(feed)
        if also_list or changed:
            self.list_runs()
        return changed

    def _make_messages(self, feed: RunFeed) -> None:
        """Make what those who go with the run will want, once for all, before they are woken."""
        for viewer in list(self.viewers):
            view = viewer.view
            if view.run != feed.key:
                continue
            wanted = self._wanted(view, feed, self._hidden())
            with contextlib.suppress(Exception):  # whoever wants it is told
                if wanted is not None and view.step is None:
                    feed.board(*wanted)
                if view.atlas:
                    feed.atlas(*self._atlas_wanted(viewer, view, feed)[1:])

    def list_runs(self) -> list[dict[str, Any]]:
        """Read the run list, describing again only runs whose files changed. From any thread."""
        with self._listing:
            self._list_runs()
            return self._entries

    def _list_runs(self) -> None:
        described, entries = {}, []
        moment = time.monotonic()
        for key, run in self.book.runs().items():
            mark = stamp(run)
            known = self._described.get(key)
            # A process that dies changes no file: a live run is asked again every second.
            if not known or known[0] != mark or (known[2]["live"] and moment - known[1] > 1):
                known = (mark, moment, describe(key, run))
            described[key] = known
            entries.append(known[2])
        self._described = described
        if entries != self._entries or not self._lists:
            before, self._entries = self._entries, entries
            lists = {False: RunList.of(before, entries)}
            if self.classroom is not None:
                lists[True] = RunList.of([*map(public, before)], [*map(public, entries)])
            self._lists = lists
            self._version += 1

    def class_changed(self) -> None:
        """Send every viewer the news of the class once per TICK: a hundred may vote at once."""
        if self._telling is None:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._told_at + TICK - loop.time())
            self._telling = loop.call_later(wait, self._tell_class)

    def _tell_class(self) -> None:
        self._telling = None
        self._told_at = asyncio.get_running_loop().time()
        self.announce()

    def announce(self) -> None:
        """Send every viewer what changed just now, without waiting for the next tick."""
        for viewer in self.viewers:
            viewer.wake.set()


async def _read_all(viewer: Viewer, views: Any) -> None:
    """Follow where a viewer looks, until it leaves."""
    async for message in views:
        view, before = View.parse(message), viewer.view
        viewer.view = replace(view, turn=before.turn + (view.run != before.run))
        viewer.moved.set()
        viewer.wake.set()


def _was_expected(task: "asyncio.Task[None]") -> None:
    """A viewer may go in the middle of anything: take note of the exception, and say nothing."""
    if not task.cancelled():
        task.exception()
