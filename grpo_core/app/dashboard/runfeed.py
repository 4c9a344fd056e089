"""One watched run: its metrics so far, and the messages about it that somebody needed.

Each message is made once, for every viewer who gets it; see feed for which there are.
"""

import bisect
import contextlib
import threading
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from grpo_core.analysis.diagnosis import MOST_GROUPS, QUESTIONS, answer_all
from grpo_core.app.dashboard import payloads
from grpo_core.app.dashboard.atlas import Atlas
from grpo_core.app.dashboard.history import History
from grpo_core.app.dashboard.masking import Hidden, mask_atlas, mask_board, mask_frame, mask_row
from grpo_core.app.dashboard.packing import Message
from grpo_core.app.dashboard.runs import options_of, stamp
from grpo_core.core.records import Group, Step
from grpo_core.runs import Run

CACHED_BYTES = 12 * 2**20  # of a run's boards: about a thousand
CHUNK = 500  # steps of one message with metrics
CACHED_METRICS = 16  # messages
CACHED_STEPS = 3


class AtlasPart(NamedTuple):
    """A message with a part of the atlas, and the last step that a page then has of it."""

    message: Message
    last: int


class RunFeed:
    """One watched run: its metrics so far, and the boards somebody looked at."""

    def __init__(self, key: str, run: Run) -> None:
        self.key = key
        self.run = run
        self.epoch = 0  # counts how often the run was found to be another one of the same name
        self.rows = History()
        self._findings: dict[Hidden | None, Message] = {}  # once somebody asked
        self._asked: tuple[int, int, Hidden | None] = (0, 0, None)  # what they are of: epoch, rows
        self._recent: deque[tuple[int, list[Group]]] = deque()
        self._created = run.created
        self._stamp: tuple[Any, ...] | None = None
        self._lock = threading.Lock()
        self._atlas: tuple[int, Atlas] | None = None  # and the epoch it is of
        self._atlas_parts: dict[tuple[int, Hidden | None], AtlasPart] = {}
        self._atlas_lock = threading.Lock()
        self._steps: OrderedDict[int, Step] = OrderedDict()
        self._boards: OrderedDict[tuple[int, int, int | None], Message] = OrderedDict()
        self._board_bytes = 0
        self._metrics: dict[tuple[int, int, bool, Hidden | None], Message] = {}
        # Of CHUNK steps each, which never change.
        self._chunks: dict[tuple[int, Hidden | None], Message] = {}

    def refresh(self) -> bool:
        """Read what is new; True when there was something. Runs in a thread."""
        current = stamp(self.run)
        if current == self._stamp:
            return False
        with self._lock:
            if self.run.created != self._created:
                self._forget()
            last = self.rows.steps[-1] if self.rows else -1
            new = self.run.metrics(after=last)
            self._stamp = current
            if new:
                self.rows.add(new)
                self._metrics.clear()
            return bool(new)

    def _forget(self) -> None:
        """Another run took this one's place."""
        self.epoch += 1
        self._created = self.run.created
        self.rows = History()
        self._board_bytes = 0
        for cache in (
            self._findings, self._recent, self._steps, self._boards, self._metrics, self._chunks
        ):  # fmt: skip
            cache.clear()

    def metrics(self, start: int, stop: int, reset: bool, hidden: Hidden | None = None) -> Message:
        """The message with the rows from number `start` to before `stop`, see masking."""
        key = (start, stop, reset, hidden)
        made = self._metrics.get(key)
        if made is None:
            rows = self.rows[start:stop]
            if hidden is not None:
                rows = [mask_row(row, hidden) for row in rows]
            message = {"type": "metrics", "run": self.key, "reset": reset}
            message |= payloads.metric_columns(rows) | {"phases": payloads.phase_columns(rows)}
            if len(self._metrics) >= CACHED_METRICS:  # a run that is over never clears them
                self._metrics.clear()
            made = self._metrics[key] = Message.of(message)
        return made

    def history(self, stop: int, hidden: Hidden | None = None) -> list[Message]:
        """Messages with all rows before `stop`. Of a long run only the end is made anew.

        Runs in a thread.
        """
        with self._lock:
            stop = min(stop, len(self.rows))  # fewer, if another run took this one's place
            whole = stop // CHUNK * CHUNK
            for key in [key for key in self._chunks if key[1] not in (None, hidden)]:
                del self._chunks[key]  # of a question that is over
            messages = [self._chunk(start, hidden) for start in range(0, whole, CHUNK)]
            if whole < stop or not whole:
                messages.append(self.metrics(whole, stop, not whole, hidden))
            return messages

    def _chunk(self, start: int, hidden: Hidden | None) -> Message:
        """CHUNK rows from number `start`; those before what is hidden are the same for all."""
        if hidden is not None and self.rows.steps[start + CHUNK - 1] < hidden.step:
            hidden = None
        made = self._chunks.get((start, hidden))
        if made is None:
            made = self.metrics(start, start + CHUNK, not start, hidden)
            self._chunks[start, hidden] = made
        return made

    def masked_from(self, hidden: Hidden) -> int:
        """The number of the first row that a question may change.

        All after it may have changed, whatever is in them: how many are sent tells nothing.
        """
        return bisect.bisect_left(self.rows.steps, hidden.step)

    def resolve(self, step: int | None) -> int | None:
        """The last step recorded until this one, or of all; None while there is none."""
        if not self.rows:
            return None
        steps = self.rows.steps
        place = len(steps) if step is None else bisect.bisect_right(steps, step)
        return steps[max(place - 1, 0)]

    def board(self, step: int, group: int, hidden: int | None = None) -> Message:
        """The message with one group, from the cache or read and kept. Runs in a thread.

        Args:
            hidden: the group of this step whose answer is left out, see masking.
        """
        with self._lock:
            key = (step, group, hidden)
            if key not in self._boards:
                self._boards[key] = made = self._make_board(step, group, hidden)
                self._board_bytes += len(made)
                while self._board_bytes > CACHED_BYTES and len(self._boards) > 1:
                    self._board_bytes -= len(self._boards.popitem(last=False)[1])
            self._boards.move_to_end(key)
            return self._boards[key]

    def made(self, step: int, group: int, hidden: int | None = None) -> Message | None:
        """What `board` has in its cache; for the event loop, which waits for no lock."""
        key = (step, group, hidden)
        board = self._boards.get(key)
        if board is not None:
            with contextlib.suppress(KeyError):  # a thread dropped it just now
                self._boards.move_to_end(key)
        return board

    def _make_board(self, step: int, group: int, hidden: int | None) -> Message:
        groups = self._step(step).groups
        board: dict[str, Any] = {"type": "board", "run": self.key, "step": step, "groups": []}
        if groups:
            group = min(group, len(groups) - 1)
            board["groups"] = payloads.step_summary(groups)
            board |= {"group": group, **payloads.group_payload(groups[group], options_of(self.run))}
        if hidden is not None:
            mask_board(board, hidden)
        return Message.of(board)

    @property
    def findings(self) -> Message | None:
        """The message with the diagnosis so far; None until somebody asked for it."""
        return self.findings_without(None)

    def findings_without(self, hidden: Hidden | None) -> Message | None:
        """The message with the diagnosis that leaves a step out; None until it was made."""
        return self._findings.get(hidden)

    def diagnose(self, hidden: Hidden | None = None) -> bool:
        """Ask every question again if there are new steps; True when there were.

        Once for all viewers. Runs in a thread, and without the lock while it thinks.

        Args:
            hidden: the group whose step is left out, see masking.
        """
        rows, count = self.rows, len(self.rows)  # a thread adds to it meanwhile
        mark = (self.epoch, count, hidden)
        if not count or mark == self._asked:
            return False
        self._asked = mark
        frame, recent = rows.frame(count), self._recent_groups(rows.steps[:count])
        if hidden is not None:
            frame = mask_frame(frame, hidden)
            recent = [(step, groups) for step, groups in recent if step != hidden.step]
        groups = [group for _, some in recent for group in some]
        findings = answer_all(frame, options_of(self.run), groups)
        shown = payloads.findings_payload(dict(zip(QUESTIONS, findings, strict=True)))
        message = {
            "type": "findings",
            "run": self.key,
            "step": rows.steps[count - 1],
            "findings": shown,
        }
        with self._lock:
            if mark[0] == self.epoch:
                self._findings = {hidden: Message.of(message)}
            else:  # another run took this one's place meanwhile, and these may be its groups
                self._recent.clear()
        return True

    def _recent_groups(self, steps: Sequence[int]) -> list[tuple[int, list[Group]]]:
        """The groups of some of the last steps, the latest first; each step is read once."""
        with self._lock:
            known = self._recent[-1][0] if self._recent else -1
            fresh: list[tuple[int, list[Group]]] = []
            for step in reversed(steps):
                if step <= known or sum(len(groups) for _, groups in fresh) >= MOST_GROUPS:
                    break
                fresh.append((step, self._step(step).groups))
            self._recent.extend(reversed(fresh))
            while sum(len(groups) for _, groups in list(self._recent)[1:]) >= MOST_GROUPS:
                self._recent.popleft()
            return list(reversed(self._recent))

    @property
    def atlas_end(self) -> int | None:
        """The last step of the atlas so far; None while nobody has asked for it."""
        atlas = self._atlas
        return atlas[1].last if atlas is not None and atlas[0] == self.epoch else None

    def made_atlas(self, after: int, hidden: Hidden | None) -> "AtlasPart | None":
        """What `atlas` has ready; for the event loop, which waits for no lock."""
        return self._atlas_parts.get((after, hidden))

    def atlas(self, after: int, hidden: Hidden | None = None) -> "AtlasPart":
        """The message with the groups of the steps above `after`, of all of them when it is -1.

        A very long run's come in several parts. Runs in a thread.

        Args:
            hidden: the group whose rewards are left out, see masking.

        Raises:
            LabError: the run cannot be read.
        """
        with self._atlas_lock:
            epoch = self.epoch
            if self._atlas is None or self._atlas[0] != epoch:
                options = options_of(self.run)
                self._atlas = epoch, Atlas(options.get("task"), options.get("task_options"))
                self._atlas_parts.clear()
            atlas = self._atlas[1]
            if atlas.read(self.run):
                self._atlas_parts.clear()
            part = self._atlas_parts.get((after, hidden))
            if part is None:
                found = atlas.since(after)
                if hidden is not None:
                    found = mask_atlas(found, hidden)
                message = {"type": "atlas", "run": self.key, "reset": after < 0, **found}
                part = AtlasPart(Message.of(message), found["last"])
                self._atlas_parts[after, hidden] = part
            return part

    def step(self, index: int) -> Step:
        """A whole step. Raises LabError when it was not recorded. Runs in a thread."""
        with self._lock:
            return self._step(index)

    def _step(self, index: int) -> Step:
        if index not in self._steps:
            self._steps[index] = self.run.step(index)
            while len(self._steps) > CACHED_STEPS:
                self._steps.popitem(last=False)
        self._steps.move_to_end(index)
        return self._steps[index]
