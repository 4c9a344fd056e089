"""The formula of a method at one token: its lines, and its symbols with their values.

What a symbol means stands in docs/glossary.md under the name given here; what computes it is a
function of `grpo_core`, whose source can be shown without importing it. The formulas themselves
stand beside those functions, in `algorithm/`.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import grpo_core
from grpo_core.algorithm.advantages import (
    ADVANTAGES,
    SEVERAL,
    TOKEN_ADVANTAGES,
    Advantage,
    TokenAdvantage,
)
from grpo_core.algorithm.aggregation import AGGREGATIONS
from grpo_core.algorithm.choices import choose, source_name
from grpo_core.algorithm.formula import (
    Formula,
    Node,
    bracket,
    letter,
    mean_of,
    op,
    row,
    settled,
    sub,
    sym,
    word,
)
from grpo_core.algorithm.kl import KL_ESTIMATORS
from grpo_core.algorithm.levels import LEVELS
from grpo_core.algorithm.methods import METHODS, numbers_in, switches_of
from grpo_core.analysis.lens.presets import numbers_at
from grpo_core.analysis.lens.trial import Reconsidered
from grpo_core.core.config import GRPOConfig
from grpo_core.core.errors import LabError

REWARD = "rewards:RewardSum"
LOGPROBS = "algorithm.logprobs:token_logprobs"
OBJECTIVE = "algorithm.objective:grpo_objective"
PUSH = "algorithm.objective:token_push"
OPTIONS = "config:GRPOConfig"

WRITTEN: dict[str, Node] = {
    "r": letter("r"),
    "mean": mean_of(letter("r")),
    "std": sub(letter("σ"), letter("r")),
    "divisor": sub(letter("σ"), word("batch")),
    "G": letter("G"),
    "A": letter("A"),
    "new": row(word("log"), sub(letter("π"), letter("θ"))),
    "old": row(word("log"), sub(letter("π"), letter("old"))),
    "ref": row(word("log"), sub(letter("π"), letter("ref"))),
    "d": letter("d"),
    "rho": letter("ρ"),
    "S": letter("S"),
    "slope": row(letter("∂"), letter("S")),
    "beta": letter("β"),
    "KL": word("KL"),
    "klslope": row(letter("∂"), word("KL")),
    "c": letter("c"),
    "len": word("len"),
    "B": letter("B"),
    "tokens": word("tokens"),
    "L": letter("L"),
    "J": letter("J"),
    "push": word("push"),
}
"""How the symbols that every method has are written; a method brings those of its own."""


def sources() -> frozenset[str]:
    """Every function that computes a symbol, "module:name" inside `grpo_core`."""
    functions = [method.surrogate for method in METHODS.values()]
    switches: list[Mapping[str, Any]] = [
        *(ADVANTAGES, TOKEN_ADVANTAGES, LEVELS, KL_ESTIMATORS, AGGREGATIONS)
    ]
    for switch in switches:
        functions += [getattr(choice, "function", choice) for choice in switch.values()]
    named = [source_name(function) for function in [*functions, SEVERAL.function]]
    return frozenset([REWARD, LOGPROBS, OBJECTIVE, PUSH, OPTIONS, *named])


@dataclass(frozen=True)
class Symbol:
    """One symbol at one token.

    Attributes:
        value: NaN where it has none.
        entry: its name in the glossary.
        source: what computes it, "module:name" inside `grpo_core`.
        meaning: one sentence, where the glossary has none.
    """

    value: float
    entry: str
    source: str
    meaning: str = ""


def advantage_of(config: GRPOConfig) -> Advantage | TokenAdvantage:
    """The record of the way to an advantage.

    Raises:
        LabError: it is unknown, or one for training alone.
    """
    if config.multi_objective_aggregation == "normalize_then_sum":
        return SEVERAL
    found = choose({**ADVANTAGES, **TOKEN_ADVANTAGES}, config.scale_rewards, "scale_rewards")
    if not isinstance(found, Advantage | TokenAdvantage):
        raise LabError(f"scale_rewards '{config.scale_rewards}' has no formula.")
    return found


@dataclass(frozen=True)
class Line:
    """One line of a method's formula.

    Attributes:
        name: of the line.
        symbol: what it computes.
        formula: how; empty where only words tell.
        words: in place of a formula.
        many: whether one token's numbers do not fill it, as it is made of many tokens.
    """

    name: str
    symbol: str
    formula: Formula
    words: str = ""
    many: bool = False


def lines(config: GRPOConfig) -> list[Line]:
    """The lines of a method's formula, from the reward to the push.

    Raises:
        LabError: a choice on a switch is unknown.
    """
    method, name = switches_of(config.loss_type)
    advantage = advantage_of(config)
    level = choose(LEVELS, config.importance_sampling_level, "importance_sampling_level")
    estimator = choose(KL_ESTIMATORS, config.kl_estimator, "kl_estimator")
    share = choose(AGGREGATIONS, name, "The aggregation").formula
    made = advantage.formula if isinstance(advantage, Advantage) else ()
    words = "" if isinstance(advantage, Advantage) else advantage.words
    kl = estimator.formula
    if config.use_bias_correction_kl:
        kl = (sym("rho"), bracket(*kl))
    distance = [
        Line("distance", "d", (sym("new"), op("−"), sym("ref"))),
        Line("KL", "KL", kl),
    ]

    def weighed(first: str, second: str) -> Formula:
        if not config.kl_in_loss:
            return (sym("c"), op("·"), sym(first))
        return (sym("c"), op("·"), bracket(sym(first), op("−"), sym("beta"), op("·"), sym(second)))

    return [
        Line("advantage", "A", made, words),
        Line("ratio", "rho", level.formula, many=level.many),
        Line("surrogate", "S", settled(method.formula, method.taken(numbers_in(config)))),
        *(distance if config.kl_in_loss else []),
        Line("share", "c", share),
        Line("objective", "J", weighed("S", "KL")),
        Line("push", "push", weighed("slope", "klslope")),
    ]


def written(config: GRPOConfig) -> dict[str, Node]:
    """Symbol -> how it is written, of all that the method's formula may use."""
    method, _ = switches_of(config.loss_type)
    return WRITTEN | {name: symbol.written for name, symbol in method.symbols.items()}


