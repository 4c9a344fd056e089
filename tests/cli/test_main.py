"""Help at once, without torch; mistakes in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import Lab

from grpo_core import __version__

ROOT = Path(__file__).parents[2]


def test_help_is_quick_and_loads_no_torch() -> None:
    code = (
        "import sys, time\n"
        "from grpo_core import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'pandas', 'gradio', 'matplotlib'} & set(sys.modules)\n"
        "print(heavy or 'light', time.process_time())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=200
    )
    word, seconds = done.stdout.split()[-2:]
    assert word == "light" and float(seconds) < 3  # 0.4 s where this was written


def test_version(lab: Lab) -> None:
    assert lab("--version") == (0, f"grpo-lab {__version__}\n", "")


@pytest.mark.parametrize(
    "command",
    ["train", "eval", "resume", "runs", "diagnose", "pretrain", "doctor", "sft", "reject"],
)
def test_every_command_explains_itself(lab: Lab, command: str) -> None:
    code, out, _ = lab(command, "--help")
    assert code == 0 and f"Usage: grpo-lab {command}" in out


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
        (["eval", "--seed", "9" * 20], "below 2**63"),
        (["train", "--task", "nope"], "There is no task called 'nope'"),
        (["pretrain", "--size", "huge"], "There is no size 'huge'. Known: tiny, small"),
        (["pretrain"], "holds a model: name another folder by --out, or add --force"),
        (["pretrain", "--out", "/dev/null/x"], "Cannot save the model to /dev/null/x"),
        (["resume", "nope"], "There is no run called 'nope'"),
        (["resume", ""], "cannot be a run's name"),
    ],
)
def test_mistakes_are_one_line(lab: Lab, arguments: list[str], message: str, runs: Path) -> None:
    code, out, err = lab(*arguments)
    assert code == 1 and out == ""
    assert message in err and err.startswith("grpo-lab: ") and err.count("\n") == 1
    assert not runs.exists() or not list(runs.iterdir())


def test_a_wrong_option_is_a_usage_error(lab: Lab) -> None:
    assert lab("train", "--stepz", "3")[0] == 2
    assert lab("train", "--steps", "three")[0] == 2
