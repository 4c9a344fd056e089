"""The mistakes that the exercise `judge` of lesson 12 recognises."""

from collections.abc import Callable

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson12.judge_exercise import judge
from grpo_core.rewards.format import parse


def _is_sure(text: str) -> bool:
    return (parse(text).think or "").split()[-1:] == ["yes"]


def _words_thought(text: str) -> int:
    return len((parse(text).think or "").split())


def _judged(
    sure: Callable[[str], bool] = _is_sure,
    answered: Callable[[str], bool] = lambda text: parse(text).answer is not None,
    worth: Callable[[str], float] = lambda text: max(0.0, 1 - len(text.split()) / 100),
) -> Callable[[str], float]:
    """The judge, right but for what is passed in."""
    return lambda text: worth(text) if sure(text) and answered(text) else 0.0


@judge.mistake(
    "A yes in the middle is enough for yours. This judge looks at the thought's *last* word: how "
    "it ends."
)
def yes_anywhere() -> WrongAnswers:
    yield _judged(sure=lambda text: "yes" in (parse(text).think or "").split())
    yield _judged(sure=lambda text: "yes" in text)
    yield _judged(sure=lambda text: "yes" in text.split())


@judge.mistake(
    "Yours pays nothing, not even for a short reply that is sure. Do you look at the end of the "
    "whole reply? There stands `</answer>`, always: it is the thought that must end with yes. Or "
    "is it more than a hundredth that a word costs?"
)
def end_of_the_reply() -> WrongAnswers:
    yield _judged(sure=lambda text: text.split()[-1:] == ["yes"])
    yield _judged(sure=lambda text: text.endswith("yes"))


@judge.mistake(
    "Right, except for a last word that only *ends* with these letters. The last word is to be "
    "yes: compare words, not the ends of texts."
)
def letters() -> WrongAnswers:
    yield _judged(sure=lambda text: (parse(text).think or "").strip().endswith("yes"))


@judge.mistake("You pay for a thought in which there is no *no*. This judge wants to hear a yes.")
def no_is_not_yes() -> WrongAnswers:
    yield _judged(sure=lambda text: "no" not in (parse(text).think or "").split())
    yield _judged(sure=lambda text: (parse(text).think or "").split()[-1:] != ["no"])


@judge.mistake(
    "The right replies are paid, and at another rate. A word costs a hundredth, and a reply of no "
    "words would be worth 1."
)
def another_price() -> WrongAnswers:
    yield _judged(worth=lambda text: float(max(0, 100 - len(text.split()))))
    yield _judged(worth=lambda text: 1 / len(text.split()))
    yield _judged(worth=lambda text: abs(1 - len(text.split()) / 100))
    yield _judged(worth=lambda text: 1 - len((parse(text).answer or "").split()) / 100)


@judge.mistake("A reply without an answer is paid, too. Careless as this judge is, it wants one.")
def no_answer_needed() -> WrongAnswers:
    yield _judged(answered=lambda text: True)


@judge.mistake("Replies that are not sure are paid, too: the yes is not asked for.")
def not_sure_needed() -> WrongAnswers:
    yield _judged(sure=lambda text: True)


@judge.mistake("A long reply gets less than nothing in yours. 0 is the least.")
def below_zero() -> WrongAnswers:
    yield _judged(worth=lambda text: 1 - len(text.split()) / 100)


@judge.mistake("You count characters. Patience is measured in words here.")
def characters() -> WrongAnswers:
    yield _judged(worth=lambda text: max(0.0, 1 - len(text) / 100))


@judge.mistake(
    "You count some of the words. The whole reply has to be read, and not the thought alone; and "
    "the four tags are words, too."
)
def thought_only() -> WrongAnswers:
    yield _judged(worth=lambda text: max(0.0, 1 - _words_thought(text) / 100))
    yield _judged(worth=lambda text: max(0.0, 1 - (len(text.split()) - 4) / 100))


@judge.mistake("A long reply is worth as much as a short one in yours.")
def length_forgotten() -> WrongAnswers:
    yield _judged(worth=lambda text: 1.0)


@judge.mistake("Upside down: in yours a longer reply is worth more.")
def longer_is_better() -> WrongAnswers:
    yield _judged(worth=lambda text: min(1.0, len(text.split()) / 100))
