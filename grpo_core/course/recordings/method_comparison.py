"""The methods that were compared on Countdown: their recorded metrics, and how sure one may be.

For lesson 11 and for docs/family.md, which `python data/make.py page` fills. A method is compared
at the completions it has *drawn*: DAPO draws groups again that teach nothing, and what it threw
away was paid for too.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from grpo_core.config import GRPOConfig
from grpo_core.errors import LabError
from grpo_core.paths import data_dir

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
"""The part of a file's name -> how the method is called; all of them ran with the same settings
otherwise, and with one update a batch."""

SEEDS = (0, 1, 2)
STEPS = 60
BUDGET = STEPS * GRPOConfig().generation_batch_size
"""Completions that every method is compared at."""


def recorded() -> dict[str, str]:
    """Those of `METHODS` of which every seed's results are there."""
    folder = data_dir() / "results"
    return {
        method: label
        for method, label in METHODS.items()
        if all((folder / f"compare-{method}-seed{seed}.csv").exists() for seed in SEEDS)
    }


def frames(method: str, seeds: Sequence[int] = SEEDS) -> list[pd.DataFrame]:
    """The metrics of every seed, by step, with a column `drawn`: completions sampled so far.

    Raises:
        LabError: no results of this name are shipped.
    """
    folder = data_dir() / "results"
    paths = [folder / f"compare-{method}-seed{seed}.csv" for seed in seeds]
    if missing := [path.name for path in paths if not path.exists()]:
        raise LabError(f"There is no {missing[0]} in {folder}: run python data/make.py compare.")
    return [with_drawn(pd.read_csv(path, index_col=0)) for path in paths]


def with_drawn(frame: pd.DataFrame) -> pd.DataFrame:
    """Metrics of a run with the default batch, and `drawn`: how many completions it has sampled."""
    config = GRPOConfig()
    groups = pd.Series(float(config.prompts_per_step), index=frame.index)
    if "dynamic_sampling/groups" in frame:
        groups = frame["dynamic_sampling/groups"].fillna(groups)
    groups[frame.index == 0] = 0.0  # the untouched policy has been evaluated and nothing more
    return frame.assign(drawn=(groups * config.num_generations).cumsum())


def after(frame: pd.DataFrame, column: str, drawn: float = BUDGET) -> float:
    """What a held-out metric was after so many completions.

    Read off the straight line between the evaluation before and the one after; a method that draws
    128 a step is evaluated at the budget itself.
    """
    curve = frame.dropna(subset=[column])
    return float(np.interp(drawn, curve["drawn"], curve[column]))


def completions_to(frame: pd.DataFrame, level: float, column: str = "eval/accuracy") -> float:
    """Completions drawn until a held-out metric first reached a level; infinite if never.

    On the straight line between two evaluations, as `after`.
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
    """A held-out metric of every run: method -> a curve a seed, by thousand completions drawn.

    What DAPO drew beyond the budget is left out.
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
    """A held-out metric after so many completions: method -> one number a seed."""
    return {
        label: [after(frame, column, drawn) for frame in frames(method)]
        for method, label in recorded().items()
    }


def luck(ends: dict[str, list[float]]) -> tuple[float, float]:
    """By how much methods that are all the same would differ: one pair, and the widest pair.

    Args:
        ends: method -> one number a seed.
    """
    values = np.array(list(ends.values()))
    pair, widest = by_chance(*values.shape)
    error = standard_error(values)
    return pair * error, widest * error


def standard_error(finals: np.ndarray) -> float:
    """How much the difference of two methods' means would scatter, were everything run again.

    sqrt(2 s^2 / S), s^2 the mean over methods of the variance (ddof 1) over their S seeds: all
    methods are taken to scatter alike, for three seeds are too few to tell how much one does.

    Args:
        finals: (M, S) one number a run.
    """
    variance = finals.var(axis=1, ddof=1).mean()
    return float(np.sqrt(2 * variance / finals.shape[1]))


def by_chance(
    methods: int, seeds: int, share: float = 0.05, draws: int = 40_000
) -> tuple[float, float]:
    """What differences mere luck makes, in standard errors: for one pair, and for the widest pair.

    Simulated: `methods` that are all the same, each run with so many seeds that scatter normally.
    Only in a share of such comparisons is a pair that was named beforehand further apart than the
    first number; and the pair furthest apart, which is the one that one looks at, than the second.

    Args:
        methods: M.
        seeds: S, of each.
        share: of comparisons.
        draws: comparisons that are simulated.
    """
    finals = np.random.default_rng(0).normal(size=(draws, methods, seeds))
    variance = finals.var(axis=2, ddof=1).mean(axis=1)
    error = np.sqrt(2 * variance / seeds)
    means = finals.mean(axis=2)
    pair = np.abs(means[:, 0] - means[:, 1]) / error
    widest = (means.max(axis=1) - means.min(axis=1)) / error
    return float(np.quantile(pair, 1 - share)), float(np.quantile(widest, 1 - share))
