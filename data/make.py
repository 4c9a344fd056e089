"""Make the results that the documents show, from the shipped base model; three seeds of each.

    python data/make.py train        train seeds 0, 1, 2 by the default settings, and write
                                     data/results/countdown-seed<k>.csv, data/runs/ and
                                     data/models/tiny-grpo/
    python data/make.py noverify     the same from tiny-noverify, the base that cannot check, and
                                     write data/results/noverify-seed<k>.csv and data/lessons/
    python data/make.py compare      train eight methods for 60 steps each, and write
                                     data/results/compare-<method>-seed<k>.csv
    python data/make.py lessons      train the short runs that notebooks replay, and write them to
                                     data/lessons/
    python data/make.py loops        train by the broken loops of notebook 07 and by right ones, and
                                     write data/results/loops.csv
    python data/make.py smollm2      train SmolLM2 by data/recipes/smollm2.toml, one seed after the
                                     other (8 GB in runs/), and write
                                     data/results/smollm2-seed<k>.csv
    python data/make.py r1           go through R1's pipeline with every seed, and write
                                     data/results/r1-seed<k>.json and data/models/tiny-r1/
    python data/make.py draw         draw docs/images/learning-curves*.png, smollm2*.png, r1-*.png,
                                     compare*.png, family*.png, finals*.png, memory-*.png and
                                     seconds-*.png from data/results/
    python data/make.py table        print the README's table from those CSVs
    python data/make.py tuned        print the table of docs/smollm2.md from those CSVs
    python data/make.py compared     print the learning table of docs/grpo-vs-ppo.md
    python data/make.py family       print the tables of docs/family.md
    python data/make.py page         write the tables of docs/grpo-vs-ppo.md, docs/family.md,
                                     docs/smollm2.md, docs/pipeline.md, docs/teaching.md and
                                     benchmarks/README.md into them

What `grpo-lab bench memory --out data/results/memory-<model>.json`, `bench speed --out
data/results/speed-<setting>.json` and `bench scaling --out data/results/scaling.json` measured is
drawn and put into the pages too.

Everything is what `grpo-lab train` does with the same settings; nothing is chosen afterwards.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from grpo_core import machine
from grpo_core.algorithm.presets import PRESETS
from grpo_core.config import GRPOConfig
from grpo_core.figures import (
    distillation,
    family_curves,
    finals,
    language_reward_curves,
    learning_curves,
    memory_ledger,
    method_curves,
    pipeline_flow,
    pipeline_stages,
    scaling_curves,
    step_seconds,
    use_style,
)
from grpo_core.ledger import report
from grpo_core.lessons import comparison
from grpo_core.pipeline import report as pipeline_report
from grpo_core.pipeline.compute import of_stage_three
from grpo_core.speed import report as speed_report
from grpo_core.store import Run, create_run, thin_copy
from grpo_core.worker import environment

DATA = Path(__file__).resolve().parent
RESULTS, RECORDED = DATA / "results", DATA / "runs"
IMAGES = DATA.parent / "docs" / "images"
PAGES = [
    DATA.parent / name
    for name in (
        "docs/grpo-vs-ppo.md",
        "docs/family.md",
        "docs/smollm2.md",
        "docs/pipeline.md",
        "docs/teaching.md",
        "benchmarks/README.md",
    )
]
SEEDS = (0, 1, 2)
RECORDED_SEED = 0  # the first one, not the best one

# One coefficient for every KL, so that methods differ in where it goes and not in how much it is.
# What a preset leaves open is the default: one update a batch above all.
COMPARED: dict[str, dict[str, Any]] = {
    "grpo": PRESETS["grpo"] | {"beta": 0.001},
    "dr_grpo": PRESETS["dr_grpo"],
    "dapo": PRESETS["dapo"],
    "gspo": PRESETS["gspo"],
    "rloo": PRESETS["rloo"] | {"beta": 0.001},
    "reinforce": PRESETS["reinforce"],
    "ppo": PRESETS["ppo"] | {"beta": 0.001, "lam": 1.0},
    "ppo_lam95": PRESETS["ppo"] | {"beta": 0.001, "lam": 0.95},
}
COMPARED_STEPS = {"max_steps": comparison.STEPS, "eval_steps": 10}
# Is a method that falls behind hurt by what is common to all? Looked at on a seed of its own, since
# nothing is tuned on the others.
CHECKED = {
    "ppo_lam95": COMPARED["ppo_lam95"],
    "ppo_lam95_critic": COMPARED["ppo_lam95"] | {"critic_learning_rate": 1e-3},
}
CHECKED_SEED = 10
BESIDE_PPO = ("grpo", "dr_grpo", "rloo", "ppo", "ppo_lam95")  # on the page about PPO

# Notebook 05: each batch is learned from four times, at a rate that makes the clip work, and with
# no KL, so that a clipped token is pushed by nothing.
LESSONS = {
    "countdown-mu4-seed0": {
        "num_iterations": 4, "learning_rate": 1e-3, "beta": 0.0, "generation_batch_size": 64,
        "max_steps": 6, "eval_steps": 0, "eval_size": 64,
    },
    # Notebook 08: what a critic says before every token; the settings of the comparison
    "countdown-ppo-seed0": PRESETS["ppo"] | {"beta": 0.001, "lam": 1.0} | COMPARED_STEPS,
}  # fmt: skip
KEPT_EVERY = {"countdown-ppo-seed0": 10}  # groups of these steps only

# Notebook 07: small groups and large steps, so that one sees soon what a broken loop does.
LOOP_SETTINGS: dict[str, Any] = {
    "steps": 25, "size": 8, "most_tokens": 128, "learning_rate": 1e-3,
}  # fmt: skip


def train(runs: Path, jobs: int) -> None:
    """Train every seed in a process of its own, `jobs` at a time, and keep its metrics.

    Runs that are finished are kept and others are resumed, so it can be stopped and started.
    """
    configs = {f"countdown-seed{seed}": GRPOConfig(seed=seed) for seed in SEEDS}
    folders = _train_all(runs, jobs, configs)
    _keep_metrics(folders)
    recorded = RECORDED / folders[SEEDS.index(RECORDED_SEED)].name
    shutil.rmtree(recorded, ignore_errors=True)
    thin_copy(folders[SEEDS.index(RECORDED_SEED)], recorded)
    _keep_policy(folders[SEEDS.index(RECORDED_SEED)])


def noverify(runs: Path, jobs: int) -> None:
    """As `train`, from the base that was never shown a check; one run is recorded for notebook 09.

    That one is not in data/runs: the dashboard plays what is there.
    """
    configs = {
        f"noverify-seed{seed}": GRPOConfig(seed=seed, model="tiny-noverify") for seed in SEEDS
    }
    folders = _train_all(runs, jobs, configs)
    _keep_metrics(folders)
    recorded = DATA / "lessons" / folders[SEEDS.index(RECORDED_SEED)].name
    shutil.rmtree(recorded, ignore_errors=True)
    thin_copy(folders[SEEDS.index(RECORDED_SEED)], recorded)


def _keep_metrics(folders: list[Path]) -> None:
    """Write each run's metrics to data/results, one row a step."""
    RESULTS.mkdir(exist_ok=True)
    for folder in folders:
        Run(folder).frame().to_csv(RESULTS / f"{folder.name}.csv", float_format="%.6g")


