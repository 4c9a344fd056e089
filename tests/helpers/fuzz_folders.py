"""Run folders damaged at random, each read, listed, copied and written to by a process of its own.

    python tests/helpers/fuzz_folders.py FOLDER FIRST LAST

damages a folder for each seed from FIRST to before LAST, and ends with a line of JSON: the cases,
how many sentences were said, the slowest case in seconds, and the memory in MB. It fails where
anything but a LabError is raised, where a case takes long, or where a file outside is touched.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from make_steps import step
from strangers import change, deleting_journal, stranger, unfolded

from grpo_core.app.dashboard.runs import RunBook, describe, stamp
from grpo_core.cli.runs import _row
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.machine import peak_rss
from grpo_core.runs import Run, RunWriter, adopt, check_checkpoint, check_model, create_run

SECONDS = 15  # for a case; the slowest takes three alone
FILES = ("run.db", "run.db-wal", "run.db-shm", "run.db-journal", "state.json", "config.json")
FILES += ("control.json", "origin.json", "writer.lock", "control.lock", "worker.log")
FILES += ("checkpoints", "checkpoints/last.pt", "checkpoints/step-000002/config.json")
BOMB = zlib.compress(bytes(2**26))
SQL = (
    "CREATE TRIGGER t AFTER INSERT ON steps BEGIN DELETE FROM groups; END",
    "CREATE INDEX i ON steps (hex(metrics))",
    "DROP TABLE completions",
    "DELETE FROM meta",
    "UPDATE meta SET value = 'x'",
    "UPDATE steps SET metrics = printf('%.*c', 1000000, '[')",
    "UPDATE steps SET metrics = x'00ff'",
    "UPDATE groups SET columns = NULL || '{}', prompt = zeroblob(99)",
    f"UPDATE completions SET tokens = x'{BOMB.hex()}'",
    f"UPDATE completions SET push = x'{BOMB.hex()}'",
    "UPDATE completions SET reward = 'x', advantage = 9e999",
    "UPDATE completions SET rewards = '{\"a\": 1e999}', length = -1",
    "INSERT INTO steps SELECT value, 1, '{}' FROM generate_series(100, 100000)",
)
VALUES: tuple[Any, ...] = (None, True, -1, 2**70, 1e308, float("nan"), "", "\x1b[2J", "x" * 10**5)
VALUES += ([], {}, [[[[]]]], "running", "tiny", {"a": {"b": []}}, ["a", 1])


# --- damage -------------------------------------------------------------------------------------


def flip(path: Path, rng: random.Random) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:  # in place: it may be sparse, and larger than memory
        for _ in range(rng.choice((1, 4, 50))):
            file.seek(rng.randrange(size))
            file.write(bytes([rng.randrange(256)]))


def cut(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def rubbish(path: Path, rng: random.Random) -> None:
    path.write_bytes(rng.randbytes(rng.choice((0, 1, 100, 10_000))))


def sparse(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.choice((2**24, 2**31, 2**37)))


def values(path: Path, rng: random.Random) -> None:
    content = json.loads(path.read_bytes())
    for name in rng.sample(sorted(content), min(2, len(content))):
        content[name] = rng.choice(VALUES)
    path.write_text(json.dumps(content))


def replaced(path: Path, rng: random.Random) -> None:
    """Something that is no file in its place."""
    outside = path.anchor / Path(os.environ["FUZZ_OUTSIDE"])
    kinds: list[Callable[[], Any]] = [
        *(lambda to=to: path.symlink_to(to) for to in ("/dev/zero", "/dev/full", path.name)),
        lambda: path.symlink_to(outside / "file"),
        lambda: path.symlink_to(outside),
        lambda: path.symlink_to(outside / "new"),
        lambda: os.link(outside / "file", path),
        lambda: os.mkfifo(path),
        lambda: path.mkdir(),
        lambda: bind(path),
    ]
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    rng.choice(kinds)()


def bind(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(here)


def damage(folder: Path, rng: random.Random) -> Path:
    """Change a folder in one to three ways; returns where it is then."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.choice(
            (flip, flip, cut, rubbish, sparse, values, replaced, replaced, "sql", "x")
        )
        path = folder / rng.choice(FILES[:6] if rng.random() < 0.7 else FILES)
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, sqlite3.Error):
            if kind == "sql" and _ours(folder):
                change(folder, rng.choice(SQL))
            elif kind == "x":
                folder = folder.rename(folder.with_name(f"{folder.name}\x1b[2J\n{rng.random()}"))
            elif kind is replaced or (callable(kind) and _plain(path)):
                kind(path, rng)
    if rng.random() < 0.1:  # last, as the statements above would obey it
        with contextlib.suppress(OSError):
            deleting_journal(folder, Path(os.environ["FUZZ_OUTSIDE"]) / "file")
    return folder


