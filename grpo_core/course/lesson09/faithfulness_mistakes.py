"""The mistakes that the exercise `faithfulness` of lesson 09 recognises."""

from collections.abc import Callable

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson09.faithfulness_exercise import faithfulness, my_faithfulness

_Tries = list[tuple[int, str]]


def _faithfulness(
    empty: Callable[[_Tries, int | None], bool] = lambda tries, answer: not tries or answer is None,
    of_empty: str = "nothing",
    which: Callable[[_Tries, int | None], tuple[int, str]] = lambda tries, answer: tries[-1],
    is_against: Callable[[str], bool] = lambda verdict: verdict == "no",
    verdict_first: bool = False,
) -> Callable[..., str]:
    """A judge that is right but for what is passed in."""

    def judge(tries: _Tries, answer: int | None) -> str:
        if empty(tries, answer):
            return of_empty
        if not tries:
            return "faithful" if answer is not None else "nothing"
        result, verdict = which(tries, answer)
        if verdict_first and is_against(verdict):
            return "against"
        if answer != result:
            return "another"
        return "against" if is_against(verdict) else "faithful"

    return judge


def _matching(tries: _Tries, answer: int | None) -> tuple[int, str]:
    """The try that comes to the answer, if there is one."""
    return next((t for t in tries if t[0] == answer), tries[-1])


def _accepted(tries: _Tries, answer: int | None) -> tuple[int, str]:
    """The last try with a yes, if there is one."""
    return next((t for t in reversed(tries) if t[1] == "yes"), tries[-1])


def _no_try_is_another(tries: _Tries, answer: int | None) -> str:
    return my_faithfulness(tries, answer) if tries or answer is None else "another"


@faithfulness.mistake("You look at the first attempt. The thought's result is its last one.")
def first_try() -> WrongAnswers:
    yield _faithfulness(which=lambda tries, answer: tries[0])


@faithfulness.mistake(
    "You accept or reject an answer by any attempt with that result. A thought that continues has "
    "abandoned that attempt: the last one counts."
)
def any_try() -> WrongAnswers:
    yield _faithfulness(which=_matching)
    yield _faithfulness(which=lambda tries, answer: _matching(tries[::-1], answer))
    yield _faithfulness(
        which=lambda tries, answer: (
            (answer or 0, "") if answer in [t[0] for t in tries] else tries[-1]
        )
    )


@faithfulness.mistake("You look at the last accepted attempt instead of the last attempt.")
def last_yes() -> WrongAnswers:
    yield _faithfulness(which=_accepted)


@faithfulness.mistake(
    "You never say 'against': a thought that ends with a no, and an answer that gives just that, "
    "contradict each other."
)
def verdict_ignored() -> WrongAnswers:
    yield _faithfulness(is_against=lambda verdict: False)
    yield (
        lambda tries, answer: (
            "another"
            if my_faithfulness(tries, answer) == "against"
            else my_faithfulness(tries, answer)
        )
    )
    yield (
        lambda tries, answer: (
            "nothing"
            if not tries or answer is None
            else "faithful"
            if tries[-1] == (answer, "yes")
            else "another"
        )
    )


@faithfulness.mistake(
    "An attempt without a verdict is still an attempt: the thought has a result, and the answer "
    "can be compared with it."
)
def unjudged_is_nothing() -> WrongAnswers:
    yield (
        lambda tries, answer: (
            "nothing" if tries and tries[-1][1] == "" else my_faithfulness(tries, answer)
        )
    )


@faithfulness.mistake(
    "You require every attempt of the thought to give the answer. Those before the last were "
    "rejected: searching is not unfaithful."
)
def every_try() -> WrongAnswers:
    yield (
        lambda tries, answer: (
            "another"
            if tries and answer is not None and any(r != answer for r, _ in tries)
            else my_faithfulness(tries, answer)
        )
    )


@faithfulness.mistake(
    "You treat an attempt without a verdict as rejected. A missing verdict is not a contradiction."
)
def unchecked_is_against() -> WrongAnswers:
    yield _faithfulness(is_against=lambda verdict: verdict != "yes")


@faithfulness.mistake(
    "If the answer is different *and* the last verdict is no, the difference decides: the answer "
    "is unrelated to that attempt, so it cannot contradict its verdict."
)
def verdict_first() -> WrongAnswers:
    yield _faithfulness(verdict_first=True)


@faithfulness.mistake(
    "An answer without a thought has nothing to be faithful to. Counted as faithful, a policy "
    "that never thinks would be the most faithful of all."
)
def no_thought_is_faithful() -> WrongAnswers:
    yield _faithfulness(empty=lambda tries, answer: answer is None)
    yield _faithfulness(empty=lambda tries, answer: not tries, of_empty="faithful")


@faithfulness.mistake(
    "Without an answer there is nothing to compare: truncated completions would count as "
    "unfaithful."
)
def no_answer_is_another() -> WrongAnswers:
    yield _faithfulness(empty=lambda tries, answer: not tries)


@faithfulness.mistake(
    "An answer without a thought has no attempt that it could differ from: there is nothing to "
    "compare."
)
def no_thought_is_another() -> WrongAnswers:
    yield _no_try_is_another
    yield lambda t, a: _no_try_is_another(t, -1 if a is None else a)


@faithfulness.mistake(
    "Right, except for an answer equal to 0. That is an answer too, but `not answer` is also true "
    "for 0."
)
def zero_is_nothing() -> WrongAnswers:
    yield _faithfulness(empty=lambda tries, answer: not tries or not answer)


@faithfulness.mistake(
    "A 'no' on an earlier attempt is not a contradiction: that is how a search works. Only the "
    "verdict on the last attempt counts."
)
def any_no() -> WrongAnswers:
    yield (
        lambda tries, answer: (
            "against"
            if my_faithfulness(tries, answer) == "faithful"
            and "no" in [verdict for _, verdict in tries]
            else my_faithfulness(tries, answer)
        )
    )
    yield (
        lambda tries, answer: (
            "against"
            if my_faithfulness(tries, answer) == "faithful" and (answer, "no") in tries
            else my_faithfulness(tries, answer)
        )
    )


@faithfulness.mistake(
    "Right, except if the last attempt has no verdict: you used that of an earlier one, which was "
    "about other work."
)
def verdict_of_another() -> WrongAnswers:
    yield _faithfulness(
        which=lambda tries, answer: (
            tries[-1][0],
            next((verdict for _, verdict in reversed(tries) if verdict), ""),
        )
    )


@faithfulness.mistake(
    "You find a different answer after every thought. tries[-1] is a pair, and a pair never "
    "equals a number: compare its first part.",
    entirely=True,
)
def pair_and_number() -> WrongAnswers:
    yield lambda tries, answer: "another" if tries and answer is not None else "nothing"
    yield lambda tries, answer: "another" if tries else "nothing"


@faithfulness.mistake("You swapped two of the four words.")
def upside_down() -> WrongAnswers:
    yield lambda tries, answer: {"another": "against", "against": "another"}.get(
        my_faithfulness(tries, answer), my_faithfulness(tries, answer)
    )
    yield lambda tries, answer: {"faithful": "against", "against": "faithful"}.get(
        my_faithfulness(tries, answer), my_faithfulness(tries, answer)
    )
    yield lambda tries, answer: {"another": "faithful", "faithful": "another"}.get(
        my_faithfulness(tries, answer), my_faithfulness(tries, answer)
    )
