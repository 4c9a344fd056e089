"""Distillation: a teacher's traces, learned by a smaller model. No RL, no logits."""

from pathlib import Path
from typing import Any

from grpo_core.pipeline import folder as stage
from grpo_core.pipeline.compute import of_sampling, of_tuning
from grpo_core.pipeline.config import DistillConfig, RejectConfig, SFTConfig
from grpo_core.pipeline.progress import Watch, silent
from grpo_core.pipeline.reject import reject
from grpo_core.pipeline.sft import MODEL, sft


def distill(folder: Path, config: DistillConfig, watch: Watch = silent) -> dict[str, Any]:
    """Have the teacher write traces, and fine-tune the student on those that are kept.

    As DeepSeek-R1 (arXiv 2501.12948, section 2.4): supervised fine-tuning only. What travels is
    text, so teacher and student may have different vocabularies and shapes.

    Args:
        folder: traces/ and student/ go into it; the model is `folder`/student/model.
        config: who teaches whom.
        watch: told of the progress of both.

    Returns:
        the record: model; operations, the student's in fine-tuning and the teacher's in sampling;
        and the two records, `rejection` and `tuning`.

    Raises:
        LabError: as `reject` and `sft`.
    """
    record = stage.begin(folder, "distill", config)
    if record["finished"]:
        return record
    sampled = reject(folder / "traces", _sampling(config), watch)
    tuned = sft(folder / "student", _tuning(folder, config), watch)
    return stage.finish(
        folder,
        record,
        model=str(folder / "student" / MODEL),
        operations={
            "student": of_tuning(tuned["parameters"], tuned["forward_tokens"]),
            "teacher": of_sampling(sampled["parameters"], sampled["tokens"]),
        },
        rejection=sampled,
        tuning=tuned,
    )


def _sampling(config: DistillConfig) -> RejectConfig:
    return RejectConfig(
        model=config.teacher,
        task=config.task,
        problems=config.problems,
        num_generations=config.num_generations,
        most_per_problem=config.most_per_problem,
        seed=config.seed,
        threads=config.threads,
    )


def _tuning(folder: Path, config: DistillConfig) -> SFTConfig:
    return SFTConfig(
        model=config.student,
        traces=(str(folder / "traces"),),
        num_train_epochs=config.num_train_epochs,
        learning_rate=config.learning_rate,
        seed=config.seed,
        threads=config.threads,
    )
