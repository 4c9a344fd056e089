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
    typer.Option("--out", metavar="FOLDER", help="Output folder: a new one, or one to continue."),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Random seed for data order and sampling.")]
ThreadsOption = Annotated[int, typer.Option(help="Number of threads; 0 means all CPU cores.")]
Epochs = Annotated[int, typer.Option(help="Passes over the traces.")]
LearningRate = Annotated[
    float, typer.Option(help="Initial learning rate of AdamW; it decays to 0.")
]
NumGenerations = Annotated[int, typer.Option(help="Completions sampled per problem.")]
MostPerProblem = Annotated[int, typer.Option(help="Maximum number of traces kept per problem.")]
Problems = Annotated[int, typer.Option(help="Number of problems; 0 means all of the split.")]


def sft(
    traces: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE-OR-FOLDER",
            help="A JSON-lines file of traces, or a folder that `reject` wrote. May be repeated.",
        ),
    ],
    out: OutOption,
    model: Annotated[
        str, typer.Option(help="The model to fine-tune: 'tiny', a folder, a hub id, or a run.")
    ] = "tiny",
    epochs: Epochs = 2,
    batch_size: Annotated[int, typer.Option(help="Traces per step.")] = 32,
    learning_rate: LearningRate = 1e-3,
    seed: SeedOption = 0,
    threads: ThreadsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Fine-tune a model on traces, which are prompts with completions to imitate.

    Traces are JSON lines with "prompt" and "completion", as TRL's SFTTrainer reads them and
    `grpo-lab reject` writes them. The loss covers completion tokens only. The model is saved to
    FOLDER/model. Ctrl-C stops; the same command continues as if nothing had happened.
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
        f"Loss {losses[0]:.3f} → {losses[-1]:.3f} nats per token in {record['steps']} steps on "
        f"{sum(record['traces'].values())} traces. The model is in {out / 'model'}",
        as_json,
    )
    if as_json:
        found = {k: v for k, v in record.items() if k != "losses"}
        print_json(found | {"loss_first": losses[0], "loss_last": losses[-1], "path": str(out)})


def reject(
    out: OutOption,
    model: Annotated[
        str, typer.Option(help="The model to sample: 'tiny', a folder, a hub id, or a run.")
    ] = "tiny-grpo",
    task: TaskOption = None,
    split: Annotated[
        str, typer.Option(help="Split of the task: 'train', 'pretrain' or 'test'.")
    ] = "train",
    problems: Problems = 0,
    num_generations: NumGenerations = 16,
    most_per_problem: MostPerProblem = 4,
    temperature: Annotated[float, typer.Option(help="Sampling temperature; 0 is greedy.")] = 1.0,
    max_completion_length: Annotated[
        int, typer.Option(help="Maximum length of a completion, in tokens.")
    ] = 256,
    seed: SeedOption = 0,
    threads: ThreadsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Sample completions from a model and keep the traces that are right and readable.

    Writes FOLDER/traces.jsonl, and samples.jsonl with every completion and its outcome.
    Ctrl-C stops; the same command continues as if nothing had happened.
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
    get_task(config.task)  # refuse an unknown task now, before torch is loaded

    def work(watch: Watch) -> dict[str, Any]:
        from grpo_core.pipeline.reject import reject

        return reject(out.absolute(), config, watch)

    record = _work(work, as_json)
    fates = ", ".join(f"{fate} {count:,}" for fate, count in record["fates"].items())
    _say(
        f"{record['kept']:,} traces of {record['sampled']:,} completions, for {record['solved']} "
        f"of {record['problems']} problems ({fates}), in {out}",
        as_json,
    )
    if as_json:
        print_json(record | {"path": str(out)})


def distill(
    out: OutOption,
    teacher: Annotated[
        str, typer.Option(help="The teacher: a model's name, a folder, a hub id, or a run.")
    ],
    student: Annotated[
        str, typer.Option(help="The student: a model's name, a folder, a hub id, or a run.")
    ] = "small",
    problems: Problems = 0,
    num_generations: NumGenerations = 16,
    most_per_problem: MostPerProblem = 4,
    epochs: Epochs = 6,
    learning_rate: LearningRate = 1e-3,
    seed: SeedOption = 0,
    threads: ThreadsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Distill a larger model into a smaller one: rejection sampling, then fine-tuning on traces.

    The student is saved to FOLDER/student/model. Ctrl-C stops; the same command continues.
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
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Output folder, new or to be continued. Default: r1-seedN in the folder of runs.",
        ),
    ] = None,
    seed: SeedOption = 0,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Do a tenth of the work, to check that every stage runs."),
    ] = False,
    threads: ThreadsOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Run DeepSeek-R1's four stages and the distillation on the tiny model, in about ten minutes.

    The stages are cold start, reasoning RL, rejection sampling with fine-tuning of the base, and RL
    for all scenarios. The RL stages are ordinary runs: GRPO_LAB_RUNS=FOLDER python app.py shows
    them. Ctrl-C stops after the current step; the same command continues as if nothing had
    happened.
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
    """Return what to load for a model's or run's name; a folder as an absolute path."""
    source, _, _ = find_model(name)
    return str(Path(source).absolute()) if os.path.isdir(source) else source


def _say(text: str, as_json: bool) -> None:
    """Print a line for people, to stderr if stdout is for --json."""
    Console(stderr=as_json, soft_wrap=True).print(Text(text))


def _work(work: Callable[[Watch], dict[str, Any]], as_json: bool) -> dict[str, Any]:
    """Do the work of a command under a progress bar; exit with 130 if it was stopped."""
    from grpo_core.runs import worker

    os.environ.update(worker.environment(GRPOConfig()))
    try:
        with _bars(Console(stderr=as_json)) as watch:
            from transformers.utils import logging as transformers_logging

            transformers_logging.disable_progress_bar()
            return work(watch)
    except (KeyboardInterrupt, Stopped):
        _say("Stopped. Run the same command again to continue.", as_json)
        raise typer.Exit(130) from None


@contextmanager
def _bars(console: Console) -> Iterator[Watch]:
    """Show one progress bar per stage; yield the function that updates them."""
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
    """Return a number for a progress bar, with three digits; whole numbers stay whole."""
    return f"{value:.0f}" if value == int(value) and abs(value) > 1 else f"{value:.3g}"