def _keep_policy(folder: Path) -> None:
    """Ship what the recorded run came to, with a card that says what it is."""
    run, target = Run(folder), DATA / "models" / "tiny-grpo"
    last = int(run.frame()["eval/accuracy"].last_valid_index())
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(run.path / "checkpoints" / f"step-{last:06d}", target)
    before, after = (run.frame().loc[step] for step in (0, last))
    rows = [
        f"| {name.replace('_', ' ')} | {before[f'eval/{name}']:.3f} | {after[f'eval/{name}']:.3f} |"
        for name in ("accuracy", "format", "mean_length", "backtracks", "truncated")
    ]
    text = CARD.format(step=last, seed=RECORDED_SEED, rows="\n".join(rows))
    (target / "README.md").write_text(text, encoding="utf-8")


CARD = """---
license: apache-2.0
library_name: transformers
base_model: tiny-base
tags: [grpo, countdown]
---

# tiny-grpo

[tiny-base](../tiny-base/README.md) after {step} steps of GRPO on Countdown with the default
settings, seed {seed}: the end of the recorded run that the dashboard plays. `--model tiny-grpo`.

Made by `python data/make.py train`. On all held-out problems, one completion each at temperature 1:

| | tiny-base | tiny-grpo |
|---|---|---|
{rows}

It solves Countdown with three numbers, and nothing else. It was rewarded for right answers and for
form by rules alone, so what it writes between the tags need not be how it came by its answer.
"""


