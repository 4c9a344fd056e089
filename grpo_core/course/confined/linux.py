"""What Linux offers to confine a process without being root: three layers, each usable alone.

    namespaces   the process has a process table, a network and mounts of its own
    files        Landlock: it reads, runs and writes only what a list allows (Linux 5.13)
    sockets      a system call filter: it can make no socket

Python has no functions for these, so they are called through libc. A layer that the kernel, a
container or a security policy refuses raises OSError; `available` tries which ones work here. None
of them can be undone by the process, nor by a process that it starts.

Left out: a file system view of its own, as bubblewrap builds it. Landlock gives the same protection
in fewer calls, and also where user namespaces are forbidden.
"""

import contextlib
import ctypes
import os
import platform
import signal
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

# mypy and Windows read this module too, but only Linux calls it.
_libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None

_USER, _PROCESSES, _NETWORK, _SHARED_MEMORY = 0x10000000, 0x20000000, 0x40000000, 0x08000000
_MOUNTS = 0x00020000
_READ_ONLY = 1
_EVERY_MOUNT_BELOW = 0x8000
_HERE = -100  # AT_FDCWD

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _DEVICE_CONTROL = 1 << 14, 1 << 15
_RIGHTS_ON_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_CONTROL
_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # by version
_NO_SIGNALS_OUT = 0b11  # nor abstract Unix sockets; version 6

# machine -> its number in the kernel's audit interface, and the numbers of the calls `socket`,
# `add_key`, `request_key` and `keyctl`: the last three reach the keyring of the user's session
_MACHINES = {
    "x86_64": (0xC000003E, (41, 248, 249, 250)),
    "aarch64": (0xC00000B7, (198, 217, 218, 219)),
}
_IO_URING_SETUP = 425  # everywhere; through io_uring a socket can be made without `socket`
_PERMISSION_DENIED = 13


def available(folder: Path) -> list[str]:
    """Try every layer in a process of its own.

    Args:
        folder: an empty one, to be tried as the only one that may be written to.

    Returns:
        names of the layers that work here. "truncate" and "signals" are added where Landlock also
        keeps files from being cut short and other processes from being signalled.
    """

    def namespaces() -> None:
        enter_namespaces()
        if (child := os.fork()) == 0:
            _succeeds_and_exits(lambda: arrange_mounts(folder))
        if os.waitpid(child, 0)[1]:
            raise OSError("the mounts are refused")

    layers: dict[str, Callable[[], None]] = {
        "namespaces": namespaces,
        "files": lambda: allow_only([], [folder], []),
        "sockets": refuse_sockets,
    }
    found = []
    for name, layer in layers.items():
        if (child := os.fork()) == 0:
            _succeeds_and_exits(layer)
        if os.waitpid(child, 0)[1] == 0:
            found.append(name)
    if "files" in found:
        version = landlock_version()
        found += ["truncate"] * (version >= 3) + ["signals"] * (version >= 6)
    return found


def _succeeds_and_exits(layer: Callable[[], None]) -> None:
    try:
        layer()
    except (OSError, KeyError):
        os._exit(1)
    os._exit(0)


