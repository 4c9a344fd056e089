"""The command line, mostly in this process; training with the real trainer and a mini model."""

import json
import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from minimodel import MINI, make_model

from grpo_core import __version__, cli, doctor, worker
from grpo_core.config import GRPOConfig
from grpo_core.records import Step
from grpo_core.store import Run, RunWriter, create_run

ROOT = Path(__file__).parents[1]
Lab = Callable[..., tuple[int, str, str]]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runs"
    monkeypatch.setenv("GRPO_LAB_RUNS", str(folder))
    monkeypatch.setenv("COLUMNS", "300")
    return folder


@pytest.fixture
def lab(runs: Path, capsys: pytest.CaptureFixture[str]) -> Lab:
    """Run `grpo-lab ...` here; returns exit code, stdout and stderr."""

    def lab(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit:
            cli.main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(exit.value.code or 0), out, err

    return lab


class Counting:
    """A trainer of steps with nothing in them but a held-out measurement at the end."""

    def __init__(self, config: GRPOConfig) -> None:
        self.config, self.step_index, self.policy = config, -1, self

    def save(self, folder: Path) -> None:
        (folder / "model").touch()

    def __iter__(self) -> "Counting":
        return self

    def __next__(self) -> Step:
        if self.step_index >= self.config.max_steps:
            raise StopIteration
        self.step_index += 1
        measured = {f"eval/{name}": 0.5 for name in cli.MEASURED} | {"eval/n": 8.0}
        last = self.step_index in (0, self.config.max_steps)
        return Step(self.step_index, {"reward": float("nan")} | (measured if last else {}))

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step_index}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step_index = state["step"]


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_real_trainer", Counting)


# --- at once, and without torch ----------------------------------------------------------------


def test_help_is_quick_and_loads_no_torch() -> None:
    code = (
        "import sys, time; start = time.perf_counter()\n"
        "from grpo_core import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'pandas', 'gradio', 'matplotlib'} & set(sys.modules)\n"
        "print(heavy or 'light', time.perf_counter() - start)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    word, seconds = done.stdout.split()[-2:]
    assert word == "light" and float(seconds) < 3  # 0.4 s on an idle machine


def test_version(lab: Lab) -> None:
    assert lab("--version") == (0, f"grpo-lab {__version__}\n", "")


@pytest.mark.parametrize("command", ["train", "eval", "resume", "runs", "pretrain", "doctor"])
def test_every_command_explains_itself(lab: Lab, command: str) -> None:
    code, out, _ = lab(command, "--help")
    assert code == 0 and f"Usage: grpo-lab {command}" in out


# --- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("epsilon=0.1", {"epsilon": 0.1}),
        ("seed = 3", {"seed": 3}),
        ("loss_type=grpo", {"loss_type": "grpo"}),
        ('loss_type="grpo"', {"loss_type": "grpo"}),
        ("mask_truncated_completions=true", {"mask_truncated_completions": True}),
        ("reward_weights=[1, 0.5]", {"reward_weights": [1, 0.5]}),
        ("task_options.count=4", {"task_options": {"count": 4}}),
        ("model=./some/folder-1.0", None),
        ("model=owner/name-1.0", {"model": "owner/name-1.0"}),
    ],
)
def test_settings_are_toml(setting: str, values: dict[str, Any] | None) -> None:
    if values is None:
        with pytest.raises(cli.LabError, match="is no TOML value"):
            cli._parse_setting(setting)
    else:
        assert cli._parse_setting(setting) == values


def test_who_wins(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("seed = 1\nbeta = 0.5\nepsilon = 0.3\n[task_options]\ncount = 4\nlargest = 9\n")
    config = cli._config(file, ["epsilon=0.4", "task_options.count=2"], seed=2, beta=None)
    assert (config.seed, config.beta, config.epsilon) == (2, 0.5, 0.4)
    assert config.task_options == {"count": 2, "largest": 9}
    with file.open("rb") as text:
        assert tomllib.load(text)["task_options"]["count"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--set", "epsilon"], "--set takes KEY=VALUE"),
        (["train", "--set", "epsilon=,"], "is no TOML value"),
        (["train", "--set", "epsilom=1"], "Did you mean 'epsilon'?"),
        (["train", "--set", "seed=abc"], "seed cannot be 'abc'"),
        (["train", "--steps", "0"], "max_steps must be above 0"),
        (["train", "--num-generations", "3"], "must be a multiple of num_generations"),
        (["train", "--config", "no.toml"], "Cannot read the config file no.toml"),
        (["train", "--run", "../../etc/a b"], "cannot be a run's name"),
        (["train", "--run", ".."], "cannot be a run's name"),
        (["train", "--model", "nope"], "There is no model, folder or run called 'nope'"),
        (["eval", "--model", "nope"], "There is no model, folder or run called 'nope'"),
        (["eval", "--task", "nope"], "There is no task called 'nope'"),
        (["eval", "--temperature", "-1"], "--temperature must be 0 or above"),
        (["eval", "--seed", "-1"], "--seed must be 0 or above"),
        (["resume", "nope"], "There is no run called 'nope'"),
        (["resume", ""], "cannot be a run's name"),
    ],
)
def test_mistakes_are_one_line(lab: Lab, arguments: list[str], message: str, runs: Path) -> None:
    code, out, err = lab(*arguments)
    assert code == 1 and out == ""
    assert message in err and err.startswith("grpo-lab: ") and err.count("\n") == 1
    assert not runs.exists() or not list(runs.iterdir())


