"""The mistakes that the exercise `backtracks` of lesson 09 recognises."""

from itertools import pairwise

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson09.backtracks_exercise import backtracks, my_backtracks


def _less_a_last_no(text: str) -> int:
    """Every 'no', less one where the last verdict of the text is a no."""
    verdicts = [word for word in text.split() if word in ("yes", "no")]
    return verdicts.count("no") - (verdicts[-1:] == ["no"])


@backtracks.mistake(
    "You count every 'no'. After the last 'no' of a thought no other attempt may follow. A "
    "verdict alone is not a backtrack."
)
def every_no() -> WrongAnswers:
    yield lambda text: text.split().count("no")


@backtracks.mistake(
    "You count 'no' inside other words too: in note, not, now, know. Counted that way, every "
    "policy appears to reflect."
)
def inside_words() -> WrongAnswers:
    yield lambda text: text.count("no")
    yield lambda text: sum("no" in word for word in text.split())


@backtracks.mistake(
    "You count 'yes' as well: these are checks, and a check that says yes ends the search."
)
def verdicts() -> WrongAnswers:
    yield lambda text: sum(word in ("yes", "no") for word in text.split())
    yield lambda text: text.count(" yes") + text.count(" no ")
    yield lambda text: max(0, sum(w in ("yes", "no") for w in text.split()) - 1)


@backtracks.mistake(
    "You count lines of work. One attempt may take two of them, and an attempt is not a rejection."
)
def lines() -> WrongAnswers:
    yield lambda text: text.split().count("=")
    yield lambda text: text.count("=") // 2


@backtracks.mistake("You return whether there is a backtrack, not how many.")
def any_() -> WrongAnswers:
    yield lambda text: min(my_backtracks(text), 1)
    yield lambda text: "no" in text.split()


@backtracks.mistake(
    "You subtract one for the last. That is right if the thought ends with a 'no', and wrong if "
    "it ends with a 'yes'."
)
def one_less() -> WrongAnswers:
    yield lambda text: max(0, text.split().count("no") - 1)
    yield lambda text: max(0, my_backtracks(text) - 1)


@backtracks.mistake(
    "Right, except for a thought that is truncated in the middle of an attempt. Its last verdict "
    "is a 'no', but another attempt follows it: look for the '='."
)
def cut_off() -> WrongAnswers:
    yield _less_a_last_no


@backtracks.mistake(
    "You count only what comes before a 'yes'. A search that never ends also rejected attempts."
)
def before_a_yes() -> WrongAnswers:
    yield lambda text: text.split("yes")[0].split().count("no") * ("yes" in text.split())


@backtracks.mistake(
    "Right, except where a text has several lines: an '=' counts anywhere after the 'no', on a "
    "later line too. (The dot of a regular expression stops at the end of a line, and a line "
    "break instead of a space may follow a 'no'.)"
)
def one_line() -> WrongAnswers:
    yield lambda text: sum(my_backtracks(line) for line in text.split("\n"))


@backtracks.mistake(
    "Right, except if there are words between the 'no' and the next attempt: a larger model "
    "writes them. The '=' may be anywhere after it."
)
def right_behind() -> WrongAnswers:
    yield lambda text: sum(a == "no" and b.isdigit() for a, b in pairwise(text.split()))


@backtracks.mistake(
    "Right, except where a text has no '=' at all: nothing was attempted, so nothing was "
    "rejected. (`rfind` gives -1 there, and text[:-1] is nearly all of the text.)"
)
def no_work_at_all() -> WrongAnswers:
    yield lambda text: text[: text.rfind("=")].split().count("no")
