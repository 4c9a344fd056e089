"""How the kit starts another Python: nothing is imported from the folder that the user stands in.

    subprocess.run(child.command("-m", "grpo_core.runs.worker", run), env=child.environment())

Python puts the working directory (with -m and -c) or a script's folder before its own library, and
every entry of PYTHONPATH too, of which an empty one means the working directory. In a folder that
came from someone else, a `json.py` would then run with the user's rights as soon as a run starts
there. So every start of a Python in this kit is made with these functions; a test looks for others.
"""

import os
import site
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import SpawnContext

HOME = Path(__file__).resolve().parents[2]
"""The folder that `grpo_core` is imported from: a clone, or site-packages."""

OF_A_TERMINAL = ("PYTHONSTARTUP", "PYTHONINSPECT")
"""Variables for a Python that someone types into; a child has no one at its keyboard."""


def command(*words: object) -> list[str]:
    """Return the command that starts this Python in safe-path mode.

    Args:
        words: what follows the interpreter: "-m", a module and its arguments, or a script.
    """
    return [sys.executable, "-P", *map(str, words)]


def environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child that imports the kit, and no module of a stranger.

    Safe-path mode is inherited by what the child starts in turn (Accelerate's processes, those of
    multiprocessing). Of PYTHONPATH only the folders remain that other users cannot write to. The
    kit's own folder comes first where a fresh Python would not find it: a clone that was not
    installed.

    Args:
        changes: variables to set, over those of this process.
    """
    variables = {**os.environ, **(changes or {})}
    for name in OF_A_TERMINAL:
        variables.pop(name, None)
    entries = variables.pop("PYTHONPATH", "").split(os.pathsep)
    kept = [entry for entry in entries if is_private(entry)]
    if not _is_installed():
        kept.insert(0, str(HOME))
    if kept:
        variables["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(kept))
    variables["PYTHONSAFEPATH"] = "1"
    return variables


def spawning() -> "SpawnContext":
    """Return multiprocessing's "spawn" context, for children that follow the same rule.

    multiprocessing builds their command itself, so this process's environment has to say it.
    """
    import multiprocessing

    secure_children_of_libraries()
    return multiprocessing.get_context("spawn")


def secure_children_of_libraries() -> None:
    """Put the Pythons that libraries start from this process (torch's compiler) in safe-path mode.

    For programs, not for notebooks, whose learners may import their own modules in a child.
    """
    os.environ["PYTHONSAFEPATH"] = "1"


def is_private(entry: str) -> bool:
    """Whether an entry of a module search path is an absolute one that only this user can change.

    The administrator may own it, too. On POSIX every folder above it counts as well, since whoever
    can rename one of those can put another in its place; a sticky one such as /tmp prevents that.
    """
    path = Path(entry)
    if not entry or not path.is_absolute():
        return False
    try:
        real = path.resolve(strict=True)
        if sys.platform == "win32":
            return True
        return not _others_can_write(real.stat()) and not any(
            _others_can_write(folder.stat(), allow_sticky=True) for folder in real.parents
        )
    except OSError:  # what is missing could be made by someone else
        return False


def _others_can_write(status: os.stat_result, *, allow_sticky: bool = False) -> bool:
    """Whether it is another user's or open to all, unless as a sticky folder where that is fine."""
    if sys.platform != "win32" and status.st_uid not in (0, os.geteuid()):
        return True
    is_sticky = bool(status.st_mode & stat.S_ISVTX)
    return bool(status.st_mode & stat.S_IWOTH) and not (allow_sticky and is_sticky)


def _is_installed() -> bool:
    """Whether a fresh Python finds this very package: in site-packages, or by a line of a .pth."""
    places = list(map(Path, site.getsitepackages()))
    if site.ENABLE_USER_SITE:
        places.append(Path(site.getusersitepackages()))
    if HOME in (place.resolve() for place in places):
        return True
    files = (file for place in places for file in place.glob("*.pth"))
    return any(
        line.strip() == str(HOME)
        for file in files
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
    )
