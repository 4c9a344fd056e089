"""The mistakes that the exercise `difficulty` of lesson 04 recognises."""

import math
from collections.abc import Callable

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson04.difficulty_exercise import difficulty, my_weight


def _weight(
    chance: Callable[[float, int, int], float] = lambda p, n, k: (
        math.comb(n, k) * p**k * (1 - p) ** (n - k)
    ),
    spread: Callable[[float, float], float] = lambda share, p: share * (1 - share),
    std: Callable[[float, int, float], float] = lambda share, n, p: math.sqrt(
        share * (1 - share) * n / (n - 1)
    ),
    relative: Callable[[float], float] = lambda p: p * (1 - p),
    divided: Callable[[bool], bool] = lambda divide: divide,
) -> Callable[..., float]:
    """A weight that is right but for what is passed in."""

    def weight(p: float, size: int, divide: bool) -> float:
        total = 0.0
        for right in range(1, size):
            share = right / size
            term = chance(p, size, right) * spread(share, p)
            total += term / (std(share, size, p) if divided(divide) else 1.0)
        return total / relative(p)

    return weight


def _over(numbers: Callable[[int], range]) -> Callable[..., float]:
    """The weight, over other numbers of right completions than 1 to G - 1."""

    def weight(p: float, size: int, divide: bool) -> float:
        return _weight(
            chance=lambda p, n, k: (
                math.comb(n, k) * p**k * (1 - p) ** (n - k) * (k in numbers(size))
            )
        )(p, size, divide)

    return weight


def _corrected_spread(p: float, size: int, divide: bool) -> float:
    return my_weight(p, size, divide) * size / (size - 1)


def _with_counts(p: float, size: int, divide: bool) -> float:
    """Right ones times wrong ones in place of their shares; the standard deviation as it is."""
    return my_weight(p, size, divide) * size**2


def _with_a_count_and_a_share(p: float, size: int, divide: bool) -> float:
    return my_weight(p, size, divide) * size


@difficulty.mistake(
    "You computed the probability of one particular order, right ones first. Any of the G "
    "completions may be the right ones: how many ways are there to choose them? (`math.comb`)"
)
def ways_forgotten() -> WrongAnswers:
    yield _weight(chance=lambda p, n, k: p**k * (1 - p) ** (n - k))


@difficulty.mistake(
    "You added up over the possible numbers of right completions as if all were equally likely. "
    "At p = 0.1 a group rarely has seven right ones of eight: weight each number by its "
    "probability."
)
def chance_forgotten() -> WrongAnswers:
    yield _weight(chance=lambda p, n, k: 1.0)
    yield _weight(chance=lambda p, n, k: 1 / (n + 1))


@difficulty.mistake(
    "This is the total effect of the advantages, which is small at both ends simply because few "
    "groups differ there. The weight is the factor of the gradient of p: the formula ends with a "
    "division by p (1 - p)."
)
def not_relative() -> WrongAnswers:
    yield _weight(relative=lambda p: 1.0)


@difficulty.mistake(
    "Without parentheses, `a / p * (1 - p)` divides by p and then *multiplies* by 1 - p. Both "
    "belong in the denominator."
)
def brackets() -> WrongAnswers:
    yield _weight(relative=lambda p: p / (1 - p))


@difficulty.mistake("You divided by the variance. GRPO divides by its square root.")
def variance() -> WrongAnswers:
    yield _weight(std=lambda share, n, p: share * (1 - share) * n / (n - 1))


@difficulty.mistake(
    "Your divisor is the population standard deviation (ddof 0). With G - 1 in its denominator it "
    "is larger by sqrt(G / (G - 1))."
)
def population_std() -> WrongAnswers:
    yield _weight(std=lambda share, n, p: math.sqrt(share * (1 - share)))


@difficulty.mistake(
    "You divided by the standard deviation of the policy, from p (1 - p). GRPO does not know p: "
    "it divides by the standard deviation of the sampled group, from f (1 - f), which differs "
    "from group to group. That belongs inside the sum."
)
def policys_spread() -> WrongAnswers:
    yield _weight(std=lambda share, n, p: math.sqrt(p * (1 - p)))
    yield _weight(std=lambda share, n, p: math.sqrt(p * (1 - p) * n / (n - 1)))


@difficulty.mistake(
    "You used p instead of the fraction of right completions in the group. A group of 8 at p = "
    "0.5 has four right ones in only about a quarter of the cases."
)
def policy_for_group() -> WrongAnswers:
    yield _weight(
        spread=lambda share, p: p * (1 - p),
        std=lambda share, n, p: math.sqrt(p * (1 - p) * n / (n - 1)),
    )
    yield _weight(spread=lambda share, p: p * (1 - p))


@difficulty.mistake(
    "You always divide, whatever `divide` says. Without dividing (Dr. GRPO) every prompt should "
    "have the same weight, (G - 1) / G."
)
def always_divided() -> WrongAnswers:
    yield _weight(divided=lambda divide: True)


@difficulty.mistake(
    "You never divide. With `divide` each group's term is to be divided by that group's standard "
    "deviation."
)
def never_divided() -> WrongAnswers:
    yield _weight(divided=lambda divide: False)


@difficulty.mistake(
    "Your loop leaves out a group that carries signal: G - 1 right ones and a single wrong one, "
    "or a single right one. `range(1, G)` already stops before G, and only 0 and G tie."
)
def an_end_left_out() -> WrongAnswers:
    yield _over(lambda size: range(1, size - 1))
    yield _over(lambda size: range(2, size))
    yield _over(lambda size: range(2, size - 1))


@difficulty.mistake("You divide where `divide` is False, and not where it is True.")
def upside_down() -> WrongAnswers:
    yield _weight(divided=lambda divide: not divide)


@difficulty.mistake(
    "Your variance contains G / (G - 1). That factor belongs only to the standard deviation, "
    "where TRL divides by G - 1; the variance in front is f (1 - f) as it is."
)
def spread_of_the_sample() -> WrongAnswers:
    yield _corrected_spread


@difficulty.mistake(
    "You used how *many* are right instead of the fraction of the group: f is the number of right "
    "ones over G."
)
def counts_for_shares() -> WrongAnswers:
    yield _with_counts
    yield _with_a_count_and_a_share


@difficulty.mistake(
    "Your variance, or your probability, contains only the right ones. A group that carries "
    "signal has wrong ones too: f times 1 - f, and a factor of 1 - p for each of them."
)
def wrong_ones_forgotten() -> WrongAnswers:
    yield _weight(spread=lambda share, p: share)
    yield _weight(chance=lambda p, n, k: math.comb(n, k) * p**k)


@difficulty.mistake(
    "You divided by the probability of a useful group. Groups that tie are sampled as well: they "
    "add nothing, but they count."
)
def useful_groups_only() -> WrongAnswers:
    yield lambda p, size, divide: my_weight(p, size, divide) / (1 - p**size - (1 - p) ** size)
