"""A process and everything that it started, to be counted and to be ended on every system."""

import contextlib
import os
import stat
import sys

import psutil  # type: ignore[import-untyped]

_ROUNDS = 100  # of ending; processes that start others faster than they are found need several


class Family:
    """The descendants of a process, remembered from one look to the next.

    A descendant whose parent has ended is still found where Linux lets the head adopt it, and
    elsewhere if an earlier look has met it.

    Args:
        head: process id of the one that started the others; itself not a member.
    """

    def __init__(self, head: int) -> None:
        self._seen: set[psutil.Process] = set()
        self._head: psutil.Process | None = None
        with contextlib.suppress(psutil.Error):  # it may have ended already
            self._head = psutil.Process(head)

    def members(self) -> list[psutil.Process]:
        """Look for every descendant that runs, zombies left out."""
        found = _below(self._head) if self._head else set()
        for orphan in self._seen - found:
            found |= {orphan, *_below(orphan)}
        self._seen = {one for one in found if _runs(one)}
        return list(self._seen)

    def memory(self) -> int:
        """Bytes of memory that the members hold; what they share counts for each of them."""
        total = 0
        for one in self.members():
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
        return total

    def nameless_bytes(self) -> int:
        """Bytes of open files that have no name any more, or never had one; 0 outside Linux."""
        sizes: dict[tuple[int, int], int] = {}
        for one in self.members():
            with contextlib.suppress(OSError):
                for file in os.scandir(f"/proc/{one.pid}/fd"):
                    with contextlib.suppress(OSError):
                        found = os.stat(file.path)
                        if found.st_nlink == 0 and stat.S_ISREG(found.st_mode):
                            sizes[found.st_dev, found.st_ino] = found.st_size
        return sum(sizes.values())

    def end(self) -> bool:
        """End every member; returns whether none is left.

        All are stopped before any is killed: a process that stands still starts no other, and its
        place under the limit of processes stays taken. Where the head is the program itself, it is
        stopped too, and left to the caller.
        """
        if self._head and sys.platform != "linux":  # there it is a watcher, which adopts orphans
            with contextlib.suppress(psutil.Error):
                self._head.suspend()
        stopped: set[psutil.Process] = set()
        for _ in range(_ROUNDS):
            members = set(self.members())
            if not members:
                return True
            for one in members - stopped:
                with contextlib.suppress(psutil.Error):
                    one.suspend()
            if members <= stopped:
                for one in members:
                    with contextlib.suppress(psutil.Error):
                        one.kill()
                psutil.wait_procs(members, timeout=0.2)
            stopped |= members
        return False


def _below(process: psutil.Process) -> set[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return set(process.children(recursive=True))
    return set()


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
