"""Two contenders on the same work, by turns."""

import itertools
import logging
import os
import statistics
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from grpo_core.analysis.speed import Setting
from grpo_core.analysis.speed.floor import floor_seconds, machine_rates
from grpo_core.analysis.speed.report import summary
from grpo_core.core import machine
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.phases import breakdown
from grpo_core.models.policy import load_policy
from grpo_core.rewards import get_reward
from grpo_core.tasks import columns_of, get_task
from grpo_core.tasks.conversation import as_messages
from grpo_core.training.threads import MOST, cores
from grpo_core.training.trainer import Trainer

REWARDS, WEIGHTS = ("accuracy_reward", "format_reward"), (1.0, 0.3)
STILL = 1e-12  # a learning rate that moves no weight
TRIAL_STEPS = 2  # of each of TRL's settings, beside one that warms up
LONG_STEP = 5.0  # seconds, from which on fewer settings are tried, and each with one step


@dataclass
class Turn:
    """One step of a contender: its wall time, its sampled tokens, and its phases' seconds."""

    seconds: float
    tokens: int
    phases: dict[str, float]

    @property
    def microseconds_a_token(self) -> float:
        """Of the whole step, for each sampled token."""
        return 1e6 * self.seconds / max(self.tokens, 1)


class Ours:
    """This kit's Trainer."""

    def __init__(self, work: Setting) -> None:
        config = GRPOConfig(
            task=work.task,
            model=work.model,
            reward_funcs=REWARDS,
            reward_weights=WEIGHTS,
            generation_batch_size=work.prompts * work.num_generations,
            num_generations=work.num_generations,
            max_completion_length=work.max_completion_length,
            bf16=work.bf16,
            beta=0.0,
            learning_rate=STILL,
            max_steps=1_000_000,
            eval_steps=0,
            eval_size=1,
            threads=work.threads,
            groups_after_update=0,  # TRL does not look back at what an update did
        )
        self.trainer = Trainer(config)
        next(self.trainer)  # the evaluation of the untouched policy is no step

    def step(self) -> Turn:
        """Take one step."""
        torch.set_num_threads(self.trainer.threads.within)
        started = time.perf_counter()
        step = next(self.trainer)
        seconds = time.perf_counter() - started
        tokens = int(step.metrics["completions/num_tokens"])
        self._lengths = [len(c) for group in step.groups for c in group.completions]
        return Turn(seconds, tokens, breakdown(step.metrics))

    def shape(self) -> dict[str, Any]:
        """What the work of the last step was, for `floor.step_flops`."""
        config = self.trainer.policy.model.config
        prompts = self.trainer.policy.encode([p.prompt for p in self.trainer.problems[:64]])[1]
        embedding = self.trainer.policy.model.get_input_embeddings().weight
        tied = config.tie_word_embeddings
        return {
            # the embedding is looked up, not multiplied; where it is the head too, it is both
            "multiplied": self.trainer.policy.model.num_parameters()
            - (0 if tied else embedding.numel()),
            "layers": config.num_hidden_layers,
            "attention_width": config.num_attention_heads * config.head_dim,
            "prompt_tokens": float(prompts.sum(dim=1).float().mean()),
            "prompts": self.trainer.config.prompts_per_step,
            "lengths": self._lengths,
        }


@dataclass(frozen=True)
class TRLSettings:
    """What is tried to make TRL fast on a CPU.

    Attributes:
        threads: of torch.
        attention: transformers' attn_implementation.
        micro_batch: completions a forward pass of the update; the others are accumulated.
    """

    threads: int
    attention: str
    micro_batch: int

    def __str__(self) -> str:
        return f"{self.threads} threads, {self.attention}, micro-batches of {self.micro_batch}"