def compare(runs: Path, jobs: int) -> None:
    """Train every method with every seed on the same number of samples, and keep the metrics."""
    chosen = [(method, seed, COMPARED[method]) for seed in SEEDS for method in COMPARED]
    chosen += [(method, CHECKED_SEED, settings) for method, settings in CHECKED.items()]
    configs = {
        f"compare-{method}-seed{seed}": GRPOConfig.from_dict(
            {**settings, **COMPARED_STEPS, "seed": seed}
        )
        for method, seed, settings in chosen
    }
    for folder in _train_all(runs, jobs, configs):
        Run(folder).frame().to_csv(RESULTS / f"{folder.name}.csv", float_format="%.6g")


def lessons(runs: Path, jobs: int) -> None:
    """Train the runs that notebooks replay, and keep every group of their steps, or of some."""
    configs = {name: GRPOConfig.from_dict(settings) for name, settings in LESSONS.items()}
    for folder in _train_all(runs, jobs, configs):
        kept = DATA / "lessons" / folder.name  # not in data/runs: the dashboard plays what is there
        shutil.rmtree(kept, ignore_errors=True)
        every = KEPT_EVERY.get(folder.name, 1)
        thin_copy(folder, kept, groups=Run(folder).config.prompts_per_step, every=every)


def loops() -> None:
    """Train by every loop of lessons/loop.py, three seeds each, and write one row a step."""
    import torch

    from grpo_core.lessons.loop import LOOPS
    from grpo_core.lessons.loop import train as train_by
    from grpo_core.models.policy import load_policy
    from grpo_core.tasks import get_task

    torch.set_num_threads(1)  # so that sums are added in one order everywhere
    rows = [
        {"loop": name, "seed": seed, "step": step} | metrics
        for name, loop in LOOPS.items()
        for seed in SEEDS
        for step, metrics in enumerate(
            train_by(load_policy("tiny"), get_task("countdown"), loop, seed=seed, **LOOP_SETTINGS),
            start=1,
        )
    ]
    pd.DataFrame(rows).to_csv(RESULTS / "loops.csv", index=False, float_format="%.5g")


def smollm2(runs: Path) -> None:
    """Train SmolLM2 with every seed, one after the other as each uses all cores."""
    recipe = DATA / "recipes" / "smollm2.toml"
    configs = {f"smollm2-seed{seed}": GRPOConfig.from_toml(recipe, seed=seed) for seed in SEEDS}
    for folder in _train_all(runs, 1, configs):
        Run(folder).frame().to_csv(RESULTS / f"{folder.name}.csv", float_format="%.6g")


def r1(runs: Path, jobs: int) -> None:
    """Go through the pipeline with every seed, `jobs` at a time, and keep what each came to.

    Pipelines that are finished are kept and others are gone on with.
    """

    def one(seed: int) -> Path:
        folder = runs.absolute() / f"r1-seed{seed}"
        command = [sys.executable, "-m", "grpo_core.cli", "r1", "--seed", str(seed)]
        subprocess.run([*command, "--threads", "1", "--out", str(folder)], check=True)
        return folder

    with ThreadPoolExecutor(jobs) as pool:
        folders = list(pool.map(one, SEEDS))
    for folder in folders:
        record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        csv = RESULTS / f"countdown-seed{record['config']['seed']}.csv"
        record["same_size"] = of_stage_three(record, pd.read_csv(csv, index_col=0))
        text = json.dumps(pipeline_report.shipped(record))
        (RESULTS / f"{folder.name}.json").write_text(text + "\n", encoding="utf-8")
    _keep_r1(folders[SEEDS.index(RECORDED_SEED)])


