"""The mistakes that the exercise `patch` of lesson 12 recognises."""

import re
from collections.abc import Callable
from itertools import pairwise

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson12.patch_exercise import my_check, patch

_LINE = r"(\d+) ([-+*]) (\d+) = (\d+)"


def _worth(sign: str, a: int, b: int) -> int:
    return {"+": a + b, "-": a - b, "*": a * b}[sign]


def _truths(text: str) -> list[tuple[bool, int]]:
    """Of every equation somewhere in the text: whether it is true, and its right side."""
    return [
        (_worth(sign, int(a), int(b)) == int(c), int(c))
        for a, sign, b, c in re.findall(_LINE, text)
    ]


def _last_try(thought: str) -> str:
    return re.split(r"\bno\b", thought)[-1].removesuffix("yes").strip()


def _strict(text: str) -> bool:
    """Whether a text is nothing but equations, each behind a comma."""
    return all(re.fullmatch(_LINE, line) for line in text.split(" , "))


def _checked(
    true: Callable[[list[bool]], bool] = all,
    reaches: Callable[[list[int], int], bool] = lambda results, target: results[-1:] == [target],
    says_yes: Callable[[str], bool] = lambda thought: thought.split()[-1:] == ["yes"],
    part: Callable[[str], str] = _last_try,
    whole: Callable[[str], bool] = _strict,
) -> Callable[[str, int], bool]:
    """The patch, right but for what is passed in."""

    def check(thought: str, target: int) -> bool:
        text = part(thought)
        found = _truths(text)
        return bool(
            says_yes(thought)
            and whole(text)
            and true([t for t, _ in found])
            and reaches([result for _, result in found], target)
        )

    return check


def _by_eval(thought: str, target: int) -> bool:
    """Hands what the model wrote to Python; mutely, for the learner may have used no `eval`."""
    mute = {"print": lambda *text: None}
    lines = _last_try(thought).split(" , ")
    return (
        thought.split()[-1:] == ["yes"]
        and all(eval(line.replace("=", "=="), mute) for line in lines)  # the mistake itself
        and lines[-1].split("=")[-1].strip() == str(target)
    )


def _by_eval_of_sides(thought: str, target: int) -> bool:
    """The same, equation by equation, and False where Python raises."""
    lines = _last_try(thought).split(",")
    try:
        sides = [line.split("=") for line in lines]
        results = [int(right) for _, right in sides]
        values = [eval(left, {"print": lambda *text: None}) for left, _ in sides]  # as above
    except Exception:  # whatever the text raises
        return False
    return thought.split()[-1:] == ["yes"] and values == results and results[-1] == target


def _divided(thought: str, target: int) -> bool:
    """The patch with a fourth sign, whose results are rounded down."""
    match = re.fullmatch(r"(\d+) / (\d+) = (\d+)", _last_try(thought))
    if match is None:
        return my_check(thought, target)
    left, right, result = map(int, match.groups())
    return left // max(right, 1) == result == target


def _any_try(thought: str, target: int) -> bool:
    """True where one of the tries is right, and the thought ends with a yes."""
    tries = [t.removesuffix("yes").strip() for t in re.split(r"\bno\b", thought)]
    return thought.split()[-1:] == ["yes"] and any(my_check(f"{t} yes", target) for t in tries)


def _chained(thought: str, target: int) -> bool:
    """The patch, and each line has to use the result of the line before."""
    lines = re.findall(_LINE, _last_try(thought))
    linked = all(before[3] in (a, b) for before, (a, _, b, _) in pairwise(lines))
    return my_check(thought, target) and linked


def _yes_taken_for_a_comma(thought: str, target: int) -> bool:
    """A yes ends a line, wherever it stands."""
    *lines, behind = re.split(r" yes ?", thought)
    parts = [part for part in [*lines, behind] if part]
    return bool(lines) and my_check(" , ".join(parts) + " yes", target)


@patch.mistake(
    "You accept anything that reaches the target, by whatever arithmetic. That is the hole to "
    "close: a policy that may write 15 * 3 = 40 will."
)
def work_not_checked() -> WrongAnswers:
    yield _checked(true=lambda found: True)


