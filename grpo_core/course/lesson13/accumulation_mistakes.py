"""The mistakes that the exercise `accumulation` of lesson 13 recognises."""

import math
from collections.abc import Callable

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson13.accumulation_exercise import accumulation


def _accumulated(
    completions: Callable[[int, int], float] = lambda n, g: n * g,
    at_once: Callable[[int, int], float] = lambda d, p: d * p,
    turn: Callable[[float, float], float] = lambda all_of, some: all_of / some,
) -> Callable[..., float]:
    """The number of micro-batches, right but for what is passed in."""
    return lambda n, g, p, d: turn(completions(n, g), at_once(d, p))


@accumulation.mistake(
    "per_device_train_batch_size counts *completions* in GRPO, though its name does not say so. "
    "Eight prompts of 16 are 128 of them."
)
def prompts_not_completions() -> WrongAnswers:
    yield _accumulated(lambda n, g: n)
    yield _accumulated(lambda n, g: n, turn=lambda a, s: a // s)
    yield _accumulated(lambda n, g: n, turn=lambda a, s: max(1, a // s))
    yield _accumulated(lambda n, g: n, turn=lambda a, s: math.ceil(a / s))


@accumulation.mistake(
    "One process is right. Two processes work on two micro-batches at the same time, so each "
    "needs half as many."
)
def processes_forgotten() -> WrongAnswers:
    yield _accumulated(at_once=lambda d, p: d)


@accumulation.mistake("More processes need *fewer* micro-batches each, for the same step.")
def processes_multiplied() -> WrongAnswers:
    yield lambda n, g, p, d: n * g * p / d


@accumulation.mistake(
    "You used the size of the group twice. A step has prompts times completions per prompt."
)
def generations_twice() -> WrongAnswers:
    yield lambda n, g, p, d: n * g * g / (d * p)


@accumulation.mistake(
    "Your quotient is inverted: divide all completions of a step by those processed at once."
)
def upside_down() -> WrongAnswers:
    yield _accumulated(turn=lambda all_of, some: some / all_of)
    yield _accumulated(turn=lambda all_of, some: some // all_of)


@accumulation.mistake(
    "You rounded down before you multiplied: 8 prompts // 32 is 0. First compute all completions "
    "of a step, and then divide."
)
def rounded_too_early() -> WrongAnswers:
    yield lambda n, g, p, d: n // (p * d) * g


@accumulation.mistake(
    "Python evaluates from left to right: `a // b * c` divides by b, and multiplies by c. Put the "
    "divisor in parentheses."
)
def brackets() -> WrongAnswers:
    yield lambda n, g, p, d: n * g / p * d


@accumulation.mistake(
    "That is how many completions a step has. How many micro-batches do they make?"
)
def completions() -> WrongAnswers:
    yield _accumulated(at_once=lambda d, p: 1)


@accumulation.mistake("Each process takes per_device completions at a time, not one.")
def per_device_forgotten() -> WrongAnswers:
    yield _accumulated(at_once=lambda d, p: p)


@accumulation.mistake(
    "Right, but a float: 16.0 micro-batches. TRL uses it as a count, and its data loader refuses "
    "a float: divide with `//`."
)
def no_whole_number() -> WrongAnswers:
    yield _accumulated()


@accumulation.mistake(
    "You divided the completions of *one* prompt. A step has those of all its prompts."
)
def one_group() -> WrongAnswers:
    yield _accumulated(lambda n, g: g)


@accumulation.mistake(
    "You added processes and per_device. Each process works on per_device completions: *multiply* "
    "them."
)
def added() -> WrongAnswers:
    yield _accumulated(at_once=lambda d, p: d + p)
    yield _accumulated(at_once=lambda d, p: d + p, turn=lambda a, s: a // s)


@accumulation.mistake(
    "That is how many are processed at the same time. How often must that happen for all "
    "completions of a step?"
)
def at_once() -> WrongAnswers:
    yield lambda n, g, p, d: d * p
