"""`grpo-lab pretrain`."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from grpo_core.cli.options import JsonOption
from grpo_core.cli.output import plain, print_json
from grpo_core.core.errors import LabError
from grpo_core.core.paths import data_dir

_SAVE_STEPS = 250  # about a minute


def pretrain(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Output folder. Default: a folder in data/models, such as data/models/tiny-base.",
        ),
    ] = None,
    size: Annotated[
        str,
        typer.Option("--size", help="'tiny', or 'small', which has a seventh of its parameters."),
    ] = "tiny",
    corpus: Annotated[
        str, typer.Option("--corpus", help="Training corpus: 'default' or 'no-verification'.")
    ] = "default",
    seed: Annotated[
        int,
        typer.Option(
            "--seed", min=0, max=2**63 - 1, help="Random seed for initial weights and corpus."
        ),
    ] = 0,
    tokens: Annotated[
        int | None,
        typer.Option("--tokens", min=1, help="Number of target tokens. Default: the size's."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing model.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Pretrain a tiny base model from scratch: generate a corpus, train on it, evaluate the result.

    If it is killed, the same command continues where it stopped, losing at most a minute of work.
    """
    from grpo_core.analysis.model_card import model_name, write_card
    from grpo_core.models.corpus import CORPORA
    from grpo_core.models.policy import Policy
    from grpo_core.models.pretrain import SIZES, Pretrainer
    from grpo_core.models.tokenizer import build_tokenizer
    from grpo_core.tasks.countdown import Countdown

    if corpus not in CORPORA:
        raise LabError(f"Unknown corpus '{corpus}'. Use one of: {', '.join(CORPORA)}.")
    if size not in SIZES:
        raise LabError(f"Unknown size '{size}'. Use one of: {', '.join(SIZES)}.")
    config = SIZES[size]
    config = dataclasses.replace(
        config,
        seed=seed,
        corpus=CORPORA[corpus],
        target_tokens=tokens or config.target_tokens,
    )
    folder = out or data_dir() / "models" / model_name(corpus, size)
    if (folder / "model.safetensors").exists() and not force:
        raise LabError(
            f"{folder} already holds a model. Name another folder with --out, or add --force."
        )
    _check_writable(folder)
    task = Countdown()
    trainer = Pretrainer(task, config)
    unfinished = folder / "unfinished.pt"
    if unfinished.exists():
        trainer.resume(unfinished)
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=as_json)) as bar:
        shown = bar.add_task("compiling in the first step", total=config.target_tokens)
        for progress in trainer:
            description = f"loss {progress.loss:.3f}"
            bar.update(shown, completed=progress.tokens, description=description)
            if progress.step % _SAVE_STEPS == 0:
                trainer.save(unfinished)
    policy = Policy(trainer.model, build_tokenizer())
    try:
        policy.save(folder)
        measured = write_card(folder, policy, task, config, trainer.done, size)
        unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_save(folder, error) from error
    if as_json:
        print_json(measured | {"seconds": trainer.done.seconds})
    else:
        Console().print(plain(f"Saved to {folder}; its README.md is the model card."))


def _check_writable(folder: Path) -> None:
    """Raise LabError if the model could not be saved, before an hour of training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _cannot_save(folder, error) from error


def _cannot_save(folder: Path, error: OSError) -> LabError:
    return LabError(f"Cannot save the model to {folder}: {error.strerror or error}.")
