"""Hostile programs, run with every set of layers: what is claimed holds, and no more is claimed.

Without any layer the same programs get through: that shows that they would notice.
"""

import errno
import json
import os
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from waits import until

from grpo_core.course.confined import Limits, claims, protections, run
from grpo_core.course.confined.folder import bytes_and_files, remove

HERE = claims.layers()
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux has what this is about")
Run = Callable[..., str]


@pytest.fixture(
    params=sorted(
        {HERE, HERE - {"namespaces"}, HERE & {"namespaces"}, frozenset[str]()}, key=sorted
    ),
    ids=lambda layers: "+".join(sorted(layers)) or "nothing",
)
def layers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> frozenset[str]:
    monkeypatch.setattr(claims, "layers", lambda: request.param)
    return request.param


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def attack(folder: Path, code: str, limits: Limits | None = None) -> tuple[str, Any]:
    """Run code in which `tell(value)` reports, and `tried(f)` says "done" or the error's name."""
    beginning = (
        "import json, os, signal, socket, subprocess, sys, time\n"
        "def tell(value):\n"
        "    open('told.json', 'w').write(json.dumps(value))\n"
        "def tried(f):\n"
        "    try:\n"
        "        f()\n"
        "        return 'done'\n"
        "    except Exception as error:\n"
        "        return type(error).__name__\n"
    )
    problem = run(["-c", beginning + code], folder, limits or Limits(seconds=60))
    told = folder / "told.json"
    return problem, json.loads(told.read_text()) if told.is_file() else None


def claimed(name: str) -> bool:
    return next(p.active for p in protections() if p.name == name)


def test_an_honest_program_runs(folder: Path, layers: frozenset[str]) -> None:
    code = (
        "import grpo_core.core.paths as paths, tempfile\n"
        "tempfile.TemporaryFile().write(b'x')\n"
        "done = subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True)\n"
        "tell([done.stdout.decode().strip(), paths.data_dir().is_dir(), os.getcwd(),\n"
        "      len(list((paths.data_dir() / 'models').iterdir())) > 0])"
    )
    assert attack(folder, code) == ("", ["42", True, str(folder.resolve()), True])


@LINUX
def test_no_keyring(folder: Path, layers: frozenset[str]) -> None:
    """Neither of the calls that make a key, nor the one that asks for the session's."""
    code = (
        "import ctypes, platform\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "calls = {'x86_64': (248, 249, 250), 'aarch64': (217, 218, 219)}[platform.machine()]\n"
        "arguments = [(b'user', b'n', b'v', 1, -3), (b'user', b'n', None, -3), (0, -3, 1)]\n"
        "def error(call, values):\n"
        "    ctypes.set_errno(0)\n"
        "    libc.syscall(ctypes.c_long(call), *values)\n"
        "    return ctypes.get_errno()\n"
        "tell([error(*both) for both in zip(calls, arguments)])"
    )
    _, errors = attack(folder, code)
    if "sockets" in layers:
        assert errors == [errno.EACCES] * 3
    else:
        assert errors[2] != errno.EACCES


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    path = tmp_path / "s"
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        if not hasattr(socket, "AF_UNIX"):
            yield tcp.getsockname()[1], path
            return
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(str(path))
            unix.listen()
            yield tcp.getsockname()[1], path


def test_no_network(folder: Path, layers: frozenset[str], server: tuple[int, Path]) -> None:
    port, path = server
    code = (
        f"here = ('127.0.0.1', {port})\n"
        "tell([tried(lambda: socket.create_connection(here, 5)),\n"
        "      tried(lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', here)),\n"
        f"      tried(lambda: socket.socket(socket.AF_UNIX).connect({str(path)!r}))])"
    )
    _, (tcp, udp, unix) = attack(folder, code)
    if claimed("network"):
        assert [tcp, udp, unix] == ["PermissionError"] * 3
    elif not layers:
        assert (tcp, udp) == ("done", "done")


@LINUX
def test_a_namespace_alone_stops_the_network_and_does_not_claim_socket_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, server: tuple[int, Path]
) -> None:
    if "namespaces" not in HERE:
        pytest.skip("missing here: user namespaces")
    monkeypatch.setattr(claims, "layers", lambda: frozenset({"namespaces"}))
    code = (
        f"tell([tried(lambda: socket.create_connection(('127.0.0.1', {server[0]}), 5)),\n"
        f"      tried(lambda: socket.socket(socket.AF_UNIX).connect({str(server[1])!r}))])"
    )
    assert attack(folder, code) == ("", ["OSError", "done"])
    assert not claimed("network")


