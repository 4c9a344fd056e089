"""`grpo-lab sft`, `reject`, `distill` and `r1`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from grpo_core.cli.find import find_model
from grpo_core.cli.options import JsonOption, TaskOption
from grpo_core.cli.output import print_json
from grpo_core.core.config import GRPOConfig
from grpo_core.core.paths import runs_dir
from grpo_core.pipeline.progress import Progress, Stopped, Watch
from grpo_core.tasks import get_task

OutOption = Annotated[
    Path,
    typer.Option("--out", metavar="FOLDER", help="A new folder; or one to go on with."),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Decides everything random.")]
ThreadsOption = Annotated[int, typer.Option(help="How many; 0: as the machine has.")]
Epochs = Annotated[int, typer.Option(help="How often each trace is learned.")]
LearningRate = Annotated[float, typer.Option(help="AdamW's step size, falling to 0.")]
NumGenerations = Annotated[int, typer.Option(help="Completions that are sampled a problem.")]
MostPerProblem = Annotated[int, typer.Option(help="Traces kept of one problem at most.")]
Problems = Annotated[int, typer.Option(help="How many problems; 0: all of the split.")]


def sft(
    traces: Annotated[
        list[Path], typer.Option(metavar="FILE-OR-FOLDER", help="Traces; may be repeated.")
    ],
    out: OutOption,
    model: Annotated[str, typer.Option(help="'tiny', a folder, a hub id, or a run.")] = "tiny",
    epochs: Epochs = 2,
    batch_size: Annotated[int, typer.Option(help="Traces a step.")] = 32,
    learning_rate: LearningRate = 1e-3,
    seed: SeedOption = 0,
    threads: ThreadsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Fine-tune a model on traces: prompts with completions to be imitated.

    Traces are JSON lines with "prompt" and "completion", as TRL's SFTTrainer reads them and
    `grpo-lab reject` writes them. Only completions are learned. The model goes to FOLDER/model.
    Ctrl-C stops; the same command goes on as if nothing had happened.
    """
    from grpo_core.pipeline.config import SFTConfig
    from grpo_core.pipeline.traces import traces_file

    config = SFTConfig(
        model=_source(model),
        traces=tuple(str(traces_file(path).absolute()) for path in traces),
        num_train_epochs=epochs,
        per_device_train_batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        threads=threads,
    )

    def work(watch: Watch) -> dict[str, Any]:
        from grpo_core.pipeline.sft import sft

        return sft(out.absolute(), config, watch)

    record = _work(work, as_json)
    losses = record["losses"]
    _say(
        f"Loss {losses[0]:.3f} → {losses[-1]:.3f} nats a token in {record['steps']} steps on "
        f"{sum(record['traces'].values())} traces. The model: {out / 'model'}",
        as_json,
    )
    if as_json:
        found = {k: v for k, v in record.items() if k != "losses"}
        print_json(found | {"loss_first": losses[0], "loss_last": losses[-1], "path": str(out)})


