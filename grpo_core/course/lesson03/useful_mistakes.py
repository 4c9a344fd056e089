"""The mistakes that the exercise `useful` of lesson 03 recognises."""

import torch

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson03.useful_exercise import useful


@useful.mistake(
    "You count a group that is all right as useful. Its rewards tie, and it carries no signal: "
    "every advantage is 0."
)
def all_right_forgotten() -> WrongAnswers:
    yield lambda p, size: 1 - (1 - p) ** size


@useful.mistake(
    "You count a group that is all wrong as useful. Its rewards tie, and it carries no signal: no "
    "completion is better than the rest."
)
def all_wrong_forgotten() -> WrongAnswers:
    yield lambda p, size: 1 - p**size


@useful.mistake(
    "That is the probability of a useless group: all right or all wrong. Return the probability "
    "of a useful one."
)
def complement() -> WrongAnswers:
    yield lambda p, size: p**size + (1 - p) ** size


@useful.mistake(
    "You multiplied 'not all right' by 'not all wrong' as if they were independent. 'All right' "
    "and 'all wrong' exclude each other, so subtract both probabilities from 1."
)
def multiplied() -> WrongAnswers:
    yield lambda p, size: (1 - p**size) * (1 - (1 - p) ** size)


@useful.mistake(
    "You multiplied the probability of all right by that of all wrong: no group is both. It is "
    "useless if it is the one *or* the other, so add the two probabilities."
)
def both_at_once() -> WrongAnswers:
    yield lambda p, size: 1 - p**size * (1 - p) ** size
    yield lambda p, size: p**size * (1 - p) ** size


@useful.mistake(
    "That is the probability of exactly one right completion. Two right and two wrong ones are "
    "just as useful."
)
def exactly_one_right() -> WrongAnswers:
    yield lambda p, size: size * p * (1 - p) ** (size - 1)


@useful.mistake("That is right for groups of 2 and does not depend on G.")
def pair() -> WrongAnswers:
    yield lambda p, size: 2 * p * (1 - p)
    yield lambda p, size: 1 - p**2 - (1 - p) ** 2


@useful.mistake(
    "The probability that G completions are all right is p times p times p ...: a power, not G "
    "times p."
)
def times_for_power() -> WrongAnswers:
    yield lambda p, size: 1 - size * p - size * (1 - p)
    yield lambda p, size: size * p * (1 - p)
    yield lambda p, size: 1 - size * p


@useful.mistake(
    "Subtract both probabilities from 1. `1 - a + b` adds the second one back, and `1 - p**G - 1 "
    "- p**G` has no parentheses around 1 - p: a power comes before a minus."
)
def brackets() -> WrongAnswers:
    yield lambda p, size: 1 - p**size + (1 - p) ** size
    yield lambda p, size: 1 + p**size - (1 - p) ** size
    yield lambda p, size: 1 - p**size - 1 - p**size


@useful.mistake(
    "Your power is G - 1. For all G completions to be right, each of the G must be, so p appears "
    "G times. (G - 1 would be right for the other completions of one that you already know.)"
)
def one_less() -> WrongAnswers:
    yield lambda p, size: 1 - p ** (size - 1) - (1 - p) ** (size - 1)


@useful.mistake(
    "You added p and 1 - p before taking the power. That is 1, whatever p is: the power of each "
    "comes first."
)
def added_before_the_power() -> WrongAnswers:
    yield lambda p, size: 1 - (p + (1 - p)) ** size
    yield lambda p, size: 0 * p


@useful.mistake(
    "You subtracted only the more likely of the two ways to tie. The other is rare, but it ties "
    "as well."
)
def the_likelier_only() -> WrongAnswers:
    yield lambda p, size: 1 - torch.maximum(p, 1 - p) ** size