def end_with_parent() -> None:
    """Let this process be killed when the process that started it ends, however that happens."""
    _control(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _control(36, 1)  # PR_SET_CHILD_SUBREAPER


def enter_namespaces() -> None:
    """Enter new namespaces; the next process that is forked is the first one in them.

    When that first process ends, the kernel kills every other one in there.
    """
    user, group = os.getuid(), os.getgid()
    _call("unshare", _USER | _PROCESSES | _NETWORK | _SHARED_MEMORY)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def arrange_mounts(writable: Path) -> None:
    """See everything but one folder as read-only, and in /proc the own processes alone."""
    recursive, private, bind, plain_proc = 0x4000, 1 << 18, 0x1000, 0b1110
    folder = bytes(writable)
    _call("unshare", _MOUNTS)
    _call("mount", None, b"/", None, recursive | private, None)
    _call("mount", folder, folder, None, bind, None)
    _mount_attributes(b"/", _EVERY_MOUNT_BELOW, set_=_READ_ONLY)
    _mount_attributes(folder, 0, clear=_READ_ONLY)
    _call("mount", b"proc", b"/proc", b"proc", plain_proc, None)
    os.chdir(writable)  # until now the folder as it was mounted before


def give_up_privileges() -> None:
    """Keep every program that is run from here on from being more than an ordinary user's."""
    with contextlib.suppress(OSError):  # only root, or who entered namespaces, may and has to
        _control(28, 0b11)  # PR_SET_SECUREBITS: root has no special rights, for good
    _control(38, 1)  # PR_SET_NO_NEW_PRIVS


def landlock_version() -> int:
    """The version of Landlock's interface; 0 where there is none."""
    with contextlib.suppress(OSError):
        return _call("syscall", 444, None, 0, 1)
    return 0


def allow_only(
    readable: Iterable[Path], writable: Iterable[Path], listable: Iterable[Path]
) -> None:
    """Forbid every file that is not named here or inside a folder that is.

    Args:
        readable: may be read and run; those that do not exist are left out, here and below.
        writable: anything may be done with.
        listable: folders whose names may be listed.
    """
    version = landlock_version()
    if not version:
        raise OSError("Landlock is not available")
    everything = _RIGHTS[max(v for v in _RIGHTS if v <= version)]
    scope = _NO_SIGNALS_OUT if version >= 6 else 0
    attributes = struct.pack("QQQ", everything, 0, scope)
    ruleset = _call("syscall", 444, attributes, len(attributes), 0)
    allowed = [(path, everything) for path in writable]
    allowed += [(path, _EXECUTE | _READ_FILE | _READ_FOLDER) for path in readable]
    allowed += [(path, _READ_FOLDER) for path in listable]
    for path, rights in allowed:
        try:
            at = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        if not path.is_dir():
            rights &= _RIGHTS_ON_A_FILE
        _call("syscall", 445, ruleset, 1, struct.pack("=Qi", rights & everything, at), 0)
        os.close(at)
    _control(38, 1)
    _call("syscall", 446, ruleset, 0)
    os.close(ruleset)


def refuse_sockets() -> None:
    """Let the system calls that make a socket, or reach a keyring, fail with "permission denied".

    The filter is a program for a small machine in the kernel. A line is: what to do, how many lines
    to skip if a comparison holds, how many if it does not, and the number to work with.
    """
    machine, calls = _MACHINES[platform.machine()]
    refused = (*calls, _IO_URING_SETUP)
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    program = [
        (load, 0, 0, 4),  # the machine that the call is made for
        (equal, 0, len(refused) + 3, machine),  # a 32-bit program has other numbers: refused
        (load, 0, 0, 0),  # the number of the call
        (at_least, len(refused) + 1, 0, 0x40000000),  # x86's third set of numbers
        *(
            (equal, left, 0, call)
            for left, call in zip(range(len(refused), 0, -1), refused, strict=True)
        ),
        (answer, 0, 0, 0x7FFF0000),  # allowed
        (answer, 0, 0, 0x00050000 | _PERMISSION_DENIED),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in program))
    filter_ = struct.pack("HP", len(program), ctypes.addressof(code))
    _control(38, 1)
    _control(22, 2, filter_)  # PR_SET_SECCOMP, a filter


def _mount_attributes(path: bytes, flags: int, set_: int = 0, clear: int = 0) -> None:
    attributes = struct.pack("QQQQ", set_, clear, 0, 0)
    _call("syscall", 442, _HERE, path, flags, attributes, len(attributes))


def _control(option: int, *values: int | bytes) -> None:
    _call("prctl", option, *values, *[0] * (4 - len(values)))


def _call(name: str, *arguments: int | bytes | None) -> int:
    """Call a function of libc. Raises OSError where it reports an error."""
    # whole registers: a number is otherwise handed over as 32 bits
    values = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = int(getattr(_libc, name)(*values))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result
