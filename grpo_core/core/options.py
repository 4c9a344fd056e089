"""How an option of a run is declared: once, where its field is.

    temperature: float = option(1.0, "Sampling temperature.", bound=POSITIVE, origin=TRL)

The checks of a configuration, the help of the command line, the controls of the dashboard and the
reference page (docs/options.md) follow from the declaration.
"""

from dataclasses import dataclass, field
from typing import Any

from grpo_core.core.errors import LabError

TRL = "trl.GRPOConfig"
PPO = "trl.PPOConfig, which TRL 1.16 no longer has"
KIT = "GRPO Lab"


@dataclass(frozen=True)
class Bound:
    """The values that a number may have.

    Attributes:
        low, high: None where there is no bound on that side.
        low_included, high_included: whether the bound itself is allowed.
    """

    low: float | None = None
    high: float | None = None
    low_included: bool = True
    high_included: bool = True

    def allows(self, value: float) -> bool:
        """Return whether a number is within the bound."""
        if value == self.low:
            return self.low_included
        if value == self.high:
            return self.high_included
        return (self.low is None or value > self.low) and (self.high is None or value < self.high)

    def __bool__(self) -> bool:
        """Whether there is a bound on either side."""
        return self.low is not None or self.high is not None

    def __str__(self) -> str:
        """What a value must be, in words: "between 0 and 1", "0 or above and below 1"."""
        if None not in (self.low, self.high) and self.low_included and self.high_included:
            return f"between {self.low:,} and {self.high:,}"
        words = []
        if self.low is not None:
            words.append(f"{self.low:,} or above" if self.low_included else f"above {self.low:,}")
        if self.high is not None:
            words.append(f"at most {self.high:,}" if self.high_included else f"below {self.high:,}")
        return " and ".join(words)


ANY = Bound()
POSITIVE = Bound(0, low_included=False)
NOT_NEGATIVE = Bound(0)
SHARE = Bound(0, 1)
BELOW_ONE = Bound(0, 1, high_included=False)


def positive(high: float) -> Bound:
    """Return the bound of numbers above 0 and at most `high`."""
    return Bound(0, high, low_included=False)


@dataclass(frozen=True)
class Option:
    """What is declared of an option, beside its name, type and default.

    Attributes:
        meaning: one sentence, or two.
        origin: whose name and meaning it is: TRL, PPO or KIT.
        bound: what a number must be.
        choices: the names it may have; () for any, or where a registry decides.
    """

    meaning: str
    origin: str = KIT
    bound: Bound = ANY
    choices: tuple[str, ...] = ()

    def check(self, name: str, value: Any) -> None:
        """Refuse a value that is out of bounds or no choice; None, for an unset number, passes.

        Raises:
            LabError: it is.
        """
        if self.choices and value not in self.choices:
            known = ", ".join(self.choices)
            raise LabError(f"There is no {name} '{value}'. Known: {known}.")
        if isinstance(value, int | float) and not self.bound.allows(value):
            raise LabError(f"{name} must be {self.bound}, not {value:,}.")


def option(
    default: Any,
    meaning: str,
    *,
    origin: str = KIT,
    bound: Bound = ANY,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a field of a configuration; see `Option`.

    Args:
        default: its value, or a function that makes one, such as `dict`.
    """
    declared = {"option": Option(meaning, origin, bound, choices)}
    if callable(default):
        return field(default_factory=default, metadata=declared)
    return field(default=default, metadata=declared)
