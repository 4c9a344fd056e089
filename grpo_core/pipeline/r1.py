"""DeepSeek-R1's four stages on the tiny model, then the distillation, one after another.

    base -> 1 cold start (SFT) -> 2 reasoning RL -> 3 rejection sampling, SFT of the base
         -> 4 RL for all scenarios -> distillation into a smaller model

DeepSeek-R1 (arXiv 2501.12948), sections 2.3 and 2.4. Beside them two comparisons: stage 2 without
the language reward, and RL on the smaller model itself.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from grpo_core.core.config import GRPOConfig
from grpo_core.models.policy import load_policy
from grpo_core.pipeline import folder as stage
from grpo_core.pipeline.compute import of_run
from grpo_core.pipeline.config import DistillConfig, R1Config, RejectConfig, SFTConfig
from grpo_core.pipeline.distill import distill
from grpo_core.pipeline.measure import measure
from grpo_core.pipeline.progress import Progress, Watch, silent
from grpo_core.pipeline.reject import reject
from grpo_core.pipeline.report import STAGES
from grpo_core.pipeline.rl import rl
from grpo_core.pipeline.sft import MODEL, sft
from grpo_core.pipeline.traces import FILE, read_traces, write_traces
from grpo_core.pipeline.words import bilingual
from grpo_core.pipeline.writers import cold_start, general
from grpo_core.runs import Run, adopt
from grpo_core.tasks import get_task


def r1(folder: Path, config: R1Config, watch: Watch = silent) -> dict[str, Any]:
    """Go through all stages; each is a folder of its own, and the RL stages are ordinary runs.

    Args:
        folder: for everything.
        config: the stages' options.
        watch: told of the progress of each stage.

    Returns:
        the record: `measured`, what each stage's model does on held-out problems (see measure.py),
        by the names of `STAGES`; `stages`, what each did; `compute`, the operations of distillation
        and of RL on the same student, with its accuracy on the way.

    Raises:
        LabError: what a stage was asked is impossible, its folder holds something else, or the disk
            is full.
        Stopped: somebody asked a run to stop; called again, all goes on.
    """
    folder = folder.absolute()
    record = stage.begin(folder, "r1", config)
    if record["finished"]:
        return record
    line = _Line(folder, config, watch, record)
    base = bilingual(folder / "base", config.base)
    line.measured("base", base)
    cold = line.fine_tuned(
        "1-cold-start", base, line.cold_traces(), config.cold_epochs, config.cold_learning_rate
    )
    reasoning = line.trained("2-reasoning", reasoning_run(config, cold))
    if config.compare_language:
        without = reasoning_run(replace(config, language_weight=0.0), cold)
        line.trained("2-without-language", without)
    mixture = line.rejected("3-traces", reasoning)
    tuned = line.fine_tuned("3-sft", base, mixture, config.sft_epochs, config.learning_rate)
    final = line.trained("4-all-scenarios", scenarios_run(config, tuned))
    line.distilled("5-distilled", final)
    if config.student_steps:
        line.trained("5-student-rl", student_run(config))
    return stage.finish(folder, line.record, compute=compute(folder, line.record, config))


def reasoning_run(config: R1Config, model: str) -> GRPOConfig:
    """Stage 2: right answers, form and, by the weight it has, one language."""
    return GRPOConfig(
        model=model,
        seed=config.seed,
        max_steps=config.reasoning_steps,
        reward_funcs=("accuracy_reward", "format_reward", "language_reward"),
        reward_weights=(1.0, 0.3, config.language_weight),
        eval_steps=0,
        eval_size=64,  # each stage is measured when it is done
        save_steps=5,
        threads=config.threads,
    )


def scenarios_run(config: R1Config, model: str) -> GRPOConfig:
    """Stage 4: the same rules on both kinds of prompt, and a preference on the general ones."""
    return replace(
        reasoning_run(config, model),
        task="scenarios",
        max_steps=config.scenarios_steps,
        reward_funcs=("accuracy_reward", "format_reward", "language_reward", "brevity_reward"),
        reward_weights=(1.0, 0.3, config.language_weight, config.brevity_weight),
    )


def student_run(config: R1Config) -> GRPOConfig:
    """RL on the smaller model itself, as R1-Zero: no traces of anybody."""
    return GRPOConfig(
        model=config.student,
        seed=config.seed,
        max_steps=config.student_steps,
        eval_steps=20,
        save_steps=10,
        threads=config.threads,
    )


class _Line:
    """One pipeline at work: what its stages have in common.

    Attributes:
        record: what was found so far, in the pipeline's own record file.
    """

    def __init__(
        self, folder: Path, config: R1Config, watch: Watch, record: dict[str, Any]
    ) -> None:
        self.folder, self.config, self._watch = folder, config, watch
        self.record = {"stages": {}, "measured": {}} | record

    def cold_traces(self) -> Path:
        """The traces of the cold start."""
        path = self.folder / "1-traces" / FILE
        if not path.is_file():
            with stage.saving(path):
                path.parent.mkdir(exist_ok=True)
            task = get_task("countdown")
            write_traces(path, cold_start(task, self.config.cold_traces, self.config.seed))  # type: ignore[arg-type]
        return path

    def fine_tuned(self, name: str, model: str, traces: Path, epochs: int, rate: float) -> str:
        """Fine-tune a model, measure the result, and return its folder."""
        config = SFTConfig(
            model=model,
            traces=(str(traces),),
            num_train_epochs=epochs,
            learning_rate=rate,
            seed=self.config.seed,
            threads=self.config.threads,
        )
        self._done(name, sft(self.folder / name, config, self._tell(name)))
        return self.measured(name, str(self.folder / name / MODEL))

    def trained(self, name: str, config: GRPOConfig) -> str:
        """Train by GRPO, measure the result, and return its folder."""
        found = self._done(name, rl(self.folder / name, config, self._tell(name)))
        return self.measured(name, found["model"])

    def rejected(self, name: str, model: str) -> Path:
        """Sample a model, keep what is good, and mix the general traces in."""
        config = RejectConfig(
            model=model,
            problems=self.config.problems,
            num_generations=self.config.num_generations,
            most_per_problem=self.config.most_per_problem,
            seed=self.config.seed,
            threads=self.config.threads,
        )
        self._done(name, reject(self.folder / name, config, self._tell(name)))
        path = self.folder / name / "mixture.jsonl"
        others = general(get_task("scenarios"), self.config.general_traces, self.config.seed)  # type: ignore[arg-type]
        write_traces(path, read_traces(self.folder / name) + others)
        return path

    def distilled(self, name: str, teacher: str) -> None:
        """Teach the student, and measure it before and after."""
        config = DistillConfig(
            teacher=teacher,
            student=self.config.student,
            problems=self.config.problems,
            num_generations=self.config.num_generations,
            most_per_problem=self.config.most_per_problem,
            num_train_epochs=self.config.distill_epochs,
            learning_rate=self.config.learning_rate,
            seed=self.config.seed,
            threads=self.config.threads,
        )
        self.measured("5-student", self.config.student)
        found = self._done(name, distill(self.folder / name, config, self._tell(name)))
        self.measured(name, found["model"])

    def measured(self, name: str, model: str) -> str:
        """Measure a stage's model on held-out problems, once; returns the model."""
        if name not in self.record["measured"]:
            tell = self._tell(name)
            found = measure(
                load_policy(model),
                n=self.config.eval_size,
                general=self.config.general_size,
                progress=lambda done, total: tell(Progress("measuring", done, total)),
            )
            self.record["measured"][name] = {k: round(v, 5) for k, v in found.items()}
            stage.keep(self.folder, self.record)
        return model

    def _done(self, name: str, found: dict[str, Any]) -> dict[str, Any]:
        """Put what a stage found into the record."""
        self.record["stages"][name] = {k: v for k, v in found.items() if k != "config"}
        stage.keep(self.folder, self.record)
        return found

    def _tell(self, name: str) -> Watch:
        """Tell of a stage's progress under its name."""

        def tell(progress: Progress) -> None:
            self._watch(replace(progress, doing=f"{STAGES.get(name, name)}: {progress.doing}"))

        return tell


def compute(folder: Path, record: dict[str, Any], config: R1Config) -> dict[str, Any]:
    """What distillation and RL on the student cost, in floating-point operations.

    Args:
        folder, record, config: the pipeline's, all stages done.

    Returns:
        distilled: the operations of the student and of its teacher; rl: [[operations, held-out
        accuracy], ...] on the way.
    """
    found = {"distilled": record["stages"]["5-distilled"]["operations"]}
    if not config.student_steps:
        return found
    run = Run(adopt(Run(folder / "5-student-rl"), folder).path)
    frame = run.frame()
    parameters = record["stages"]["5-distilled"]["tuning"]["parameters"]
    spent = of_run(parameters, run.config, frame)
    held_out = frame["eval/accuracy"].dropna()
    return found | {"rl": [[float(spent[step]), float(a)] for step, a in held_out.items()]}