def symbols(found: Reconsidered, row: int, token: int) -> dict[str, Symbol]:
    """Symbol -> what it is at one token of a completion.

    Raises:
        LabError: the completion was edited, so only a model could tell.
    """
    terms = found.terms[row]
    if terms is None or token >= len(terms.push):
        raise LabError(
            "Log-probabilities of an edited completion are not available without running the model."
        )
    numbers = numbers_at(terms, token)
    objective = float(terms.objective(found.config.beta_in_loss)[token])
    return _every(found, row, token, numbers | {"objective": objective}) | _own(found, numbers)


def _own(found: Reconsidered, numbers: Mapping[str, float]) -> dict[str, Symbol]:
    """The method's own symbols."""
    method, _ = switches_of(found.config.loss_type)
    taken = method.taken(numbers_in(found.config))
    source = source_name(method.surrogate)
    return {
        name: Symbol(symbol.value(numbers, taken), symbol.entry, source, symbol.meaning)
        for name, symbol in method.symbols.items()
    }


def _every(
    found: Reconsidered, row: int, token: int, numbers: Mapping[str, float]
) -> dict[str, Symbol]:
    """The symbols that every method has."""
    c, config, credit = found.group.completions[row], found.config, found.credit
    method, name = switches_of(config.loss_type)
    ref = float("nan") if c.ref_logprobs is None else float(c.ref_logprobs[token])
    advantage = source_name(advantage_of(config).function)
    ratio = source_name(LEVELS[config.importance_sampling_level].function)
    kl = source_name(KL_ESTIMATORS[config.kl_estimator].function)
    aggregation = source_name(AGGREGATIONS[name].function)
    surrogate = source_name(method.surrogate)
    values: dict[str, Any] = {
        "r": (float(credit.rewards[row]), "completion reward", REWARD),
        "mean": (credit.mean, "group mean", advantage),
        "std": (credit.std, "group standard deviation", advantage),
        "divisor": (credit.divisor, "divisor", advantage),
        "G": (float(len(found.group.completions)), "G", OPTIONS),
        "A": (numbers["advantage"], "advantage", advantage),
        "new": (float(c.logprobs[token]), "logprobs", LOGPROBS),
        "old": (float(c.old_logprobs[token]), "old_logprobs", LOGPROBS),
        "ref": (ref, "ref_logprobs", LOGPROBS),
        "d": (float(c.logprobs[token]) - ref, "d", kl),
        "rho": (numbers["ratio"], "ratio", ratio),
        "S": (numbers["surrogate"], "surrogate", surrogate),
        "slope": (numbers["slope"], "slope", surrogate),
        "beta": (config.beta, "beta", OPTIONS),
        "KL": (numbers["kl"], "kl", kl),
        "klslope": (numbers["kl_slope"], "slope", kl),
        "c": (numbers["share"], "share", aggregation),
        "len": (float(len(c)), "length", aggregation),
        "B": (found.batch.sequences, "B", aggregation),
        "tokens": (found.batch.tokens, "tokens of the batch", aggregation),
        "L": (float(config.max_completion_length), "L", OPTIONS),
        "J": (numbers["objective"], "objective", OBJECTIVE),
        "push": (numbers["push"], "push", PUSH),
    }
    return {name: Symbol(*each) for name, each in values.items()}


@cache
def source_of(name: str) -> tuple[str, int, str]:
    """File, line and text of what computes a symbol, read without importing it.

    Raises:
        LabError: it is none of `sources()`.
    """
    if name not in sources():
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
