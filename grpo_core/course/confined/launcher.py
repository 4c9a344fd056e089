"""Between the grader and one notebook: limit this process, confine it, then become the notebook's.

    python -P -m grpo_core.course.confined.launcher PLAN     # PLAN: a `Plan` as JSON
    python -P -m grpo_core.course.confined.launcher probe    # prints the layers that work here

On Linux a process stays behind that waits for the notebook's, adopts every process whose parent
ended, and ends those that are left. A layer that was promised to the grader and fails is an error:
a notebook never runs with less than the command said.
"""

import json
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import TypedDict

import psutil  # type: ignore[import-untyped]

from grpo_core.course.confined import linux
from grpo_core.course.confined.family import Family

_LINUX = sys.platform == "linux"


class Plan(TypedDict):
    """What is run, and how far it may go.

    Attributes:
        parent: process id of the grader.
        layers: the names from `linux.available` that are applied.
        command: program and arguments.
        folder: working directory, and the only folder that may be written to.
        readable, listable: as in `linux.allow_only`.
        limits: name of a limit in `resource` -> value.
        threads: how many the user may have in addition to those that run now.
    """

    parent: int
    layers: list[str]
    command: list[str]
    folder: str
    readable: list[str]
    listable: list[str]
    limits: dict[str, int]
    threads: int


def run(plan: Plan) -> None:
    """Become the command, or a process that waits for it and ends as it does; never return."""
    folder = Path(plan["folder"])
    limits = plan["limits"] | {"RLIMIT_NPROC": _threads_of_the_user() + plan["threads"]}
    if _LINUX:
        linux.end_with_parent()
        if os.getppid() != plan["parent"]:
            sys.exit("The grader has ended.")
        linux.adopt_orphans()
        if "namespaces" in plan["layers"]:
            linux.enter_namespaces()
            _leave_a_watcher()
            linux.arrange_mounts(folder)
        _leave_a_watcher()
    for name, most in limits.items():
        _limit(getattr(resource, name), most)
    if _LINUX:
        linux.give_up_privileges()
        if "files" in plan["layers"]:
            devices = [Path("/dev", name) for name in ("null", "zero", "full", "random", "urandom")]
            readable, listable = map(Path, plan["readable"]), map(Path, plan["listable"])
            linux.allow_only(readable, [folder, *devices], listable)
        if "sockets" in plan["layers"]:
            linux.refuse_sockets()
    os.execv(plan["command"][0], plan["command"])


def _leave_a_watcher() -> None:
    """Fork, and return in the child only: the parent waits for it and ends what it left behind."""
    child = os.fork()
    if child == 0:
        linux.end_with_parent()
        return
    ended = 0
    while ended != child:  # others are orphans that were adopted
        ended, status = os.wait()
    Family(os.getpid()).end()
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _threads_of_the_user() -> int:
    """How many threads run under this user's name: what the limit of processes is compared with."""
    user, total = os.getuid(), 0
    for process in psutil.process_iter(["uids", "num_threads"]):
        if process.info["uids"] and process.info["uids"].real == user:
            total += process.info["num_threads"] or 1
    return total


def _limit(which: int, most: int) -> None:
    """Set a limit for good; a stricter one that holds already stays."""
    _, hard = resource.getrlimit(which)
    value = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(which, (value, value))


if __name__ == "__main__":
    if sys.argv[1] == "probe":
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(linux.available(Path(folder)) if _LINUX else []))
    else:
        run(json.loads(sys.argv[1]))
