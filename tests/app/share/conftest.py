"""Runs to share: without training, and with everything in them that can go wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest
from awkward_texts import AWKWARD
from make_steps import step

from grpo_core.core.config import GRPOConfig
from grpo_core.core.records import Step
from grpo_core.runs import Run, RunWriter, create_run


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Run]:
    """Record a finished run of some steps; returns it."""

    def made(name: str, steps: list[Step], **options: object) -> Run:
        path = create_run(tmp_path / "runs", name, GRPOConfig(**options))  # type: ignore[arg-type]
        with RunWriter(path) as writer:
            for one in steps:
                writer.append(one)
            writer.write_state(status="finished", step=steps[-1].index if steps else None)
        return Run(path)

    return made


@pytest.fixture
def awkward(made: Callable[..., Run]) -> Run:
    """A run whose texts and prompts are as awkward as they come."""
    steps = [Step(0, {"eval/accuracy": 0.25})]
    for index in (1, 2):
        one = step(index, groups=2, size=len(AWKWARD))
        for g, group in enumerate(one.groups):
            group.prompt = AWKWARD[g]
            for completion, text in zip(group.completions, AWKWARD, strict=True):
                completion.text = text
                completion.tokens = [text[:20]] * 5
        steps.append(one)
    return made("awkward", steps)
