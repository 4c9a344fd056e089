"""What each stage is asked to do. Names are TRL's where the thing is TRL's. No torch in here."""

import math
from dataclasses import dataclass, field, fields
from typing import Any

from grpo_core.core.errors import LabError
from grpo_core.tasks import SPLITS


@dataclass(frozen=True)
class SFTConfig:
    """Options of a supervised fine-tuning.

    Attributes:
        model: "tiny", a folder, or a hub id (see models.load_policy).
        traces: files of traces, or folders with one.
        num_train_epochs: how often each trace is learned.
        per_device_train_batch_size: traces a step.
        learning_rate: of AdamW; it falls linearly to 0, after `warmup_steps`.
        max_grad_norm: the gradient is shortened to this length.
        seed: decides the order.
        max_tokens_per_forward: how many tokens go through the model at once: bounds its memory.
        save_steps: write the checkpoint to go on from every so many steps.
        threads: 0 chooses by the machine and the model.
    """

    model: str
    traces: tuple[str, ...]
    num_train_epochs: int = 2
    per_device_train_batch_size: int = 32
    learning_rate: float = 5e-4
    warmup_steps: int = 5
    max_grad_norm: float = 1.0
    seed: int = 0
    max_tokens_per_forward: int = 1024
    save_steps: int = 20
    threads: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work, in one sentence each."""
        _check(self, not_negative=("seed", "warmup_steps", "threads"))
        if not self.traces:
            raise LabError("Name at least one file of traces.")


@dataclass(frozen=True)
class RejectConfig:
    """Options of a rejection sampling.

    Attributes:
        model: what is sampled.
        task, task_options, split: where the problems are from.
        problems: how many; 0 for all.
        num_generations: completions a problem.
        max_completion_length: tokens after which a completion is cut off.
        temperature: of sampling.
        most_per_problem: traces kept of one problem at most.
        seed: decides the problems and the sampling.
        threads: 0 chooses by the machine and the model.
    """

    model: str
    task: str = "countdown"
    task_options: dict[str, Any] = field(default_factory=dict)
    split: str = "train"
    problems: int = 0
    num_generations: int = 16
    max_completion_length: int = 256
    temperature: float = 1.0
    most_per_problem: int = 4
    seed: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work, in one sentence each."""
        _check(self, not_negative=("problems", "seed", "threads"))
        if self.split not in SPLITS:
            raise LabError(f"There is no split '{self.split}'. Known: {', '.join(SPLITS)}.")


@dataclass(frozen=True)
class DistillConfig:
    """Options of a distillation: see RejectConfig and SFTConfig for those of the same names.

    Attributes:
        teacher: whose traces are learned.
        student: by whom.
        task, problems, num_generations, most_per_problem: of the sampling.
        num_train_epochs, learning_rate: of the fine-tuning.
        seed, threads: of both.
    """

    teacher: str
    student: str = "small"
    task: str = "countdown"
    problems: int = 0
    num_generations: int = 16
    most_per_problem: int = 4
    num_train_epochs: int = 4
    learning_rate: float = 1e-3
    seed: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work, in one sentence each."""
        _check(self, not_negative=("problems", "seed", "threads"))


@dataclass(frozen=True)
class R1Config:
    """Options of the pipeline; the defaults are the results in docs/pipeline.md.

    Attributes:
        seed: decides everything random.
        base, student: the model the stages begin with, and the one that is taught.
        cold_traces, cold_epochs, cold_learning_rate: stage 1.
        reasoning_steps: stage 2.
        problems, num_generations, most_per_problem: stage 3's sampling, and the distillation's;
            0 problems for all.
        general_traces: stage 3's non-reasoning data.
        sft_epochs: stage 3.
        scenarios_steps: stage 4.
        learning_rate: of the other fine-tunings.
        language_weight, brevity_weight: what these rewards count, where a right answer counts 1.
        distill_epochs: of the student's fine-tuning.
        student_steps: of the RL that the distillation is compared with; 0 leaves it out.
        compare_language: do stage 2 once more, without the language reward.
        eval_size, general_size: held-out problems and questions that a stage is measured on, or
            all there are.
        threads: 0 chooses by the machine and the model.
    """

    seed: int = 0
    base: str = "tiny"
    student: str = "small"
    cold_traces: int = 400
    cold_epochs: int = 2
    cold_learning_rate: float = 5e-4
    reasoning_steps: int = 40
    problems: int = 400
    num_generations: int = 8
    most_per_problem: int = 3
    general_traces: int = 200
    sft_epochs: int = 2
    scenarios_steps: int = 20
    learning_rate: float = 1e-3
    language_weight: float = 1.0
    brevity_weight: float = 0.3
    distill_epochs: int = 6
    student_steps: int = 300
    compare_language: bool = True
    eval_size: int = 600
    general_size: int = 200
    threads: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work, in one sentence each."""
        weights = ("language_weight", "brevity_weight")
        _check(self, not_negative=("seed", "threads", "problems", "student_steps", *weights))


QUICK: dict[str, Any] = {
    "cold_traces": 64,
    "reasoning_steps": 3,
    "problems": 64,
    "num_generations": 4,
    "general_traces": 64,
    "scenarios_steps": 2,
    "distill_epochs": 1,
    "student_steps": 3,
    "eval_size": 32,
    "general_size": 16,
}
"""Options of a pipeline that goes through in a minute or two, and learns next to nothing."""


def _check(config: Any, not_negative: tuple[str, ...]) -> None:
    """Raise LabError for a number of a config that is not above 0, or 0 where that is allowed."""
    for f in fields(config):
        value = getattr(config, f.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        if not math.isfinite(value) or value < 0 or (value == 0 and f.name not in not_negative):
            least = "0 or above" if f.name in not_negative else "above 0"
            raise LabError(f"{f.name} must be {least}, not {value}.")
