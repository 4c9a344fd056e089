"""Traces: prompts with completions to be imitated, as JSON lines. No torch in here.

    {"prompt": "Use 3 , 5 , 10 to make 12 .", "completion": " <think> ... </answer>", "task": ...}

TRL's prompt-completion format for plain text: its SFTTrainer reads such a file with
`load_dataset("json", data_files=...)` and learns the completions. It joins prompt and completion
without anything between, so a completion begins with a blank. `task` says what kind of problem it
was; TRL does not look at it.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from grpo_core.core import regular
from grpo_core.core.errors import LabError
from grpo_core.pipeline.folder import saving

FILE = "traces.jsonl"
MAX_FILE_BYTES = 500_000_000


@dataclass(frozen=True)
class Trace:
    """One example.

    Attributes:
        prompt: as a policy is given it.
        completion: untrusted text, without a blank at either end.
        task: the kind of problem, for counting.
    """

    prompt: str
    completion: str
    task: str


def traces_file(path: Path | str) -> Path:
    """The file of traces that a user means: the path itself, or the one in that folder.

    Raises:
        LabError: there is none.
    """
    path = Path(path)
    found = path / FILE if path.is_dir() else path
    if not found.is_file():
        raise LabError(
            f"There are no traces at {path}: give a file of JSON lines, or a folder that "
            f"`grpo-lab reject` has filled ({FILE})."
        )
    return found


def write_traces(path: Path, traces: Iterable[Trace]) -> None:
    """Replace a file of traces whole. Raises LabError where it cannot be written."""
    temporary = path.with_name(path.name + ".tmp")
    with saving(path):
        with temporary.open("w", encoding="utf-8") as file:
            for trace in traces:
                row = {
                    "prompt": trace.prompt,
                    "completion": f" {trace.completion}",
                    "task": trace.task,
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        os.replace(temporary, path)


def read_traces(path: Path | str) -> list[Trace]:
    """Read traces, from a file or a stage's folder; lines without anything are skipped.

    Other columns are not looked at, and `task` may be missing: anybody's file of prompts and
    completions will do.

    Raises:
        LabError: there is no such file, a line is not what it should be, or there are none; the
            message names the line.
    """
    path = traces_file(path)
    try:
        text = regular.read_text(path, MAX_FILE_BYTES, follow_links=True)
    except OSError as error:
        raise LabError(f"Cannot read {path}: {error.strerror}.") from error
    traces = [
        _trace(line, f"Line {number} of {path}")
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    if not traces:
        raise LabError(f"{path} is empty: there is nothing to learn from.")
    return traces


def _trace(line: str, where: str) -> Trace:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LabError(f"{where} is no JSON: make the file again, or remove the line.") from error
    columns = row if isinstance(row, dict) else {}
    prompt, completion = columns.get("prompt"), columns.get("completion")
    if not (_is_text(prompt) and _is_text(completion)):
        raise LabError(
            f'{where} is no trace: {{"prompt": "...", "completion": "..."}} is expected, both text.'
        )
    return Trace(prompt, completion.strip(), str(columns.get("task", "")))


def _is_text(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())