def test_no_file_of_others_is_read(
    folder: Path, tmp_path: Path, layers: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "anna" / "00.ipynb"
    secret.parent.mkdir()
    secret.write_text("secret")
    code = (
        f"os.symlink({str(secret)!r}, 'link')\n"
        f"tell([tried(lambda: open({str(secret)!r}).read()),\n"
        "      tried(lambda: open('link').read()),\n"
        f"      tried(lambda: os.listdir({str(secret.parent)!r})),\n"
        f"      tried(lambda: os.link({str(secret)!r}, 'mine') or open('mine').read()),\n"
        f"      tried(lambda: subprocess.run(['cat', {str(secret)!r}], check=True)),\n"
        f"      tried(lambda: open('/proc/{os.getpid()}/environ').read()),\n"
        "      tried(lambda: open('/etc/shadow').read())])"
    )
    told = attack(folder, code)[1]
    if claimed("reading"):
        assert "done" not in told
    elif not layers and os.name == "posix":
        assert told[:3] == ["done"] * 3


def test_nothing_outside_is_written(folder: Path, tmp_path: Path, layers: frozenset[str]) -> None:
    file = tmp_path / "grades.csv"
    file.write_text("anna,1")
    file.chmod(0o600)
    code = (
        f"file = {str(file)!r}\n"
        "os.symlink(file, 'link')\n"
        "tell([tried(lambda: open(file, 'a').write('eve,15')),\n"
        "      tried(lambda: open('link', 'a').write('eve,15')),\n"
        "      tried(lambda: open(file + '2', 'w')),\n"
        "      tried(lambda: os.truncate(file, 0)),\n"
        "      tried(lambda: os.rename(file, file + '3')),\n"
        "      tried(lambda: os.remove(file)),\n"
        "      tried(lambda: os.chmod(file, 0o666))])"
    )
    told = attack(folder, code)[1]
    if claimed("writing"):
        assert "done" not in told[:-1] and file.read_text() == "anna,1"
        assert {path.name for path in tmp_path.iterdir()} >= {"grades.csv", "work"}
        excepted = "permissions" in next(p.text for p in protections() if p.name == "writing")
        assert (told[-1] == "done") == excepted
    elif not layers and os.name == "posix":
        assert told[:6] == ["done"] * 5 + ["FileNotFoundError"]


def test_the_environment_holds_no_secret(
    folder: Path, layers: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_TOKEN", "SSH_AUTH_SOCK", "HTTPS_PROXY", "PYTHONSTARTUP", "GRPO_LAB_RUNS"):
        monkeypatch.setenv(name, "secret")
    _, told = attack(folder, "tell([dict(os.environ), os.path.expanduser('~')])")
    variables, home = told
    assert "secret" not in variables.values() and home == str(folder.resolve())
    assert not set(os.environ) & set(variables) & {"HF_TOKEN", "SSH_AUTH_SOCK", "HTTPS_PROXY"}


def test_nothing_is_imported_from_its_folder(folder: Path, layers: frozenset[str]) -> None:
    (folder / "antigravity.py").write_text("raise SystemExit('imported')")
    (folder / "psutil.py").write_text("raise SystemExit('imported')")
    code = "import psutil\nsubprocess.run([sys.executable, '-c', 'import psutil'], check=True)"
    assert attack(folder, code)[0] == ""


def with_mark(mark: str) -> list[int]:
    found = psutil.process_iter(["pid", "cmdline", "status"])
    return [
        p.info["pid"]
        for p in found
        if mark in (p.info["cmdline"] or []) and p.info["status"] != psutil.STATUS_ZOMBIE
    ]


ESCAPE = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", {mark!r}])
    os._exit(0)
os.wait()
"""


@LINUX
@pytest.mark.parametrize("then", ["", "time.sleep(600)", "os.kill(os.getpid(), 9)"])
def test_a_daemon_ends_too(folder: Path, layers: frozenset[str], then: str) -> None:
    mark = uuid.uuid4().hex
    problem, _ = attack(folder, ESCAPE.format(mark=mark) + then, Limits(seconds=2))
    assert with_mark(mark) == []
    expected = {"": "", "time.sleep(600)": "not finished after 2 seconds"}
    assert problem == expected.get(then, "stopped: ended by SIGKILL")


@LINUX
def test_a_daemon_ends_too_when_the_watcher_is_attacked(
    folder: Path, layers: frozenset[str]
) -> None:
    if not layers:
        pytest.skip("not claimed without a layer")
    mark = uuid.uuid4().hex
    code = ESCAPE.format(mark=mark) + "tell(tried(lambda: os.kill(os.getppid(), signal.SIGKILL)))"
    assert claimed("processes")
    problem, told = attack(folder, code)
    assert with_mark(mark) == [] and problem == ""
    # The first process of a namespace ignores every signal that comes from inside it.
    assert told == ("PermissionError" if "signals" in layers else "done")


def test_no_process_of_the_teacher_is_signalled(folder: Path, layers: frozenset[str]) -> None:
    if os.name != "posix":
        pytest.skip("signals are POSIX's")
    _, told = attack(folder, f"tell(tried(lambda: os.kill({os.getpid()}, 0)))")
    assert (told != "done") == claimed("processes")


@LINUX
def test_many_processes(folder: Path, layers: frozenset[str]) -> None:
    mark = uuid.uuid4().hex
    code = (
        "for _ in range(60):\n"
        "    if os.fork() == 0:\n"
        f"        os.execv('/bin/sh', ['/bin/sh', '-c', 'sleep 600; true', {mark!r}])\n"
        "time.sleep(600)"
    )
    problem, _ = attack(folder, code, Limits(seconds=60, processes=20))
    assert problem == "stopped: more than 20 processes" and with_mark(mark) == []


@LINUX
def test_processes_that_start_each_other_come_to_an_end(
    folder: Path, layers: frozenset[str]
) -> None:
    code = (
        "end = time.monotonic() + 30\n"  # should it get away
        "while time.monotonic() < end:\n"
        "    try:\n"
        "        if os.fork() and os.fork(): os._exit(0)\n"
        "    except OSError: pass\n"
        "    time.sleep(0.05)"
    )
    started = psutil.Process().children(recursive=True)
    problem, _ = attack(folder, code, Limits(seconds=1, processes=300))
    assert problem in ("", "not finished after 1 seconds", "stopped: more than 300 processes")
    until(lambda: not set(psutil.Process().children(recursive=True)) - set(started))


def test_memory_of_one(folder: Path, layers: frozenset[str]) -> None:
    code = "keep = []\nwhile True: keep.append(bytearray(20_000_000))"
    problem, _ = attack(folder, code, Limits(seconds=60, memory=300_000_000))
    assert problem in ("stopped: MemoryError", "stopped: more than 300,000,000 bytes of memory")


@LINUX
def test_memory_of_many(folder: Path, layers: frozenset[str]) -> None:
    code = (
        "for _ in range(4):\n"
        "    if os.fork() == 0: keep = bytearray(b'x' * 50_000_000); time.sleep(600)\n"
        "time.sleep(600)"
    )
    problem, _ = attack(folder, code, Limits(seconds=60, memory=150_000_000))
    assert problem == "stopped: more than 150,000,000 bytes of memory"


def test_one_large_file(folder: Path, layers: frozenset[str]) -> None:
    code = "with open('x', 'wb') as f:\n    while True: f.write(bytes(1_000_000))"
    problem, _ = attack(folder, code, Limits(seconds=60, disk=30_000_000, file=20_000_000))
    if os.name == "posix":
        assert problem == "stopped: OSError: [Errno 27] File too large"
        assert (folder / "x").stat().st_size <= 20_000_000
    else:
        assert problem == "stopped: more than 30,000,000 bytes written"


FILES = {
    "visible": "open(f'x{i}', 'wb').write(bytes(1_000_000)); time.sleep(0.01)",
    "deleted": "kept.append(open('x', 'wb')); os.remove('x'); kept[-1].write(bytes(1_000_000))",
    "memory": "kept.append(os.memfd_create('x')); os.write(kept[-1], bytes(1_000_000))",
}


@LINUX
@pytest.mark.parametrize("kind", FILES)
def test_many_bytes(kind: str, folder: Path, layers: frozenset[str]) -> None:
    code = f"kept = []\nfor i in range(100): {FILES[kind]}\ntime.sleep(600)"
    problem, _ = attack(folder, code, Limits(seconds=60, disk=20_000_000))
    assert problem == "stopped: more than 20,000,000 bytes written"


def test_many_files(folder: Path, layers: frozenset[str]) -> None:
    code = "for i in range(300): os.mkdir(f'x{i}')\ntime.sleep(600)"
    problem, _ = attack(folder, code, Limits(seconds=60, files=200))
    assert problem == "stopped: more than 200 files"


def test_a_program_without_an_end(folder: Path, layers: frozenset[str]) -> None:
    problem, _ = attack(folder, "while True: pass", Limits(seconds=1.5))
    assert problem == "not finished after 1.5 seconds"


@LINUX
def test_processor_time_ends_it_even_when_nobody_looks(folder: Path) -> None:
    _, told = attack(
        folder,
        "import resource; tell(resource.getrlimit(resource.RLIMIT_CPU))",
        Limits(seconds=20),
    )
    assert told == [20 * (os.cpu_count() or 1) + 1] * 2


def test_a_gigabyte_of_words(folder: Path, layers: frozenset[str]) -> None:
    before = psutil.Process().memory_info().rss
    code = (
        "for _ in range(1000): os.write(1, bytes(1_000_000))\n"
        "for _ in range(100): os.write(2, b'x' * 1_000_000)\n"
        "os.write(2, b'\\nend \\x1b[2J\\x07' + b'y' * 500); sys.exit(1)"
    )
    problem, _ = attack(folder, code)
    assert problem == f"stopped: {'end [2J' + 'y' * 500}"[: len("stopped: ") + 200]
    assert psutil.Process().memory_info().rss - before < 100_000_000
    assert bytes_and_files(folder, 10) == (0, 0)


@LINUX
def test_root_is_an_ordinary_user_inside(folder: Path, layers: frozenset[str]) -> None:
    code = (
        "status = open('/proc/self/status').read().split()\n"
        "tell([status[status.index(name) + 1] for name in ('CapEff:', 'CapPrm:', 'NoNewPrivs:')])"
    )
    assert attack(folder, code)[1] == ["0" * 16, "0" * 16, "1"]


@LINUX
def test_a_layer_that_was_promised_and_fails_is_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "layers", lambda: frozenset({"files"}))
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    code = "from grpo_core.course.confined import launcher, linux; linux.landlock_version = int; "
    import grpo_core.course.confined as confined

    command = confined._command

    def without_landlock(*arguments: Any) -> list[str]:
        plan = command(*arguments)[-1]
        run_it = f"{code}import json; launcher.run(json.loads({plan!r}))"
        return [sys.executable, "-P", "-c", run_it]

    monkeypatch.setattr(confined, "_command", without_landlock)
    problem, told = attack(folder, "tell('ran')")
    assert "Landlock is not available" in problem and told is None


def test_without_layers_little_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "layers", frozenset[str])
    active = {p.name for p in protections() if p.active}
    assert active == {"environment", "limits"}
    assert "network: not blocked here" in map(str, protections())


def test_a_kernel_that_cuts_files_short_is_not_said_to_protect_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims, "layers", lambda: frozenset({"files", "sockets"}))
    assert {p.name for p in protections() if p.active} == {
        "network",
        "reading",
        "environment",
        "limits",
    }


def test_what_resists_deletion(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o755)
    (kept / "file").write_text("x")
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "link").symlink_to(kept, target_is_directory=True)
    (folder / "closed" / "inner").mkdir(parents=True)
    (folder / "closed" / "inner" / "file").write_text("x")
    (folder / "closed" / "inner").chmod(0)
    (folder / "closed").chmod(0)
    if os.name == "posix":
        here = os.getcwd()
        os.chdir(folder)
        for _ in range(1500):  # no path is long enough for that
            os.mkdir("d")
            os.chdir("d")
        os.chdir(here)
    assert bytes_and_files(folder, 100)[1] == 101
    remove(folder)
    assert not folder.exists() and (kept / "file").read_text() == "x"
    assert kept.stat().st_mode & 0o777 == 0o755
