"""Compare methods on Countdown by their recorded metrics, with standard errors.

For lesson 11 and for docs/family.md, which `python data/make.py page` fills. Methods
are compared at the number of completions *sampled*: DAPO resamples groups without signal, and the
discarded ones have a cost too.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.paths import data_dir

METHODS = {
    "grpo": "GRPO",
    "dr_grpo": "Dr. GRPO",
    "dapo": "DAPO",
    "gspo": "GSPO",
    "rloo": "RLOO",
    "reinforce": "REINFORCE",
    "ppo": "PPO, λ 1",
    "ppo_lam95": "PPO, λ 0.95",
}
"""Part of a file's name -> the method's label; all ran with otherwise the same settings, and with
one update per batch."""

SEEDS = (0, 1, 2)
STEPS = 60
BUDGET = STEPS * GRPOConfig().generation_batch_size
"""The number of completions at which methods are compared."""


def recorded() -> dict[str, str]:
    """Return those of `METHODS` that have results for every seed."""
    folder = data_dir() / "results"
    return {
        method: label
        for method, label in METHODS.items()
        if all((folder / f"compare-{method}-seed{seed}.csv").exists() for seed in SEEDS)
    }


def frames(method: str, seeds: Sequence[int] = SEEDS) -> list[pd.DataFrame]:
    """Return the metrics of every seed, by step, with a column `drawn`: completions sampled so far.

    Raises:
        LabError: no results of this name are shipped.
    """
    folder = data_dir() / "results"
    paths = [folder / f"compare-{method}-seed{seed}.csv" for seed in seeds]
    if missing := [path.name for path in paths if not path.exists()]:
        raise LabError(f"There is no {missing[0]} in {folder}: run python data/make.py compare.")
    return [with_drawn(pd.read_csv(path, index_col=0)) for path in paths]


def with_drawn(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a default-batch run's metrics with `drawn`: the completions sampled so far."""
    config = GRPOConfig()
    groups = pd.Series(float(config.prompts_per_step), index=frame.index)
    if "dynamic_sampling/groups" in frame:
        groups = frame["dynamic_sampling/groups"].fillna(groups)
    groups[frame.index == 0] = 0.0  # before training there is only an evaluation
    return frame.assign(drawn=(groups * config.num_generations).cumsum())


def after(frame: pd.DataFrame, column: str, drawn: float = BUDGET) -> float:
    """Return a held-out metric after a number of completions.

    Interpolates linearly between two evaluations; a method that samples 128 per step is evaluated
    at the budget itself.
    """
    curve = frame.dropna(subset=[column])
    return float(np.interp(drawn, curve["drawn"], curve[column]))


def completions_to(frame: pd.DataFrame, level: float, column: str = "eval/accuracy") -> float:
    """Return the completions sampled until a held-out metric first reached a level, or infinity.

    Interpolates linearly between two evaluations, as `after` does.
    """
    curve = frame.dropna(subset=[column])
    x, y = curve["drawn"].to_numpy(float), curve[column].to_numpy(float)
    at = next((i for i, value in enumerate(y) if value >= level), None)
    if at is None:
        return float("inf")
    if at == 0:
        return float(x[0])
    return float(x[at - 1] + (level - y[at - 1]) / (y[at] - y[at - 1]) * (x[at] - x[at - 1]))


def curves(column: str) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Return a held-out metric of every run: method -> one curve per seed, by thousand completions.

    Completions that DAPO sampled beyond the budget are left out.
    """
    found = {}
    for method, label in recorded().items():
        evaluated = [frame.dropna(subset=[column]) for frame in frames(method)]
        kept = [frame[frame["drawn"] < BUDGET] for frame in evaluated]
        found[label] = [
            (
                np.append(frame["drawn"], BUDGET) / 1000,
                np.append(frame[column], after(whole, column)),
            )
            for frame, whole in zip(kept, evaluated, strict=True)
        ]
    return found


def ends(column: str, drawn: float = BUDGET) -> dict[str, list[float]]:
    """Return a held-out metric after a number of completions: method -> one number per seed."""
    return {
        label: [after(frame, column, drawn) for frame in frames(method)]
        for method, label in recorded().items()
    }


def luck(ends: dict[str, list[float]]) -> tuple[float, float]:
    """Return by how much identical methods would differ: one pair, and the widest pair.

    Args:
        ends: method -> one number per seed.
    """
    values = np.array(list(ends.values()))
    pair, widest = by_chance(*values.shape)
    error = standard_error(values)
    return pair * error, widest * error


def standard_error(finals: np.ndarray) -> float:
    """Return the standard error of the difference of two methods' means.

    sqrt(2 s^2 / S), s^2 the mean over methods of the variance (ddof 1) over their S seeds: all
    methods are assumed to have the same variance, since three seeds are too few to estimate each.

    Args:
        finals: (M, S), one number per run.
    """
    variance = finals.var(axis=1, ddof=1).mean()
    return float(np.sqrt(2 * variance / finals.shape[1]))


def by_chance(
    methods: int, seeds: int, share: float = 0.05, draws: int = 40_000
) -> tuple[float, float]:
    """Return which differences arise by chance, in standard errors: one pair, and the widest pair.

    Simulates identical methods with normally distributed seeds. Only in a fraction `share` of such
    comparisons does a pair chosen beforehand differ by more than the first number, and the widest
    pair, which one tends to look at, by more than the second.

    Args:
        methods: M.
        seeds: S, per method.
        share: the fraction of comparisons.
        draws: the number of simulated comparisons.
    """
    finals = np.random.default_rng(0).normal(size=(draws, methods, seeds))
    variance = finals.var(axis=2, ddof=1).mean(axis=1)
    error = np.sqrt(2 * variance / seeds)
    means = finals.mean(axis=2)
    pair = np.abs(means[:, 0] - means[:, 1]) / error
    widest = (means.max(axis=1) - means.min(axis=1)) / error
    return float(np.quantile(pair, 1 - share)), float(np.quantile(widest, 1 - share))
