"""What viewers ask for, and what the writer says of itself."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from grpo_core.core.errors import LabError
from grpo_core.runs import Control, Run, RunWriter, description, disk, reader


def test_control_counts_up_and_the_writer_reads_it(path: Path) -> None:
    run = Run(path)
    with RunWriter(path) as writer:
        assert writer.read_control() == Control(0, "run")
        assert [run.control("pause"), run.control("step")] == [1, 2]
        assert writer.read_control() == Control(2, "step")
    with pytest.raises(LabError, match="Unknown request 'fly'"):
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
        assert writer.read_control() == Control(8, "pause")


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
        "host": socket.gethostname(),
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
        ({"pid": 10**30}, "lost"),
        ({"heartbeat": "noon"}, "lost"),
        ({"pid": []}, "lost"),
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
    deadline = time.monotonic() + 60
    while Run(path).status == "running" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert Run(path).status == "lost"
    child.communicate()


def test_a_description_reads_each_file_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = disk.read_json
    for module in (reader, description):
        monkeypatch.setattr(
            module, "read_json", lambda p, *a: (read.append(p.name), real(p, *a))[1]
        )
    found = Run(path).describe()
    assert sorted(read) == ["config.json", "state.json"]
    run = Run(path)
    assert (found.status, found.created, found.problem) == (run.status, run.created, run.problem)
    assert (found.options, found.state, found.step) == (run.options, run.state, run.last_step())
