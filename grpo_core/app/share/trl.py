"""The folder that TRL's `log_completions=True` writes: from a run, and a run made of one.

What TRL 1.16 writes, each time it logs, as trl/trainer/grpo_trainer.py has it:

    completions/completions_00005.parquet   one row a completion of the last generation batch:
        step         int
        prompt       text, or a conversation (a list of role and content)
        completion   text, or a conversation
        <reward>     one column a reward function, its name the function's; NaN where it said None
        <extra>      what reward functions gave to log_extra
        advantage    float

The whole batch is there, its rows grouped by prompt, in the order in which they were sampled; with
logging_steps = 10 that is every tenth step. No tokens, no log-probabilities, no weights of the
rewards. A step that also evaluated has the evaluation's completions in its file, as TRL writes
that file twice. Beside it, or in its checkpoints, the trainer leaves trainer_state.json, whose
log_history has the metrics; most have the names that they have here.

training_args.bin is a pickle, which can run any code when it is read: it is never opened.
"""

import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from grpo_core import __version__
from grpo_core.app.share.completion_files import read_rows, schema_of
from grpo_core.app.share.tables import pyarrow
from grpo_core.app.share.whole import made_whole, new_place
from grpo_core.core import regular
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Completion, Group, Step
from grpo_core.runs import Run, RunWriter, create_run
from grpo_core.runs.disk import write_json
from grpo_core.tasks.conversation import as_text

FIXED = ("step", "prompt", "completion", "advantage")
RENAMED = {"step_time": "seconds/step"}  # all other metrics keep TRL's name
MAX_STATE_BYTES = 64_000_000  # of a trainer_state.json: 100,000 logged steps have some 50 MB
MAX_STEP = 999_999_999
MAX_STEPS = 100_000
OF_THE_WHOLE = ("total_flos", "train_loss", "train_runtime")  # a last entry, about no step

README = """# The run {name} as TRL's completions

Written by GRPO Lab {version} (`grpo-lab export {name} --as trl`) as TRL 1.16 writes with
`log_completions=True`: one Parquet file a step in `completions/`, one row a completion.

| column | type | what it is |
|---|---|---|
| `step` | int | The step, from 1. |
| `prompt` | text | What the policy was given. |
| `completion` | text | What it wrote, special tokens left out. |
{rewards}
| `advantage` | float | Of the completion; where tokens have their own, the mean. |

Rows of a group follow one another. `trainer_state.json` has the metrics of every step in its
`log_history`, as transformers' trainer writes them; numbers that are not finite are left out.
`grpo-lab import-trl` makes a run of such a folder.
"""


# --- out ---------------------------------------------------------------------------------------


