"""The ledger: what GRPO and PPO cost on matched work, in bytes and in seconds.

Matched means: the same base model, the same prompts, the same completions token for token, the same
precision, batch and optimizer, and one optimizer step a batch. What differs is what the method is
made of. This is how:

- Every completion is sampled for real and has exactly `completion_length` tokens: the end token
  may be drawn, but it ends nothing.
- The learning rate is multiplied by 0. The optimizer does all its work, and the policy stays what
  it is, bit for bit: so every step of every method samples, and learns from, the same tokens.
- Rewards are set, 0 and 1 in turn, so that no group ties and no row is skipped. Computing rewards
  is the same for all methods, and is not measured.
- Each method is measured in a process of its own, in turn, several times over.

    predict    the bytes that a method must take: arithmetic
    measure    one method in this process: bytes counted and measured, seconds measured
    rounds     every method, several times; medians and spreads
    report     tables
"""

from dataclasses import asdict, dataclass
from typing import Any

from grpo_core.algorithm.presets import PRESETS
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError

MIB = 2**20

LABELS = {
    "grpo": "GRPO",
    "grpo_reference": "GRPO + reference",
    "ppo_value_head": "PPO, value head",
    "ppo": "PPO, own critic",
}
"""The methods, in the order they are shown."""

_SETTINGS: dict[str, dict[str, Any]] = {
    "grpo": PRESETS["grpo"] | {"beta": 0.0},
    "grpo_reference": PRESETS["grpo"],
    "ppo_value_head": PRESETS["ppo"] | {"critic": "value_head"},
    "ppo": PRESETS["ppo"] | {"critic": "separate"},
}

_AT_MOST = {"prompts": 1_000, "num_generations": 1_000, "completion_length": 100_000}
_AT_LEAST = {"prompts": 1, "num_generations": 2, "completion_length": 1, "repeats": 1, "threads": 1}


@dataclass(frozen=True)
class Work:
    """The work that every method does in a step.

    Attributes:
        model: "tiny", a folder or a hub id.
        prompts: N, the first N training problems of Countdown.
        num_generations: G, completions a prompt.
        completion_length: T, tokens of every completion.
        repeats: how many processes measure each method.
        threads: of torch; a large model may want as many as there are cores.
    """

    model: str = "tiny"
    prompts: int = 4
    num_generations: int = 16
    completion_length: int = 96
    repeats: int = 5
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse what nobody can measure."""
        for name, least in _AT_LEAST.items():
            if getattr(self, name) < least:
                raise LabError(f"{name} must be {least} or more, not {getattr(self, name)}.")
        for name, most in _AT_MOST.items():
            if getattr(self, name) > most:
                raise LabError(f"{name} must be at most {most:,}, not {getattr(self, name):,}.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable."""
        return asdict(self)

    def config(self, method: str) -> GRPOConfig:
        """The configuration of a method on this work: all but the method's own is the default."""
        return GRPOConfig.from_dict(
            _SETTINGS[method]
            | {
                "model": self.model,
                "generation_batch_size": self.prompts * self.num_generations,
                "num_generations": self.num_generations,
                "max_completion_length": self.completion_length,
                "threads": self.threads,
            }
        )
