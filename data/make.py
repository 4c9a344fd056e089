"""Make the results that the documents show, from the shipped base model; three seeds of each.

    python data/make.py train        train seeds 0, 1, 2 by the default settings, and write
                                     data/results/countdown-seed<k>.csv, data/runs/ and
                                     data/models/tiny-grpo/
    python data/make.py noverify     the same from tiny-noverify, the base that cannot check, and
                                     write data/results/noverify-seed<k>.csv and data/lessons/
    python data/make.py format       train by data/recipes/format-too-large.toml, and write
                                     data/results/format-too-large-seed<k>.csv
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
    python data/make.py page         write the tables of docs/algorithms.md, docs/grpo-vs-ppo.md,
                                     docs/family.md, docs/smollm2.md, docs/pipeline.md,
                                     docs/teaching.md, docs/lessons.md and benchmarks/README.md
                                     into them

What `grpo-lab bench memory --out data/results/memory-<model>.json`, `bench speed --out
data/results/speed-<setting>.json` and `bench scaling --out data/results/scaling.json` measured is
drawn and put into the pages too.

Everything is what `grpo-lab train` does with the same settings; nothing is chosen afterwards.
"""

import argparse
import json
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pages
import pandas as pd
import pictures
from recorded import RESULTS
from settings import (
    CHECKED,
    CHECKED_SEED,
    COMPARED,
    COMPARED_STEPS,
    KEPT_EVERY,
    LESSONS,
    LOOP_SETTINGS,
    LOOPS_SHOWN,
    RECORDED_SEED,
    SEEDS,
)

from grpo_core.analysis.ledger import report
from grpo_core.core import child
from grpo_core.core.config import GRPOConfig
from grpo_core.pipeline import report as pipeline_report
from grpo_core.pipeline.compute import of_stage_three
from grpo_core.runs import Run, create_run, thin_copy
from grpo_core.runs.worker import environment

DATA = Path(__file__).resolve().parent
RECORDED = DATA / "runs"


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


def too_large_a_format(runs: Path, jobs: int) -> None:
    """Train every seed with a format reward that drowns the other, and keep its metrics."""
    recipe = DATA / "recipes" / "format-too-large.toml"
    configs = {
        f"{recipe.stem}-seed{seed}": GRPOConfig.from_toml(recipe, seed=seed) for seed in SEEDS
    }
    _keep_metrics(_train_all(runs, jobs, configs))


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
    """Train some loops of course/toys/loop_variants.py, one seed each; write one row per step."""
    import torch

    from grpo_core.course.toys.loop_variants import LOOPS
    from grpo_core.course.toys.loop_variants import train as train_by
    from grpo_core.models.policy import load_policy
    from grpo_core.tasks import get_task

    torch.set_num_threads(1)  # so that sums are added in one order everywhere
    rows = [
        {"loop": name, "step": step} | metrics
        for name in LOOPS_SHOWN
        for step, metrics in enumerate(
            train_by(load_policy("tiny"), get_task("countdown"), LOOPS[name], **LOOP_SETTINGS),
            start=1,
        )
    ]
    pd.DataFrame(rows).round(4).to_csv(RESULTS / "loops.csv", index=False)


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
        words = ["-m", "grpo_core.cli", "r1", "--seed", seed, "--threads", "1", "--out", folder]
        subprocess.run(child.command(*words), env=child.environment(), check=True)
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
            child.command("-m", "grpo_core.runs.worker", folder),
            check=True,
            env=child.environment(environment(config)),
        )
    return folder


WHAT: dict[str, Callable[[argparse.Namespace], None]] = {
    "train": lambda options: train(options.runs, options.jobs),
    "noverify": lambda options: noverify(options.runs, options.jobs),
    "format": lambda options: too_large_a_format(options.runs, options.jobs),
    "compare": lambda options: compare(options.runs, options.jobs),
    "lessons": lambda options: lessons(options.runs, options.jobs),
    "loops": lambda _: loops(),
    "smollm2": lambda options: smollm2(options.runs),
    "r1": lambda options: r1(options.runs, options.jobs),
    "draw": lambda _: pictures.draw(),
    "table": lambda _: print(pages.table(), end=""),
    "tuned": lambda _: print(pages.table("smollm2"), end=""),
    "compared": lambda _: print(pages.compared(), end=""),
    "family": lambda _: print(
        "\n".join([pages.family(), pages.luck(), pages.drawn_again()]), end=""
    ),
    "page": lambda _: pages.fill(),
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
