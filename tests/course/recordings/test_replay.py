"""A recorded run stands in for a long training, and can be trained instead."""

from collections.abc import Iterator

import pytest

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Step
from grpo_core.course.recordings import replay
from grpo_core.training import trainer as training


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[GRPOConfig]:
    configs: list[GRPOConfig] = []

    def trainer(config: GRPOConfig) -> Iterator[Step]:
        configs.append(config)
        return iter([Step(0, {"eval/accuracy": 1.0})])

    monkeypatch.setattr(training, "Trainer", trainer)
    return configs


def test_the_recorded_run(trained: list[GRPOConfig]) -> None:
    steps = replay.steps("countdown-seed0")
    assert next(steps).index == 0
    first = next(steps)
    assert first.index == 1 and len(first.groups[0].completions) == 16
    assert not trained


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_the_full_run(by: str, trained: list[GRPOConfig], monkeypatch: pytest.MonkeyPatch) -> None:
    if by == "variable":
        monkeypatch.setenv("GRPO_LAB_FULL", "1")
    (step,) = replay.steps("countdown-seed0", full=by == "argument")
    assert step.metrics == {"eval/accuracy": 1.0}
    assert trained == [replay.recorded("countdown-seed0").config]


def test_a_run_there_is_not() -> None:
    with pytest.raises(LabError, match="no run"):
        replay.recorded("countdown-seed99")
