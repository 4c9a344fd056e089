"""Make what the README shows, from the shipped base model: three seeds, their picture, a recording.

    python data/make.py train        train seeds 0, 1, 2 by the default settings, and write
                                     data/results/countdown-seed<k>.csv and data/runs/
    python data/make.py draw         draw docs/images/learning-curves*.png from those CSVs
    python data/make.py table        print the README's table from those CSVs

Everything is what `grpo-lab train --seed <k>` does; nothing is chosen afterwards.
"""

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from grpo_core.config import GRPOConfig
from grpo_core.figures import learning_curves, use_style
from grpo_core.store import Run, create_run, thin_copy
from grpo_core.worker import environment

DATA = Path(__file__).resolve().parent
RESULTS, RECORDED = DATA / "results", DATA / "runs"
IMAGES = DATA.parent / "docs" / "images"
SEEDS = (0, 1, 2)
RECORDED_SEED = 0  # the first one, not the best one


def train(runs: Path, jobs: int) -> None:
    """Train every seed in a process of its own, `jobs` at a time, and keep its metrics.

    Runs that are finished are kept and others are resumed, so it can be stopped and started.
    """
    with ThreadPoolExecutor(jobs) as pool:
        folders = list(pool.map(lambda seed: _train_seed(runs, seed), SEEDS))
    RESULTS.mkdir(exist_ok=True)
    for folder in folders:
        Run(folder).frame().to_csv(RESULTS / f"{folder.name}.csv", float_format="%.6g")
    recorded = RECORDED / folders[SEEDS.index(RECORDED_SEED)].name
    shutil.rmtree(recorded, ignore_errors=True)
    thin_copy(folders[SEEDS.index(RECORDED_SEED)], recorded)


def _train_seed(runs: Path, seed: int) -> Path:
    config = GRPOConfig(seed=seed)
    folder = runs.absolute() / f"countdown-seed{seed}"
    if not folder.exists():
        create_run(runs, folder.name, config)
    if Run(folder).status != "finished":
        subprocess.run(
            [sys.executable, "-m", "grpo_core.worker", str(folder)],
            check=True,
            env={**os.environ, **environment(config)},
        )
    return folder


def frames() -> list[tuple[str, pd.DataFrame]]:
    """The metrics of every seed, as (label, frame indexed by step)."""
    return [
        (f"seed {seed}", pd.read_csv(RESULTS / f"countdown-seed{seed}.csv", index_col=0))
        for seed in SEEDS
    ]


def draw() -> None:
    """Both versions of the picture, for a light and for a dark page."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for dark in (False, True):
        use_style(dark=dark)
        suffix = "-dark" if dark else ""
        learning_curves(frames()).savefig(IMAGES / f"learning-curves{suffix}.png")


def table() -> None:
    """What each seed went from and to, as a Markdown table; wall time includes the evaluations."""
    digits = {"accuracy": 3, "format": 3, "mean_length": 1, "backtracks": 2, "truncated": 3}
    heads = [name.replace("_", " ") for name in digits]
    print(f"| | {' | '.join(heads)} | minutes |")
    print("|---" * (len(digits) + 2) + "|")
    for label, frame in frames():
        measured = frame.dropna(subset=["eval/accuracy"])
        first, last = measured.iloc[0], measured.iloc[-1]
        cells = [
            f"{first[f'eval/{name}']:.{n}f} → {last[f'eval/{name}']:.{n}f}"
            for name, n in digits.items()
        ]
        seconds = frame["seconds/step"].sum() + frame["seconds/eval"].sum()
        print(f"| {label} | {' | '.join(cells)} | {seconds / 60:.1f} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["train", "draw", "table"])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the full runs go")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; each uses one core")
    options = parser.parse_args()
    if options.what == "train":
        train(options.runs, options.jobs)
    elif options.what == "draw":
        draw()
    else:
        table()
