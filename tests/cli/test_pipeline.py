"""`grpo-lab sft`, `reject`, `distill` and `r1`."""

import json
from pathlib import Path
from typing import Any

import pytest
from cli_runs import Lab
from mini_model import make_model

from grpo_core.pipeline.progress import Progress, Stopped
from grpo_core.pipeline.traces import Trace, write_traces


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "mini")


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    path = tmp_path / "mine.jsonl"
    text = "<think> 10 - 3 = 7 no </think> <answer> 10 - 3 </answer>"
    write_traces(path, [Trace("Use 3 , 5 , 10 to make 12 .", text, "countdown")] * 5)
    return path


def test_sft_says_what_came_of_it_and_what_it_is_called_with_json(
    lab: Lab, tmp_path: Path, model: Path, traces: Path
) -> None:
    arguments = ["sft", "--model", model, "--traces", traces, "--out", tmp_path / "out"]
    code, out, err = lab(*arguments, "--epochs", 3)
    assert code == 0, err
    assert "nats a token in 3 steps on 5 traces" in out
    code, out, _ = lab(*arguments, "--epochs", 3, "--json")  # done already: the same answer
    found = json.loads(out.splitlines()[-1])
    assert code == 0 and found["steps"] == 3 and found["loss_last"] < found["loss_first"]
    assert out.count("\n") == 1
    code, _, err = lab(*arguments, "--epochs", 4)
    assert code == 1 and "other settings (num_train_epochs)" in err
    code, out, _ = lab("eval", "--model", tmp_path / "out" / "model", "--n", 4, "--json")
    assert code == 0 and json.loads(out)["n"] == 4


def test_bad_input_is_one_sentence(lab: Lab, tmp_path: Path, model: Path, traces: Path) -> None:
    out = tmp_path / "out"
    bad = tmp_path / "bad.jsonl"
    bad.write_text("[]\n")
    for arguments, says in (
        (["sft", "--traces", tmp_path / "none", "--out", out], "There are no traces at"),
        (["sft", "--model", model, "--traces", bad, "--out", out], "Line 1 of"),
        (["sft", "--model", "nowhere", "--traces", traces, "--out", out], "no model, folder or"),
        (["reject", "--model", model, "--task", "chess", "--out", out], "no task called 'chess'"),
        (["reject", "--model", model, "--split", "x", "--out", tmp_path / "r"], "no split 'x'"),
        (["distill", "--teacher", "nobody", "--out", out], "no model, folder or run"),
        (["r1", "--out", traces], "is a file: name a new folder"),
        (["r1", "--seed", "-1"], "seed must be 0 or above"),
    ):
        code, _, err = lab(*arguments)
        assert code == 1 and says in err, (arguments, err)
        assert err.count("\n") <= 1


def test_reject_and_distill_by_a_model_that_is_never_right(
    lab: Lab, tmp_path: Path, model: Path
) -> None:
    few = ["--problems", 4, "--num-generations", 2]
    code, _, err = lab("reject", "--model", model, "--out", tmp_path / "r", *few)
    assert code == 1 and "None of 8 completions was right and readable" in err
    code, _, err = lab("distill", "--teacher", model, "--student", model, "--out", tmp_path / "d")
    assert code == 1 and "was right and readable" in err


def test_reject_says_what_it_kept(
    lab: Lab, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept(folder: Path, config: Any, watch: Any) -> dict[str, Any]:
        watch(Progress("sampling", 1, 2, {"kept": 3, "right": 0.5}))
        fates = {"kept": 3, "wrong": 1}
        return {"kept": 3, "sampled": 4, "solved": 2, "problems": 2, "fates": fates}

    monkeypatch.setattr("grpo_core.pipeline.reject.reject", kept)
    code, out, _ = lab("reject", "--model", model, "--out", tmp_path / "r")
    assert code == 0
    assert "3 traces of 4 completions, for 2 of 2 problems (kept 3, wrong 1)" in out
    assert "kept 3  right 0.5" in out


@pytest.mark.parametrize("exception", [KeyboardInterrupt, Stopped])
def test_stopped_it_says_how_to_go_on(
    lab: Lab, runs: Path, monkeypatch: pytest.MonkeyPatch, exception: type[BaseException]
) -> None:
    seen = []

    def stopped(folder: Path, config: Any, watch: Any) -> dict[str, Any]:
        seen.append((folder, config.seed, config.reasoning_steps))
        raise exception

    monkeypatch.setattr("grpo_core.pipeline.r1.r1", stopped)
    code, out, _ = lab("r1", "--seed", 4, "--quick")
    assert code == 130 and "The same command goes on" in out
    assert seen == [(runs / "r1-seed4", 4, 3)]