def _ours(folder: Path) -> bool:
    """Whether SQLite, told to change the run, writes nothing outside its folder."""
    logs = (folder / f"run.db{end}" for end in ("-wal", "-shm", "-journal"))
    return _plain(folder / "run.db") and all(
        _plain(log) or not os.path.lexists(log) for log in logs
    )


def _plain(path: Path) -> bool:
    """Whether to change a file is to change the folder, and not what is outside."""
    return path.is_file() and not path.is_symlink() and path.stat().st_nlink == 1


def make(root: Path, seed: int, rng: random.Random) -> Path:
    """A folder to be damaged: our own, or a stranger's, with one thing or another in it."""
    if rng.random() < 0.3:
        folder = create_run(root, f"own{seed}", GRPOConfig())
        with RunWriter(folder) as writer:
            writer.append(step(1))
    else:
        folder = stranger(root, f"gift{seed}", steps=2)
    if rng.random() < 0.3:
        unfolded(folder, 9)
    model = folder / "checkpoints" / "step-000002"
    model.mkdir(parents=True)
    (model / "config.json").write_text('{"model_type": "llama"}')
    (folder / "checkpoints" / "last.pt").write_bytes(rng.randbytes(500))
    return folder


# --- use ----------------------------------------------------------------------------------------


def use(folder: Path) -> int:
    """Do all that the kit does with a folder; returns how often a sentence was the answer."""
    said = 0

    def ask(call: Callable[[], Any]) -> Any:
        nonlocal said
        try:
            return call()
        except LabError as error:
            said += 1
            assert str(error).isprintable(), error
            return None

    root = folder.parent
    book = RunBook(root, start_worker=lambda path: None)
    known = book.runs()
    assert any(run.name == "good" for run in known.values()), "the others are hidden"
    for key, run in known.items():
        encoded = json.dumps(describe(key, run), default=str)
        assert stamp(run) and "\\u001b" not in encoded.split('"config"')[0], encoded
        assert _row(run)
    run = ask(lambda: Run(folder))
    if run is None:
        return said
    for call in (run.last_step, run.metrics, run.outlines, run.reward_names, lambda: run.config):
        ask(call)
    for index in (1, 2, 9):
        ask(lambda index=index: (run.step(index), run.group(index, 0), run.group_count(index)))
    for _, model in run.models():
        ask(lambda model=model: check_model(model))
    with contextlib.suppress(OSError):
        ask(lambda: check_checkpoint(folder / "checkpoints" / "last.pt"))
    for want in ("pause", "run"):
        ask(lambda want=want: book.control(run.name, want))
    adopted = ask(lambda: adopt(run, root))
    for path in {folder, adopted.path if adopted else folder}:
        ask(lambda path=path: write(path))
    return said


def write(folder: Path) -> None:
    with RunWriter(folder) as writer:
        writer.append(step(5))
        writer.write_state(status="stopped")
        writer.save_checkpoint(lambda p: p.write_bytes(b"x") and None, 5)
        writer.save_model(lambda p: (p / "config.json").write_text("{}") and None, 5)
        assert writer.run.last_step() >= 5


def tree(folder: Path) -> list[Any]:
    """Every name and byte of a folder."""
    return sorted((str(p), p.read_bytes() if p.is_file() else b"") for p in folder.rglob("*"))


def main(room: Path, first: int, last: int) -> None:
    """Damage and use a folder for each seed."""

    outside = room / "outside"
    outside.mkdir(parents=True)
    (outside / "file").write_text("precious")
    os.environ["FUZZ_OUTSIDE"] = str(outside)
    before, said, slowest = tree(outside), 0, (0.0, -1)
    for seed in range(first, last):
        rng = random.Random(seed)
        root = room / "runs"
        create_run(root, "good", GRPOConfig())
        folder = damage(make(root, seed, rng), rng)
        signal.alarm(SECONDS)
        started = time.monotonic()
        try:
            said += use(folder)
            assert tree(outside) == before, "something outside was touched"
        except BaseException:
            print(f"seed {seed}: {folder!r}", file=sys.stderr)
            raise
        slowest = max(slowest, (time.monotonic() - started, seed))
        signal.alarm(0)
        shutil.rmtree(root)
    memory = peak_rss() / 2**20
    print(json.dumps({"cases": last - first, "said": said, "slowest": slowest, "memory": memory}))


def _too_long(number: int, frame: Any) -> None:
    raise AssertionError(f"a case took longer than {SECONDS} s")


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _too_long)
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
