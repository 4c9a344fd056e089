"""Processes, repeats, summaries, tables."""

import json
import subprocess
from typing import Any

import pytest

from grpo_core.analysis.ledger import LABELS, Work, report, rounds
from grpo_core.analysis.ledger.predict import Weights, predict
from grpo_core.core.errors import LabError


def child(seconds: float, **others: Any) -> dict[str, Any]:
    """What one process would answer."""
    return {
        "seconds": dict.fromkeys(report.PHASES, seconds),
        "rss": {"libraries": 100 * 2**20, "loaded": 110 * 2**20, "peak": 2**27},
        "cuda_peak": None,
        "completions": "abc",
    } | others


COUNTED = {
    "weights": {"count": 2**18, "tensors": 3, "itemsize": 4},
    "shape": {"rows": 64, "prompt_tokens": 11, "completion_tokens": 96},
    "bytes": predict("ppo", Weights(2**18, 3), 4)
    | {"rollouts": 2**20, "cache": 2**21, "activations": 2**22},
    "predicted": {},
    "peaks": {"sampling": 10, "scoring": 5, "update": 12 * 2**20},
    "saved": 2**22,
}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Processes that answer at once; the commands they were started with."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        answer = child(float(len(commands))) | (COUNTED if "--count" in command else {})
        return subprocess.CompletedProcess(command, 0, "noise\n" + json.dumps(answer), "")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_methods_take_turns_and_are_counted_once(answers: list[list[str]]) -> None:
    seen: list[tuple[int, int, str]] = []
    result = rounds.run(Work(repeats=3), lambda *what: seen.append(what))
    assert [command[command.index("-m") + 2] for command in answers] == list(LABELS) * 3
    assert ["--count" in command for command in answers] == [True] * 4 + [False] * 8
    assert [done for done, _, _ in seen] == list(range(12)) and seen[-1][1:] == (
        12,
        "PPO, own critic, 3 of 3",
    )
    seconds = result["methods"]["grpo"]["seconds"]["sampling"]
    assert seconds == {"median": 5, "low": 1, "high": 9, "all": [1, 5, 9]}
    assert result["methods"]["grpo"]["seconds"]["step"]["all"] == [4, 20, 36]
    assert result["work"] == Work(repeats=3).to_dict()
    assert json.loads(json.dumps(result)) == result


def test_tables(answers: list[list[str]]) -> None:
    result = rounds.run(Work(repeats=3))
    memory, seconds = report.memory_table(result), report.seconds_table(result)
    for table in (memory, seconds):
        assert {len(row) for row in table} == {len(LABELS) + 1}
    rows = {row[0]: row[1:] for row in memory}
    assert rows["parameters"] == ["1.00"] * 4
    assert rows["held throughout"] == ["9.00"] * 4
    assert rows["held, GRPO = 1"] == rows["peak, GRPO = 1"] == ["1.00"] * 4
    assert rows["peak of live tensors"] == ["12.00"] * 4
    assert rows["peak RSS"] == ["128"] * 4
    assert "CUDA peak" not in rows
    assert seconds[1] == ["sampling", "5.00 (1.00–9.00)", *seconds[1][2:]]
    assert seconds[-1][:2] == ["step, GRPO = 1", "1.00"]
    page = report.markdown(memory).splitlines()
    assert page[0] == "| MiB | GRPO | GRPO + reference | PPO, value head | PPO, own critic |"
    assert page[1] == "|---|---:|---:|---:|---:|"
    assert "262,144 weights, float32" in report.in_words(result)


def test_cuda_has_a_row_where_it_was_used(answers: list[list[str]]) -> None:
    result = rounds.run(Work(repeats=1))
    for method in result["methods"].values():
        method["cuda_peak"] = {"median": 2**21, "low": 2**21, "high": 2**22, "all": []}
    assert report.memory_table(result)[-1][:2] == ["CUDA peak", "2.0 (2.0–4.0)"]


def ends_with(monkeypatch: pytest.MonkeyPatch, code: int, out: str, err: str = "") -> None:
    monkeypatch.setattr(
        subprocess, "run", lambda c, **_: subprocess.CompletedProcess(c, code, out, err)
    )


def test_what_goes_wrong_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ends_with(monkeypatch, 0, json.dumps({"error": "Cannot load it."}))
    with pytest.raises(LabError, match=r"^Cannot load it\.$"):
        rounds.run(Work())
    for code, err in ((-9, ""), (1, "MemoryError"), (1, "DefaultCPUAllocator: can't allocate")):
        ends_with(monkeypatch, code, "", err)
        with pytest.raises(LabError, match=r"GRPO needs more memory than is free\. Use fewer"):
            rounds.run(Work())
    ends_with(monkeypatch, 1, "", "Traceback: a bug")
    with pytest.raises(RuntimeError, match="a bug"):
        rounds.run(Work())


def test_other_completions_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter("abcd")

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        answer = json.dumps(child(1.0, completions=next(drawn)))
        return subprocess.CompletedProcess(command, 0, answer, "")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(RuntimeError, match="same completions"):
        rounds.run(Work(repeats=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"completion_length": 0}, "completion_length must be 1 or more, not 0"),
        ({"num_generations": 1}, "num_generations must be 2 or more"),
        ({"prompts": 0}, "prompts must be 1 or more"),
        ({"repeats": 0}, "repeats must be 1 or more"),
        ({"completion_length": 10**6}, "completion_length must be at most 100,000"),
    ],
)
def test_work_that_nobody_can_do(options: dict[str, int], message: str) -> None:
    with pytest.raises(LabError, match=message):
        Work(**options)
