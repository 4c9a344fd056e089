"""`lab`: the command line in this process; `counting`: trainers that only count."""

from pathlib import Path

import pytest
from cli_runs import Counting, Lab

from grpo_core import cli
from grpo_core.runs import worker


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


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_real_trainer", Counting)
