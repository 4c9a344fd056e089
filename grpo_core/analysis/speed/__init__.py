"""Speed: this kit against TRL on the same work, and both against what the machine could do.

The same work means: the same model, prompts, group size, longest completion, temperature, rewards,
precision and optimizer, and no reference (beta 0, TRL's default). Then:

- Both train in one process, by turns: one step of ours, one of TRL's, and so on. TRL's training
  loop runs as it is, in a thread that waits between its steps.
- The learning rate is as good as 0, so the policy, and with it how long completions are, stays the
  same throughout. Their lengths still differ by chance: seconds a token are compared beside seconds
  a step, a token being one that was sampled and learned from.
- TRL is taken at its fastest: a few settings that could matter on a CPU are timed first, and the
  best of them runs against us. What was tried is part of the result.
- The first round warms up and is left out.

    contest    the two contenders and their rounds
    floor      what the machine's own rate of arithmetic allows
    report     tables
    scaling    ours alone, against group size, length and model size
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from grpo_core.core.errors import LabError


@dataclass(frozen=True)
class Setting:
    """The work of a step.

    Attributes:
        model: a name of `models.MODELS`, a folder or a hub id.
        task: a name of `tasks.TASKS`.
        prompts, num_generations: N and G; a step has N G completions.
        max_completion_length: in tokens.
        bf16: whether both compute in bfloat16 (autocast); else in float32.
        rounds: how many steps of each are timed.
        threads: how many each may use; 0 for what the machine has, up to threads.MOST.
    """

    model: str = "tiny"
    task: str = "countdown"
    prompts: int = 8
    num_generations: int = 16
    max_completion_length: int = 192
    bf16: bool = False
    rounds: int = 7
    threads: int = 0

    def __post_init__(self) -> None:
        """Refuse what nobody can time."""
        for name in ("prompts", "num_generations", "max_completion_length", "rounds"):
            if not 1 <= getattr(self, name) <= 100_000:
                raise LabError(f"{name} must be between 1 and 100,000, not {getattr(self, name)}.")
        if self.num_generations < 2:
            raise LabError("num_generations must be 2 or more: a group is compared with itself.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable."""
        return asdict(self)


SETTINGS = {
    "long": Setting(model="tiny-grpo"),
    "short": Setting(max_completion_length=32),
    "smollm2": Setting("smollm2", "arithmetic", 4, 8, 64, bf16=True, rounds=3),
}
"""The settings that benchmarks/README.md reports."""


def setting(name: str, **changes: Any) -> Setting:
    """A setting by its name, with changes to it; None leaves a field as it is.

    Raises:
        LabError: there is no such setting, or a change makes no sense.
    """
    if name not in SETTINGS:
        raise LabError(f"There is no setting '{name}'. Known: {', '.join(SETTINGS)}.")
    return replace(SETTINGS[name], **{k: v for k, v in changes.items() if v is not None})
