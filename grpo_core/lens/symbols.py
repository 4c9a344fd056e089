"""The symbols of a method's formula, each with its value at one token, its word, and its function.

What a symbol means stands in docs/glossary.md under the name given here; what computes it is a
function of `grpo_core`, whose source can be shown without importing it.
"""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grpo_core
from grpo_core.algorithm.presets import LOSS_TYPES
from grpo_core.config import GRPOConfig
from grpo_core.errors import LabError
from grpo_core.lens.presets import numbers_at
from grpo_core.lens.trial import Reconsidered

ADVANTAGE = {
    "group": "algorithm.advantages:group_scaled",
    "batch": "algorithm.advantages:batch_scaled",
    "none": "algorithm.advantages:centered",
    "loo": "algorithm.advantages:leave_one_out",
    "process": "algorithm.advantages:process_advantages",
    "gae": "algorithm.critic:gae",
}
SEVERAL = "algorithm.advantages:normalize_then_sum"
LEVEL = {
    "token": "algorithm.surrogates:token_level",
    "sequence": "algorithm.surrogates:sequence_level",
    "sequence_token": "algorithm.surrogates:sequence_token_level",
    "sequence_sum": "algorithm.surrogates:sequence_sum_level",
}
SURROGATE = {
    "clip": "algorithm.surrogates:clip",
    "cispo": "algorithm.surrogates:cispo",
    "sapo": "algorithm.surrogates:sapo",
    "vespo": "algorithm.surrogates:vespo",
    "gmpo": "algorithm.surrogates:gmpo",
    "none": "algorithm.surrogates:plain",
}
KL = {name: f"algorithm.kl:{name}" for name in ("k1", "k2", "k3")}
AGGREGATION = {
    name: f"algorithm.aggregation:{name}"
    for name in ("sequence_mean", "token_mean", "local_token_mean", "constant", "length_weighted")
}
REWARD = "rewards:RewardSum"
LOGPROBS = "algorithm.logprobs:token_logprobs"
OBJECTIVE = "algorithm.objective:grpo_objective"
PUSH = "algorithm.objective:token_push"
OPTIONS = "config:GRPOConfig"
_SWITCHES = (ADVANTAGE, LEVEL, SURROGATE, KL, AGGREGATION)
SOURCES = frozenset(
    [SEVERAL, REWARD, LOGPROBS, OBJECTIVE, PUSH, OPTIONS]
    + [name for switch in _SWITCHES for name in switch.values()]
)


@dataclass(frozen=True)
class Symbol:
    """One symbol at one token.

    Attributes:
        value: NaN where it has none.
        entry: its name in the glossary.
        source: what computes it, "module:name" inside `grpo_core`.
    """

    value: float
    entry: str
    source: str


def switches(config: GRPOConfig) -> dict[str, str]:
    """The choice on each switch, as the formula needs them."""
    surrogate, aggregation = LOSS_TYPES[config.loss_type]
    place = "reward" if config.use_kl_in_reward else "loss"
    several = config.multi_objective_aggregation == "normalize_then_sum"
    return {
        "advantage": "several" if several else config.scale_rewards,
        "level": config.importance_sampling_level,
        "surrogate": surrogate,
        "aggregation": aggregation,
        "kl": config.kl_estimator,
        "kl_place": place if config.beta > 0 else "none",
        "kl_weighted": "yes" if config.use_bias_correction_kl else "no",
        "delta": "none" if config.delta is None else "some",
    }


def symbols(found: Reconsidered, row: int, token: int) -> dict[str, Symbol]:
    """Symbol -> what it is at one token of a completion.

    Raises:
        LabError: the completion was edited, so nothing but a model could tell.
    """
    terms = found.terms[row]
    if terms is None or token >= len(terms.push):
        raise LabError("What the model thinks of an edited text only the model could tell.")
    c, config, credit = found.group.completions[row], found.config, found.credit
    numbers, chosen = numbers_at(terms, token), switches(config)
    nan = float("nan")
    advantage = SEVERAL if chosen["advantage"] == "several" else ADVANTAGE[config.scale_rewards]
    ref = nan if c.ref_logprobs is None else float(c.ref_logprobs[token])
    high = config.epsilon if config.epsilon_high is None else config.epsilon_high
    ratio, surrogate = LEVEL[config.importance_sampling_level], SURROGATE[chosen["surrogate"]]
    aggregation = AGGREGATION[chosen["aggregation"]]
    good = numbers["advantage"] > 0
    tau = config.sapo_temperature_pos if good else config.sapo_temperature_neg
    per_advantage = numbers["surrogate"] / numbers["advantage"] if numbers["advantage"] else nan
    weight = numbers["slope"] / numbers["advantage"] if numbers["advantage"] else nan
    objective = float(terms.objective(config.beta if chosen["kl_place"] == "loss" else 0.0)[token])
    values = {
        "r": (float(credit.rewards[row]), "completion reward", REWARD),
        "mean": (credit.mean, "group mean", advantage),
        "std": (credit.std, "group standard deviation", advantage),
        "divisor": (credit.divisor, "divisor", advantage),
        "G": (float(len(found.group.completions)), "G", OPTIONS),
        "A": (numbers["advantage"], "advantage", advantage),
        "new": (float(c.logprobs[token]), "logprobs", LOGPROBS),
        "old": (float(c.old_logprobs[token]), "old_logprobs", LOGPROBS),
        "ref": (ref, "ref_logprobs", LOGPROBS),
        "d": (float(c.logprobs[token]) - ref, "d", KL[config.kl_estimator]),
        "rho": (numbers["ratio"], "ratio", ratio),
        "low": (1 - config.epsilon, "epsilon", OPTIONS),
        "high": (1 + high, "epsilon", OPTIONS),
        "cap": (high, "epsilon", OPTIONS),
        "delta": (nan if config.delta is None else config.delta, "epsilon", OPTIONS),
        "tau": (tau, "tau", OPTIONS),
        "phi": (weight, "slope", surrogate),
        "whole": (per_advantage, "ratio", surrogate),
        "S": (numbers["surrogate"], "surrogate", surrogate),
        "slope": (numbers["slope"], "slope", surrogate),
        "beta": (config.beta, "beta", OPTIONS),
        "KL": (numbers["kl"], "kl", KL[config.kl_estimator]),
        "klslope": (numbers["kl_slope"], "slope", KL[config.kl_estimator]),
        "c": (numbers["share"], "share", aggregation),
        "len": (float(len(c)), "length", aggregation),
        "B": (found.batch.sequences, "B", aggregation),
        "tokens": (found.batch.tokens, "tokens of the batch", aggregation),
        "L": (float(config.max_completion_length), "L", OPTIONS),
        "J": (objective, "objective", OBJECTIVE),
        "push": (numbers["push"], "push", PUSH),
    }
    return {name: Symbol(*each) for name, each in values.items()}


@cache
def source_of(name: str) -> tuple[str, int, str]:
    """File, line and text of what computes a symbol, read without importing it.

    Raises:
        LabError: it is none of `SOURCES`.
    """
    if name not in SOURCES:
        raise LabError("There is no such symbol.")
    module, _, wanted = name.partition(":")
    root = Path(grpo_core.__file__).parent
    path = root.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = path.read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == wanted:
            segment = ast.get_source_segment(text, node) or ""
            return path.relative_to(root.parent).as_posix(), node.lineno, segment
    raise LabError(f"{name} is not in {path.name}.")  # held impossible by a test
