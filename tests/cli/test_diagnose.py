"""`grpo-lab diagnose`."""

import json

import pytest
from cli_runs import Lab

from grpo_core.analysis.diagnosis import QUESTIONS
from grpo_core.core.paths import data_dir


@pytest.mark.parametrize("run", ["countdown-seed0", data_dir() / "runs" / "countdown-seed0"])
def test_diagnose(lab: Lab, run: object) -> None:
    code, out, err = lab("diagnose", run)
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[::3]] == ["fine"] * 5
    assert "Is KL out of hand?" in out and "see loss, grad_norm" in out


def test_diagnose_json(lab: Lab) -> None:
    code, out, _ = lab("diagnose", "countdown-seed0", "--json")
    result = json.loads(out)
    assert code == 0 and result["run"] == "countdown-seed0"
    assert len(result["findings"]) == len(QUESTIONS)
    for finding in result["findings"]:
        assert set(finding) == {
            *("question", "verdict", "headline", "answer", "evidence", "metrics", "steps")
        }
        assert finding["steps"] == [1, 125]


@pytest.mark.usefixtures("counting")
def test_diagnose_of_a_run_that_recorded_nothing(lab: Lab) -> None:
    lab("train", "--steps", "2", "--run", "bare")
    code, out, _ = lab("diagnose", "bare")
    assert code == 0 and out.count("unknown") == 5


def test_diagnose_of_no_run(lab: Lab) -> None:
    code, _, err = lab("diagnose", "nothing-here")
    assert code == 1 and "There is no run called 'nothing-here'" in err
