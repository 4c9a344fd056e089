"""The four stages, small: what each gives is what the next one takes, and a kill costs nothing."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from grpo_core.core.errors import LabError
from grpo_core.models.policy import load_policy
from grpo_core.pipeline import r1 as module
from grpo_core.pipeline.config import QUICK, R1Config
from grpo_core.pipeline.measure import measure
from grpo_core.pipeline.progress import Progress
from grpo_core.pipeline.r1 import r1, reasoning_run, scenarios_run, student_run
from grpo_core.pipeline.report import (
    STAGES,
    data_table,
    language_table,
    seeds_table,
    shipped,
)
from grpo_core.pipeline.traces import read_traces
from grpo_core.runs import Run

MEASURED = {"accuracy", "format", "language", "mixed", "verdicts", "mean_length", "truncated", "n"}
TINY = R1Config(
    **(QUICK | {"reasoning_steps": 1, "scenarios_steps": 1, "student_steps": 2, "problems": 24}),
    cold_epochs=1,
    threads=1,
)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("r1") / "whole"
    return folder, r1(folder, TINY)


@pytest.mark.slow
def test_each_stage_feeds_the_next(whole: tuple[Path, dict[str, Any]]) -> None:
    folder, record = whole
    assert record["finished"] and set(record["measured"]) == set(STAGES)
    stages = record["stages"]
    runs = {
        name: Run(folder / name).config
        for name in ("2-reasoning", "2-without-language", "4-all-scenarios", "5-student-rl")
    }
    assert runs["2-reasoning"].model == str(folder / "1-cold-start" / "model")
    assert runs["2-without-language"].reward_weights[-1] == 0.0
    assert runs["2-without-language"].model == runs["2-reasoning"].model
    assert runs["4-all-scenarios"].model == str(folder / "3-sft" / "model")
    rejected = json.loads((folder / "3-traces" / "record.json").read_text())["config"]
    assert rejected["model"] == stages["2-reasoning"]["model"]
    tuned = json.loads((folder / "3-sft" / "record.json").read_text())["config"]
    assert tuned["model"] == str(folder / "base"), "stage 3 starts from the base again"
    mixture = read_traces(folder / "3-traces" / "mixture.jsonl")
    assert len(mixture) == stages["3-traces"]["kept"] + TINY.general_traces
    taught = stages["5-distilled"]["tuning"]["traces"]
    assert taught == {"countdown": stages["5-distilled"]["rejection"]["kept"]}
    points = record["compute"]["rl"]
    assert points[0][0] == 0.0 and points == sorted(points)


@pytest.mark.slow
def test_what_is_shipped_has_every_number_and_no_path(whole: tuple[Path, dict[str, Any]]) -> None:
    folder, record = whole
    small = shipped(record)
    assert str(folder) not in json.dumps(small)
    for table in (seeds_table, language_table, data_table):
        assert table([small, small]) == table([record, record])
    headings, *rows = seeds_table([record])
    assert len(rows) == len(STAGES) and all(len(row) == len(headings) for row in rows)


@pytest.mark.slow
def test_killed_anywhere_the_same_command_ends_the_same(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    _, record = whole
    killed_at: set[str] = set()

    def kill(progress: Progress) -> None:
        if progress.doing not in killed_at:
            killed_at.add(progress.doing)
            raise Killed

    for _ in range(60):
        try:
            again = r1(tmp_path / "cut", TINY, kill)
            break
        except Killed:
            continue
    assert len(killed_at) > 10
    assert again["measured"] == record["measured"]
    assert again["stages"]["2-reasoning"]["curves"] == record["stages"]["2-reasoning"]["curves"]
    assert again["compute"] == record["compute"]


@pytest.mark.slow
def test_the_measurement_has_both_kinds(whole: tuple[Path, dict[str, Any]]) -> None:
    folder, record = whole
    found = record["measured"]["base"]
    assert {name for name in found if "/" not in name} == MEASURED
    assert found["n"] == TINY.eval_size
    again = measure(load_policy(str(folder / "base")), n=TINY.eval_size, general=TINY.general_size)
    assert {k: round(v, 5) for k, v in again.items()} == found


def test_stage_configs_differ_in_what_they_should() -> None:
    config = R1Config(seed=3, language_weight=0.2, brevity_weight=0.1)
    two, four = reasoning_run(config, "m"), scenarios_run(config, "n")
    assert two.reward_weights == (1.0, 0.3, 0.2) and two.seed == four.seed == 3
    assert four.task == "scenarios" and four.reward_weights == (1.0, 0.3, 0.2, 0.1)
    changed = {
        f.name for f in dataclasses.fields(two) if getattr(two, f.name) != getattr(four, f.name)
    }
    assert changed == {"task", "model", "max_steps", "reward_funcs", "reward_weights"}
    assert student_run(config).model == "small"


def test_another_configs_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "bilingual", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        r1(tmp_path / "r1", R1Config(seed=1))
    with pytest.raises(LabError, match=r"other settings \(seed\)"):
        r1(tmp_path / "r1", R1Config(seed=2))
    with pytest.raises(LabError, match="reasoning_steps must be above 0"):
        R1Config(reasoning_steps=0)
