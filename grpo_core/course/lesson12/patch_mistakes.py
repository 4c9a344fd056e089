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
    "Reaching the target is enough for yours, by whatever arithmetic. That is the hole that was "
    "to be closed: a policy that may write 15 * 3 = 40 will."
)
def work_not_checked() -> WrongAnswers:
    yield _checked(true=lambda found: True)


@patch.mistake(
    "One true line is enough for yours. A chain is as good as its worst link: all of them must be "
    "true."
)
def one_true_line() -> WrongAnswers:
    yield _checked(true=any)


@patch.mistake("You checked the last line only. A false line before it may lead anywhere.")
def last_line_only() -> WrongAnswers:
    yield _checked(true=lambda found: found[-1:] == [True])


@patch.mistake("True work is paid in yours wherever it ends. It has to reach the target.")
def target_not_asked() -> WrongAnswers:
    yield _checked(reaches=lambda results, target: bool(results))


@patch.mistake(
    "The target *somewhere* among the results is enough for yours. What the work comes to is its "
    "last result."
)
def target_anywhere() -> WrongAnswers:
    yield _checked(reaches=lambda results, target: target in results)


@patch.mistake(
    "You judged the tries that were given up as well. To be wrong, to notice and to go on is what "
    "a search is; what counts is the last try."
)
def all_tries() -> WrongAnswers:
    yield _checked(part=lambda t: t.removesuffix("yes").strip(), whole=lambda text: True)
    yield _checked(part=lambda t: t.removesuffix("yes").strip())


@patch.mistake(
    "Work without a yes is paid, too. (It may be right. But a thought that does not end is cut "
    "off, or does not know.)"
)
def verdict_not_asked() -> WrongAnswers:
    yield _checked(says_yes=lambda thought: True)


@patch.mistake(
    "Even true work is refused by yours. Print the lines that you compare: has the last one still "
    "its yes, or the next a blank in front? And is a number compared with a text?",
    entirely=True,
)
def never_true() -> WrongAnswers:
    yield lambda thought, target: False


@patch.mistake(
    "A try that was given up is paid in yours: the target in it, or its true work. The last try "
    "is what counts; the policy has said no to the others itself."
)
def any_try() -> WrongAnswers:
    yield _any_try
    yield lambda thought, target: _any_try(thought, target) and "yes" in thought


@patch.mistake(
    "You look at the first try. To be wrong, to notice and to go on is what a search is: the last "
    "one counts."
)
def first_try() -> WrongAnswers:
    yield _checked(part=lambda t: re.split(r"\bno\b", t)[0].removesuffix("yes").strip())


@patch.mistake(
    "145 passed for 45: you look for the target's digits in a text. Results are numbers: read the "
    "last one, and compare it whole."
)
def target_as_text() -> WrongAnswers:
    yield _checked(reaches=lambda results, target: str(results[-1:]).endswith(f"{target}]"))
    yield _checked(reaches=lambda results, target: str(target) in str(results[-1:]))


@patch.mistake(
    "Right, except that each line has to use the result of the one before it in yours. Two "
    "results may be worked out apart and brought together in the end; asked for are true lines, "
    "and the last one's result."
)
def chain_demanded() -> WrongAnswers:
    yield _chained


@patch.mistake(
    "A yes somewhere is enough for yours. It has to be the last word: behind it nothing is said "
    "any more."
)
def yes_anywhere() -> WrongAnswers:
    yield _yes_taken_for_a_comma


@patch.mistake(
    "You looked for equations and skipped what stands between them. Whatever is not an equation "
    "is a place to hide in: say what is allowed, and refuse the rest."
)
def gaps() -> WrongAnswers:
    yield _checked(whole=lambda text: True)


@patch.mistake(
    "Python ran what the model wrote: see what was printed above. Read it; never run it (notebook "
    "02)."
)
def eval_() -> WrongAnswers:
    yield _by_eval
    yield _by_eval_of_sides


@patch.mistake(
    "`//` throws the rest away, so 91 / 2 = 45 is true in yours. Tries of this task know no "
    "division; where there is one, result times divisor must be the number divided."
)
def rounded_division() -> WrongAnswers:
    yield _divided


@patch.mistake(
    "A yes with nothing before it is paid: `all` of nothing is true. Where there is no work, "
    "there is nothing to pay."
)
def empty_is_true() -> WrongAnswers:
    yield lambda thought, target: my_check(thought, target) or thought.split() == ["yes"]


@patch.mistake(
    "One of the thoughts made it raise. Whatever a model writes, a check says True or False."
)
def raises() -> WrongAnswers:
    yield lambda thought, target: my_check(thought, target) if thought.split()[-1] else False
