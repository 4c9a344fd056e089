"""The run folder: everything a run leaves behind, with one writer and any number of readers.

    run.db         SQLite: steps, groups, completions (the schema is in `database`)
    config.json    the GRPOConfig, as `GRPOConfig.from_dict` reads it
    control.json   what the viewer wants: {"sequence": n, "want": "run" | "pause" | "step" | "stop"}
    state.json     what the writer is doing: status, step, pid, heartbeat, acknowledged sequence
    origin.json    that it was made here: see `origin`
    writer.lock    held by the one writer, let go by the operating system when it dies
    checkpoints/   last.pt to resume from, and step-000025/ ... to load as models

While a run is written its database is in WAL mode, so readers and the writer never wait for each
other; closing the writer folds it back into the one file run.db, which can be copied, mailed or
put on a read-only disk. Small files are replaced whole (`os.replace`), never written in place.

Per-token arrays are blobs: `zlib.compress(array with the bytes of its numbers regrouped, 1)`;
`unpack` reads one back, and pandas reads every other column as it is. Measured on two cores, for a
step of 8 groups x 16 completions x 100 tokens: of random numbers, 256 kB raw, 237 kB by zlib level
3, 214 kB regrouped at level 1 (14 ms; level 3 gains 0.4%), and 28 ms for the whole `append`. A real
step of the tiny model took 14 ms and 160 kB, text included: `push` is all but constant over a
completion while there is one update a batch, and `logprobs` are the old ones, so stored as NULL.

No torch in here: the dashboard reads runs, and must start quickly.

A folder may come from a stranger, and be made to do harm: it is read with care and written to by
nothing here. To continue it, `adopt` copies it row by row into a folder of our own.

    regular   opening regular files and nothing else
    limits    how large and deep what a folder holds may be
    origin    whether a folder was made here
    disk      small files replaced whole; what goes wrong, in one sentence
    database  run.db: its schema, how it is opened, what is refused
    snapshots a copy of a stranger's run that was not closed, to look at it
    rows      records as rows, arrays as blobs
    control   what a viewer asks for
    folder    names, and making a run
    reader    `Run`
    writer    `RunWriter`
    checkpoints  what may be loaded of checkpoints/
    adopt     a stranger's run copied into one of our own
    thin      a run made small enough to ship
"""

from grpo_core.runs.adopt import Adopted, adopt
from grpo_core.runs.checkpoints import check_checkpoint, check_model
from grpo_core.runs.control import Control, Want
from grpo_core.runs.database import SCHEMA, SCHEMA_VERSION
from grpo_core.runs.description import LIVE, STALE_SECONDS, Description
from grpo_core.runs.folder import check_name, create_run, is_run, run_path
from grpo_core.runs.reader import Run, list_runs
from grpo_core.runs.rows import GroupOutline, clean, pack, unpack
from grpo_core.runs.thin import thin_copy
from grpo_core.runs.writer import RunWriter

__all__ = [
    "LIVE",
    "SCHEMA",
    "SCHEMA_VERSION",
    "STALE_SECONDS",
    "Adopted",
    "Control",
    "Description",
    "GroupOutline",
    "Run",
    "RunWriter",
    "Want",
    "adopt",
    "check_checkpoint",
    "check_model",
    "check_name",
    "clean",
    "create_run",
    "is_run",
    "list_runs",
    "pack",
    "run_path",
    "thin_copy",
    "unpack",
]
