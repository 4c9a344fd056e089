"""Reading a run, also while it is written."""

import contextlib
import itertools
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import filelock

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError, printable
from grpo_core.core.records import Group, Step
from grpo_core.core.regular import check_folder, check_regular
from grpo_core.runs import limits
from grpo_core.runs.control import Want, last_sequence
from grpo_core.runs.database import (
    TABLES,
    check_schema,
    check_version,
    open_for_reading,
    open_foreign,
)
from grpo_core.runs.description import (
    MAX_PROBLEM,
    Description,
    as_config,
    created_at,
    read_state,
    status_of,
)
from grpo_core.runs.disk import read_json, told_plainly, write_json
from grpo_core.runs.folder import is_run
from grpo_core.runs.origin import is_own
from grpo_core.runs.rows import (
    GroupOutline,
    read_groups,
    read_metrics,
    read_outlines,
    read_reward_names,
)
from grpo_core.runs.snapshots import has_unfolded, snapshot

if TYPE_CHECKING:
    import pandas


class Run:
    """A run folder, read-only, safe to use while its writer writes and from any thread.

    Nothing is kept open: each method connects, reads one consistent snapshot and closes, which
    takes a fraction of a millisecond.

    A folder that was not made here (see `origin`) is never written to, locked or waited for, and
    what may be read of it is limited (see `limits`). What it holds may still be made up: names and
    texts are hostile.

    Attributes:
        path: the folder.
        name: the folder's name, printable.
    """

    def __init__(self, path: Path | str) -> None:
        """Raises LabError when there is no run in `path`."""
        self.path = Path(path).absolute()
        self.name = printable(self.path.name)
        if not is_run(self.path):
            raise LabError(f"There is no run in {self.path}. `grpo-lab runs` lists your runs.")

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    # What it is and does

    @property
    def is_own(self) -> bool:
        """Whether this installation made it; else it can only be read, or copied by `adopt`."""
        return is_own(self.path)

    @property
    def options(self) -> dict[str, Any]:
        """config.json as it stands. Raises LabError when it is damaged."""
        return read_json(self.path / "config.json")

    @property
    def config(self) -> GRPOConfig:
        """The configuration. Raises LabError when it is missing, damaged, or refused."""
        return as_config(self.options, self.path)

    @property
    def state(self) -> dict[str, Any]:
        """state.json as its writer last left it: see `description.read_state`."""
        return read_state(self.path)[0]

    @property
    def created(self) -> float:
        """Unix time of creation."""
        return created_at(self.path, self.state)

    @property
    def status(self) -> str:
        """One of new, starting, running, paused, finished, stopped, failed, lost.

        "lost" is a run that says it is live and whose process is gone (killed, or the machine was
        switched off) or has not beaten for STALE_SECONDS; `grpo-lab resume` continues it.
        """
        state = self.state
        return status_of(state, self.last_step_or_none() if state.get("status") is None else None)

    @property
    def problem(self) -> str | None:
        """One sentence on what is wrong with the run, None while nothing is."""
        return self.describe().problem

    def describe(self) -> Description:
        """Read config.json, state.json and the last step once each; say what they say together."""
        state, problem = read_state(self.path)
        options: dict[str, Any] = {}
        step = None
        try:
            options = self.options
            as_config(options, self.path)
        except LabError as error:
            problem = problem or str(error)
        try:
            step = self.last_step()
        except LabError as error:
            problem = problem or str(error)
        status = status_of(state, step)
        if problem is None and status == "lost":
            problem = (
                f"The process training run '{self.name}' is gone: "
                f"`grpo-lab resume {self.name}` continues where it was."
            )
        problem = printable((problem or state.get("error") or "")[:MAX_PROBLEM]) or None
        return Description(options, state, status, created_at(self.path, state), step, problem)

    # What it has recorded

    @contextlib.contextmanager
    def reading(
        self, whole: bool = True, copying: bool = False
    ) -> Iterator[sqlite3.Connection | None]:
        """A read-only snapshot of run.db; None while there is nothing in it.

        Args:
            whole: False leaves out what a stranger's run has not folded into run.db yet, for
                which its database has to be copied.
            copying: to copy all rows, which may take longer than what a viewer waits for.

        Raises:
            LabError: run.db is damaged, locked, of a newer version, or refused.
        """
        most = limits.COPY_BYTES if copying else limits.SNAPSHOT_BYTES
        seconds = limits.COPY_SECONDS if copying else limits.READ_SECONDS
        with told_plainly(self.path, "reading"), self._plain_values():
            held = None  # a copy is there as long as this is
            if self.is_own:
                connection = open_for_reading(self.path / "run.db")
            elif whole and has_unfolded(self.path):
                held = snapshot(self.path, most)
                connection = open_foreign(held.database, seconds)
            else:
                connection = open_foreign(self.path / "run.db", seconds)
            if connection is None:
                yield None
                return
            with contextlib.closing(connection):
                connection.execute("BEGIN")
                if not check_schema(connection, self.path).issuperset(TABLES):
                    yield None
                    return
                check_version(connection, self.path)
                yield connection
            del held

    @contextlib.contextmanager
    def _plain_values(self) -> Iterator[None]:
        """Turn a value that no writer of ours wrote into one sentence."""
        try:
            yield
        except (ValueError, OverflowError, MemoryError) as error:
            why = str(error)[:200] or "it takes too much memory"
            raise LabError(
                f"{self.path / 'run.db'} is damaged. Move it away and run `grpo-lab resume "
                f"{self.path}` to compute its steps again. What is wrong with it: {why}."
            ) from error

    def _budget(self) -> limits.Budget:
        """What one call may read: of our own run anything."""
        return limits.Budget(None if self.is_own else limits.READ_BYTES)

    def last_step(self) -> int | None:
        """The highest step recorded, None while there is none. Raises LabError as all below.

        Of a stranger's run that was not closed, the highest in run.db itself: to list runs copies
        none of them.
        """
        with self.reading(whole=False) as db:
            return None if db is None else db.execute("SELECT max(step) FROM steps").fetchone()[0]

    def last_step_or_none(self) -> int | None:
        """`last_step`, and None too where the database cannot be read."""
        try:
            return self.last_step()
        except LabError:
            return None

    def metrics(self, after: int = -1, whole: bool = True) -> list[tuple[int, dict[str, float]]]:
        """(step, metrics) of every step above `after`, in order. Cheap to poll.

        Args:
            after: a step, or -1 for all.
            whole: False as in `last_step`, for a list of many runs.
        """
        with self.reading(whole) as db:
            return [] if db is None else read_metrics(db, after, self._budget())

    def frame(self) -> "pandas.DataFrame":
        """The metrics as a table: one row a step, one column a metric."""
        import pandas as pd

        rows = self.metrics()
        index = pd.Index([step for step, _ in rows], name="step", dtype="int64")
        return pd.DataFrame([metrics for _, metrics in rows], index=index)

    def step(self, index: int) -> Step:
        """A whole step. Raises LabError when it was not recorded."""
        with self.reading() as db:
            budget = self._budget()
            found = [] if db is None else read_metrics(db, index - 1, budget, most=1)
            if db is None or not found or found[0][0] != index:
                raise LabError(f"Run '{self.name}' has no step {index}.")
            return Step(index, found[0][1], read_groups(db, index, budget))

    def group(self, step: int, group_index: int) -> Group:
        """One group of a step. Raises LabError when it was not recorded."""
        with self.reading() as db:
            groups = [] if db is None else read_groups(db, step, self._budget(), group_index)
        if not groups:
            raise LabError(f"Run '{self.name}' has no group {group_index} in step {step}.")
        return groups[0]

    def group_count(self, step: int) -> int:
        """How many groups a step has; 0 for a step that was not recorded."""
        with self.reading() as db:
            if db is None:
                return 0
            query = "SELECT count(*) FROM groups WHERE step = ?"
            return int(db.execute(query, (step,)).fetchone()[0])

    def outlines(self, after: int = -1) -> list[tuple[int, list[GroupOutline]]]:
        """(step, groups without their tokens) of every step above `after` that has groups."""
        with self.reading() as db:
            return [] if db is None else list(read_outlines(db, after, self._budget()))

    def reward_names(self) -> list[str]:
        """The names of all rewards that any completion has, in the order in which they came."""
        with self.reading() as db:
            return [] if db is None else read_reward_names(db, self._budget())

    # Its models

    def models(self) -> list[tuple[int, Path]]:
        """(step, folder) of every model saved, in order; `load_policy` takes the folder.

        Before loading one of a run that may be a stranger's: `check_model`.
        """
        folder, found = self.path / "checkpoints", []
        with contextlib.suppress(LabError, OSError):
            if check_folder(folder):
                for path in itertools.islice(folder.iterdir(), limits.MODELS):
                    name = re.fullmatch(r"step-([0-9]{1,9})", path.name)
                    if name and not path.is_symlink() and path.is_dir():
                        found.append((int(name[1]), path))
        return sorted(found)

    # The one thing a viewer may say

    def control(self, want: str) -> int:
        """Ask the writer for something; returns the sequence number it will acknowledge.

        Raises:
            LabError: there is no such wish, the run is a stranger's, or the folder cannot be
                written to.
        """
        if want not in get_args(Want):
            raise LabError(f"Unknown request {want!r}. Use one of: {', '.join(get_args(Want))}.")
        refuse_foreign(self.path)
        path = self.path / "control.json"
        with told_plainly(self.path, "control"):
            check_regular(self.path / "control.lock", written=True)
            with filelock.FileLock(self.path / "control.lock", timeout=5):
                sequence = 1 + max(last_sequence(path), int(self.state.get("acknowledged") or 0))
                write_json(path, {"sequence": sequence, "want": want})
        return sequence


def refuse_foreign(path: Path) -> None:
    """Raise LabError where this installation did not make the run."""
    if not is_own(path):
        raise LabError(
            f"Run '{path.name}' was not made by this installation of GRPO Lab, so it can only be "
            f"looked at. `grpo-lab resume {path}` copies it into a run of your own and continues "
            "that."
        )


def list_runs(root: Path) -> list["Run"]:
    """The runs in a folder, newest first; [] when there is no such folder.

    A folder that is damaged, or vanishes meanwhile, hides no other.
    """
    runs = []
    with contextlib.suppress(OSError):
        for path in Path(root).iterdir():
            with contextlib.suppress(LabError, OSError):
                runs.append(Run(path))
    return sorted(runs, key=lambda run: (run.created, run.name), reverse=True)