def _keep_r1(folder: Path) -> None:
    """Ship what stage 4 of the recorded seed came to, with a card that says what it is."""
    target = DATA / "models" / "tiny-r1"
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(record["stages"]["4-all-scenarios"]["model"], target)
    rows = [row for row in pipeline_report.stage_table(record) if not row[0].startswith("2 w")][:6]
    text = R1_CARD.format(seed=RECORDED_SEED, table=report.markdown(rows))
    (target / "README.md").write_text(text, encoding="utf-8")


R1_CARD = """---
license: apache-2.0
library_name: transformers
base_model: tiny-base
tags: [grpo, sft, countdown]
---

# tiny-r1

[tiny-base](../tiny-base/README.md) after DeepSeek-R1's four stages in miniature, seed {seed}: cold
start, reasoning RL, fine-tuning of the base on what rejection sampling kept, RL for all scenarios.
`--model tiny-r1`. What each stage is: [docs/pipeline.md](../../../docs/pipeline.md).

Made by `python data/make.py r1`. On all held-out problems, one completion each at temperature 1:

{table}
"general" is how often it answers "Check 12 : 10 - 3 = 7 , 7 + 5 = 12" rightly with yes or no.

It knows two words more than its base, "ja" and "nein", and was paid for not using them. It solves
Countdown with three numbers and checks lines of such work, and nothing else. What it writes between
the tags need not be how it came by its answer.
"""


def pipelines() -> list[dict[str, Any]]:
    """What the pipeline came to with every seed; nothing while a seed is missing."""
    paths = [RESULTS / f"r1-seed{seed}.json" for seed in SEEDS]
    return [json.loads(path.read_text()) for path in paths] if all(map(Path.exists, paths)) else []


def _train_all(runs: Path, jobs: int, configs: dict[str, GRPOConfig]) -> list[Path]:
    """Train each in a process of its own, `jobs` at a time; the folders, in the same order."""
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda item: _train_one(runs, *item), configs.items()))


def _train_one(runs: Path, name: str, config: GRPOConfig) -> Path:
    folder = runs.absolute() / name
    if not folder.exists():
        create_run(runs, folder.name, config)
    if Run(folder).status != "finished":
        subprocess.run(
            [sys.executable, "-m", "grpo_core.worker", str(folder)],
            check=True,
            env={**os.environ, **environment(config)},
        )
    return folder


def frames(name: str = "countdown") -> list[tuple[str, pd.DataFrame]]:
    """The metrics of every seed, as (label, frame indexed by step)."""
    return [
        (f"seed {seed}", pd.read_csv(RESULTS / f"{name}-seed{seed}.csv", index_col=0))
        for seed in SEEDS
    ]