def trl_settings(work: Setting) -> list[TRLSettings]:
    """Threads, all or one; kinds of attention; the batch at once (the default) or in eighths."""
    batch = work.prompts * work.num_generations
    threads = sorted({1, work.threads or min(cores(), MOST)}, reverse=True)
    micro_batches = sorted({batch, max(batch // 8, 1)}, reverse=True)
    combined = itertools.product(threads, ("sdpa", "eager"), micro_batches)
    return [TRLSettings(*settings) for settings in combined]


class TRLs:
    """TRL's GRPOTrainer: its own loop, in a thread that is held between steps."""

    def __init__(self, work: Setting, settings: TRLSettings) -> None:
        self.settings = settings
        self.tokens = 0
        self.seconds = 0.0
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._failure: BaseException | None = None
        self._stopping = False
        self._folder = tempfile.TemporaryDirectory()
        self._trainer = _trl_trainer(work, settings, self, self._folder.name)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._trainer.train()
        except BaseException as error:
            self._failure = error
        self._done.release()

    def begin(self) -> None:
        """Called by TRL before a step: wait for the turn."""
        self._go.acquire()
        self._started = time.perf_counter()

    def end(self) -> bool:
        """Called by TRL after a step; whether it was the last."""
        self.seconds = time.perf_counter() - self._started
        self._done.release()
        return self._stopping

    def step(self) -> Turn:
        """Let TRL take one step."""
        torch.set_num_threads(self.settings.threads)
        self.tokens = 0
        if not self._thread.ident:
            self._thread.start()
        self._go.release()
        self._done.acquire()
        if self._failure is not None:
            raise LabError(f"TRL's trainer failed: {self._failure!r}.") from self._failure
        return Turn(self.seconds, self.tokens, {})

    def close(self) -> None:
        """Let TRL's loop end, with one more step."""
        self._stopping = True
        self.step()
        self._thread.join()
        self._folder.cleanup()


def _trl_trainer(work: Setting, settings: TRLSettings, turns: TRLs, folder: str) -> Any:
    """A GRPOTrainer on this work, that asks `turns` before and after every step."""
    _quiet_trl()
    import trl
    from datasets import Dataset  # type: ignore[import-untyped]
    from transformers import AutoModelForCausalLM, TrainerCallback

    class Gate(TrainerCallback):
        def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
            turns.begin()

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            control.should_training_stop = turns.end()

    def counted_reward(prompts: Any, completions: Any, **columns: Any) -> list[float]:
        turns.tokens += sum(map(len, columns["completion_ids"]))
        return get_reward(REWARDS[0])(prompts, completions, **columns)

    policy = load_policy(work.model)
    policy.save(folder)  # loaded again by transformers, so that no layer of ours is in it
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.float32,
        attn_implementation=settings.attention,
        trust_remote_code=False,
        use_safetensors=True,
    )
    batch = work.prompts * work.num_generations
    arguments = trl.GRPOConfig(
        output_dir=folder,
        max_steps=1_000_000,
        per_device_train_batch_size=settings.micro_batch,
        gradient_accumulation_steps=batch // settings.micro_batch,
        num_generations=work.num_generations,
        max_completion_length=work.max_completion_length,
        reward_weights=list(WEIGHTS),
        bf16=work.bf16,
        beta=0.0,
        learning_rate=STILL,
        temperature=1.0,
        logging_steps=1_000_000,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        use_cpu=not torch.cuda.is_available(),
    )
    task = get_task(work.task)
    problems = list(task.problems("train")[:1024])
    chat = policy.tokenizer.chat_template is not None
    prompts = [as_messages(p.prompt) if chat else p.prompt for p in problems]
    rows = {"prompt": prompts, **columns_of(task, problems)}
    return trl.GRPOTrainer(
        model=model,
        processing_class=policy.tokenizer,
        reward_funcs=[counted_reward, get_reward(REWARDS[1])],
        train_dataset=Dataset.from_dict(rows),
        args=arguments,
        callbacks=[Gate()],
    )


def _quiet_trl() -> None:
    """Say what is missing in a sentence, and keep TRL from talking."""
    try:
        import trl  # noqa: F401
    except ImportError as error:
        raise LabError("TRL is not installed. Run: pip install 'grpo-lab[trl]'.") from error
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    logging.getLogger("trl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


Progress = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much is done."""


def fastest_trl(work: Setting, progress: Progress) -> tuple[TRLs, list[dict[str, Any]]]:
    """TRL at the fastest of its settings, and what each of them took: settings and seconds."""
    tried: list[dict[str, Any]] = []
    best: tuple[float, TRLs] | None = None
    every = trl_settings(work)
    seconds = 0.0
    for done, settings in enumerate(every):
        if settings.threads < every[0].threads and seconds > LONG_STEP:
            continue  # products of that size gain from every core, and a trial takes minutes
        progress(f"TRL with {settings}", done, len(every))
        contender = TRLs(work, settings)
        seconds = contender.step().seconds
        turns = [contender.step() for _ in range(1 if seconds > LONG_STEP else TRIAL_STEPS)]
        cost = statistics.median(turn.microseconds_a_token for turn in turns)
        tried.append({"settings": str(settings), "microseconds_a_token": cost})
        if best is None or cost < best[0]:
            if best is not None:
                best[1].close()
            best = (cost, contender)
        else:
            contender.close()
    assert best is not None
    return best[1], tried


def contest(work: Setting, progress: Progress, *, against_trl: bool = True) -> dict[str, Any]:
    """`work.rounds` steps of ours, and by turns of TRL at its fastest.

    Returns:
        JSON-serialisable: rounds, a list of {"ours": ..., "trl": ...} with seconds, tokens and
        phases each; shape, what `floor.step_flops` asks for; trl_settings and trl_tried.
    """
    result: dict[str, Any] = {}
    theirs: TRLs | None = None
    if against_trl:
        theirs, result["trl_tried"] = fastest_trl(work, progress)
        result["trl_settings"] = str(theirs.settings)
    ours = Ours(work)
    rounds: list[dict[str, Any]] = []
    for number in range(work.rounds + 1):
        progress("ours against TRL" if theirs else "ours", number, work.rounds + 1)
        turns = {"ours": vars(ours.step())}
        if theirs is not None:
            turns["trl"] = vars(theirs.step())
        rounds.append(turns)
    if theirs is not None:
        theirs.close()
    threads = ours.trainer.threads
    result["threads"] = f"{threads.workers} workers of {threads.within} threads"
    return result | {"rounds": rounds[1:], "shape": ours.shape()}


def measure(work: Setting, progress: Progress, *, against_trl: bool = True) -> dict[str, Any]:
    """A contest with all that belongs to it, JSON-serialisable: what `bench speed --json` prints.

    Returns:
        machine, setting, what `contest` returns, summary (see `report.summary`), and floor: rate
        name -> gflops, seconds of the floor, and how many times that a step of ours takes.
    """
    count = work.threads or min(cores(), MOST)
    progress("the machine's rate of arithmetic", 0, 1)
    rates = machine_rates(count)
    found = contest(work, progress, against_trl=against_trl)
    found["summary"] = summary(found)
    seconds = found["summary"]["ours"]["seconds"]["median"]
    shape = found["shape"]
    # the last step's lengths stand for all: scaled to as many tokens as the median step had
    share = found["summary"]["ours"]["tokens"]["median"] / sum(shape["lengths"])
    found["floor"] = {"bandwidth": rates.pop("bandwidth")}
    for name, gflops in rates.items():
        least = floor_seconds(shape, gflops) * share
        found["floor"][name] = {"gflops": gflops, "seconds": least, "above": seconds / least}
    return {"machine": machine.describe(), "setting": work.to_dict(), **found}
