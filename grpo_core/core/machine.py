"""What a measurement was made on, to be kept beside its numbers. No torch."""

import importlib.metadata
import os
import platform
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from grpo_core import __version__

_PACKAGES = ("torch", "transformers", "numpy")


def describe() -> dict[str, str | int | float]:
    """The machine, its system, and the versions that the numbers depend on; JSON-serialisable."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": cores or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "python": platform.python_version(),
        "grpo-lab": __version__,
    } | {name: importlib.metadata.version(name) for name in _PACKAGES}


def in_words(machine: dict[str, str | int | float]) -> str:
    """`describe`, as a line."""
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "grpo-lab", *_PACKAGES))
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}; {versions}"
    )


def _processor() -> str:
    """Its name, as the system gives it."""
    known = Path("/proc/cpuinfo")
    if known.exists():
        for line in known.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def peak_rss() -> int:
    """Return the most resident memory this process ever had, in bytes.

    Linux is asked itself: what getrusage says there begins with the size of the parent.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):  # Windows
        return int(info.peak_wset)
    import resource  # which Windows lacks

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # bytes on macOS