def draw() -> None:
    """Both versions of the picture, for a light and for a dark page."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for dark in (False, True):
        use_style(dark=dark)
        suffix = "-dark" if dark else ""
        learning_curves(frames()).savefig(IMAGES / f"learning-curves{suffix}.png")
        if all((RESULTS / f"smollm2-seed{seed}.csv").exists() for seed in SEEDS):
            learning_curves(frames("smollm2")).savefig(IMAGES / f"smollm2{suffix}.png")
        beside_ppo = {comparison.METHODS[m]: comparison.frames(m) for m in BESIDE_PPO}
        method_curves(beside_ppo).savefig(IMAGES / f"compare{suffix}.png")
        draw_family(suffix)
        for path in sorted(RESULTS.glob("memory-*.json")):
            model, result = path.stem.removeprefix("memory-"), json.loads(path.read_text())
            memory_ledger(result).savefig(IMAGES / f"memory-{model}{suffix}.png")
            step_seconds(result).savefig(IMAGES / f"seconds-{model}{suffix}.png")
        if records := pipelines():
            for name, figure in PIPELINE_FIGURES.items():
                figure(records).savefig(IMAGES / f"r1-{name}{suffix}.png")
        if (path := RESULTS / "scaling.json").exists():
            scaling_curves(json.loads(path.read_text())).savefig(IMAGES / f"scaling{suffix}.png")


PIPELINE_FIGURES = {
    "stages": pipeline_stages,
    "language": language_reward_curves,
    "distillation": distillation,
    "flow": pipeline_flow,
}


def draw_family(suffix: str) -> None:
    """All methods: their curves by completions drawn, and what every seed came to."""
    accuracy = comparison.curves("eval/accuracy")
    family_curves(accuracy, "thousand completions drawn", "held-out accuracy").savefig(
        IMAGES / f"family{suffix}.png"
    )
    ends = comparison.ends("eval/accuracy")
    pair, widest = comparison.luck(ends)
    finals(
        ends,
        f"held-out accuracy after {comparison.BUDGET:,} completions",
        {"luck, one pair": pair, "luck, the widest pair": widest},
    ).savefig(IMAGES / f"finals{suffix}.png")


def compared() -> str:
    """What the methods beside PPO came to at the last step, as a Markdown table."""
    heads = ["", "held-out accuracy, seeds 0, 1, 2", "mean"]
    rows = [[*heads, "steps to .5", "format", "length", "KL"]]
    for method in BESIDE_PPO:
        seeds = comparison.frames(method)
        accuracy = pd.concat([f["eval/accuracy"].dropna() for f in seeds], axis=1)
        last = accuracy.iloc[-1]
        reached = [
            str(half.index[0]) if len(half := column[column >= 0.5]) else "-"
            for _, column in accuracy.items()
        ]
        cells = [comparison.METHODS[method], " ".join(f"{a:.3f}" for a in last)]
        cells += [f"{last.mean():.3f}", " ".join(reached)]
        rows.append([*cells, *_form_and_kl(seeds)])
    return report.markdown(rows)


def family() -> str:
    """What every method came to after the same number of completions, as a Markdown table."""
    heads = ["", "held-out accuracy, seeds 0, 1, 2", "mean", "less GRPO"]
    rows = [[*heads, "drawn to .5", "format", "length", "KL"]]
    ends = comparison.ends("eval/accuracy")
    grpo = np.mean(ends[comparison.METHODS["grpo"]])
    for method, label in comparison.recorded().items():
        seeds = comparison.frames(method)
        reached = [comparison.completions_to(frame, 0.5) for frame in seeds]
        cells = [label, " ".join(f"{a:.3f}" for a in ends[label]), f"{np.mean(ends[label]):.3f}"]
        cells.append("" if method == "grpo" else f"{np.mean(ends[label]) - grpo:+.3f}")
        cells.append(" ".join(f"{r:,.0f}" if np.isfinite(r) else "-" for r in reached))
        rows.append([*cells, *_form_and_kl(seeds)])
    return report.markdown(rows)


def _form_and_kl(seeds: Sequence[pd.DataFrame]) -> list[str]:
    """Format and length, means of the seeds after the budget, and the KL of the last ten steps."""
    means = {
        name: np.mean([comparison.after(f, f"eval/{name}") for f in seeds])
        for name in ("format", "mean_length")
    }
    # a step's KL jumps about: the mean of ten
    kls = [
        f.loc[f["drawn"] <= comparison.BUDGET, "kl"].iloc[-10:].mean() for f in seeds if "kl" in f
    ]
    kl = f"{np.mean(kls):.3f}" if kls else "-"  # no reference was kept
    return [f"{means['format']:.3f}", f"{means['mean_length']:.0f}", kl]


def luck() -> str:
    """How far apart methods that are all the same would come to lie, in words."""
    ends = comparison.ends("eval/accuracy")
    pair, widest = comparison.luck(ends)
    spread = np.sqrt(np.array(list(ends.values())).var(axis=1, ddof=1).mean())
    return (
        f"The seeds of a method scatter with a standard deviation of {spread:.3f} (over all "
        f"{len(ends)} methods). Were the methods all the same, two of them that were named "
        f"beforehand would differ by more than {pair:.3f} in one comparison of twenty, and the "
        f"two furthest apart by more than {widest:.3f}. For the completions drawn to 0.5 the two "
        "numbers are {0:,.0f} and {1:,.0f}.\n".format(*comparison.luck(_drawn_to_half()))
    )


def _drawn_to_half() -> dict[str, list[float]]:
    """Completions to an accuracy of 0.5, of the methods whose every seed got there."""
    reached = {
        label: [comparison.completions_to(frame, 0.5) for frame in comparison.frames(method)]
        for method, label in comparison.recorded().items()
    }
    return {label: drawn for label, drawn in reached.items() if np.isfinite(drawn).all()}


def checked() -> str:
    """What a faster critic does for PPO with lambda 0.95, in words."""
    slow, fast = (
        comparison.after(comparison.frames(method, [CHECKED_SEED])[0], "eval/accuracy")
        for method in CHECKED
    )
    return (
        f"On seed {CHECKED_SEED}, which is none of the three, it comes to {slow:.3f}, and with a "
        f"critic that learns at {CHECKED['ppo_lam95_critic']['critic_learning_rate']:g} instead of "
        f"{GRPOConfig().learning_rate:g} to {fast:.3f}.\n"
    )


def drawn_again() -> str:
    """What DAPO's dynamic sampling drew, in words."""
    seeds = comparison.frames("dapo")
    groups = GRPOConfig().prompts_per_step
    early, late = (
        np.mean([f["dynamic_sampling/groups"].dropna().loc[a:b].mean() for f in seeds]) / groups
        for a, b in ((1, 10), (comparison.STEPS - 9, comparison.STEPS))
    )
    within = [int((f["drawn"] <= comparison.BUDGET).sum()) - 1 for f in seeds]
    return (
        f"DAPO drew {early:.2f} times its batch in the first ten steps and {late:.2f} times in the "
        f"last ten, and had used up {comparison.BUDGET:,} completions after "
        f"{', '.join(map(str, within))} steps.\n"
    )