@patch.mistake("You accept one true line. All lines must be true.")
def one_true_line() -> WrongAnswers:
    yield _checked(true=any)


@patch.mistake("You checked only the last line. A false line before it may lead anywhere.")
def last_line_only() -> WrongAnswers:
    yield _checked(true=lambda found: found[-1:] == [True])


@patch.mistake("You pay for true work wherever it ends. It must reach the target.")
def target_not_asked() -> WrongAnswers:
    yield _checked(reaches=lambda results, target: bool(results))


@patch.mistake("You accept the target *anywhere* among the results. Only the last result counts.")
def target_anywhere() -> WrongAnswers:
    yield _checked(reaches=lambda results, target: target in results)


@patch.mistake(
    "You also judged the attempts that were given up. Searching means being wrong, noticing it "
    "and going on; only the last attempt counts."
)
def all_tries() -> WrongAnswers:
    yield _checked(part=lambda t: t.removesuffix("yes").strip(), whole=lambda text: True)
    yield _checked(part=lambda t: t.removesuffix("yes").strip())


@patch.mistake(
    "You also pay for work without a yes. (It may be right. But a thought without a verdict is "
    "truncated or undecided.)"
)
def verdict_not_asked() -> WrongAnswers:
    yield _checked(says_yes=lambda thought: True)


@patch.mistake(
    "You refuse even true work. Print the lines that you compare: does the last one still contain "
    "its yes, or does the next start with a space? And do you compare a number with a string?",
    entirely=True,
)
def never_true() -> WrongAnswers:
    yield lambda thought, target: False


@patch.mistake(
    "You pay for an attempt that was given up: for the target in it, or for its true work. Only "
    "the last attempt counts; the policy itself rejected the others."
)
def any_try() -> WrongAnswers:
    yield _any_try
    yield lambda thought, target: _any_try(thought, target) and "yes" in thought


@patch.mistake(
    "You look at the first attempt. Searching means being wrong, noticing it and going on: the "
    "last one counts."
)
def first_try() -> WrongAnswers:
    yield _checked(part=lambda t: re.split(r"\bno\b", t)[0].removesuffix("yes").strip())


@patch.mistake(
    "145 passed for 45: you look for the target's digits in a string. Results are numbers: read "
    "the last one and compare its value."
)
def target_as_text() -> WrongAnswers:
    yield _checked(reaches=lambda results, target: str(results[-1:]).endswith(f"{target}]"))
    yield _checked(reaches=lambda results, target: str(target) in str(results[-1:]))


@patch.mistake(
    "Right, except that you require each line to use the result of the one before. Two results "
    "may be computed separately and combined at the end; check only that all lines are true and "
    "that the last result is the target."
)
def chain_demanded() -> WrongAnswers:
    yield _chained


@patch.mistake("You accept a yes anywhere. It must be the last word, with nothing after it.")
def yes_anywhere() -> WrongAnswers:
    yield _yes_taken_for_a_comma


@patch.mistake(
    "You looked for equations and skipped the text between them. Anything can hide there: define "
    "what is allowed, and refuse the rest."
)
def gaps() -> WrongAnswers:
    yield _checked(whole=lambda text: True)


@patch.mistake(
    "Python executed the model's text: see what was printed above. Read it; never run it "
    "(notebook 02)."
)
def eval_() -> WrongAnswers:
    yield _by_eval
    yield _by_eval_of_sides


@patch.mistake(
    "`//` discards the remainder, so you accept 91 / 2 = 45. Attempts in this task contain no "
    "division; if there is one, result times divisor must equal the dividend."
)
def rounded_division() -> WrongAnswers:
    yield _divided


@patch.mistake(
    "You pay for a yes with nothing before it: `all` of an empty list is True. Without work there "
    "is nothing to pay for."
)
def empty_is_true() -> WrongAnswers:
    yield lambda thought, target: my_check(thought, target) or thought.split() == ["yes"]


@patch.mistake(
    "One of the thoughts made your check raise. Whatever a model writes, a check returns True or "
    "False."
)
def raises() -> WrongAnswers:
    yield lambda thought, target: my_check(thought, target) if thought.split()[-1] else False
