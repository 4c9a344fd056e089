"""`grpo-lab train` and `grpo-lab resume`."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_runs import Counting, Lab, mini_options
from mini_model import make_model
from strangers import stranger

from grpo_core.cli.output import MEASURED
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Step
from grpo_core.runs import Run, RunWriter, create_run, is_run, worker

ROOT = Path(__file__).parents[2]


@pytest.mark.usefixtures("counting")
def test_train_says_where_it_is_and_how_it_ended(lab: Lab, runs: Path) -> None:
    code, out, err = lab("train", "--steps", "3", "--run", "demo", "--seed", "5")
    assert code == 0 and err == ""
    assert f"Run 'demo' in {runs / 'demo'}" in out and "Finished: held-out accuracy 0.500" in out
    assert Run(runs / "demo").config.seed == 5
    code, _, err = lab("train", "--run", "demo")
    assert code == 1 and "exists already" in err


@pytest.mark.usefixtures("counting")
def test_json_is_the_last_line_of_stdout(lab: Lab, runs: Path) -> None:
    code, out, err = lab("train", "--steps", "3", "--json")
    result = json.loads(out.splitlines()[-1])
    assert code == 0 and out.count("\n") == 1 and "Finished" in err
    assert {name: result[name] for name in MEASURED} == {
        **dict.fromkeys(MEASURED, 0.5),
        "n": 8,
    }
    assert result["steps"] == 3 and result["seconds"] > 0 and result["status"] == "finished"
    assert result["path"] == str(runs / "countdown-tiny-seed0-1")


@pytest.mark.usefixtures("counting")
def test_stopped_says_how_to_go_on_and_resume_does(
    lab: Lab, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = worker.RunWriter.append

    def stop_at_2(self: RunWriter, step: Step) -> None:
        original(self, step)
        if step.index == 2:
            self.run.control("stop")

    with monkeypatch.context() as patch:
        patch.setattr(worker.RunWriter, "append", stop_at_2)
        elsewhere = tmp_path / "elsewhere" / "mine"
        code, out, _ = lab("train", "--steps", "4", "--run", elsewhere)
        assert code == 130
        assert f"Stopped after step 2. Go on with: grpo-lab resume {elsewhere}" in out
    code, out, _ = lab("resume", elsewhere, "--json")
    assert code == 0 and json.loads(out)["steps"] == 4
    code, out, _ = lab("resume", elsewhere, "--json")  # finished: nothing to do, same answer
    assert code == 0 and json.loads(out)["steps"] == 4 and Run(elsewhere).status == "finished"


@pytest.mark.usefixtures("counting")
def test_a_live_run_is_not_resumed(lab: Lab, runs: Path) -> None:
    path = create_run(runs, "demo", GRPOConfig())
    with RunWriter(path) as writer:
        writer.write_state(**worker._identity(), error=None)
        code, _, err = lab("resume", "demo")
        assert code == 1 and "is running already" in err


def test_a_run_that_never_began_leaves_nothing(
    lab: Lab, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(config: GRPOConfig) -> Counting:
        raise LabError("No such thing.")

    monkeypatch.setattr(worker, "_real_trainer", fail)
    code, _, err = lab("train", "--run", "demo")
    assert code == 1 and err == "grpo-lab: No such thing.\n"
    assert list(runs.iterdir()) == []


@pytest.mark.usefixtures("counting")
def test_a_name_close_to_a_runs_is_offered(lab: Lab) -> None:
    lab("train", "--steps", "1", "--run", "monday")
    assert "Did you mean 'monday'?" in lab("resume", "mondey")[2]


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_in_a_terminal(runs: Path, tmp_path: Path) -> None:
    import signal

    model = make_model(tmp_path / "mini")
    command = [sys.executable, "-m", "grpo_core.cli", "train", "--run", "demo"]
    command += [str(word) for word in mini_options(model)] + ["--steps", "100000", "--json"]
    command += ["--set", "max_steps=100000"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 150
        while not is_run(runs / "demo") or not Run(runs / "demo").last_step_or_none():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130 and "Traceback" not in err
    assert "Go on with: grpo-lab resume demo" in err
    assert json.loads(out)["status"] == "stopped" and Run(runs / "demo").status == "stopped"


@pytest.mark.usefixtures("counting")
def test_a_run_of_another_installation_is_copied_and_the_copy_resumed(lab: Lab, runs: Path) -> None:
    runs.mkdir()
    gift = stranger(runs, "gift", max_steps=5)
    before = sorted((p.name, p.read_bytes()) for p in gift.iterdir())
    code, out, err = lab("resume", "gift", "--json")
    assert code == 0 and json.loads(out)["run"] == "gift-copy"
    assert "Run 'gift' was not made by this installation of GRPO Lab: it was copied to" in err
    assert Run(runs / "gift-copy").last_step() == 5
    assert sorted((p.name, p.read_bytes()) for p in gift.iterdir()) == before
