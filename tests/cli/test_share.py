"""`grpo-lab share`, `grpo-lab export` and `grpo-lab import-trl`."""

import json
from pathlib import Path

import pytest
from cli_runs import Lab
from make_steps import step

from grpo_core.cli.share import parse_steps, parse_weights
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.runs import RunWriter, create_run


@pytest.fixture
def run(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = create_run(runs, "mine", GRPOConfig())
    with RunWriter(path) as writer:
        writer.append(step(1))
        writer.append(step(2))
        writer.write_state(status="finished", step=2)
    monkeypatch.chdir(tmp_path)
    return path


def test_share(lab: Lab, run: Path, tmp_path: Path) -> None:
    code, out, err = lab("share", "mine")
    assert (code, err) == (0, "") and "mine.html: 0." in out
    assert (tmp_path / "mine.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    code, _, err = lab("share", "mine")
    assert code == 1 and err.count("\n") == 1 and "mine.html exists already" in err
    code, out, _ = lab("share", run, "--out", "b.html", "--steps", "2", "--groups", 1, "--json")
    told = json.loads(out)
    assert told["path"] == str(tmp_path / "b.html") and told["left_out"].startswith("Left out")
    assert told["bytes"] == (tmp_path / "b.html").stat().st_size


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["share", "nothing"], "There is no run called 'nothing'"),
        (["share", "mine", "--steps", "1", "--every", "2"], "not both"),
        (["share", "mine", "--max-mb", "0"], "above 0"),
        (["share", "mine", "--out", "run/x/y.html", "--max-mb", "0.01"], "page alone takes"),
        (["export", "mine", "--as", "xml"], "--as takes csv, parquet, trl"),
        (["export", "mine", "--as", "trl", "--tokens"], "TRL keeps no tokens"),
        (["export", "mine", "--as", "parquet", "--spreadsheet"], "--spreadsheet is for"),
        (["import-trl", "nowhere"], "There is no folder"),
        (["import-trl", "."], "has no completions_"),
        (["import-trl", ".", "--weights", "a"], "--weights takes"),
    ],
)
@pytest.mark.usefixtures("run")
def test_what_goes_wrong_is_one_sentence(
    lab: Lab, tmp_path: Path, arguments: list[str], said: str
) -> None:
    before = sorted(tmp_path.iterdir())
    code, out, err = lab(*arguments)
    assert code == 1 and said in err and err.count("\n") == 1 and out == ""
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.usefixtures("run")
def test_export_and_import(lab: Lab, runs: Path, tmp_path: Path) -> None:
    code, out, err = lab("export", "mine", "--as", "csv", "--tokens", "--json")
    assert (code, err) == (0, "")
    files = ["README.md", "completions.csv", "steps.csv", "tokens.csv"]
    assert json.loads(out)["files"] == files and (tmp_path / "mine-csv").is_dir()
    assert lab("export", "mine", "--as", "trl", "--out", "trl")[0] == 0
    code, out, err = lab("import-trl", "trl", "--out", "back", "--set", "learning_rate=1e-6")
    assert (code, err) == (0, "") and "Run 'back' goes to step 2" in out
    options = json.loads((runs / "back" / "config.json").read_text())
    assert options["learning_rate"] == 1e-6 and "seed" not in options
    assert "back" in lab("runs")[1] and lab("diagnose", "back")[0] == 0
    code, _, err = lab("import-trl", "trl", "--out", "back")
    assert code == 1 and "exists already" in err


def test_lists() -> None:
    assert parse_steps("1, 5,10-12") == {1, 5, 10, 11, 12}
    assert parse_weights("a=1,b = -0.5") == {"a": 1.0, "b": -0.5}
    for bad in ("", "a", "1-", "-3", "1;2", "1-2000000"):
        with pytest.raises(LabError, match="--steps"):
            parse_steps(bad)
    for bad in ("", "a", "a=", "=1", "a=b"):
        with pytest.raises(LabError, match="--weights"):
            parse_weights(bad)
