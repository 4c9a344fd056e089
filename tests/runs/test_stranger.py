"""What a folder from a stranger may do: be looked at, be refused in one sentence, be copied."""

import json
import os
import re
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from make_steps import assert_same, step
from strangers import change, deleting_journal, stranger, unfolded

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.runs import Run, RunWriter, create_run, list_runs, snapshots, worker

links = pytest.mark.skipif(os.name == "nt", reason="making links needs a privilege there")
posix = pytest.mark.skipif(os.name == "nt", reason="pipes in folders are POSIX's")


@pytest.fixture
def gift(tmp_path: Path) -> Path:
    return stranger(tmp_path / "runs")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file that nothing may touch."""
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


def in_time(call: Callable[[], object], seconds: float = 20) -> None:
    """Call it, which may raise LabError, and fail where it hangs."""
    done = threading.Event()

    def run() -> None:
        try:
            call()
        except LabError:
            pass
        finally:
            done.set()

    threading.Thread(target=run, daemon=True).start()
    assert done.wait(seconds), "it hangs"


# --- SQLite obeys what lies beside run.db -------------------------------------------------------


@pytest.mark.parametrize("own", [True, False])
def test_a_journal_deletes_no_file(tmp_path: Path, victim: Path, own: bool) -> None:
    path = create_run(tmp_path, "own", GRPOConfig()) if own else stranger(tmp_path)
    deleting_journal(path, victim)
    before = (path / "run.db").read_bytes()
    with pytest.raises(LabError):
        RunWriter(path)
    run = Run(path)
    run.last_step_or_none()
    assert victim.read_text() == "precious"
    assert (path / "run.db").read_bytes() == before and (path / "run.db-journal").exists()


@links
@pytest.mark.parametrize("name", ["run.db", "run.db-wal", "run.db-shm", "run.db-journal"])
@pytest.mark.parametrize("own", [True, False])
def test_a_linked_database_file_is_not_followed(tmp_path: Path, name: str, own: bool) -> None:
    victim = tmp_path / "victim"
    path = create_run(tmp_path / "runs", "r", GRPOConfig()) if own else stranger(tmp_path / "runs")
    if name == "run.db":
        (path / name).rename(victim)
    else:
        victim.write_bytes(b"")
    before = victim.read_bytes()
    (path / name).symlink_to(victim)
    in_time(lambda: Run(path).metrics())
    with pytest.raises(LabError):
        RunWriter(path)
    assert victim.read_bytes() == before and (path / name).is_symlink()


@links
@pytest.mark.parametrize("name", ["run.db-wal", "run.db-shm", "run.db-journal"])
def test_a_second_name_of_a_file_is_not_written_to(path: Path, victim: Path, name: str) -> None:
    os.link(victim, path / name)
    for use in (lambda: RunWriter(path), Run(path).metrics):
        with pytest.raises(LabError, match="hard link to a file that has another name"):
            use()
    assert victim.read_text() == "precious"


# --- links in place of the other files ----------------------------------------------------------


@links
@pytest.mark.parametrize("name", ["worker.log", "writer.lock", "control.lock"])
@pytest.mark.parametrize("hard", [False, True])
def test_a_link_is_not_written_through(
    path: Path, victim: Path, name: str, hard: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path / name).unlink(missing_ok=True)
    (os.link if hard else os.symlink)(victim, path / name)
    monkeypatch.setattr("subprocess.Popen", None)
    why = "a hard link" if hard else "refused: it is a link"
    with pytest.raises(LabError, match=f"{re.escape(name)} is {why}"):
        if name == "writer.lock":
            RunWriter(path)
        else:
            worker.start(path)
    assert victim.read_text() == "precious"


@links
def test_a_linked_folder_of_checkpoints_is_neither_filled_nor_cleaned(
    path: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "step-000001").mkdir(parents=True)
    (elsewhere / "last.pt.tmp").write_text("precious")
    (path / "checkpoints").symlink_to(elsewhere)
    with pytest.raises(LabError, match="checkpoints is a link, but must be a folder"):
        RunWriter(path)
    assert Run(path).models() == []
    assert (elsewhere / "last.pt.tmp").read_text() == "precious"


@links
def test_leftovers_that_are_links_are_removed_and_not_what_they_lead_to(
    path: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("precious")
    (path / "checkpoints").mkdir()
    (path / "checkpoints" / "last.pt.tmp").symlink_to(elsewhere)
    (path / "state.json.1-2.tmp").symlink_to(elsewhere / "file")
    (path / "my.tmp").write_text("mine")
    RunWriter(path).close()
    assert (elsewhere / "file").read_text() == "precious" and (path / "my.tmp").exists()
    assert not list(path.rglob("*.*.tmp"))


@links
def test_a_temporary_file_that_is_a_link_is_not_written_through(path: Path, victim: Path) -> None:
    with RunWriter(path) as writer:
        trap = path / f"state.json.{os.getpid()}-{threading.get_ident()}.tmp"
        trap.symlink_to(victim)
        writer.write_state(status="stopped")
    assert victim.read_text() == "precious" and Run(path).status == "stopped"


# --- what hangs ---------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("name", ["state.json", "config.json", "control.json", "run.db-wal"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_pipe_or_a_device_is_not_waited_for(gift: Path, name: str, kind: str) -> None:
    (gift / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(gift / name)
    else:
        (gift / name).symlink_to("/dev/zero")
    in_time(lambda: list_runs(gift.parent))
    in_time(lambda: [Run(gift).problem, Run(gift).metrics(), Run(gift).control("run")])


# --- what is in the database --------------------------------------------------------------------

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT"
STRANGE = {
    "a trigger": ["CREATE TRIGGER t AFTER INSERT ON steps BEGIN DELETE FROM groups; END"],
    "a view": ["DROP TABLE steps", f"CREATE VIEW steps AS {ENDLESS} x AS step, 1 AS time FROM n"],
    "a virtual table": ["DROP TABLE steps", "CREATE VIRTUAL TABLE steps USING fts5(step, metrics)"],
    "a generated column": [
        "DROP TABLE steps",
        "CREATE TABLE steps (step INTEGER PRIMARY KEY, time REAL NOT NULL, "
        "metrics TEXT NOT NULL AS (hex(zeroblob(1000000))))",
    ],
    "a check": [
        "DROP TABLE steps",
        "CREATE TABLE steps (step INTEGER PRIMARY KEY, time REAL NOT NULL, "
        "metrics TEXT NOT NULL CHECK (length(hex(zeroblob(100000000)))))",
    ],
    "a default": [
        "DROP TABLE meta",
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT DEFAULT (hex(zeroblob(1000))))",
    ],
    "an index": ["CREATE INDEX i ON steps (hex(metrics))"],
    "another table": ["CREATE TABLE more (x)"],
}


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("own", [True, False])
def test_only_our_own_plain_tables_are_read_and_written(
    tmp_path: Path, what: str, own: bool
) -> None:
    path = create_run(tmp_path, "own", GRPOConfig()) if own else stranger(tmp_path)
    try:
        change(path, *STRANGE[what])
    except sqlite3.OperationalError as error:
        pytest.skip(f"missing here: {error}")
    before = (path / "run.db").read_bytes()
    for use in (Run(path).metrics, Run(path).last_step, Run(path).outlines):
        with pytest.raises(LabError, match=r"run\.db is refused: it holds the \w+ '"):
            use()
    with pytest.raises(LabError):
        RunWriter(path)
    assert (path / "run.db").read_bytes() == before


def test_every_version_of_our_tables_is_read(gift: Path) -> None:
    change(gift, "ALTER TABLE completions DROP COLUMN after_logprobs")
    assert_same(step(2), Run(gift).step(2))
    for column in ('"values"', "token_advantages"):
        change(gift, f"ALTER TABLE completions DROP COLUMN {column}")
    assert_same(step(2), Run(gift).step(2))
    change(gift, "ALTER TABLE completions ADD COLUMN token_advantages BLOB")
    assert_same(step(2), Run(gift).step(2))


@pytest.mark.parametrize("version", ["three", "1e3", "9" * 5000, "", "-1"])
def test_a_version_that_is_no_number_is_refused(gift: Path, version: str) -> None:
    change(gift, f"UPDATE meta SET value = '{version}' WHERE key = 'schema_version'")
    with pytest.raises(LabError, match="schema_version is not a number"):
        Run(gift).metrics()


def test_a_schema_of_a_million_tables_is_given_up(
    gift: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grpo_core.runs.limits.SCHEMA_SECONDS", 0.2)
    db = sqlite3.connect(gift / "run.db", isolation_level=None)
    db.execute("PRAGMA writable_schema = ON")
    db.execute("BEGIN")
    names = (f"x{i}" for i in range(200_000))
    rows = ((name, name, f"CREATE TABLE {name} (a)") for name in names)
    db.executemany("INSERT INTO sqlite_schema VALUES ('table', ?, ?, 2, ?)", rows)
    db.execute("COMMIT")
    db.close()
    started = time.monotonic()
    with pytest.raises(LabError, match="takes too long to read"):
        Run(gift).last_step()
    assert time.monotonic() - started < 10


BOMB = zlib.compress(b"\0" * 2**28)  # of 260 kB
BLOBS = (
    "tokens",
    "token_ids",
    "old_logprobs",
    "logprobs",
    "ref_logprobs",
    "push",
    "after_logprobs",
)


@pytest.mark.parametrize("column", BLOBS)
def test_a_blob_that_unpacks_to_gigabytes_is_refused(gift: Path, column: str) -> None:
    db = sqlite3.connect(gift / "run.db", isolation_level=None)
    db.execute(f"UPDATE completions SET {column} = ?", (BOMB,))
    db.close()
    with pytest.raises(LabError, match="a blob unpacks to more than"):
        Run(gift).step(1)
    assert Run(gift).metrics()  # nothing else is lost


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("steps", "metrics", "'[]'"),
        ("steps", "metrics", '\'{"reward": "high"}\''),
        ("steps", "metrics", "'" + "[" * 100_000 + "'"),
        ("steps", "metrics", "x'ff00'"),
        ("steps", "metrics", "zeroblob(70000000)"),
        ("groups", "prompt", "x'00'"),
        ("groups", "columns", "'" + '{"a":' * 50 + "1" + "}" * 50 + "'"),
        ("groups", "columns", "'7'"),
        ("completions", "text", "x'00'"),
        ("completions", "reward", "'high'"),
        ("completions", "rewards", "'{\"a\": null}'"),
        ("completions", "rewards", '\'{"a": 1' + "0" * 400 + "}'"),
        ("completions", "tokens", "x'00'"),
        ("completions", "tokens", "'text'"),
        ("completions", "token_ids", f"x'{zlib.compress(bytes(8)).hex()}'"),
        ("completions", "push", f"x'{zlib.compress(bytes(5)).hex()}'"),
        ("completions", "push", f"x'{zlib.compress(bytes(20)).hex()[:-8]}'"),
    ],
)
def test_a_value_that_no_run_has_is_refused_in_a_sentence(
    gift: Path, table: str, column: str, value: str
) -> None:
    change(gift, f"UPDATE {table} SET {column} = {value}")
    with pytest.raises(LabError, match=r"run\.db is (damaged|refused)"):
        for use in (Run(gift).metrics, Run(gift).outlines, lambda: Run(gift).step(1)):
            use()


def test_what_one_call_reads_is_limited(gift: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grpo_core.runs.limits.READ_BYTES", 1000)
    for use in (Run(gift).metrics, Run(gift).outlines, lambda: Run(gift).step(1)):
        with pytest.raises(LabError, match="more than 1,000 bytes of memory"):
            use()
    assert Run(gift).last_step() == 3
    own = create_run(gift.parent, "own", GRPOConfig())
    with RunWriter(own) as writer:
        writer.append(step(1))
    assert_same(step(1), Run(own).step(1))


def test_a_stranger_s_folder_gets_no_file_and_keeps_its_bytes(gift: Path) -> None:
    unfolded(gift, 7)
    before = {p.name: p.read_bytes() for p in gift.rglob("*") if p.is_file()}
    run = Run(gift)
    assert [s for s, _ in run.metrics()] == [1, 2, 3, 7]  # what was not folded is read
    assert [s for s, _ in run.metrics(whole=False)] == [1, 2, 3] and run.last_step() == 3
    assert_same(step(2), run.step(2))
    assert (run.problem, run.status) == (None, "stopped")
    for want in ("run", "pause"):
        with pytest.raises(LabError, match=r"can only be looked at. `grpo-lab resume"):
            run.control(want)
    with pytest.raises(LabError, match="can only be looked at"):
        RunWriter(gift)
    assert {p.name: p.read_bytes() for p in gift.rglob("*") if p.is_file()} == before


# --- names and states ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a\nFAILED b", "a\x1b[2Jb", "a\u202eb", "a\x9bb", "a\rb", "a\u2028b"]
)
@posix
def test_names_reach_neither_terminal_nor_log_raw(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = stranger(tmp_path).rename(tmp_path / name)
    run = Run(path)
    sentences = [run.name, str(run.problem)]
    for use in (lambda: RunWriter(path), lambda: Run(path / "no"), lambda: run.step(99)):
        with pytest.raises(LabError) as told:
            use()
        sentences.append(str(told.value))
    command = [sys.executable, "-m", "grpo_core.runs.worker", str(path)]
    log = subprocess.run(command, capture_output=True, timeout=200)
    assert log.returncode == 1
    sentences += log.stderr.decode().splitlines()
    assert len(sentences) == 6
    assert not [s for s in sentences if re.search("[\x00-\x1f\x7f-\x9f\u2028\u202e]", s)]


@pytest.mark.parametrize(
    "state",
    [
        {"status": ["running"], "created": "noon", "acknowledged": "x", "heartbeat": {}},
        {"status": "\x1b[31m", "created": float("inf"), "error": ["x"]},
        {"status": "running", "created": 1e300, "heartbeat": 1e12, "host": 5},
        {"status": "running", "heartbeat": float("nan"), "acknowledged": 10**400, "pid": -1},
        {"created": True, "step": 1e9, "started": "<b>", "error": "\x1b]0;x\x07" * 10**4},
    ],
)
def test_a_state_that_no_writer_writes_is_none(gift: Path, state: dict[str, object]) -> None:
    (gift / "state.json").write_text(json.dumps(state))
    run = Run(gift)
    assert run.status in ("stopped", "lost") and 0 <= run.created < 2**34
    assert "\x1b" not in str(run.problem) and len(str(run.problem)) < 50_000
    time.localtime(run.created)
    assert [r.name for r in list_runs(gift.parent)] == ["gift"]
    own = create_run(gift.parent, "own", GRPOConfig())
    (own / "state.json").write_text(json.dumps(state))
    assert Run(own).control("run") == 1
    RunWriter(own).close()


@pytest.mark.parametrize("name", ["state.json", "config.json", "control.json"])
@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"a":' * 40 + b"1" + b"}" * 40, b'{"a": "' + b"x" * 2**21 + b'"}', b"\xff"],
    ids=["nested", "deep", "large", "bytes"],
)
def test_json_that_is_too_deep_or_too_large_is_said(gift: Path, name: str, content: bytes) -> None:
    (gift / name).write_bytes(content)
    problem = Run(gift).problem
    assert name == "control.json" or re.search(f"{name} is (damaged|larger than)", str(problem))
    assert list_runs(gift.parent)[0].name == "gift"


@pytest.mark.parametrize(
    "options",
    [
        {"reward_funcs": [1, 2], "reward_weights": ["a", "b"]},
        {"reward_funcs": {}, "reward_weights": 5},
        {"generation_batch_size": 0},
        {"task_options": {"a": [[[]]]}, "model": "\0"},
        {"beta": True, "max_steps": 1e400},
    ],
)
def test_a_configuration_that_makes_no_sense_is_said(gift: Path, options: dict) -> None:
    (gift / "config.json").write_text(json.dumps(options))
    assert Run(gift).problem is None or isinstance(Run(gift).problem, str)


# --- one folder hides no other ------------------------------------------------------------------


@posix
def test_no_folder_hides_the_others(tmp_path: Path) -> None:
    good = create_run(tmp_path, "good", GRPOConfig())
    for n, kind in enumerate(("state.json", "config.json", "run.db")):
        for m, make in enumerate((os.mkfifo, os.mkdir, lambda p: p.symlink_to(p), _socket)):
            path = stranger(tmp_path, f"bad-{n}-{m}", steps=1)
            (path / kind).unlink()
            make(path / kind)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    stranger(tmp_path, "x").rename(tmp_path / os.fsdecode(b"\xff\xfe\n"))
    found = list_runs(tmp_path)
    assert "good" in [run.name for run in found] and len(found) > 5
    for run in found:
        assert isinstance(run.status, str) and run.created >= 0
        _ = run.problem, run.models(), run.last_step_or_none()
        run.name.encode()
    assert Run(good).problem is None


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(here)


def test_a_huge_sparse_file_costs_nothing(gift: Path) -> None:
    size = (gift / "run.db").stat().st_size
    for name, more in (("run.db", 2**38), ("run.db-wal", 2**36), ("state.json", 2**36)):
        with (gift / name).open("ab") as file:
            file.truncate(size + more)
    started = time.monotonic()
    assert list_runs(gift.parent)[0].last_step_or_none() == 3
    with pytest.raises(LabError, match="more than the"):
        Run(gift).metrics()
    assert "state.json is larger than" in str(Run(gift).problem)
    assert time.monotonic() - started < 20


def test_a_sparse_file_is_copied_with_its_holes(tmp_path: Path) -> None:
    """It may name more bytes than the disk has room for."""
    source, copy = tmp_path / "sparse", tmp_path / "copy"
    source.write_bytes(b"start" + bytes(2**20))
    os.truncate(source, 2**26)
    with source.open("ab") as file:
        file.write(b"end")
    os.truncate(source, 2**27)
    snapshots._copy(source, copy, 2**30)
    assert copy.read_bytes() == source.read_bytes()
    assert copy.stat().st_blocks * 512 < 2**22


def test_a_page_that_leads_back_to_itself_ends(gift: Path) -> None:
    """The tables' roots in a circle: SQLite says so, and nothing runs for ever."""
    content = bytearray((gift / "run.db").read_bytes())
    for page in range(1, len(content) // 4096):
        begin = 4096 * page
        content[begin : begin + 14] = struct.pack(">BHHHBIH", 5, 0, 1, 4000, 0, page + 1, 4000)
        content[begin + 4000 : begin + 4005] = struct.pack(">IB", page + 1, 1)
    (gift / "run.db").write_bytes(content)
    in_time(lambda: Run(gift).metrics())
    in_time(lambda: Run(gift).last_step())
