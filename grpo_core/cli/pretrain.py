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
        typer.Option("--out", help="Where to save it; data/models/tiny-base (or as it is called)."),
    ] = None,
    size: Annotated[
        str, typer.Option("--size", help="'tiny', or 'small', a seventh of its weights.")
    ] = "tiny",
    corpus: Annotated[
        str, typer.Option("--corpus", help="What it reads: 'default', or 'no-verification'.")
    ] = "default",
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**63 - 1, help="Decides weights and corpus.")
    ] = 0,
    tokens: Annotated[
        int | None, typer.Option("--tokens", min=1, help="Learn this many target tokens.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a model that is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a tiny base model from nothing: generate a corpus, train on it, measure the result.

    Killed, it goes on where it was (a minute lost at most) when the same command is given again.
    """
    from grpo_core.analysis.model_card import model_name, write_card
    from grpo_core.models.corpus import CORPORA
    from grpo_core.models.policy import Policy
    from grpo_core.models.pretrain import SIZES, Pretrainer
    from grpo_core.models.tokenizer import build_tokenizer
    from grpo_core.tasks.countdown import Countdown

    if corpus not in CORPORA:
        raise LabError(f"There is no corpus '{corpus}'. Known: {', '.join(CORPORA)}.")
    if size not in SIZES:
        raise LabError(f"There is no size '{size}'. Known: {', '.join(SIZES)}.")
    config = SIZES[size]
    config = dataclasses.replace(
        config,
        seed=seed,
        corpus=CORPORA[corpus],
        target_tokens=tokens or config.target_tokens,
    )
    folder = out or data_dir() / "models" / model_name(corpus, size)
    if (folder / "model.safetensors").exists() and not force:
        raise LabError(f"{folder} holds a model: name another folder by --out, or add --force.")
    _check_writable(folder)
    task = Countdown()
    trainer = Pretrainer(task, config)
    unfinished = folder / "unfinished.pt"
    if unfinished.exists():
        trainer.resume(unfinished)
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=as_json)) as bar:
        shown = bar.add_task("the first step compiles", total=config.target_tokens)
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
        Console().print(plain(f"Saved to {folder}; its README.md says what it can do."))


def _check_writable(folder: Path) -> None:
    """Raise LabError where nothing could be saved: better now than after an hour's training."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _cannot_save(folder, error) from error


def _cannot_save(folder: Path, error: OSError) -> LabError:
    return LabError(f"Cannot save the model to {folder}: {error.strerror or error}.")
