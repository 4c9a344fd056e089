"""`grpo-lab runs`."""

import json
import time
from pathlib import Path

import pytest
from clilab import Lab

from grpo_core.config import GRPOConfig
from grpo_core.store import create_run


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