def fill_pages() -> None:
    """Make the tables of every page again."""
    for page in PAGES:
        page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


def filled(page: str) -> str:
    """The page with each of its tables made again.

    A table stands between the comments `begin NAME` and `end`, NAME being one of `_OF_METHODS`,
    "tuned", "decoded" or "reached", or what is wanted and of which model or setting: "memory tiny".
    """
    return re.sub(
        r"(<!-- begin ([\w ]+) -->\n).*?(<!-- end -->)",
        lambda found: found[1] + _block(*found[2].split()) + found[3],
        page,
        flags=re.DOTALL,
    )


def _block(what: str, which: str = "") -> str:
    """What stands between two markers."""
    if what in _OF_METHODS:
        return _OF_METHODS[what]()
    if what == "tuned":
        return table("smollm2")
    if what == "pipeline":
        records = pipelines()
        return report.markdown(_OF_PIPELINE[which](records)) if records else ""
    if what == "decoded":
        return decoded(json.loads((RESULTS / "decode.json").read_text()))
    if what == "footprint":
        return footprint(json.loads((RESULTS / "footprint.json").read_text()))
    if what == "reached":
        return reached(json.loads((RESULTS / "time-to-accuracy.json").read_text()))
    if what in _OF_SPEED:
        return _OF_SPEED[what](json.loads((RESULTS / f"speed-{which}.json").read_text()))
    result: dict[str, Any] = json.loads((RESULTS / f"memory-{which}.json").read_text())
    if what == "work":
        return f"{report.in_words(result)}. {machine.in_words(result['machine'])}.\n"
    tables = {
        "memory": report.memory_table,
        "seconds": report.seconds_table,
        "predicted": report.prediction_table,
    }
    return report.markdown(tables[what](result))


_OF_METHODS = {
    "compared": compared,
    "family": family,
    "luck": luck,
    "checked": checked,
    "drawn": drawn_again,
}


def footprint(result: dict[str, Any]) -> str:
    """What holds how much memory at most, in MiB, and on which machine."""
    rows = [["what runs", "MiB at most"], ["---", "---:"]]
    if run := result.get("run"):
        rows.append([f"the default run, its first {run['steps']} steps", str(run["memory_mib"])])
    rows.append(["the dashboard's server, nobody looking", str(result["dashboard"]["memory_mib"])])
    rows.append(["JupyterLab's server", str(result["jupyterlab"]["memory_mib"])])
    notebooks = result["notebooks"]
    rows += [[f"notebook {name[:2]}", str(of["memory_mib"])] for name, of in notebooks.items()]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", f"{machine.in_words(result['machine'])}.", ""])


_OF_PIPELINE: dict[str, Callable[[list[dict[str, Any]]], list[list[str]]]] = {
    "stages": pipeline_report.seeds_table,
    "language": pipeline_report.language_table,
    "distillation": pipeline_report.distillation_table,
    "data": pipeline_report.data_table,
}

