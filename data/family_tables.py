"""The tables of docs/algorithms.md, made from the registry of methods and the presets."""

from typing import Any

from grpo_core.algorithm import formula
from grpo_core.algorithm.method import Method, Number
from grpo_core.algorithm.methods import METHODS, switches_of
from grpo_core.algorithm.presets import DESCRIBED, PRESETS
from grpo_core.analysis.lens.symbols import WRITTEN
from grpo_core.core.config import GRPOConfig


def presets() -> str:
    """Every preset with its choice on each switch."""
    rows = [["preset", "advantage", "level", "surrogate", "aggregation", "KL", "around it"]]
    rows[0].append("paper (arXiv)")
    for name, described in DESCRIBED.items():
        settings = GRPOConfig.from_dict(PRESETS[name])
        method, aggregation = switches_of(settings.loss_type)
        numbers = {number.name: getattr(settings, number.name) for number in method.numbers}
        cells = [f"`{name}`", settings.scale_rewards, settings.importance_sampling_level]
        cells += [method.in_words(numbers), aggregation, _kl(settings)]
        rows.append([*cells, described.around, described.paper])
    return _markdown(rows)


def methods() -> str:
    """Every method with what it maximises, its numbers and where it comes from."""
    rows = [["method", "maximised", "numbers and their defaults", "`loss_type`", "source"]]
    for method in METHODS.values():
        written = WRITTEN | {name: symbol.written for name, symbol in method.symbols.items()}
        source = ", ".join(filter(None, (method.paper.source, method.paper.place)))
        cells = [f"`{method.name}`: {method.label}"]
        cells.append(f"`{formula.text(method.formula, written)}`")
        cells.append("; ".join(map(_number, method.numbers)) or "none")
        rows.append([*cells, _loss_types(method), source])
    return _markdown(rows)


def verified() -> str:
    """Every preset with what it is compared with, and the tests of its properties."""
    rows = [["preset", "against TRL", "by property"]]
    for name, preset in DESCRIBED.items():
        method, _ = switches_of(PRESETS[name]["loss_type"])
        against = preset.against_trl or _against_trl(method)
        rows.append([f"`{name}`", against, preset.by_property])
    every = (
        "`test_objective.py` and `test_closed_forms.py`, for every method",
        "`test_terms.py::test_every_preset`",
        "`test_update.py::test_the_gradient_is_the_objectives`",
        "`test_trainer.py::test_every_preset_trains`",
    )
    return _markdown([*rows, ["every row", "", ", ".join(every)]])


def _against_trl(method: Method) -> str:
    if not method.trl:
        return "TRL has none"
    trainer = method.trl.rpartition(".")[2]
    return "loss and gradient" + ("" if trainer == "GRPOTrainer" else f", TRL's {trainer}")


def _kl(settings: GRPOConfig) -> str:
    if not settings.needs_reference:
        return "none"
    place = "loss" if settings.kl_in_loss else "reward"
    return f"{settings.kl_estimator} in the {place}, {settings.beta}"


def _number(number: Number) -> str:
    default = "none" if number.default is None else f"{number.default:g}"
    bound = f", {number.bound}" if number.bound else ""
    return f"`{number.name}` {default}{bound}"


def _loss_types(method: Method) -> str:
    return ", ".join(f"`{name}` ({how})" for name, how in method.loss_types.items())


def _markdown(rows: list[list[Any]]) -> str:
    lines = [f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:], ""])
