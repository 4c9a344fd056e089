"""The run folder: what goes in comes out, whatever happens to the disk or the process."""

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grpo_core import store
from grpo_core.config import GRPOConfig
from grpo_core.errors import LabError
from grpo_core.records import Completion, Group, Step
from grpo_core.store import Run, RunWriter, create_run, list_runs, run_path

HOSTILE = [
    "",
    "\0",
    "</script><img onerror=x>",
    "${x}",
    "'; DROP TABLE steps; --",
    "\ud800",
    "é\u2028𝛑",
]

ARRAYS = ("token_ids", "old_logprobs", "logprobs", "ref_logprobs", "entropy", "push")


def completion(length: int = 5, seed: int = 0, **changes: object) -> Completion:
    """A completion of `length` tokens with every array filled."""
    rng = np.random.default_rng(seed)
    noise = [rng.standard_normal(length).astype(np.float32) for _ in range(5)]
    values: dict[str, object] = dict(
        text="10 - 3 = 7",
        tokens=["x"] * length,
        token_ids=rng.integers(0, 200, length).astype(np.int32),
        rewards={"accuracy_reward": 1.0, "format_reward": 0.0},
        reward=1.0,
        advantage=-0.25,
        truncated=False,
        old_logprobs=noise[0],
        logprobs=noise[1],
        ref_logprobs=noise[2],
        entropy=noise[3],
        push=noise[4],
    )
    return Completion(**{**values, **changes})  # type: ignore[arg-type]


def step(index: int = 1, groups: int = 2, size: int = 3, length: int = 5) -> Step:
    """A training step whose content depends on `index` alone."""
    made = [
        Group("Use 3 , 5 to make 8 .", {"numbers": [3, 5], "target": 8}, []) for _ in range(groups)
    ]
    for g, group in enumerate(made):
        group.completions = [completion(length, 1000 * index + 10 * g + i) for i in range(size)]
    return Step(index, {"reward": index / 7, "kl": float("nan")}, made)


