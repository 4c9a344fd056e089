"""Rejection sampling: ask a model many times, keep what is right and readable."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from grpo_core.core.errors import LabError
from grpo_core.models.policy import Policy, load_policy
from grpo_core.pipeline import folder as stage
from grpo_core.pipeline.config import RejectConfig
from grpo_core.pipeline.progress import Progress, Watch, silent
from grpo_core.pipeline.select import KEPT, counted, fates
from grpo_core.pipeline.traces import FILE, Trace, write_traces
from grpo_core.rewards import RewardSum
from grpo_core.tasks import Problem, Task, get_task
from grpo_core.training.rollout import draw, shuffled
from grpo_core.training.threads import choose_threads

SAMPLES = "samples.jsonl"
_AT_ONCE = 16  # problems


@dataclass(frozen=True)
class Sampled:
    """A problem with everything that was sampled for it: a line of samples.jsonl.

    Attributes:
        prompt: the problem's.
        completions: untrusted texts.
        tokens: how many tokens each has.
        fates: what became of each (see select.py).
    """

    prompt: str
    completions: list[str]
    tokens: list[int]
    fates: list[str]


def reject(folder: Path, config: RejectConfig, watch: Watch = silent) -> dict[str, Any]:
    """Sample a model on a task's problems and keep the traces that are worth imitating.

    Writes `folder`/traces.jsonl, and samples.jsonl with every completion and what became of it.
    Each batch of problems draws from a seed of its own and is written down when it is done, so a
    sampling that was stopped goes on with the next one, to the same end.

    Args:
        folder: the stage's.
        config: which model on which problems, and what to keep.
        watch: told after each batch, with the traces kept so far and the share of right answers.

    Returns:
        the record: problems; solved, those with a trace; sampled; kept; fates, each with its count;
        tokens sampled; parameters; seconds.

    Raises:
        LabError: no such model or task, a folder that is taken, or a disk that is full.
    """
    record = stage.begin(folder, "reject", config)
    if record["finished"]:
        return record
    task = get_task(config.task, **config.task_options)
    problems = chosen(task, config)
    path = folder / SAMPLES
    done = _read(path, len(problems))
    started = time.perf_counter()
    policy = load_policy(config.model)
    threads = choose_threads(config.threads, policy.model.num_parameters())
    torch.set_num_threads(threads.within)
    for start in range(len(done), len(problems), _AT_ONCE):
        batch = problems[start : start + _AT_ONCE]
        sampled = list(_sample(policy, task, batch, config, start, threads.workers))
        with stage.saving(path), path.open("a", encoding="utf-8") as file:
            # one write: a kill leaves all of it, or a part that the next start cuts off
            file.write("".join(json.dumps(asdict(s)) + "\n" for s in sampled))
        done += sampled
        watch(Progress("sampling", len(done), len(problems), _figures(done)))
    traces = kept(done, task)
    if not traces:
        raise LabError(
            f"None of {sum(len(s.fates) for s in done):,} completions was right and readable, so "
            "there are no traces: take a better model, or sample more."
        )
    write_traces(folder / FILE, traces)
    return stage.finish(
        folder,
        record,
        problems=len(problems),
        solved=sum(KEPT in s.fates for s in done),
        sampled=sum(len(s.fates) for s in done),
        kept=len(traces),
        fates=counted([fate for s in done for fate in s.fates]),
        tokens=sum(sum(s.tokens) for s in done),
        parameters=policy.model.num_parameters(),
        seconds=round(record.get("seconds", 0.0) + time.perf_counter() - started, 2),
    )


def chosen(task: Task, config: RejectConfig) -> list[Problem]:
    """The problems to be sampled, in an order that the seed decides.

    Raises:
        LabError: the split is empty.
    """
    everything = list(task.problems(config.split))  # type: ignore[arg-type]
    if not everything:
        raise LabError(f"The task '{task.name}' has no problems in its split '{config.split}'.")
    order = list(shuffled(everything, f"reject:{config.seed}", []))
    return order[: config.problems] if config.problems else order


def kept(done: list[Sampled], task: Task) -> list[Trace]:
    """The traces of everything that was sampled."""
    return [
        Trace(s.prompt, text.strip(), task.name)
        for s in done
        for text, fate in zip(s.completions, s.fates, strict=True)
        if fate == KEPT
    ]


def _sample(
    policy: Policy,
    task: Task,
    problems: list[Problem],
    config: RejectConfig,
    start: int,
    workers: int,
) -> Iterator[Sampled]:
    """A group for each problem, judged."""
    rollout = draw(
        policy,
        task,
        problems,
        RewardSum(["accuracy_reward"]),
        config.num_generations,
        max_completion_length=config.max_completion_length,
        temperature=config.temperature,
        generator=torch.Generator().manual_seed(config.seed * 1_000_003 + start),
        workers=workers,
    )
    size, right = config.num_generations, rollout.parts["accuracy_reward"]
    for i, problem in enumerate(problems):
        rows = range(i * size, (i + 1) * size)
        texts = [rollout.texts[row] for row in rows]
        yield Sampled(
            problem.prompt,
            texts,
            [int(rollout.samples.lengths[row]) for row in rows],
            fates(texts, [right[row] == 1.0 for row in rows], config.most_per_problem),
        )


def _figures(done: list[Sampled]) -> dict[str, float]:
    """What the progress bar shows."""
    everything = [fate for s in done for fate in s.fates]
    right = sum(fate != "wrong" for fate in everything) / len(everything)
    return {"kept": everything.count(KEPT), "right": right}


def _read(path: Path, most: int) -> list[Sampled]:
    """What an earlier process has sampled, in whole batches; a torn end is cut off.

    Raises:
        LabError: the file is damaged in another way, or cannot be read.
    """
    if not path.is_file():
        return []
    with stage.saving(path):
        whole = path.read_bytes().split(b"\n")[:-1]
        keep = len(whole) if len(whole) == most else len(whole) - len(whole) % _AT_ONCE
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_bytes(b"".join(line + b"\n" for line in whole[:keep]))
        temporary.replace(path)
    try:
        return [Sampled(**json.loads(line)) for line in whole[:keep]]
    except (ValueError, TypeError) as error:
        raise LabError(f"{path} is damaged: delete it, and it is sampled again.") from error