def reject(
    out: OutOption,
    model: Annotated[str, typer.Option(help="'tiny', a folder, a hub id, or a run.")] = "tiny-grpo",
    task: TaskOption = None,
    split: Annotated[str, typer.Option(help="'train', 'pretrain' or 'test'.")] = "train",
    problems: Problems = 0,
    num_generations: NumGenerations = 16,
    most_per_problem: MostPerProblem = 4,
    temperature: Annotated[float, typer.Option(help="Of sampling.")] = 1.0,
    max_completion_length: Annotated[int, typer.Option(help="In tokens.")] = 256,
    seed: SeedOption = 0,
    threads: ThreadsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Sample a model many times, and keep the traces that are right and readable.

    Writes FOLDER/traces.jsonl, and samples.jsonl with every completion and what became of it.
    Ctrl-C stops; the same command goes on as if nothing had happened.
    """
    from grpo_core.pipeline.config import RejectConfig

    config = RejectConfig(
        model=_source(model),
        task=task or "countdown",
        split=split,
        problems=problems,
        num_generations=num_generations,
        most_per_problem=most_per_problem,
        temperature=temperature,
        max_completion_length=max_completion_length,
        seed=seed,
        threads=threads,
    )
    get_task(config.task)  # refused now, not after torch is loaded

    def work(watch: Watch) -> dict[str, Any]:
        from grpo_core.pipeline.reject import reject

        return reject(out.absolute(), config, watch)

    record = _work(work, as_json)
    fates = ", ".join(f"{fate} {count:,}" for fate, count in record["fates"].items())
    _say(
        f"{record['kept']:,} traces of {record['sampled']:,} completions, for {record['solved']} "
        f"of {record['problems']} problems ({fates}). They are in {out}",
        as_json,
    )
    if as_json:
        print_json(record | {"path": str(out)})


def distill(
    out: OutOption,
    teacher: Annotated[str, typer.Option(help="A model's name, a folder, a hub id, or a run.")],
    student: Annotated[str, typer.Option(help="The same.")] = "small",
    problems: Problems = 0,
    num_generations: NumGenerations = 16,
    most_per_problem: MostPerProblem = 4,
    epochs: Epochs = 6,
    learning_rate: LearningRate = 1e-3,
    seed: SeedOption = 0,
    threads: ThreadsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Teach a smaller model by a larger one's traces: rejection sampling, then fine-tuning.

    The student goes to FOLDER/student/model. Ctrl-C stops; the same command goes on.
    """
    from grpo_core.pipeline.config import DistillConfig

    config = DistillConfig(
        teacher=_source(teacher),
        student=_source(student),
        problems=problems,
        num_generations=num_generations,
        most_per_problem=most_per_problem,
        num_train_epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        threads=threads,
    )

    def work(watch: Watch) -> dict[str, Any]:
        from grpo_core.pipeline.distill import distill

        return distill(out.absolute(), config, watch)

    record = _work(work, as_json)
    spent = record["operations"]
    _say(
        f"{record['rejection']['kept']:,} traces learned; student {spent['student']:.2g}, teacher "
        f"{spent['teacher']:.2g} operations. Measure it: grpo-lab eval --model {record['model']}",
        as_json,
    )
    if as_json:
        print_json(
            {"model": record["model"], "operations": spent, "kept": record["rejection"]["kept"]}
        )


def r1(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="A new folder, or one to go on with."),
    ] = None,
    seed: SeedOption = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of everything: to see it go through.")
    ] = False,
    threads: ThreadsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """DeepSeek-R1's four stages on the tiny model, and the distillation; some ten minutes.

    Cold start, reasoning RL, rejection sampling and fine-tuning of the base, RL for all scenarios.
    The RL stages are ordinary runs: GRPO_LAB_RUNS=FOLDER python app.py shows them. Ctrl-C stops
    after the step in flight; the same command goes on as if nothing had happened.
    """
    from grpo_core.pipeline.config import QUICK, R1Config

    folder = (out or runs_dir() / f"r1-seed{seed}").absolute()
    config = R1Config(seed=seed, threads=threads, **(QUICK if quick else {}))

    def work(watch: Watch) -> dict[str, Any]:
        from grpo_core.pipeline.r1 import r1

        return r1(folder, config, watch)

    record = _work(work, as_json)
    from grpo_core.pipeline.report import stage_table

    for row in stage_table(record):
        _say("  ".join(f"{cell:>10}" if i else f"{cell:30}" for i, cell in enumerate(row)), as_json)
    if as_json:
        print_json({"measured": record["measured"], "compute": record["compute"]})


def _source(name: str) -> str:
    """What to load for a model's or run's name; a folder by its full path, as from anywhere."""
    source, _, _ = find_model(name)
    return str(Path(source).absolute()) if os.path.isdir(source) else source


def _say(text: str, as_json: bool) -> None:
    """A line for people: on stderr where stdout is for a program."""
    Console(stderr=as_json, soft_wrap=True).print(Text(text))


def _work(work: Callable[[Watch], dict[str, Any]], as_json: bool) -> dict[str, Any]:
    """Do the work of a command under a progress bar; exits with 130 where it was stopped."""
    from grpo_core.runs import worker

    os.environ.update(worker.environment(GRPOConfig()))
    try:
        with _bars(Console(stderr=as_json)) as watch:
            from transformers.utils import logging as transformers_logging

            transformers_logging.disable_progress_bar()
            return work(watch)
    except (KeyboardInterrupt, Stopped):
        _say("Stopped. The same command goes on from here.", as_json)
        raise typer.Exit(130) from None


@contextmanager
def _bars(console: Console) -> Iterator[Watch]:
    """A progress bar a stage, with the figures that matter; yields who is to be told."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(compact=True),
    )
    with Bars(*columns, console=console) as bars:
        shown: dict[str, Any] = {}
        loading: Any = bars.add_task("loading", total=None, figures="")

        def watch(progress: Progress) -> None:
            nonlocal loading
            if loading is not None:
                bars.remove_task(loading)
                loading = None
            if progress.doing not in shown:
                shown[progress.doing] = bars.add_task(progress.doing, figures="")
            figures = "  ".join(f"{k} {_short(v)}" for k, v in progress.figures.items())
            bars.update(
                shown[progress.doing],
                completed=progress.done,
                total=progress.total,
                figures=figures,
            )

        yield watch


def _short(value: float) -> str:
    """A figure in a bar: three digits, whole numbers whole."""
    return f"{value:.0f}" if value == int(value) and abs(value) > 1 else f"{value:.3g}"
