"""`grpo-lab eval`, with the real trainer and a mini model."""

import json
from pathlib import Path
from typing import Any

from cli_runs import Lab, mini_options
from mini_model import make_model

from grpo_core.cli.output import MEASURED


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
        assert code == 0 and {k: again[k] for k in MEASURED} == {k: result[k] for k in MEASURED}
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
        return {name: result[name] for name in MEASURED}

    assert measure(1) == measure(1) != measure(2)
