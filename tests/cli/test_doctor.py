"""`grpo-lab doctor`."""

import json
import socket
from pathlib import Path

import pytest
from cli_runs import Lab

from grpo_core.cli import doctor_checks as doctor


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