@pytest.mark.parametrize("text", ["seed = ", "seed = 1\nseed = 2", "\x00", "max_steps = '3'"])
def test_bad_toml_files(lab: Lab, tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    code, _, err = lab("train", "--config", file)
    assert code == 1 and ("is not valid TOML" in err or "max_steps cannot be '3'" in err)


def test_a_wrong_option_is_a_usage_error(lab: Lab) -> None:
    assert lab("train", "--stepz", "3")[0] == 2
    assert lab("train", "--steps", "three")[0] == 2


# --- training and resuming ---------------------------------------------------------------------


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
    assert {name: result[name] for name in cli.MEASURED} == {
        **dict.fromkeys(cli.MEASURED, 0.5),
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
        raise cli.LabError("No such thing.")

    monkeypatch.setattr(worker, "_real_trainer", fail)
    code, _, err = lab("train", "--run", "demo")
    assert code == 1 and err == "grpo-lab: No such thing.\n"
    assert list(runs.iterdir()) == []


@pytest.mark.usefixtures("counting")
def test_a_name_close_to_a_runs_is_offered(lab: Lab) -> None:
    lab("train", "--steps", "1", "--run", "monday")
    assert "Did you mean 'monday'?" in lab("resume", "mondey")[2]


# --- runs --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("counting")
def test_runs(lab: Lab, runs: Path) -> None:
    assert f"No runs in {runs} yet" in lab("runs")[1]
    assert lab("runs", "--json")[1] == "[]\n"
    lab("train", "--steps", "2", "--run", "good")
    time.sleep(0.01)
    (create_run(runs, "broken", GRPOConfig()) / "run.db").write_bytes(b"rubbish" * 500)
    code, out, _ = lab("runs")
    assert code == 0 and "run.db is damaged" in out
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["broken", "good"]
    rows = json.loads(lab("runs", "--json")[1])
    assert [row["name"] for row in rows] == ["broken", "good"]
    assert (rows[1]["step"], rows[1]["accuracy"], rows[1]["status"]) == (2, 0.5, "finished")


# --- doctor ------------------------------------------------------------------------------------


def test_doctor_tells_what_to_do(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "tiny"
    monkeypatch.setattr("grpo_core.models.resolve", lambda name: str(model))
    code, out, _ = lab("doctor")
    assert code == 1 and "make the model: grpo-lab pretrain" in out
    assert "To be put right first: Model 'tiny'" in out
    model.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (model / name).touch()
    code, out, err = lab("doctor", "--json")
    report = json.loads(out.splitlines()[-1])
    assert code == 0 and report["ok"] and "Memory" in err
    verdicts = {finding["what"]: finding["verdict"] for finding in report["findings"]}
    assert verdicts["Packages"] == verdicts["torch"] == verdicts["Model 'tiny'"] == "ok"


def test_doctor_notices_a_taken_port_and_a_runs_folder_it_cannot_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(doctor, "PORT", taken.getsockname()[1])
        assert "--port" in next(doctor._port()).advice

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    finding = next(doctor._runs())
    assert finding.essential and "Set GRPO_LAB_RUNS" in finding.advice


# --- with the real trainer ---------------------------------------------------------------------


def mini_options(model: Path) -> list[object]:
    values = MINI | {"model": str(model)}
    return [word for k, v in values.items() for word in ("--set", f"{k}={json.dumps(v)}")]


def test_train_eval_and_the_models_left_behind(lab: Lab, runs: Path, tmp_path: Path) -> None:
    model = make_model(tmp_path / "mini")
    code, out, err = lab("train", *mini_options(model), "--run", "real", "--json")
    assert code == 0, err
    result = json.loads(out.splitlines()[-1])
    assert result["steps"] == 3 and result["n"] == 8 and 0 < result["mean_length"] <= 48
    # Measured again from the saved model, the last model of the run gives the same numbers.
    for name in ("real", runs / "real", runs / "real" / "checkpoints" / "step-000003"):
        code, out, err = lab("eval", "--model", name, "--json")
        again = json.loads(out)
        assert code == 0 and {k: again[k] for k in cli.MEASURED} == {
            k: result[k] for k in cli.MEASURED
        }
        assert again["steps"] == 3
    options = ("--model", model, "-n", 6, "--steps", 9, "--set", "max_completion_length=20")
    code, out, err = lab("eval", *options, "--seed", 1)
    assert code == 0 and "n 6" in out and "--steps 9 is ignored" in err
    code, _, err = lab("eval", "--model", "real", "--steps", 1)
    assert code == 1 and "has no model of step 1; it has 2, 3" in err


def test_eval_is_seeded(lab: Lab, tmp_path: Path) -> None:
    model = make_model(tmp_path / "mini")
    options = ("--model", model, "-n", 16, "--set", "max_completion_length=32", "--json")

    def measure(seed: int) -> dict[str, Any]:
        result = json.loads(lab("eval", *options, "--seed", seed)[1])
        return {name: result[name] for name in cli.MEASURED}

    assert measure(1) == measure(1) != measure(2)


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
        deadline = time.monotonic() + 60
        while not (runs / "demo").is_dir() or not Run(runs / "demo").last_step_or_none():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and "Traceback" not in err
    assert "Go on with: grpo-lab resume demo" in err
    assert json.loads(out)["status"] == "stopped" and Run(runs / "demo").status == "stopped"
