"""Every metric that anything records is explained, in plain text."""

import json
from pathlib import Path

import pandas as pd
import pytest
from mini_model import MINI, make_model

from grpo_core.analysis.diagnosis import answer_all
from grpo_core.core.glossary import ANY, entries, explain
from grpo_core.core.paths import data_dir
from grpo_core.core.phases import BESIDE, PARTS
from grpo_core.runs import Run

CSVS = [
    *(data_dir() / "results").glob("countdown-seed*.csv"),
    *(Path(__file__).parents[1] / "analysis" / "diagnosis" / "runs").glob("*.csv"),
]


def unexplained(metrics: object) -> list[str]:
    return [name for name in metrics if explain(name) is None]


@pytest.mark.parametrize("path", CSVS, ids=lambda path: path.stem)
def test_every_metric_of_recorded_runs_is_explained(path: Path) -> None:
    assert unexplained(pd.read_csv(path, index_col="step").columns) == []


def test_every_metric_of_the_shipped_run_and_every_phase_is_explained() -> None:
    assert unexplained(Run(data_dir() / "runs" / "countdown-seed0").frame().columns) == []
    phases = {*PARTS, *BESIDE, *(part for parts in PARTS.values() for part in parts)}
    assert unexplained(phases) == []


METHODS = [
    {},
    {"scale_rewards": "gae", "use_kl_in_reward": True, "kl_estimator": "k1", "beta": 0.05},
    {"loss_type": "cispo", "epsilon_high": 5.0, "dynamic_sampling": "reward", "beta": 0.0},
    {"scale_rewards": "process", "step_reward_func": "equations_true", "soft_punish_cache": 8},
]


@pytest.mark.parametrize("method", METHODS)
def test_every_metric_that_is_recorded_today_is_explained(tmp_path: Path, method: dict) -> None:
    from grpo_core.core.config import GRPOConfig
    from grpo_core.training.trainer import Trainer

    model = str(make_model(tmp_path / "model"))
    steps = list(Trainer(GRPOConfig(**MINI | method | {"model": model, "max_steps": 1})))
    assert len(steps) == 2
    recorded = {name for step in steps for name in step.metrics}
    assert unexplained(recorded) == []
    assert len(recorded) > 25


@pytest.mark.parametrize("path", CSVS, ids=lambda path: path.stem)
def test_all_that_a_diagnosis_rests_on_is_explained(path: Path) -> None:
    frame = pd.read_csv(path, index_col="step")
    for finding in answer_all(frame, {"beta": 0.001, "max_completion_length": 256}):
        assert unexplained(finding.evidence) == [], finding.question


def test_what_a_pipeline_measures_is_explained() -> None:
    record = json.loads((data_dir() / "results" / "r1-seed0.json").read_text())
    measured = set(record["measured"]["4-all-scenarios"])
    as_in_runs = {name for name in measured if explain(f"eval/{name}")}
    assert as_in_runs == {"accuracy", "format", "mean_length", "truncated", "n"}
    assert unexplained(measured - as_in_runs) == []
    for name in ("language_reward", "brevity_reward"):
        entry = explain(f"rewards/{name}/mean")
        assert entry is not None and ANY not in entry.name


def test_entries_are_plain_text() -> None:
    names = [entry.name for entry in entries()]
    assert len(names) == len(set(names)) > 40
    for entry in entries():
        assert entry.meaning and "`" not in entry.name + entry.meaning
        assert "**" not in entry.meaning and "](" not in entry.meaning
    assert explain("loss").unit == "" and "Around 0 is no bug:" in explain("loss").meaning
    assert explain("kl").unit == "nats a token"
    assert "<think>" in explain("rewards/accuracy_reward/mean").meaning
    assert "see the family for" in explain("advantage").meaning


def test_a_pattern_stands_for_one_name_and_an_exact_name_wins() -> None:
    assert explain("rewards/a_new_reward/mean").name == f"rewards/{ANY}/mean"
    assert explain("rewards/soft_overlong_punishment_reward/mean").name.startswith("rewards/soft_")
    for nothing in ("rewards/mean", "rewards//mean", "reward/mean", "", "eval/nothing", ANY):
        assert explain(nothing) is None
