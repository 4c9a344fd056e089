"""`grpo-lab bench memory`."""

import json
from pathlib import Path

import pytest
from cli_runs import Lab
from mini_model import make_model

from grpo_core.analysis.ledger import LABELS, rounds
from grpo_core.core.paths import data_dir


def test_bench_memory(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LABELS", {"grpo": LABELS["grpo"]})  # each takes a process
    model = make_model(tmp_path / "model")
    out, figure = tmp_path / "memory.json", tmp_path / "memory.png"
    options = ["--prompts", 1, "--num-generations", 2, "--completion-length", 4, "--repeats", 1]
    options += ["--model", model, "--out", out, "--figure", figure, "--json"]
    code, printed, _ = lab("bench", "memory", *options)
    assert code == 0
    result = json.loads(printed)
    assert result == json.loads(out.read_text())
    assert list(result["methods"]) == ["grpo"]
    assert result["shape"]["rows"] == 2 and result["shape"]["completion_tokens"] == 4
    for method in result["methods"].values():
        assert method["bytes"]["parameters"] == 4 * result["weights"]["count"]
        assert method["seconds"]["step"]["median"] > 0
        assert method["rss"]["peak"]["median"] > method["rss"]["libraries"]["median"] > 2**20
    assert result["machine"]["torch"]
    assert figure.stat().st_size > 10_000


def test_bench_memory_in_words(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stored = json.loads((data_dir() / "results" / "memory-tiny.json").read_text())
    labels = [method["label"] for method in stored["methods"].values()]
    assert labels == list(LABELS.values())
    monkeypatch.setattr(rounds, "run", lambda work, progress: stored)
    code, out, _ = lab("bench", "memory")
    assert code == 0
    assert "770,816 weights" in out and "PPO, own critic" in out
    assert "held throughout" in out and "forward and backward" in out
    monkeypatch.setenv("COLUMNS", "80")
    _, narrow, _ = lab("bench", "memory")
    assert "…" not in narrow.replace("… kept", "")  # nothing is cut off
    assert max(map(len, narrow.splitlines())) <= 80


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--completion-length", 0], "completion_length must be 1 or more"),
        (["--out", "no/such/folder/memory.json"], "Cannot write 'no/such/folder/memory.json'"),
        (["--figure", "memory.doc"], "ends in .png, .svg or .pdf"),
        (["--model", "nothing-here", "--repeats", 1], "Cannot load the model 'nothing-here'"),
    ],
)
def test_bad_input_is_one_sentence(lab: Lab, options: list[object], message: str) -> None:
    code, out, err = lab("bench", "memory", *options)
    assert (code, out) == (1, "")
    assert message in err and err.strip().splitlines()[-1].startswith("grpo-lab: ")


def test_a_full_disk_is_one_sentence(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "run", lambda work, progress: {})
    code, _, err = lab("bench", "memory", "--out", "/dev/full")
    assert code == 1
    assert "Cannot write '/dev/full': No space left on device." in err
