"""What the code of a stranger is kept from on this machine: tried out, and put into words."""

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass

from grpo_core.core import child


@dataclass(frozen=True)
class Protection:
    """One thing that the code is kept from, or is not kept from here.

    Attributes:
        name: a word.
        active: whether it holds, except for what the text excepts.
        text: what holds and by which means, or what does not.
    """

    name: str
    active: bool
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


@functools.cache
def layers() -> frozenset[str]:
    """Return which layers of `linux.available` work here; none on other systems."""
    if sys.platform != "linux":
        return frozenset()
    launcher = child.command("-m", "grpo_core.course.confined.launcher", "probe")
    done = subprocess.run(launcher, env=child.environment(), capture_output=True, text=True)
    return frozenset(json.loads(done.stdout)) if done.returncode == 0 else frozenset()


def protections() -> list[Protection]:
    """Return what holds on this machine for code that is run confined, and what does not."""
    there = layers()
    return [
        _network(there),
        _reading(there),
        _writing(there),
        _processes(there),
        Protection("environment", True, "holds none of your variables but language and libraries"),
        _limits(),
    ]


def _network(there: frozenset[str]) -> Protection:
    if "sockets" in there:
        also = " and a network namespace" if "namespaces" in there else ""
        return Protection("network", True, f"blocked by a filter of system calls{also}")
    if "namespaces" in there:
        text = "blocked by a network namespace; programs that listen on a socket file are reached"
        return Protection("network", False, text)
    return Protection("network", False, "not blocked here")


def _reading(there: frozenset[str]) -> Protection:
    if "files" in there:
        text = "only its own folder, this kit, Python and the system's programs, by Landlock"
        return Protection("reading", True, text)
    return Protection("reading", False, "not limited here: it can read every file that you can")


def _writing(there: frozenset[str]) -> Protection:
    if "namespaces" in there:
        text = "only its own folder, by mounts that are read-only"
        return Protection("writing", True, f"{text}, and Landlock" if "files" in there else text)
    if "files" in there:
        text = (
            "only its own folder, by Landlock; permissions and dates of your files can be changed"
        )
        if "truncate" in there:
            return Protection("writing", True, text)
        return Protection("writing", False, f"{text}, and on this kernel files can be cut short")
    return Protection("writing", False, "not limited here: it can change every file that you can")


def _processes(there: frozenset[str]) -> Protection:
    if "namespaces" in there:
        text = "all end with the notebook, and it sees none of yours, by a process namespace"
        return Protection("processes", True, text)
    if "signals" in there:
        text = "all end with the notebook, and it can end none of yours, by Landlock"
        return Protection("processes", True, text)
    text = "ended as far as they are found; it can end yours, and this program"
    return Protection("processes", False, text)


def _limits() -> Protection:
    text = "on time, memory, disk, files and processes"
    if os.name == "posix":
        return Protection("limits", True, f"{text}, by the system and by looking")
    return Protection("limits", True, f"{text}, by looking four times a second")