_OF_SPEED: dict[str, Callable[[dict[str, Any]], str]] = {
    "speed": lambda result: report.markdown(speed_report.contest_table(result)),
    "phases": lambda result: report.markdown(speed_report.phase_table(result)),
    "floor": lambda result: report.markdown(speed_report.floor_table(result)),
    "tried": lambda result: report.markdown(speed_report.tried_table(result)),
    "setting": lambda result: (
        f"{speed_report.in_words(result)} {machine.in_words(result['machine'])}.\n"
    ),
}


def decoded(result: dict[str, Any]) -> str:
    """Tokens a second of the kit's sampler and of `generate`, as a Markdown table."""
    found = result["tokens_a_second"]
    rows = [["tokens a second", "generate", "this kit", "ratio of the medians"]]
    for kind, label in (("decode", "decode alone"), ("whole", "prompts included")):
        for dtype in ("float32", "bfloat16"):
            both = [found[f"{who}, {dtype}"][kind] for who in ("generate", "this kit")]
            theirs, ours = (statistics.median(rates) for rates in both)
            cells = [f"{statistics.median(r):.0f} ({min(r):.0f} to {max(r):.0f})" for r in both]
            rows.append([f"{label}, {dtype}", *cells, f"{ours / theirs:.1f}"])
    work = (
        f"{result['model']}, {result['prompts']} prompts × {result['num_generations']} completions "
        f"of {result['tokens']} tokens, {result['threads']} threads"
    )
    return report.markdown(rows) + f"\n{work}. {machine.in_words(result['machine'])}.\n"


def reached(result: dict[str, Any]) -> str:
    """When each seed was first measured at the accuracy aimed at, as a Markdown table."""
    clocks = {"wall": "wall, s", "training": "steps and evaluations, s"}
    rows = [
        ["", "seed", f"accuracy, first at {result['target']} or more", "step", *clocks.values()]
    ]
    for name, runs in result["runs"].items():
        for run in runs:
            cells = [name, str(run["seed"]), f"{run['accuracy']:.3f}", str(run["step"])]
            rows.append([*cells, *(f"{run[clock]:.1f}" for clock in clocks)])
        medians = [f"{statistics.median(run[clock] for run in runs):.1f}" for clock in clocks]
        rows.append([f"{name}, median", "", "", "", *medians])
    return report.markdown(rows) + f"\n{machine.in_words(result['machine'])}.\n"


def table(name: str = "countdown") -> str:
    """What each seed went from and to, as a Markdown table; wall time includes the evaluations."""
    digits = {"accuracy": 3, "format": 3, "mean_length": 1, "backtracks": 2, "truncated": 3}
    heads = [name.replace("_", " ") for name in digits]
    lines = [f"| | {' | '.join(heads)} | minutes |", "|---" * (len(digits) + 2) + "|"]
    for label, frame in frames(name):
        measured = frame.dropna(subset=["eval/accuracy"])
        first, last = measured.iloc[0], measured.iloc[-1]
        cells = [
            f"{first[f'eval/{name}']:.{n}f} → {last[f'eval/{name}']:.{n}f}"
            for name, n in digits.items()
        ]
        seconds = frame["seconds/step"].sum() + frame["seconds/eval"].sum()
        lines.append(f"| {label} | {' | '.join(cells)} | {seconds / 60:.1f} |")
    return "\n".join(lines) + "\n"


WHAT: dict[str, Callable[[argparse.Namespace], None]] = {
    "train": lambda options: train(options.runs, options.jobs),
    "noverify": lambda options: noverify(options.runs, options.jobs),
    "compare": lambda options: compare(options.runs, options.jobs),
    "lessons": lambda options: lessons(options.runs, options.jobs),
    "loops": lambda _: loops(),
    "smollm2": lambda options: smollm2(options.runs),
    "r1": lambda options: r1(options.runs, options.jobs),
    "draw": lambda _: draw(),
    "table": lambda _: print(table(), end=""),
    "tuned": lambda _: print(table("smollm2"), end=""),
    "compared": lambda _: print(compared(), end=""),
    "family": lambda _: print("\n".join([family(), luck(), drawn_again()]), end=""),
    "page": lambda _: fill_pages(),
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=list(WHAT))
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the full runs go")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; each uses one core")
    options = parser.parse_args()
    WHAT[options.what](options)