def same_array(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    """Equal to the last bit, NaNs included."""
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def same_number(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def assert_same(a: Step, b: Step) -> None:
    """Every field of every record, with lone surrogates replaced."""
    assert a.index == b.index and len(a.groups) == len(b.groups)
    assert {store.clean(k) for k in a.metrics} == set(b.metrics)
    assert all(same_number(v, b.metrics[store.clean(k)]) for k, v in a.metrics.items())
    for left, right in zip(a.groups, b.groups, strict=True):
        assert store.clean(left.prompt) == right.prompt
        assert (
            json.loads(store.clean(json.dumps(left.columns, ensure_ascii=False))) == right.columns
        )
        for c, d in zip(left.completions, right.completions, strict=True):
            assert store.clean(c.text) == d.text and [store.clean(t) for t in c.tokens] == d.tokens
            assert c.truncated is d.truncated and len(c) == len(d)
            assert same_number(c.reward, d.reward) and same_number(c.advantage, d.advantage)
            assert all(same_number(v, d.rewards[store.clean(k)]) for k, v in c.rewards.items())
            for name in ARRAYS:
                assert same_array(getattr(c, name), getattr(d, name)), name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return create_run(tmp_path, "demo", GRPOConfig())


# --- round trip --------------------------------------------------------------------------------

texts = st.text(max_size=8) | st.text("\ud800\udfff\0a", max_size=4) | st.sampled_from(HOSTILE)
# Names that clean() would make equal are not two names.
names = st.text("abc/_", min_size=1, max_size=6) | st.sampled_from(HOSTILE)
numbers = st.floats(width=64) | st.integers(-5, 5).map(float)


@st.composite
def completions(draw: st.DrawFn) -> Completion:
    length = draw(st.integers(0, 4))
    floats = hnp.arrays(np.float32, length, elements=st.floats(width=32))
    old = draw(floats)
    return Completion(
        text=draw(texts),
        tokens=draw(st.lists(texts, min_size=length, max_size=length)),
        token_ids=draw(hnp.arrays(np.int32, length)),
        rewards=draw(st.dictionaries(names, numbers, max_size=3)),
        reward=draw(numbers),
        advantage=draw(numbers),
        truncated=draw(st.booleans()),
        old_logprobs=old,
        logprobs=old.copy() if draw(st.booleans()) else draw(floats),
        ref_logprobs=draw(st.none() | floats),
        entropy=draw(st.none() | floats),
        push=draw(st.none() | floats),
    )


columns = st.dictionaries(
    names, st.integers() | texts | st.lists(st.integers(), max_size=3), max_size=3
)
groups = st.builds(
    Group, prompt=texts, columns=columns, completions=st.lists(completions(), max_size=3)
)
steps = st.builds(
    Step,
    index=st.integers(0, 3),
    metrics=st.dictionaries(names, numbers, max_size=4),
    groups=st.lists(groups, max_size=3),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(record=steps)
def test_any_step_comes_back_identical(path: Path, record: Step) -> None:
    with RunWriter(path) as writer:
        writer.append(record)
        assert_same(record, writer.run.step(record.index))
    run = Run(path)
    assert_same(record, run.step(record.index))
    assert run.group_count(record.index) == len(record.groups)
    for g in range(len(record.groups)):
        alone = Step(record.index, {}, [run.group(record.index, g)])
        assert_same(Step(record.index, {}, [record.groups[g]]), alone)


def test_lone_surrogates_are_replaced_so_that_readers_can_encode(path: Path) -> None:
    assert store.clean("a\ud800b") == "a\ufffdb"
    assert store.clean("\ud83d\ude00") == "\U0001f600"
    with RunWriter(path) as writer:
        writer.append(Step(1, {}, [Group("\udfff", {"a": "\ud800"}, [completion(text="\ud800")])]))
    group = Run(path).group(1, 0)
    (group.prompt + group.columns["a"] + group.completions[0].text).encode()


def test_equal_logprobs_are_stored_once(path: Path) -> None:
    same = completion()
    same.logprobs = same.old_logprobs.copy()
    with RunWriter(path) as writer:
        writer.append(Step(1, {}, [Group("p", {}, [same, completion()])]))
    with sqlite3.connect(path / "run.db") as db:
        rows = db.execute("SELECT logprobs FROM completions ORDER BY completion_index").fetchall()
    assert rows[0][0] is None and rows[1][0] is not None


def test_numpy_values_from_rewards_and_metrics_are_recorded(path: Path) -> None:
    odd = completion(rewards={"f": np.float32(0.5)}, reward=np.float64(2), truncated=np.bool_(True))
    group = Group("p", {"numbers": np.array([1, 2])}, [odd])
    with RunWriter(path) as writer:
        writer.append(Step(1, {"a": np.float32(1.5)}, [group]))
    back = Run(path).step(1)
    assert back.metrics == {"a": 1.5} and back.groups[0].columns == {"numbers": [1, 2]}
    assert back.groups[0].completions[0].rewards == {"f": 0.5}


def test_a_step_written_again_replaces_the_first(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.append(step(1, groups=4))
        writer.append(step(1, groups=2))
    assert_same(step(1, groups=2), Run(path).step(1))


def test_metrics_and_frame(path: Path) -> None:
    run = Run(path)
    assert run.last_step() is None and run.metrics() == [] and run.frame().empty
    with RunWriter(path) as writer:
        for i in range(4):
            writer.append(Step(i, {"reward": i / 2, **({"eval/accuracy": 1.0} if i == 3 else {})}))
    assert run.metrics(after=1) == [
        (2, {"reward": 1.0}),
        (3, {"reward": 1.5, "eval/accuracy": 1.0}),
    ]
    frame = run.frame()
    assert list(frame.index) == [0, 1, 2, 3] and frame.index.name == "step"
    assert frame["reward"].iloc[2] == 1.0 and np.isnan(frame["eval/accuracy"].iloc[0])
    assert run.last_step() == 3


def test_what_was_not_recorded_is_said(path: Path) -> None:
    run = Run(path)
    with pytest.raises(LabError, match="no step 5"):
        run.step(5)
    with pytest.raises(LabError, match="no group 0 in step 5"):
        run.group(5, 0)
    assert run.group_count(5) == 0


def test_append_is_fast_enough(path: Path) -> None:
    """The default step: 8 groups x 16 completions x 100 tokens (28 ms where this was written)."""
    record = step(1, groups=8, size=16, length=100)
    with RunWriter(path) as writer:
        times = []
        for _ in range(4):
            start = time.process_time()
            writer.append(record)
            times.append(time.process_time() - start)
    assert min(times) < 0.06


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *["", ".", "..", ".hidden", "a/b", "a\\b", "../x", "a b", "a\0b", "con", "NUL.txt", "x."],
        *["a" * 81, "~", "a\n", "$HOME", "a:b", "*", "-rf"],
    ],
)
def test_odd_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(LabError, match="cannot be a run's name"):
        create_run(tmp_path / "runs", name, GRPOConfig())
    assert not list(tmp_path.rglob("config.json"))


def test_names_people_use_are_fine(tmp_path: Path) -> None:
    for name in ("demo", "Müller_2", "v1.0-b", "数独"):
        assert create_run(tmp_path, name, GRPOConfig()).name == name


def test_names_and_paths(tmp_path: Path) -> None:
    assert run_path(tmp_path, "demo") == tmp_path / "demo"
    assert run_path(tmp_path, f"{tmp_path}/other/demo") == tmp_path / "other" / "demo"
    for bad in ("..", f"{tmp_path}/a b", "/"):
        with pytest.raises(LabError, match="cannot be a run's name"):
            run_path(tmp_path, bad)


def test_names_are_made_up_and_taken_ones_refused(tmp_path: Path) -> None:
    config = GRPOConfig(model="some-org/some model", seed=3)
    made = [create_run(tmp_path, None, config).name for _ in range(2)]
    assert made == ["countdown-some-model-seed3-1", "countdown-some-model-seed3-2"]
    with pytest.raises(LabError, match="exists already"):
        create_run(tmp_path, made[0], config)


def test_a_model_folder_is_recorded_as_an_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    path = create_run(tmp_path, "r", GRPOConfig(model="models/mine"))
    assert Run(path).config.model == str(tmp_path / "models" / "mine")


def test_list_runs_newest_first_and_survives_rubbish(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []
    for name in ("a", "b", "c"):
        create_run(tmp_path, name, GRPOConfig())
        time.sleep(0.002)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "b" / "state.json").write_text("{")
    (tmp_path / "c" / "run.db").write_bytes(b"rubbish" * 1000)
    runs = list_runs(tmp_path)
    assert sorted(r.name for r in runs) == ["a", "b", "c"]
    assert [r.name for r in runs if r.name != "b"] == ["c", "a"]
    assert {r.name: bool(r.problem) for r in runs} == {"a": False, "b": True, "c": True}
    assert all(r.status for r in runs)


# --- one writer, many readers ------------------------------------------------------------------


def test_a_second_writer_is_refused_clearly(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.write_state(pid=4321)
        with pytest.raises(LabError, match="is being trained already, by process 4321"):
            RunWriter(path)
    RunWriter(path).close()


def test_a_killed_writer_lets_go_and_loses_only_the_step_in_flight(path: Path) -> None:
    code = (
        "import os, signal, sys; from tests.test_store import *\n"
        "w = RunWriter(sys.argv[1]); [w.append(step(i)) for i in range(1, 4)]\n"
        "w._db.execute('BEGIN IMMEDIATE'); w._db.execute('DELETE FROM steps')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, timeout=60)
    assert done.returncode == -9
    assert Run(path).last_step() == 3
    with RunWriter(path) as writer:
        writer.append(step(4))
    for i in range(1, 5):
        assert_same(step(i), Run(path).step(i))


def test_readers_see_whole_steps_while_a_writer_writes(path: Path) -> None:
    errors: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        run = Run(path)
        try:
            while not done.is_set():
                last = run.last_step()
                if last is not None:
                    assert_same(step(last), run.step(last))
        except BaseException as error:
            errors.append(error)

    with RunWriter(path) as writer:
        readers = [threading.Thread(target=read) for _ in range(2)]
        for thread in readers:
            thread.start()
        for i in range(25):
            writer.append(step(i))
        done.set()
        for thread in readers:
            thread.join()
    assert not errors


def test_a_closed_run_is_one_file_and_a_reader_adds_none(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.append(step(1))
    Run(path).step(1)
    assert sorted(p.name for p in path.glob("run.db*")) == ["run.db"]
    with sqlite3.connect(path / "run.db") as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_reader_in_the_way_does_not_hinder_closing(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.append(step(1))
        with Run(path)._read() as db:
            assert db is not None
            start = time.monotonic()
            writer.close()
            assert time.monotonic() - start < 3
    assert_same(step(1), Run(path).step(1))


# --- control and state -------------------------------------------------------------------------


def test_control_counts_up_and_the_writer_reads_it(path: Path) -> None:
    run = Run(path)
    with RunWriter(path) as writer:
        assert writer.read_control() == store.Control(0, "run")
        assert [run.control("pause"), run.control("step")] == [1, 2]
        assert writer.read_control() == store.Control(2, "step")
    with pytest.raises(LabError, match="cannot be asked to 'fly'"):
        run.control("fly")


def test_two_viewers_never_get_the_same_number(path: Path) -> None:
    seen: list[int] = []
    threads = [
        threading.Thread(target=lambda: seen.extend(Run(path).control("run") for _ in range(20)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 61))


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"sequence": "1"}', '{"want": "fly"}', "\x80"])
def test_a_damaged_control_file_is_said_and_the_next_wish_mends_it(path: Path, damage: str) -> None:
    with RunWriter(path) as writer:
        writer.write_state(acknowledged=7)
        (path / "control.json").write_bytes(damage.encode("latin1"))
        with pytest.raises(LabError, match=r"control\.json is damaged"):
            writer.read_control()
        assert Run(path).control("pause") == 8
        assert writer.read_control() == store.Control(8, "pause")


def test_a_damaged_state_or_config_is_said(path: Path) -> None:
    (path / "state.json").write_text('{"status": "runn')
    assert Run(path).state == {} and "state.json is damaged" in str(Run(path).problem)
    with RunWriter(path) as writer:
        writer.write_state(status="stopped")
    assert Run(path).status == "stopped" and Run(path).problem is None
    (path / "config.json").write_text('{"task": "coun')
    with pytest.raises(LabError, match=r"config\.json is damaged"):
        _ = Run(path).config
    (path / "config.json").write_text('{"taks": "countdown"}')
    with pytest.raises(LabError, match="Did you mean 'task'"):
        _ = Run(path).config


def live_state(**changes: object) -> dict[str, object]:
    me = psutil.Process()
    return {
        "status": "running",
        "pid": me.pid,
        "pid_started": me.create_time(),
        "host": store.socket.gethostname(),
        "heartbeat": time.time(),
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "running"),
        ({"status": "paused"}, "paused"),
        ({"status": "finished", "pid": 0}, "finished"),
        ({"heartbeat": time.time() - 1000}, "lost"),
        ({"pid": 2**22 - 1}, "lost"),
        ({"pid": None}, "lost"),
        # The pid was reused: a process of that number lives, but began at another time.
        ({"pid_started": 1.0, "heartbeat": time.time() - 10}, "lost"),
        # The clock was set: the process began at another time, but it has just beaten.
        ({"pid_started": 1.0}, "running"),
        # On another machine of a shared folder only the heartbeat counts.
        ({"host": "elsewhere", "pid": 2**22 - 1}, "running"),
        ({"host": "elsewhere", "heartbeat": time.time() - 1000}, "lost"),
    ],
)
def test_a_dead_writer_is_noticed(path: Path, changes: dict[str, object], status: str) -> None:
    state = live_state(**changes)
    if "heartbeat" not in changes:
        state["heartbeat"] = time.time()
    (path / "state.json").write_text(json.dumps(state))
    assert Run(path).status == status
    assert bool(Run(path).problem) is (status == "lost")


@pytest.mark.skipif(os.name == "nt", reason="zombies are POSIX's")
def test_a_zombie_is_dead(path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(child.pid).create_time()
    state = live_state(pid=child.pid, pid_started=started)
    (path / "state.json").write_text(json.dumps(state))
    assert Run(path).status == "running"
    child.kill()
    deadline = time.monotonic() + 5
    while Run(path).status == "running" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert Run(path).status == "lost"
    child.communicate()


# --- damage, versions, read-only and full disks ------------------------------------------------


def test_no_run_here(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="There is no run in"):
        Run(tmp_path / "nothing")


def test_a_newer_folder_is_refused_in_one_sentence(path: Path) -> None:
    with sqlite3.connect(path / "run.db") as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    db.close()
    for use in (Run(path).metrics, lambda: RunWriter(path)):
        with pytest.raises(LabError, match=r"newer GRPO Lab .run format 99"):
            use()
    assert "update GRPO Lab" in str(Run(path).problem)


def test_a_missing_or_empty_database_is_an_empty_run(path: Path) -> None:
    (path / "run.db").unlink()
    assert Run(path).metrics() == []
    (path / "run.db").touch()
    assert Run(path).metrics() == [] and Run(path).last_step() is None
    with RunWriter(path) as writer:
        writer.append(step(1))
    assert Run(path).last_step() == 1


def test_a_damaged_database_is_said(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.append(step(1, groups=8, length=50))
    database = path / "run.db"
    whole = database.read_bytes()
    for damage in (b"rubbish" * 2000, whole[:100] + b"\xff" * 9000 + whole[9100:], whole[:5000]):
        database.write_bytes(damage)
        with pytest.raises(LabError, match=r"run\.db is damaged. Move it away"):
            Run(path).step(1)
    database.write_bytes(b"rubbish" * 2000)
    with pytest.raises(LabError, match=r"run\.db is damaged. Move it away"):
        RunWriter(path)
    database.write_bytes(whole)
    assert_same(step(1, groups=8, length=50), Run(path).step(1))
    RunWriter(path).close()  # the failed attempt let go of its lock


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB of its own; skipped where it cannot be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.name == "nt" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting needs root")
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_really_full_disk(small_disk: Path) -> None:
    path = create_run(small_disk, "r", GRPOConfig())
    with RunWriter(path) as writer:
        writer.write_state(status="running", error=None)
        writer.save_checkpoint(lambda p: p.write_bytes(b"good" * 1000) and None, 1)
        written = 0
        with pytest.raises(LabError, match=r"the disk is full.*grpo-lab resume"):
            for i in range(1, 100):
                writer.append(step(i, groups=8, size=16, length=60))
                written = i
        assert written > 0
        (small_disk / "filler").write_bytes(b"x" * max(0, shutil.disk_usage(small_disk).free))
        with pytest.raises(LabError, match=r"Saving the checkpoint of step 9.*disk is full"):
            writer.save_checkpoint(lambda p: p.write_bytes(b"bad" * 10**6) and None, 9)
        with pytest.raises(LabError, match=r"Saving the model of step 9.*disk is full"):
            writer.save_model(lambda p: (p / "model").write_bytes(b"bad" * 10**6) and None, 9)
        writer.write_state(status="failed", error="The disk is full.")
        with pytest.raises(LabError, match="the disk is full"):
            Run(path).control("stop")
    run = Run(path)
    assert (run.status, run.problem) == ("failed", "The disk is full.")
    assert (path / "checkpoints" / "last.pt").read_bytes() == b"good" * 1000
    assert [p.name for p in (path / "checkpoints").iterdir()] == ["last.pt"]
    assert run.last_step() == written
    (small_disk / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    with RunWriter(path) as writer:
        writer.append(step(written + 1))
    for i in range(1, written + 1):
        assert_same(step(i, groups=8, size=16, length=60), Run(path).step(i))


@pytest.mark.parametrize("wal", [True, False])
def test_a_read_only_disk(small_disk: Path, wal: bool) -> None:
    path = create_run(small_disk, "r", GRPOConfig())
    with RunWriter(path) as writer:
        writer.append(step(1))
    if wal:
        db = sqlite3.connect(path / "run.db")
        db.execute("PRAGMA journal_mode = WAL")
        db.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert_same(step(1), Run(path).step(1))
    assert Run(path).problem is None and len(list_runs(small_disk)) == 1
    with pytest.raises(LabError, match="cannot be written to"):
        Run(path).control("run")
    with pytest.raises(LabError, match="cannot be written to"):
        RunWriter(path)
    with pytest.raises(LabError, match="cannot be written to"):
        create_run(small_disk, "other", GRPOConfig())


def test_a_full_disk_simulated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For machines where nothing can be mounted: the database limits itself."""
    with RunWriter(path) as writer:
        writer.append(step(1))
        pages = writer._db.execute("PRAGMA page_count").fetchone()[0]
        writer._db.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(LabError, match=r"Recording step 2.*the disk is full"):
            writer.append(step(2, groups=8, length=300))
        writer._db.execute("PRAGMA max_page_count = 100000")
        writer.append(step(2))

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(store.os, "replace", full)
        writer.write_state(status="failed", error="full")
    assert Run(path).state["error"] == "full" and not list(path.glob("*.tmp"))
    assert_same(step(1), Run(path).step(1))
    assert_same(step(2), Run(path).step(2))


# --- checkpoints -------------------------------------------------------------------------------


def test_a_failed_checkpoint_keeps_the_one_before(path: Path) -> None:
    with RunWriter(path) as writer:
        writer.save_checkpoint(lambda p: p.write_text("one") and None, 1)

        def half(file: Path) -> None:
            file.write_text("tw")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            writer.save_checkpoint(half, 2)
    assert (path / "checkpoints" / "last.pt").read_text() == "one"
    assert len(list((path / "checkpoints").iterdir())) == 1


def test_models_are_folders_by_step_and_can_be_replaced(path: Path) -> None:
    with RunWriter(path) as writer:
        for number, word in ((100, "a"), (25, "b"), (25, "c")):
            writer.save_model(lambda p, w=word: (p / "model").write_text(w) and None, number)
    models = Run(path).models()
    assert [(n, p.name) for n, p in models] == [(25, "step-000025"), (100, "step-000100")]
    assert (models[0][1] / "model").read_text() == "c"


def test_what_a_killed_writer_left_half_written_is_removed(path: Path) -> None:
    (path / "checkpoints" / "step-000001.tmp").mkdir(parents=True)
    (path / "checkpoints" / "last.pt.tmp").write_text("x")
    (path / "state.json.1-2.tmp").write_text("x")
    RunWriter(path).close()
    assert not list(path.rglob("*.tmp"))


def test_importing_the_store_loads_no_torch() -> None:
    code = "import sys, grpo_core.store; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60).returncode == 0
