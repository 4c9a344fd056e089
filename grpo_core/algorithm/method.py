"""What a method is: one surrogate of the family, and everything that the kit knows about it.

Each method is one module of `methods/` with a record of this type, `METHOD`. The objective, the
lens, the page's formula, the options of a run and the tables of docs/algorithms.md are made from
these records; none of them names a method.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from grpo_core.algorithm.choices import Array
from grpo_core.algorithm.formula import Formula, Symbol
from grpo_core.core.options import NOT_NEGATIVE, TRL, Bound, Option, option

if TYPE_CHECKING:
    from torch import Tensor

Numbers = Mapping[str, Any]
"""The numbers of a method by their names; None for one that is not set."""


@dataclass(frozen=True)
class Number:
    """A number of a method: an option of a run, which the method's functions receive by its name.

    Attributes:
        name: TRL's, where TRL has it.
        default: None where leaving it out has a meaning of its own.
        meaning: one sentence.
        bound: what the value must be.
        refused: how a method that does not take the number says so; "" to ignore it there.
        origin: whose name and meaning it is, see options.py.
    """

    name: str
    default: float | None
    meaning: str
    bound: Bound = NOT_NEGATIVE
    refused: str = ""
    origin: str = TRL

    def as_option(self) -> Any:
        """Return the field of a configuration that holds the number."""
        return option(self.default, self.meaning, origin=self.origin, bound=self.bound)

    def check(self, value: float | None) -> None:
        """Refuse a value that is out of bounds.

        Raises:
            LabError: it is.
        """
        Option(self.meaning, self.origin, self.bound).check(self.name, value)


@dataclass(frozen=True)
class Paper:
    """Where a method comes from.

    Attributes:
        source: "arXiv 1707.06347", or a doi.
        place: the section or equation; "" where the paper as a whole is meant.
    """

    source: str
    place: str = ""


@dataclass(frozen=True)
class Preset:
    """A paper's method: options under its name.

    Attributes:
        label: how the name is written, "Dr. GRPO".
        paper: where it comes from, for the table of docs/algorithms.md.
        settings: options of GRPOConfig, where they differ from `presets.PLAIN`.
        around: what belongs to the method outside the objective.
        against_trl: how it is compared with TRL, where not as its method is.
        by_property: the tests of its properties, beside those of every method.
    """

    label: str
    paper: str
    settings: Mapping[str, Any]
    around: str = ""
    against_trl: str = ""
    by_property: str = ""


@dataclass(frozen=True)
class Tokens:
    """A recorded completion, as a closed form takes it; each (T,) float64.

    Attributes:
        logprobs: log pi_theta.
        log_ratio: log pi_theta - log pi_old, token by token.
        ratio: rho; the completion's own at each of its tokens, where it has one.
        advantages: A.
        moved: how many tokens' ratios move as much as a token's log-probability does.
    """

    logprobs: Array
    log_ratio: Array
    ratio: Array
    advantages: Array
    moved: int = 1

    def through_ratio(self, by_ratio: Array) -> Array:
        """The slope of a surrogate whose derivative with respect to the ratio is given.

        d ratio / d log pi is the ratio, once per token. A completion's own ratio moves with the
        mean or the sum of its log-ratios, and with it the surrogates of all its tokens.
        """
        return by_ratio * self.ratio * self.moved


def nothing_refused(numbers: Numbers) -> None:
    """Take the numbers as they are."""


@dataclass(frozen=True)
class Method:
    """A surrogate and what belongs to it.

    Attributes:
        name: of the choice on the switch "surrogate".
        label: its name in words.
        paper: where it comes from.
        loss_types: TRL's loss_type -> the aggregation that comes with it.
        surrogate: torch. (ratio, advantages, ...) -> (B, T), or (B, 1) for one value per
            completion, to be maximised. By name it takes what it needs of `logprobs`, `log_ratio`
            and `mask`, each (B, T), and of its numbers.
        closed_form: numpy. (Tokens, numbers) -> (T,) the surrogate, and (T,) its slope: the
            derivative of all the completion's surrogates with respect to the token's
            log-probability.
        formula: the surrogate as data.
        in_words: numbers -> the method and its numbers in a few words.
        numbers: its options.
        symbols: of the formula, beside those that every method has (analysis/lens/symbols.py).
        presets: the papers' names for it, beside those of presets.py.
        refuse: raises LabError for numbers that do not go together.
        own_ratio: why importance_sampling_level must stay at "token"; "" where it need not.
        whole: whether the surrogate is one value per completion.
        counted: (ratio, log_ratio, advantages, numbers) -> TRL's metric names, each with the
            tokens it is the share of. Comparisons only, so that it takes tensors and arrays alike.
        held: the metric in `counted` of the tokens that are left without gradient; "" for none.
        trl: the trainer in TRL that has it, "GRPOTrainer"; "" for none.
    """

    name: str
    label: str
    paper: Paper
    loss_types: Mapping[str, str]
    surrogate: Callable[..., Any]
    closed_form: Callable[[Tokens, Numbers], tuple[Array, Array]]
    formula: Formula
    in_words: Callable[[Numbers], str]
    numbers: tuple[Number, ...] = ()
    symbols: Mapping[str, Symbol] = field(default_factory=dict)
    presets: Mapping[str, Preset] = field(default_factory=dict)
    refuse: Callable[[Numbers], None] = nothing_refused
    own_ratio: str = ""
    whole: bool = False
    counted: Callable[..., dict[str, Any]] | None = None
    held: str = ""
    trl: str = ""

    @cached_property
    def parameters(self) -> frozenset[str]:
        """The names of what the surrogate takes."""
        return frozenset(inspect.signature(self.surrogate).parameters)

    def maximised(self, ratio: Tensor, advantages: Tensor, **given: Any) -> Tensor:
        """Return the surrogate, given what of `given` it takes."""
        taken = {name: value for name, value in given.items() if name in self.parameters}
        surrogate: Tensor = self.surrogate(ratio, advantages, **taken)
        return surrogate

    def taken(self, numbers: Numbers) -> dict[str, Any]:
        """Of all methods' numbers, those that this one takes."""
        return {number.name: numbers[number.name] for number in self.numbers}
