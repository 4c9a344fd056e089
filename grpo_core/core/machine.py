"""Describe the machine that a measurement was made on. No torch."""

import importlib.metadata
import os
import platform
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from grpo_core import __version__

_PACKAGES = ("torch", "transformers", "numpy")


def describe() -> dict[str, str | int | float]:
    """Return the machine, its system and the relevant package versions; JSON-serialisable."""
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
    """Return the result of `describe` as one line."""
    versions = ", ".join(f"{name} {machine[name]}" for name in ("python", "grpo-lab", *_PACKAGES))
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}; {versions}"
    )


def _processor() -> str:
    """Return the processor's name as the system reports it."""
    known = Path("/proc/cpuinfo")
    if known.exists():
        for line in known.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def peak_rss() -> int:
    """Return the peak resident memory of this process, in bytes.

    On Linux this reads /proc, because getrusage there starts from the size of the parent process.
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
