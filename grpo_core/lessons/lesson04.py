"""Lesson 04, advantages: its checks, its mistakes, its quiz."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.lessons.exercise import Case, Exercise, Mistake, number, tensor
from grpo_core.lessons.quiz import Option, Question, Quiz

EPS = 1e-4


# --- exercise 1: four ways to compare -------------------------------------------------------------


def my_advantages(rewards: Tensor, scale: str) -> Tensor:
    """Rewards (N, G), one row a group -> advantages (N, G)."""
    advantages = rewards - rewards.mean(dim=1, keepdim=True)
    if scale == "group":
        spread = rewards.std(dim=1, keepdim=True)
        advantages = advantages / (spread + 1e-4)
    elif scale == "batch":
        advantages = advantages / (rewards.std() + 1e-4)
    elif scale == "loo":
        size = rewards.shape[1]
        advantages = advantages * size / (size - 1)
    best = rewards.amax(dim=1, keepdim=True)
    worst = rewards.amin(dim=1, keepdim=True)
    return advantages.masked_fill(best == worst, 0.0)


def _mean(r: Tensor) -> Tensor:
    return r.mean(dim=1, keepdim=True)


def _tied(r: Tensor) -> Tensor:
    return r.amax(dim=1, keepdim=True) == r.amin(dim=1, keepdim=True)


Way = Callable[[Tensor], Tensor]


def _group(r: Tensor) -> Tensor:
    return (r - _mean(r)) / (r.std(dim=1, keepdim=True) + EPS)


def _batch(r: Tensor) -> Tensor:
    return (r - _mean(r)) / (r.std() + EPS)


def _none(r: Tensor) -> Tensor:
    return r - _mean(r)


def _loo(r: Tensor) -> Tensor:
    return (r - _mean(r)) * r.shape[1] / (r.shape[1] - 1)


def _ways(
    group: Way = _group,
    batch: Way = _batch,
    none: Way = _none,
    loo: Way = _loo,
    *,
    exact_ties: bool = True,
) -> Callable[[Tensor, str], Tensor]:
    """All four ways, right but for what is passed in."""
    ways = {"group": group, "batch": batch, "none": none, "loo": loo}

    def advantages(r: Tensor, scale: str) -> Tensor:
        a = ways[scale](r)
        return a.masked_fill(_tied(r), 0.0) if exact_ties else a

    return advantages


# An easy group, a hard one, and one in between whose rewards have another size.
_REWARDS = torch.tensor([[1.3, 1.0, 1.3, 0.0], [0.0, 0.0, 0.3, 0.0], [5.0, 2.0, 2.0, 4.0]])
# Two groups that tie, at 0.7, whose mean in float32 is not 0.7; and one between them that does not.
_SOME_TIED = torch.full((3, 16), 0.7)
_SOME_TIED[1, :4] = 1.0


_OF_THREE = torch.tensor([[1.0, 0.0, 0.3], [0.0, 0.0, 1.3]])


def _by(scale: str, rewards: Tensor = _REWARDS) -> Callable[[Callable[..., Any]], Tensor]:
    return lambda f: tensor(f(rewards.clone(), scale))


def _exact_zeros(f: Callable[..., Any]) -> Tensor:
    """Whether each of the four ways gives zeros, to the last bit, just where rewards tie."""
    got = [tensor(f(_SOME_TIED.clone(), s)) for s in ("group", "batch", "none", "loo")]
    return torch.stack([((a == 0) == _tied(_SOME_TIED)).all() for a in got]).float()


compare = Exercise(
    "04",
    "compare",
    solution_function=my_advantages,
    cases=[
        Case('For three groups of four and "group"', _by("group")),
        Case('For three groups of four and "batch"', _by("batch")),
        Case('For three groups of four and "none"', _by("none")),
        Case('For three groups of four and "loo"', _by("loo")),
        Case('For two groups of three and "loo"', _by("loo", _OF_THREE)),
        Case(
            "For three groups of which two tie at 0.7, where 1 says that those are exactly 0, and "
            "no other",
            _exact_zeros,
        ),
    ],
    mistakes=[
        Mistake(
            "whole_batch",
            "You subtracted the mean of the whole batch. What a completion is measured against is "
            "its own group, in all four ways; only what it is divided by differs.",
            (
                _ways(*[lambda r: r - r.mean()] * 4),
                _ways(none=lambda r: r - r.mean(), group=lambda r: (r - r.mean()) / (r.std())),
                _ways(
                    group=lambda r: (r - r.mean()) / (r.std(dim=1, keepdim=True) + EPS),
                    batch=lambda r: (r - r.mean()) / (r.std() + EPS),
                    none=lambda r: r - r.mean(),
                ),
            ),
        ),
        Mistake(
            "batch_mean",
            'Three ways are right, and for "batch" you took the mean of the batch as well. Only '
            "the divisor is the batch's: with its mean, all completions of an easy prompt would "
            "look good.",
            (_ways(batch=lambda r: (r - r.mean()) / (r.std() + EPS)),),
        ),
        Mistake(
            "mean_of_stds",
            'For "batch" you averaged the standard deviations of the groups. What is wanted is '
            "one standard deviation over all rewards of the batch as they are; differences "
            "between prompts count in it too.",
            (_ways(batch=lambda r: (r - _mean(r)) / (r.std(dim=1).mean() + EPS)),),
        ),
        Mistake(
            "std_of_differences",
            'For "batch" you took the standard deviation after subtracting the means. TRL takes '
            "that of the rewards as they came in, so differences between prompts are part of it.",
            (_ways(batch=lambda r: (r - _mean(r)) / ((r - _mean(r)).std() + EPS)),),
        ),
        Mistake(
            "population_std",
            "Your numbers are too large by sqrt(G / (G - 1)), 15% for a group of 4: that is the "
            "standard deviation of a population (ddof 0). TRL and this kit divide by G - 1, which "
            "is torch's default and not numpy's.",
            (
                _ways(
                    group=lambda r: (r - _mean(r)) / (r.std(dim=1, keepdim=True, correction=0)),
                    batch=lambda r: (r - _mean(r)) / (r.std(correction=0) + EPS),
                ),
            ),
        ),
        Mistake(
            "scale_ignored",
            "You return the same numbers whatever `scale` says. It chooses one of four ways.",
            (_ways(*[_none] * 4), _ways(_group, _group, _group, _group)),
        ),
        Mistake(
            "none_not_centered",
            'For "none" you returned the rewards as they are. It is the division that is left '
            "out; the mean of the group is subtracted in all four ways.",
            (
                _ways(none=lambda r: r),
                _ways(none=lambda r: r, batch=lambda r: (r - r.mean()) / (r.std() + EPS)),
            ),
        ),
        Mistake(
            "loo_upside_down",
            "Leaving one's own reward out of the mean makes differences larger: the factor is "
            "above 1. Yours is its inverse.",
            (_ways(loo=lambda r: (r - _mean(r)) * (r.shape[1] - 1) / r.shape[1]),),
        ),
        Mistake(
            "loo_divided_by_all",
            "You took a completion's own reward out of the sum and then divided by G. There are "
            "only G - 1 others.",
            (_ways(loo=lambda r: r - (r.sum(dim=1, keepdim=True) - r) / r.shape[1]),),
        ),
        Mistake(
            "ties_not_exactly_zero",
            "Right to four digits. But where all rewards are 0.7 your advantages are not exactly "
            "0: in float32 the mean of sixteen times 0.7 is 0.69999994. Whether a small number "
            "beside the standard deviation hides that depends on how small it is. A tie can be "
            "seen before any arithmetic, in each group for itself: the best reward of the group "
            "is the worst one.",
            (
                _ways(exact_ties=False),
                _ways(group=lambda r: (r - _mean(r)) / r.std(1, keepdim=True), exact_ties=False),
            ),
        ),
        Mistake(
            "brackets",
            "An operation comes before another that you meant to be first: `r - mean / std` "
            "divides the mean alone, and `a * G / G - 1` subtracts 1 at the end. Set brackets.",
            (
                _ways(group=lambda r: r - _mean(r) / (r.std(dim=1, keepdim=True) + EPS)),
                _ways(loo=lambda r: (r - _mean(r)) * r.shape[1] / r.shape[1] - 1),
                _ways(batch=lambda r: r - _mean(r) / (r.std() + EPS)),
            ),
        ),
        Mistake(
            "variance",
            "You divided by a variance. Its square root is wanted, which has the unit of the "
            "rewards.",
            (
                _ways(group=lambda r: (r - _mean(r)) / (r.var(dim=1, keepdim=True) + EPS)),
                _ways(batch=lambda r: (r - _mean(r)) / (r.var() + EPS)),
            ),
        ),
        Mistake(
            "batch_by_columns",
            'For "batch" you took a standard deviation down each column. A column is no set of '
            "anything: the third completions of different prompts. One number over all rewards of "
            "the batch is wanted.",
            (_ways(batch=lambda r: (r - _mean(r)) / (r.std(dim=0, keepdim=True) + EPS)),),
        ),
        Mistake(
            "divided_once_too_often",
            'Only "group" and "batch" divide by a standard deviation. In yours "none" or "loo" '
            "does so too.",
            (
                _ways(none=_group),
                _ways(none=_batch),
                _ways(loo=lambda r: _loo(r) / (r.std(dim=1, keepdim=True) + EPS)),
                _ways(loo=lambda r: _loo(r) / (r.std() + EPS)),
                _ways(loo=_group),
            ),
        ),
        Mistake(
            "one_way_missing",
            "One of the four ways is missing: for it you give what another one gives. Is each "
            "name spelled as in the table, and is every `if` reached?",
            (_ways(batch=_none), _ways(batch=_group), _ways(loo=_none)),
        ),
        Mistake(
            "always_four",
            'Right for groups of four. For "loo" the factor has the size of the group in it, and '
            "groups of another size have another one.",
            (_ways(loo=lambda r: (r - _mean(r)) * 4 / 3),),
        ),
        Mistake(
            "groups_counted",
            'For "loo" you counted groups, not completions: the length of the tensor is the '
            "number of its rows. The size of a group is the length of a row.",
            (
                _ways(loo=lambda r: (r - _mean(r)) * len(r) / (len(r) - 1)),
                _ways(loo=lambda r: (r - _mean(r)) * r.numel() / (r.numel() - 1)),
            ),
        ),
    ],
    hints=[
        "One line is common to all four ways, and it comes first. Then one `if` a way.",
        "torch has `rewards.std(dim=1, keepdim=True)` for one number a group, and `rewards.std()` "
        "for one in all. Both divide by one less than they count, as is wanted.",
        "For the last way no second mean is needed: notebook 01 found the factor between the mean "
        "of the others and the mean of all.",
    ],
    well_done="your four ways are right, and a group that ties gets exactly 0 from each.",
)


# --- exercise 2: what dividing does to hard and easy prompts --------------------------------------


def my_weight(p: float, size: int, divide: bool) -> float:
    """What the gradient of p is multiplied by, on average over groups."""
    total = 0.0
    for right in range(1, size):  # 0 and all right are ties: they add 0
        chance = p**right * (1 - p) ** (size - right)
        chance *= math.comb(size, right)
        spread = right / size * (1 - right / size)
        std = math.sqrt(spread * size / (size - 1))
        total += chance * spread / (std if divide else 1.0)
    return total / (p * (1 - p))


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


def _weights(size: int, divide: bool) -> Callable[[Callable[..., Any]], Tensor]:
    def run(f: Callable[..., Any]) -> Tensor:
        return torch.tensor([number(f(p, size, divide)) for p in (0.1, 0.5, 0.9)])

    return run


difficulty = Exercise(
    "04",
    "difficulty",
    solution_function=my_weight,
    cases=[
        Case("For groups of 8, p = 0.1, 0.5, 0.9, not divided", _weights(8, False)),
        Case("For groups of 8, p = 0.1, 0.5, 0.9, divided", _weights(8, True)),
        Case("For groups of 2, p = 0.1, 0.5, 0.9, divided", _weights(2, True)),
    ],
    mistakes=[
        Mistake(
            "ways_forgotten",
            "You have the chance of one particular order, right ones first. Any of the G "
            "completions may be the right ones: how many ways are there to choose them? "
            "(`math.comb`)",
            (_weight(chance=lambda p, n, k: p**k * (1 - p) ** (n - k)),),
        ),
        Mistake(
            "chance_forgotten",
            "You added up over the possible numbers of right completions as if all were equally "
            "likely. At p = 0.1 a group has seldom seven right ones of eight: weigh each by its "
            "chance.",
            (_weight(chance=lambda p, n, k: 1.0), _weight(chance=lambda p, n, k: 1 / (n + 1))),
        ),
        Mistake(
            "not_relative",
            "This is how far the advantages push, and it is small at both ends for the simple "
            "reason that there is little to push there. The weight is what the gradient of p is "
            "multiplied by: the formula ends with a division by p (1 - p).",
            (_weight(relative=lambda p: 1.0),),
        ),
        Mistake(
            "brackets",
            "Without a bracket `a / p * (1 - p)` divides by p and then *multiplies* by 1 - p. Both "
            "belong below the line.",
            (_weight(relative=lambda p: p / (1 - p)),),
        ),
        Mistake(
            "variance",
            "You divided by the variance. GRPO divides by its square root.",
            (_weight(std=lambda share, n, p: share * (1 - share) * n / (n - 1)),),
        ),
        Mistake(
            "population_std",
            "Your divisor is the standard deviation of a population (ddof 0). With G - 1 in its "
            "denominator it is larger by sqrt(G / (G - 1)).",
            (_weight(std=lambda share, n, p: math.sqrt(share * (1 - share))),),
        ),
        Mistake(
            "policys_spread",
            "You divided by the spread of the policy, p (1 - p). GRPO does not know p: it divides "
            "by the spread of the group that was drawn, f (1 - f), which differs from group to "
            "group. That belongs inside the sum.",
            (
                _weight(std=lambda share, n, p: math.sqrt(p * (1 - p))),
                _weight(std=lambda share, n, p: math.sqrt(p * (1 - p) * n / (n - 1))),
            ),
        ),
        Mistake(
            "policy_for_group",
            "You put p where the share of right completions in the group belongs. A group of 8 at "
            "p = 0.5 has four right ones only in about a quarter of the cases.",
            (
                _weight(
                    spread=lambda share, p: p * (1 - p),
                    std=lambda share, n, p: math.sqrt(p * (1 - p) * n / (n - 1)),
                ),
                _weight(spread=lambda share, p: p * (1 - p)),
            ),
        ),
        Mistake(
            "always_divided",
            "You divide whatever `divide` says. Without dividing (Dr. GRPO) every prompt should "
            "come out alike, at (G - 1) / G.",
            (_weight(divided=lambda divide: True),),
        ),
        Mistake(
            "never_divided",
            "You never divide. With `divide` each group's term is to be divided by that group's "
            "standard deviation.",
            (_weight(divided=lambda divide: False),),
        ),
        Mistake(
            "an_end_left_out",
            "Your loop leaves out a group that teaches: G - 1 right ones and a single wrong one, "
            "or a single right one. `range(1, G)` ends before G by itself, and only 0 and G tie.",
            (
                _over(lambda size: range(1, size - 1)),
                _over(lambda size: range(2, size)),
                _over(lambda size: range(2, size - 1)),
            ),
        ),
        Mistake(
            "upside_down",
            "You divide where `divide` is False, and not where it is True.",
            (_weight(divided=lambda divide: not divide),),
        ),
        Mistake(
            "spread_of_the_sample",
            "Your spread has G / (G - 1) in it. That belongs to the standard deviation, which TRL "
            "takes of a sample; the spread in front is f (1 - f) as it is.",
            (_corrected_spread,),
        ),
        Mistake(
            "counts_for_shares",
            "You put how *many* are right where the share of the group belongs: f is right ones "
            "over G.",
            (_with_counts, _with_a_count_and_a_share),
        ),
        Mistake(
            "wrong_ones_forgotten",
            "Your spread, or your chance, has only the right ones in it. In a group that teaches "
            "there are wrong ones too: f times 1 - f, and a factor of 1 - p for each of them.",
            (
                _weight(spread=lambda share, p: share),
                _weight(chance=lambda p, n, k: math.comb(n, k) * p**k),
            ),
        ),
        Mistake(
            "useful_groups_only",
            "You divided by the chance of a useful group. Groups that tie are drawn as well: they "
            "add nothing, and they count.",
            (lambda p, size, divide: my_weight(p, size, divide) / (1 - p**size - (1 - p) ** size),),
        ),
    ],
    hints=[
        "A loop over how many of the G are right, from 1 to G - 1. Each turn adds three things "
        "multiplied: a chance, a spread, and one over a standard deviation (or over 1).",
        "The chance of `right` right ones is the binomial: the number of ways to choose them, "
        "times p for each right one, times 1 - p for each wrong one.",
        "Test yours without dividing: it has to be 7/8 for groups of 8, whatever p is. And "
        "divided, groups of 2 give 0.707, everywhere.",
    ],
    well_done=(
        "your weights are right: without dividing all prompts count alike, and with it the hard "
        "and the easy ones count for more."
    ),
)


# --- exercise 3: process supervision --------------------------------------------------------------


def my_process(step_rewards: Tensor, step_ends: Tensor) -> Tensor:
    """Rewards (G, T), read where step_ends (G, T) is True -> (G, T)."""
    pool = step_rewards[step_ends]
    scaled = torch.zeros_like(step_rewards)
    scaled[step_ends] = (pool - pool.mean()) / (pool.std() + 1e-4)
    return scaled.flip(1).cumsum(1).flip(1)


def _pooled(r: Tensor, ends: Tensor, correction: int = 1) -> Tensor:
    pool = r[ends]
    out = torch.zeros_like(r)
    out[ends] = (pool - pool.mean()) / (pool.std(correction=correction) + EPS)
    return out


def _to_come(x: Tensor) -> Tensor:
    """At each token the sum over what stands there and later."""
    return x.flip(1).cumsum(1).flip(1)


def _strictly_later(x: Tensor) -> Tensor:
    return _to_come(x) - x


def _by_row(r: Tensor, ends: Tensor) -> Tensor:
    """Scaled within each completion; a completion of one step has nothing to compare."""
    out = torch.zeros_like(r)
    for row, end, to in zip(r, ends, out, strict=True):
        pool = row[end]
        std = pool.std() if len(pool) > 1 else torch.tensor(0.0)
        to[end] = (pool - pool.mean()) / (std + EPS)
    return out


def _normal(x: Tensor, over: Tensor) -> Tensor:
    return (x - over.mean()) / (over.std() + EPS)


def _mean_to_come(r: Tensor, ends: Tensor) -> Tensor:
    count = _to_come(ends.to(r.dtype)).clamp(min=1)
    return _to_come(_pooled(r, ends)) / count


_STEP_ENDS = torch.tensor([[0, 1, 0, 1, 0, 1], [0, 0, 1, 0, 1, 0], [1, 0, 0, 0, 0, 1]]).bool()
# what stands where no step ends must not be read
_STEP_REWARDS = torch.tensor([[9.0, 1, 9, 1, 9, 2], [-7.0, -7, 0, -7, 1, -7], [0.0, 5, 5, 5, 5, 0]])
_OUTCOME_ENDS = torch.tensor([[0, 0, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]]).bool()
_OUTCOMES = torch.tensor([[0.0, 0, 1], [0, 0, 0], [0, 0, 1.3], [0.3, 0, 0]])

process = Exercise(
    "04",
    "process",
    solution_function=my_process,
    cases=[
        Case(
            "For three completions with three, two and two steps",
            lambda f: tensor(f(_STEP_REWARDS.clone(), _STEP_ENDS.clone())),
        ),
        Case(
            "With one step a completion, at its end",
            lambda f: tensor(f(_OUTCOMES.clone(), _OUTCOME_ENDS.clone())),
        ),
    ],
    mistakes=[
        Mistake(
            "looks_back",
            "You added up the steps *before* each token. A token is not answerable for what was "
            "there already, only for what came of it: the steps that end with it or after it.",
            (lambda r, e: _pooled(r, e).cumsum(1),),
        ),
        Mistake(
            "own_step_left_out",
            "The last token of a step gets nothing for it: you counted only steps that end later. "
            "It is the token that ends the step, so it is answerable for it too.",
            (lambda r, e: _strictly_later(_pooled(r, e)),),
        ),
        Mistake(
            "last_token_only",
            "Only the tokens on which a step ends have an advantage. All the tokens that led to "
            "it should have a share: sum what is still to come.",
            (_pooled,),
        ),
        Mistake(
            "each_for_itself",
            "You compared the steps of each completion with one another. Then a completion of bad "
            "steps is as good as one of good steps. All steps of all completions are one pool.",
            (
                lambda r, e: _to_come(_by_row(r, e)),
                lambda r, e: _to_come(
                    (r * e - _mean(r * e)) / ((r * e).std(dim=1, keepdim=True) + EPS) * e
                ),
            ),
        ),
        Mistake(
            "same_for_all",
            "All tokens of a completion get the same in yours, the sum of all its steps. A token "
            "is answerable for what ends with it or after it: behind the first step that one no "
            "longer counts.",
            (lambda r, e: _pooled(r, e).sum(dim=1, keepdim=True).expand_as(r),),
        ),
        Mistake(
            "wrong_axis",
            "You added up over completions, down the columns. Tokens are along dim=1.",
            (lambda r, e: _pooled(r, e).flip(0).cumsum(0).flip(0),),
        ),
        Mistake(
            "everything_pooled",
            "Your mean and standard deviation are over all positions, also those where no step "
            "ends and where anything may stand. Only what `step_ends` marks is a reward.",
            (
                lambda r, e: _to_come(_normal(r, r) * e),
                lambda r, e: _to_come(_normal(r * e, r * e) * e),
                lambda r, e: _to_come(_normal(r, r)),
            ),
        ),
        Mistake(
            "added_first",
            "You added rewards up first and normalised afterwards. Each step is compared with the "
            "other steps first; then a token adds up what its steps came to.",
            (
                lambda r, e: _normal(_to_come(r * e), _to_come(r * e)),
                lambda r, e: _normal(_to_come(r * e), _to_come(r * e)[:, 0]),
            ),
        ),
        Mistake(
            "not_normalised",
            "You added up the rewards as they are. Without subtracting the mean of all steps, "
            "none is ever worse than another, and a true step pushes everything before it up.",
            (lambda r, e: _to_come(r * e),),
        ),
        Mistake(
            "not_divided",
            "You subtracted the mean and did not divide by the standard deviation of the pool.",
            (lambda r, e: _to_come((r - r[e].mean()) * e),),
        ),
        Mistake(
            "population_std",
            "Your numbers are a little too large: that is the standard deviation of a population "
            "(ddof 0). As everywhere in this kit it is the sample's.",
            (lambda r, e: _to_come(_pooled(r, e, correction=0)),),
        ),
        Mistake(
            "averaged",
            "You took the mean over the steps to come, where the paper takes their sum. (It would "
            "make many true steps worth no more than one. Keep that thought for the next "
            "section.)",
            (_mean_to_come,),
        ),
        Mistake(
            "turned_round",
            "Right numbers, and they stand in reverse: you turned the row round to add up from "
            "its end, and did not turn it back.",
            (lambda r, e: _pooled(r, e).flip(1).cumsum(1),),
        ),
        Mistake(
            "not_centered",
            "You divided by the standard deviation of the pool and did not subtract its mean. "
            "Then hardly a step is ever worse than another.",
            (
                lambda r, e: _to_come(r / (r[e].std() + EPS) * e),
                lambda r, e: _to_come((r - r[e].mean() / (r[e].std() + EPS)) * e),
            ),
        ),
        Mistake(
            "centered_twice",
            "You compared the sums once more afterwards. The steps have been compared already; "
            "what a token adds up is its advantage.",
            (
                lambda r, e: _normal(my_process(r, e), my_process(r, e)),
                lambda r, e: my_process(r, e) - my_process(r, e).mean(dim=0),
                lambda r, e: my_process(r, e) - _mean(my_process(r, e)),
            ),
        ),
    ],
    hints=[
        "Three steps: collect the rewards of all steps into one pool; write each back, "
        "normalised, to where its step ends; then let every token add up what is still to come.",
        "`step_rewards[step_ends]` is the pool, a row of numbers, and a tensor of zeros can be "
        "filled through the same mask.",
        "torch's `cumsum` adds from the left. To add from the right: flip, add, flip back.",
    ],
    well_done=(
        "your advantages are right, and with one step a completion they are those of the outcome."
    ),
)


# --- quiz -----------------------------------------------------------------------------------------

quiz = Quiz(
    "04",
    Question(
        "pay",
        "One of eight completions is right, reward 1, the others have 0. You pay 100 for a right "
        "answer instead. What happens to GRPO's advantages?",
        [
            Option(
                "Nothing: the spread grows as much as the differences.",
                "Difference to the mean and standard deviation are both 100 times as large.",
                right=True,
            ),
            Option(
                "They grow 100 times, and the step with them.",
                "They would without the division. What is divided by its own spread has no unit.",
            ),
            Option(
                "They grow until the clip stops them.",
                "The clip looks at how far probabilities have moved, not at rewards.",
            ),
        ],
    ),
    Question(
        "numpy",
        "You compute advantages with numpy's `std()` and a colleague with torch's, for G = 4. How "
        "do they differ?",
        [
            Option(
                "Not at all: a standard deviation is a standard deviation.",
                "The two libraries divide by different numbers unless told otherwise.",
            ),
            Option(
                "Yours are 15% larger, which acts like a 15% larger learning rate.",
                "numpy divides by G, torch by G - 1: sqrt(4/3) = 1.155, the same for every group.",
                right=True,
            ),
            Option(
                "Yours are noisier.",
                "They are the same numbers up to one factor, so exactly as noisy.",
            ),
            Option(
                "Yours are biased towards hard prompts.",
                "The factor depends on G alone, and so favours no prompt.",
            ),
        ],
    ),
    Question(
        "hard",
        "Prompt A is solved in 5% of the cases, prompt B in 50%. Groups of 16, advantages divided "
        "by the group's standard deviation. Whose chance p gets the larger weight?",
        [
            Option(
                "B's: half of its completions are right, so more of them have an advantage.",
                "It does have more to push. But asked is what each step of p is worth, and for "
                "that its spread is divided out.",
            ),
            Option(
                "A's: its spread is small, and dividing by something small makes large.",
                "About 1 / sqrt(p (1 - p)), until so few groups have any right answer that ties "
                "take over.",
                right=True,
            ),
            Option(
                "Both get the same.",
                "So it is without the division, which is why Dr. GRPO leaves it out.",
            ),
        ],
    ),
    Question(
        "batch",
        'Half of your groups tie. You change scale_rewards from "group" to "batch". What do the '
        "tied groups teach now?",
        [
            Option(
                "Something: the batch's standard deviation is not 0.",
                "It is not. But what is divided by it, the difference to the group's mean, is.",
            ),
            Option(
                "Nothing, as before.",
                "No completion differs from the mean of its group, whatever one divides by.",
                right=True,
            ),
            Option(
                "They are compared with other prompts' completions.",
                "The mean stays the group's in every one of the four ways.",
            ),
        ],
    ),
    Question(
        "lines",
        "With process supervision each true line of work earns 1 and each false one 0; the group "
        "has some of both. What will a clever policy learn?",
        [
            Option(
                "To reach the answer in as few lines as it can.",
                "A true line is worth more than the mean, and every further one adds to that.",
            ),
            Option(
                "To write one line, the safest one.",
                "One true line is good; two are better, since a token adds up all steps to come.",
            ),
            Option(
                "To write many easy true lines, whether or not they lead anywhere.",
                "The rule pays by the line. DeepSeek-R1 gave process rewards up, for this reason "
                "among others.",
                right=True,
            ),
        ],
    ),
)
