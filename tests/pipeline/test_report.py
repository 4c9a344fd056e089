"""Tables of pipelines: every seed in every cell, and no path of the machine in what is shipped."""

import json

import pytest
from speed_records import make_record

from grpo_core.pipeline.report import (
    STAGES,
    data_table,
    distillation_table,
    language_table,
    rl_at,
    seeds_table,
    shipped,
    stage_table,
)

RECORDS = [make_record(seed) for seed in range(3)]


def test_every_seed_is_in_every_cell() -> None:
    for table, per_cell in ((seeds_table, True), (language_table, True), (data_table, False)):
        head, *rows = table(RECORDS)
        assert all(len(row) == len(head) for row in rows)
        for row in rows:
            cells = row[1].split() if per_cell else row[1:]
            assert len(cells) == 3
    assert [row[0] for row in seeds_table(RECORDS)[1:]] == list(STAGES.values())
    assert stage_table(RECORDS[1])[1][1] == "0.010"


def test_rl_is_read_off_at_both_costs_of_distillation() -> None:
    table = {row[0]: row[1:] for row in distillation_table(RECORDS)}
    rows = [(row[0], row[1]) for row in distillation_table(RECORDS)[1:]]
    assert table["a smaller base: distilled"] == ["0.700", "0.710", "0.720"]
    assert table["the base: distilled"] == ["0.400", "0.410", "0.420"]
    at = [cell for title, cell in rows if title == "a smaller base: RL at these operations"]
    assert at == ["0.200", "0.350"]
    at = [cell for title, cell in rows if title == "the base: RL at these operations"]
    assert at == ["0.300", "0.400"]
    assert table["the base: operations with the teacher's sampling"] == ["1.50e+12"] * 3


def test_rl_at_a_cost_lies_between_two_measurements() -> None:
    curve = [[0, 0.1], [10, 0.3], [20, 0.4]]
    assert rl_at(curve, 5) == pytest.approx(0.2) and rl_at(curve, 20) == pytest.approx(0.4)
    assert rl_at(curve, 21) is None


def test_what_is_shipped_has_no_paths() -> None:
    record = make_record()
    record["stages"]["2-reasoning"]["model"] = "/home/me/run/checkpoints/step-000030"
    record["stages"]["5-distilled"] |= {"what": "distill", "model": "/home/me/student"}
    record["stages"]["5-distilled"]["rejection"] |= {
        "what": "reject",
        "config": {"model": "/home/me/x"},
    }
    small = shipped(record)
    assert "/home" not in json.dumps(small)
    for table in (seeds_table, language_table, data_table, distillation_table):
        assert table([small]) == table([record])
