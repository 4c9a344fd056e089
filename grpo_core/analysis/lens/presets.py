"""The run's own method, and every preset on the same group."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grpo_core.algorithm.presets import DESCRIBED, PRESETS
from grpo_core.analysis.lens.batch import Batch
from grpo_core.analysis.lens.credit import credit
from grpo_core.analysis.lens.terms import Terms, token_terms
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError
from grpo_core.core.records import Group

OWN = "own"
"""The name of the method that the run was trained with."""
OF_SAMPLING = ("dynamic_sampling", "soft_punish_cache")
"""What a preset says of sampling and rewards: the group is on record, so these stay the run's."""


def methods() -> list[str]:
    """What `method` takes: the run's own, then every preset."""
    return [OWN, *PRESETS]


def labels() -> dict[str, str]:
    """How the names of `methods` are written."""
    names = {name: DESCRIBED[name].label if name in DESCRIBED else name for name in PRESETS}
    return {OWN: "this run"} | names  # a plugin's preset goes by its name


def method(options: Mapping[str, Any], name: str = OWN) -> GRPOConfig:
    """The run's configuration with the objective of a preset.

    Raises:
        LabError: there is no such preset, or the run's options are damaged.
    """
    if name == OWN:
        return GRPOConfig.from_dict(dict(options))
    if name not in PRESETS:
        raise LabError(f"There is no preset '{name}'. Known: {', '.join(PRESETS)}.")
    objective = {key: value for key, value in PRESETS[name].items() if key not in OF_SAMPLING}
    return GRPOConfig.from_dict({**options, **objective, "step_reward_func": ""})


def compare(
    groups: Sequence[Group],
    which: int,
    place: tuple[int, int],
    options: Mapping[str, Any],
    metrics: Mapping[str, float],
    weights: Mapping[str, float],
) -> dict[str, dict[str, float] | str]:
    """One token under every method: name -> its numbers, or why there are none.

    Args:
        groups, which: the recorded groups of the step, and the one that is asked about.
        place: the completion, and the token in it.
        options: of the run.
        metrics: of the step.
        weights: of the rewards.
    """
    found: dict[str, dict[str, float] | str] = {}
    row, token = place
    for name in methods():
        try:
            config = method(options, name)
            advantages = credit(groups, which, config, weights).advantages
            batch = Batch.of(groups, metrics, config)
            terms = token_terms(groups[which].completions[row], advantages[row], config, batch)
        except LabError as error:
            found[name] = str(error)
            continue
        found[name] = numbers_at(terms, token)
    return found


def numbers_at(terms: Terms, token: int) -> dict[str, float]:
    """The terms of one token, plain numbers."""
    return {
        "advantage": float(terms.advantage[token]),
        "ratio": float(terms.ratio[token]),
        "surrogate": float(terms.surrogate[token]),
        "slope": float(terms.slope[token]),
        "kl": float("nan") if terms.kl is None else float(terms.kl[token]),
        "kl_slope": float(terms.kl_slope[token]),
        "share": terms.share,
        "held": float(terms.held[token]),
        "push": float(terms.push[token]),
    } | {"largest": float(np.abs(terms.push).max(initial=0.0))}