def export_trl(
    run: Run, target: Path | str, *, told: Callable[[str], None] = lambda sentence: None
) -> Path:
    """Write a run as TRL would have logged it; returns the folder.

    Raises:
        LabError: the run has no completions or is damaged; the folder is there or cannot be
            written; pyarrow is missing.
    """
    target = new_place(target)
    pyarrow()
    import pandas as pd

    metrics = run.metrics()
    names = run.reward_names()
    if not names:
        raise LabError(
            f"Run '{run.name}' has no completions on record: there is nothing to export."
        )
    if taken := set(names) & set(FIXED):
        raise LabError(f"A reward called '{min(taken)}' has no place in TRL's format.")
    with made_whole(target) as folder:
        (folder / "completions").mkdir(parents=True)
        for done, (index, _) in enumerate(metrics, 1):
            groups = run.step(index).groups
            if groups:
                path = folder / "completions" / f"completions_{index:05d}.parquet"
                pd.DataFrame(table_of(index, groups, names)).to_parquet(path)
            if done % 20 == 0:
                told(f"Wrote {done} of {len(metrics)} steps ...")
        write_json(folder / "trainer_state.json", trainer_state(metrics))
        rewards = "\n".join(
            f"| `{name}` | float | This reward, before its weight. |" for name in names
        )
        text = README.format(name=run.name, version=__version__, rewards=rewards)
        (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")
    return target


def table_of(step: int, groups: Sequence[Group], names: Sequence[str]) -> dict[str, list[Any]]:
    """TRL's columns of one step, in TRL's order."""
    rows = [(group.prompt, c) for group in groups for c in group.completions]
    return {
        "step": [step] * len(rows),
        "prompt": [prompt for prompt, _ in rows],
        "completion": [c.text for _, c in rows],
        **{name: [float(c.rewards.get(name, math.nan)) for _, c in rows] for name in names},
        "advantage": [float(c.advantage) for _, c in rows],
    }


def trainer_state(metrics: Sequence[tuple[int, Mapping[str, float]]]) -> dict[str, Any]:
    """What transformers' TrainerState.load_from_json reads."""
    last = metrics[-1][0]
    history = [
        {**{name: v for name, v in values.items() if math.isfinite(v)}, "step": step}
        for step, values in metrics
    ]
    return {"global_step": last, "max_steps": last, "log_history": history}


# --- in ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Log:
    """What trainer_state.json knows.

    Attributes:
        metrics: step -> name -> value.
        seconds: that the training took, or None.
        evaluated: steps at which it was evaluated too.
    """

    metrics: dict[int, dict[str, float]]
    seconds: float | None
    evaluated: frozenset[int]


def import_folder(
    folder: Path | str,
    target: Path | str,
    *,
    weights: Mapping[str, float] | None = None,
    group_size: int | None = None,
    known: Mapping[str, Any] | None = None,
) -> tuple[Run, list[str]]:
    """Make a run of a folder of TRL's, for readers only.

    Args:
        folder: TRL's output_dir, or the folder of Parquet files in it.
        target: the new run's folder.
        weights: reward -> what it counted; worked out from the log if it allows it, else 1 each.
        group_size: num_generations; worked out from how many equal prompts follow one another.
        known: options of the training that TRL did not write down, named as in GRPOConfig.

    Returns:
        the run, and sentences on what was worked out or left out.

    Raises:
        LabError: it is no such folder, a file is damaged, an option is refused, the run is there
            or cannot be written.
    """
    target = new_place(target)
    files = find_files(Path(folder))
    log = read_log(files[0].parent)
    sizes = [size for file in files for size in group_sizes(prompts_of(file))]
    size = group_size or most_common(sizes)
    names, extra = reward_columns(files, log, weights)
    counted, how = weights_of(names, log, weights)
    steps = sorted({step_of(file) for file in files} | log.metrics.keys())
    if len(steps) > MAX_STEPS:
        raise LabError(f"{folder} has {len(steps):,} steps; at most {MAX_STEPS:,} are imported.")
    options: dict[str, Any] = {
        "reward_funcs": names,
        "reward_weights": [counted[name] for name in names],
        "max_steps": max(steps[-1], 1),
    }
    if size > 1:
        most = max(len(prompts_of(file)) for file in files)
        options |= {"num_generations": size, "generation_batch_size": max(most // size, 1) * size}
    config = GRPOConfig.from_dict(options | dict(known or {}))
    with made_whole(target) as path:
        create_run(path.parent, path.name, config)
        # Only what is known: the other options' defaults are this kit's, and not what TRL did.
        write_json(path / "config.json", options | dict(known or {}))
        with RunWriter(path) as writer:
            by_step = {step_of(file): file for file in files}
            for step in steps:
                rows = read_rows(by_step[step]) if step in by_step else []
                groups = groups_of(rows, size, counted, extra)
                measured = measured_of(groups) | log.metrics.get(step, {})
                writer.append(Step(step, measured, groups))
            began = time.time() - (log.seconds or 0)
            writer.write_state(status="finished", step=steps[-1], started=began, imported="TRL")
    return Run(target), notes_on(files, log, size, extra, how)


def find_files(folder: Path) -> list[Path]:
    """TRL's Parquet files, by step.

    Raises:
        LabError: there is no such folder, or there are none in it.
    """
    if not folder.is_dir():
        raise LabError(f"There is no folder {folder}.")
    for place in (folder / "completions", folder):
        files = [p for p in place.glob("completions_*.parquet") if _number(p) is not None]
        if files:
            return sorted(files, key=step_of)
    raise LabError(
        f"{folder} has no completions_*.parquet, in itself or in `completions`: TRL writes them "
        "with log_completions=True."
    )


def _number(path: Path) -> int | None:
    match = re.fullmatch(r"completions_(\d{1,9})\.parquet", path.name)
    return int(match[1]) if match else None


def step_of(file: Path) -> int:
    """The step that a file is of."""
    number = _number(file)
    assert number is not None
    return number


def prompts_of(file: Path) -> list[str]:
    """The prompts of a file, as text, a row each."""
    return [plain(row["prompt"]) for row in read_rows(file, ["prompt"])]


def plain(value: Any) -> str:
    """A prompt or completion as text: one turn's content, or a conversation as this kit has it.

    Of a turn's parts those that are text; what else a turn holds, a tool's call say, as JSON.
    """
    if value is None:
        return ""
    if not isinstance(value, list):
        return str(value)
    turns = [turn if isinstance(turn, dict) else {"content": turn} for turn in value]
    said = [{"role": str(turn.get("role") or "user"), "content": _content(turn)} for turn in turns]
    alone = len(said) == 1 and said[0]["role"] in ("assistant", "user")
    return said[0]["content"] if alone else as_text(said)


def _content(turn: Mapping[str, Any]) -> str:
    content = turn.get("content")
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        return "".join(str(part) for part in parts if part is not None)
    if content is not None:
        return str(content)
    return json.dumps({k: v for k, v in turn.items() if k != "role" and v is not None}, default=str)


def group_sizes(prompts: Sequence[str]) -> list[int]:
    """How many equal prompts follow one another, each time."""
    return [len(list(same)) for _, same in groupby(prompts)]


def most_common(sizes: Sequence[int]) -> int:
    """The size that most groups have; of several the smallest."""
    counts = Counter(sizes)
    return min(counts, key=lambda size: (-counts[size], size), default=1)


def reward_columns(
    files: Sequence[Path], log: Log, weights: Mapping[str, float] | None
) -> tuple[list[str], list[str]]:
    """Which columns are rewards, those that weights or the log name, else numbers; which are not.

    Raises:
        LabError: there are none, or a weight is of one that is not there.
    """
    pa = pyarrow()
    types: dict[str, bool] = {}
    for file in files:
        for column in schema_of(file):
            kind = column.type
            number = pa.types.is_floating(kind) or pa.types.is_integer(kind)
            numeric = number or pa.types.is_boolean(kind) or pa.types.is_null(kind)
            if column.name not in FIXED and not column.name.startswith("__index"):
                types[column.name] = types.get(column.name, True) and numeric
    named = {name for values in log.metrics.values() for name in values}
    logged = [name for name in types if f"rewards/{name}/mean" in named]
    names = list(weights) if weights else logged or [name for name in types if types[name]]
    if missing := [name for name in names if not types.get(name)]:
        raise LabError(
            f"There is no column '{missing[0]}' of numbers; there are: {', '.join(types)}."
        )
    if not names:
        raise LabError(f"{files[0].parent} has no column of a reward.")
    return names, [name for name in types if name not in names]


def weights_of(
    names: Sequence[str], log: Log, weights: Mapping[str, float] | None
) -> tuple[dict[str, float], str]:
    """What each reward counted, and how that is known.

    TRL logs the mean of each reward and of their weighted sum over the same completions, so the
    weights are the solution of linear equations, one a logged step, where those determine it.
    """
    if weights:
        return dict(weights), ""
    if len(names) == 1 and not log.metrics:
        return {names[0]: 1.0}, "The reward's weight is taken for 1."
    wanted = ["reward", *(f"rewards/{name}/mean" for name in names)]
    rows = [[v[n] for n in wanted] for v in log.metrics.values() if all(n in v for n in wanted)]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), len(wanted))
    if len(rows) >= len(names) and np.linalg.matrix_rank(table[:, 1:], tol=1e-3) == len(names):
        solved = np.linalg.lstsq(table[:, 1:], table[:, 0])[0]
        found = [float(f"{weight:.5g}") for weight in solved]
        if np.abs(table[:, 1:] @ np.array(found) - table[:, 0]).max() < 1e-4:
            said = ", ".join(
                f"{name} {weight:g}" for name, weight in zip(names, found, strict=True)
            )
            return dict(zip(names, found, strict=True)), f"Weights as the log has them: {said}."
    why = "The log does not tell the rewards' weights" if rows else "There is no log of the weights"
    return dict.fromkeys(names, 1.0), f"{why}: each is taken for 1; give --weights to say others."


def groups_of(
    rows: Sequence[Mapping[str, Any]],
    size: int,
    weights: Mapping[str, float],
    extra: Sequence[str],
) -> list[Group]:
    """Rows as groups: equal prompts that follow one another, cut where they are several groups."""
    groups: list[Group] = []
    for prompt, members in groupby(rows, key=lambda row: plain(row["prompt"])):
        same = list(members)
        step = size if len(same) % size == 0 else len(same)
        for start in range(0, len(same), step):
            part = same[start : start + step]
            columns = {n: part[0].get(n) for n in extra if _constant(part, n)}
            groups.append(Group(prompt, _json(columns), [completion_of(r, weights) for r in part]))
    return groups


def _constant(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether an extra column says the same of a whole group, as what a problem brings does."""
    return all(row.get(name) == rows[0].get(name) for row in rows)


def _json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON has them."""
    plainly: dict[str, Any] = json.loads(json.dumps(dict(values), default=str))
    return plainly


def completion_of(row: Mapping[str, Any], weights: Mapping[str, float]) -> Completion:
    """A row as a completion without tokens; a reward that is missing counts nothing, as in TRL."""
    parts = {name: _float(row.get(name)) for name in weights}
    counted = [weights[name] * value for name, value in parts.items() if not math.isnan(value)]
    none = np.zeros(0, np.float32)
    return Completion(
        text=plain(row["completion"]),
        tokens=[],
        token_ids=np.zeros(0, np.int32),
        rewards=parts,
        reward=_sum(counted) if counted else math.nan,
        advantage=_float(row.get("advantage")),
        truncated=False,
        old_logprobs=none,
        logprobs=none,
    )


def _float(value: Any) -> float:
    """A number of a column that may hold anything; NaN for what is none."""
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _sum(values: Sequence[float]) -> float:
    """The exact sum; where it is beyond all floats, or of both infinities, infinite or NaN."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return sum(values)


def measured_of(groups: Sequence[Group]) -> dict[str, float]:
    """The metrics that rewards alone give, named and computed as TRL's; {} without completions.

    TRL's standard deviations divide by n - 1, and what has no reward is left out.
    """
    cards = [c for group in groups for c in group.completions]
    if not cards:
        return {}
    measured = dict(_spread("reward", [c.reward for c in cards]))
    for name in cards[0].rewards:
        mean, std = (v for _, v in _spread(name, [c.rewards.get(name, math.nan) for c in cards]))
        measured |= {f"rewards/{name}/mean": mean, f"rewards/{name}/std": std}
    inside = [dict(_spread("", [c.reward for c in group.completions]))["_std"] for group in groups]
    measured["reward_std_in_group"] = float(np.mean(np.nan_to_num(inside)))
    tied = np.isclose(np.nan_to_num(inside), 0)
    measured["frac_reward_zero_std"] = float(np.mean(tied))
    return {name: value for name, value in measured.items() if math.isfinite(value)}


def _spread(name: str, values: Sequence[float]) -> Iterator[tuple[str, float]]:
    """Mean and standard deviation of what is there."""
    there = np.array([v for v in values if math.isfinite(v)])
    yield name, float(there.mean()) if len(there) else math.nan
    yield f"{name}_std", float(there.std(ddof=1)) if len(there) > 1 else math.nan


def read_log(place: Path) -> Log:
    """The log of the training whose completions lie in a folder; an empty one where there is none.

    It is in trainer_state.json, in the folder, in the one that holds it, or in a checkpoint there;
    of several the one that goes furthest.

    Raises:
        LabError: the file is damaged.
    """
    roots = [place.parent, place] if place.name == "completions" else [place]
    patterns = ("trainer_state.json", "checkpoint-*/trainer_state.json")
    files = [file for root in roots for pattern in patterns for file in root.glob(pattern)]
    states = [_state(file) for file in files]
    state = max(states, key=lambda s: int(_number_or(s.get("global_step"), 0)), default={})
    history = state.get("log_history")
    metrics: dict[int, dict[str, float]] = {}
    seconds, evaluated = None, set()
    for entry in history if isinstance(history, list) else []:
        if not isinstance(entry, dict) or not _is_step(entry.get("step")):
            continue
        if "train_runtime" in entry:
            seconds = _number_or(entry["train_runtime"], 0.0)
            continue
        step = entry["step"]
        if any(name.startswith("eval_") for name in entry):
            evaluated.add(step)
        values = {str(n): float(v) for n, v in entry.items() if _is_metric(n, v)}
        values = {RENAMED.get(name, name): value for name, value in values.items()}
        metrics.setdefault(step, {}).update(values)
    return Log(metrics, seconds, frozenset(evaluated))


def _state(file: Path) -> dict[str, Any]:
    """A trainer_state.json. Raises LabError when it is damaged, too large or no regular file."""
    state = regular.read_json(file, MAX_STATE_BYTES)
    if not isinstance(state, dict):
        raise LabError(f"{file} is damaged: it does not hold a JSON object.")
    return state


def _is_step(value: Any) -> bool:
    """Whether it is the number of a step, as SQLite can keep it."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and 0 <= value <= MAX_STEP


def _is_metric(name: str, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and _is_finite(value) and name not in ("step", *OF_THE_WHOLE)


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int of hundreds of digits
        return False


def _number_or(value: Any, default: float) -> float:
    return float(value) if isinstance(value, int | float) and _is_finite(value) else default


def notes_on(
    files: Sequence[Path], log: Log, size: int, extra: Sequence[str], how: str
) -> list[str]:
    """What somebody who imports should know."""
    notes = [f"{len(files)} steps with completions, groups of {size}."]
    if how:
        notes.append(how)
    if not log.metrics:
        notes.append("No trainer_state.json beside them: metrics are worked out from the rewards.")
    if extra:
        notes.append(f"Kept only where a whole group has the same: {', '.join(extra)}.")
    both = sorted(log.evaluated & {step_of(file) for file in files})
    if both:
        shown = ", ".join(map(str, both[:5])) + (", ..." if len(both) > 5 else "")
        notes.append(f"At steps {shown} TRL's file holds completions of an evaluation, or some.")
    return notes
