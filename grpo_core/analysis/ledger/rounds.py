"""Every method measured in a process of its own, several times in turn: medians and spreads.

In turn, so that whatever the machine does meanwhile happens to all methods alike. No torch in here.
"""

import json
import statistics
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from grpo_core.analysis.ledger import LABELS, Work
from grpo_core.core import child, machine
from grpo_core.core.errors import LabError
from grpo_core.runs.worker import environment

_NO_MEMORY = ("MemoryError", "can't allocate")  # Python's and CUDA's, and torch's on a CPU
_ONCE = ("bytes", "predicted", "peaks", "saved")  # the same every time


def run(work: Work, on_progress: Callable[[int, int, str], None] | None = None) -> dict[str, Any]:
    """Measure every method on the same work.

    Args:
        work: what to do in a step.
        on_progress: called with how many measurements are done, how many there are, and what is
            being measured now.

    Returns:
        JSON-serialisable: work, machine, weights, shape, completions (a fingerprint); and for each
        method its label; bytes, predicted, peaks and saved, in bytes, see `measure`; seconds by
        phase and of the step, rss and cuda_peak, each with median, low, high and all.

    Raises:
        LabError: there is no such model, or too little memory.
    """
    total = work.repeats * len(LABELS)
    found: dict[str, list[dict[str, Any]]] = {method: [] for method in LABELS}
    for done in range(total):
        repeat, method = divmod(done, len(LABELS))[0], list(LABELS)[done % len(LABELS)]
        if on_progress:
            on_progress(done, total, f"{LABELS[method]}, {repeat + 1} of {work.repeats}")
        found[method].append(_in_a_process(method, work, count=repeat == 0))
    tokens = {measured["completions"] for several in found.values() for measured in several}
    if len(tokens) > 1:
        raise RuntimeError("the methods were not measured on the same completions")
    first = found["grpo"][0]
    return {
        "work": work.to_dict(),
        "machine": machine.describe(),
        "weights": first["weights"],
        "shape": first["shape"],
        "completions": tokens.pop(),
        "methods": {method: _summary(method, several) for method, several in found.items()},
    }


def _in_a_process(method: str, work: Work, *, count: bool) -> dict[str, Any]:
    """What `measure.measured` finds, in a process that does nothing else."""
    words = ["-m", "grpo_core.analysis.ledger.measure", method, json.dumps(work.to_dict())]
    command = child.command(*words, *(["--count"] if count else []))
    done = subprocess.run(
        command,
        env=child.environment(environment(work.config(method))),
        capture_output=True,
        text=True,
    )
    if done.returncode in (-9, 137) or any(sign in done.stderr for sign in _NO_MEMORY):
        raise LabError(
            f"{LABELS[method]} needs more memory than there is: take fewer prompts, fewer "
            "generations or shorter completions."
        )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "error" in answer:
        raise LabError(answer["error"])
    return answer


def _summary(method: str, several: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One method's repeats, put together."""

    def spread(values: list[Any]) -> dict[str, Any] | None:
        if values[0] is None:
            return None
        middle = statistics.median(values)
        return {"median": middle, "low": min(values), "high": max(values), "all": values}

    phases = list(several[0]["seconds"])
    seconds = {phase: spread([m["seconds"][phase] for m in several]) for phase in phases}
    seconds["step"] = spread([sum(m["seconds"].values()) for m in several])
    return (
        {"label": LABELS[method]}
        | {name: several[0][name] for name in _ONCE}
        | {
            "seconds": seconds,
            "rss": {k: spread([m["rss"][k] for m in several]) for k in several[0]["rss"]},
            "cuda_peak": spread([m["cuda_peak"] for m in several]),
        }
    )
