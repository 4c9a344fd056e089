"""The mistakes that the exercise `useful` of lesson 03 recognises."""

import torch

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson03.useful_exercise import useful


@useful.mistake(
    "A group that is all right counts as useful in yours. It ties, and teaches nothing: every "
    "advantage is 0."
)
def all_right_forgotten() -> WrongAnswers:
    yield lambda p, size: 1 - (1 - p) ** size


@useful.mistake(
    "A group that is all wrong counts as useful in yours. It ties, and teaches nothing: nothing "
    "in it is better than the rest."
)
def all_wrong_forgotten() -> WrongAnswers:
    yield lambda p, size: 1 - p**size


@useful.mistake(
    "That is the chance of a useless group: all right or all wrong. The other case is asked for."
)
def complement() -> WrongAnswers:
    yield lambda p, size: p**size + (1 - p) ** size


@useful.mistake(
    "You multiplied 'not all right' by 'not all wrong' as if one said nothing about the other. "
    "They cannot fail together, so subtract both chances from 1."
)
def multiplied() -> WrongAnswers:
    yield lambda p, size: (1 - p**size) * (1 - (1 - p) ** size)


@useful.mistake(
    "You multiplied the chance of all right by that of all wrong: a group that is both, and there "
    "is none. It is useless if it is the one *or* the other, so the two chances are added up."
)
def both_at_once() -> WrongAnswers:
    yield lambda p, size: 1 - p**size * (1 - p) ** size
    yield lambda p, size: p**size * (1 - p) ** size


@useful.mistake(
    "That is the chance of exactly one right completion. Two right ones and two wrong ones are as "
    "useful."
)
def exactly_one_right() -> WrongAnswers:
    yield lambda p, size: size * p * (1 - p) ** (size - 1)


@useful.mistake("That is right for groups of 2 and does not depend on G.")
def pair() -> WrongAnswers:
    yield lambda p, size: 2 * p * (1 - p)
    yield lambda p, size: 1 - p**2 - (1 - p) ** 2


@useful.mistake(
    "G completions that are all right have the chance p times p times p ...: a power, and not G "
    "times p."
)
def times_for_power() -> WrongAnswers:
    yield lambda p, size: 1 - size * p - size * (1 - p)
    yield lambda p, size: size * p * (1 - p)
    yield lambda p, size: 1 - size * p


@useful.mistake(
    "Both chances are taken from 1. `1 - a + b` adds the second one again, and `1 - p**G - 1 - "
    "p**G` has no bracket around 1 - p: a power comes before a minus."
)
def brackets() -> WrongAnswers:
    yield lambda p, size: 1 - p**size + (1 - p) ** size
    yield lambda p, size: 1 + p**size - (1 - p) ** size
    yield lambda p, size: 1 - p**size - 1 - p**size


@useful.mistake(
    "Your power is G - 1. For G completions to be all right each of the G has to be, so p is "
    "there G times. (G - 1 would be right for the others of one that you know already.)"
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
    "You took off only the likelier of the two ways to tie. The other is seldom, but it ties as "
    "well."
)
def the_likelier_only() -> WrongAnswers:
    yield lambda p, size: 1 - torch.maximum(p, 1 - p) ** size
