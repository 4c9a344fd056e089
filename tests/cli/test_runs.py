"""`grpo-lab runs`."""

import json
import os
import re
import time
from pathlib import Path

import pytest
from cli_runs import Lab
from strangers import change, stranger

from grpo_core.core.config import GRPOConfig
from grpo_core.runs import create_run


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


@pytest.mark.skipif(os.name == "nt", reason="names there have no control characters")
def test_what_a_stranger_chose_moves_no_cursor(lab: Lab, runs: Path) -> None:
    for index, name in enumerate(("a\x1b[2J", "b\nforged", "c\x9b2J")):
        path = stranger(runs, f"gift{index}").rename(runs / name)
        options = json.loads((path / "config.json").read_text())
        (path / "config.json").write_text(json.dumps(options | {"max_steps": "\x1b[2J"}))
        (path / "state.json").write_text(json.dumps({"status": "\x1b[31m", "error": "\x1b]0;x"}))
    change(path, 'UPDATE steps SET metrics = \'{"eval/accuracy": 0.5, "eval/\x1b[2J": 1}\'')
    export = ["export", path, "--as", "csv", "--out", runs.parent / "tables"]
    for command in (["runs"], ["diagnose", path], ["resume", path], export):
        _, out, err = lab(*command)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out + err), command
    assert len(lab("runs")[1].splitlines()) == 1 + 3 + 3
