"""What the tests of the command line share: a trainer that only counts, options of a mini run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mini_model import MINI

from grpo_core.cli.output import MEASURED
from grpo_core.core.config import GRPOConfig
from grpo_core.core.records import Step

Lab = Callable[..., tuple[int, str, str]]
"""`grpo-lab ...` in this process: arguments -> exit code, stdout, stderr."""


class Counting:
    """A trainer of steps with nothing in them but a held-out measurement at the end."""

    def __init__(self, config: GRPOConfig) -> None:
        self.config, self.step_index, self.policy = config, -1, self

    def save(self, folder: Path) -> None:
        (folder / "model").touch()

    def __iter__(self) -> "Counting":
        return self

    def __next__(self) -> Step:
        if self.step_index >= self.config.max_steps:
            raise StopIteration
        self.step_index += 1
        measured = {f"eval/{name}": 0.5 for name in MEASURED} | {"eval/n": 8.0}
        last = self.step_index in (0, self.config.max_steps)
        return Step(self.step_index, {"reward": float("nan")} | (measured if last else {}))

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step_index}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step_index = state["step"]


def mini_options(model: Path) -> list[object]:
    """Arguments that make `train` take a second."""
    values = MINI | {"model": str(model)}
    return [word for k, v in values.items() for word in ("--set", f"{k}={json.dumps(v)}")]
