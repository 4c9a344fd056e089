"""Run a stranger's code so that it harms neither this machine nor the next stranger's work.

    for protection in protections():
        print(protection)                      # what holds on this machine, and what does not
    problem = run(["-m", "module"], folder)    # "", or why it did not end well

On every system the code gets an environment without secrets, a folder of its own, and limits. Only
Linux lets an ordinary user take the network, other files and other processes away from a program.
`protections` tries that before it claims it, and what it claims is then applied, or nothing runs.

    linux       what the kernel offers: namespaces, Landlock, a filter of system calls
    claims      what of it works here, in words
    launcher    the process in between, which applies it
    family      every process that the code started: counted, and ended
    folder      the folder it wrote to: measured, and deleted

Nothing here helps against a hole in the kernel itself. Left out are macOS's sandbox-exec, which is
deprecated, and Windows' job objects: neither could be tried where this was written.
"""

import json
import os
import signal
import site
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import grpo_core
from grpo_core.core import child, paths
from grpo_core.course.confined import claims
from grpo_core.course.confined.claims import Protection, protections
from grpo_core.course.confined.family import Family
from grpo_core.course.confined.folder import bytes_and_files

__all__ = ["Limits", "Protection", "protections", "run"]

_LOOK_EVERY = 0.25  # seconds between two looks at what the code uses
_PACKAGE = Path(grpo_core.__file__).resolve().parent
_SYSTEM = [
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/gnu/store"),
    *("/proc", "/sys", "/etc/ld.so.cache", "/etc/passwd", "/etc/group", "/etc/nsswitch.conf"),
    *("/etc/hosts", "/etc/localtime", "/etc/fonts", "/etc/mime.types"),
]
# What a program needs to start and to print; none of these holds a secret.
_KEPT = [
    *("LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "OMP_NUM_THREADS"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS"),
]


@dataclass(frozen=True)
class Limits:
    """How much the code may use.

    Attributes:
        seconds: from its start to its end; each process may compute for so long on each core.
        memory: bytes, of all processes together, and of the data of each one.
        disk: bytes of everything that is written.
        file: bytes of one file.
        files: number of files and folders.
        processes: number of processes at one time.
    """

    seconds: float = 300.0
    memory: int = 4 * 2**30
    disk: int = 2 * 2**30
    file: int = 2**30
    files: int = 20_000
    processes: int = 64


def run(
    arguments: Sequence[str], folder: Path, limits: Limits | None = None, **variables: str
) -> str:
    """Run Python with the protections of this machine, and end everything that it started.

    Args:
        arguments: for Python, such as ("-m", "module").
        folder: an empty folder: working directory, home and place for temporary files.
        limits: how much the code may use; `Limits()` if not given.
        **variables: added to its environment.

    Returns:
        "" when it ended with exit code 0, else why not, in a few words.
    """
    limits = limits or Limits()
    folder = folder.resolve()
    process = subprocess.Popen(
        _command(arguments, folder, limits),
        cwd=folder,
        env=_environment(folder) | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    said = _LastWords(process.stderr)
    family = Family(process.pid)
    try:
        problem = _watch(process, family, folder, limits)
    finally:
        all_ended = family.end()
        _end_group(process)
    if not all_ended:
        return f"{problem or 'finished'}, and some of its processes could not be ended"
    if problem or not process.returncode:
        return problem
    return f"stopped: {said.last_line() or _reason(process.returncode)}"


def _watch(process: "subprocess.Popen[bytes]", family: Family, folder: Path, limits: Limits) -> str:
    """Wait until the process has ended, or uses more than it may; returns which limit that was."""
    until = time.monotonic() + limits.seconds
    while True:
        try:
            process.wait(max(0.0, min(_LOOK_EVERY, until - time.monotonic())))
            return ""
        except subprocess.TimeoutExpired:
            pass
        size, count = bytes_and_files(folder, limits.files)
        if time.monotonic() >= until:
            return f"not finished after {limits.seconds:g} seconds"
        if len(family.members()) > limits.processes:
            return f"stopped: more than {limits.processes} processes"
        if family.memory() > limits.memory:
            return f"stopped: more than {limits.memory:,} bytes of memory"
        if count > limits.files:
            return f"stopped: more than {limits.files:,} files"
        if size + family.nameless_bytes() > limits.disk:
            return f"stopped: more than {limits.disk:,} bytes written"


def _command(arguments: Sequence[str], folder: Path, limits: Limits) -> list[str]:
    """Return the command line: Python itself, or the launcher where the system has what it needs.

    -P: nothing is imported from the folder that the code can write to.
    """
    python = child.command()
    if os.name != "posix":
        return [*python, *arguments]
    user_site = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    kit = [_PACKAGE, paths.data_dir(), paths.glossary_file(), paths.cache_dir()]
    kit.append(_PACKAGE.parent / "notebooks" / "train_with_trl.py")  # lesson 13 runs it
    plan = {
        "parent": os.getpid(),
        "layers": sorted(claims.layers()),
        "command": [*python, *arguments],
        "folder": str(folder),
        "readable": [sys.prefix, sys.base_prefix, *user_site, *map(str, kit), *_SYSTEM],
        "listable": [str(_PACKAGE.parent)],
        "limits": {
            "RLIMIT_CPU": int(limits.seconds * (os.cpu_count() or 1)) + 1,
            "RLIMIT_DATA": limits.memory,
            "RLIMIT_FSIZE": limits.file,
            "RLIMIT_CORE": 0,
        },
        "threads": limits.processes * (os.cpu_count() or 1) + 64,
    }
    return [*python, "-m", "grpo_core.course.confined.launcher", json.dumps(plan)]


def _environment(folder: Path) -> dict[str, str]:
    """Return the variables of a program whose home is the folder."""
    system = [os.environ.get("SYSTEMROOT", "") + r"\System32"] if os.name == "nt" else []
    path = [str(Path(sys.executable).parent), *(system or ["/usr/bin", "/bin"])]
    home = dict.fromkeys(("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"), str(folder))
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    user_base = {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}
    return {
        **kept,
        **home,
        **temporary,
        **user_base,
        "PATH": os.pathsep.join(path),
        "USER": "student",  # some libraries ask for a name
        "LOGNAME": "student",
        "PYTHONPATH": str(_PACKAGE.parent),
        "PYTHONSAFEPATH": "1",
        "GRPO_LAB_CACHE": str(paths.cache_dir()),
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End the process itself, and everything in its group where the system knows groups."""
    if os.name == "posix":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # ended; macOS: all in it have ended
            process.kill()
    else:
        process.kill()
    process.wait()


def _reason(code: int) -> str:
    """Return why a process ended that said nothing; Linux's watcher adds 128 to a signal."""
    number = -code if code < 0 else code - 128
    try:
        return f"ended by {signal.Signals(number).name}"
    except ValueError:
        return "no word of why"


class _LastWords:
    """Read what a process says until it ends, and keep the last thousand bytes.

    Args:
        stream: its stderr.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._kept = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._stream:
            while piece := os.read(self._stream.fileno(), 65_536):
                self._kept = (self._kept + piece)[-1000:]

    def last_line(self) -> str:
        """Return the last line, cut where it gets long, without what could move a terminal."""
        self._reader.join(timeout=1.0)  # longer only if a process escaped with the other end
        lines = self._kept.decode(errors="replace").strip().splitlines()
        return "".join(c for c in lines[-1] if c.isprintable())[:200] if lines else ""
