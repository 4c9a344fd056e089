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
    "You accept a yes in the middle. This judge looks at the *last* word of the thought."
)
def yes_anywhere() -> WrongAnswers:
    yield _judged(sure=lambda text: "yes" in (parse(text).think or "").split())
    yield _judged(sure=lambda text: "yes" in text)
    yield _judged(sure=lambda text: "yes" in text.split())


@judge.mistake(
    "You give 0 even to a short reply that is sure. Do you look at the end of the whole reply? It "
    "always ends with `</answer>`: the thought must end with yes. Or does a word cost more than a "
    "hundredth?"
)
def end_of_the_reply() -> WrongAnswers:
    yield _judged(sure=lambda text: text.split()[-1:] == ["yes"])
    yield _judged(sure=lambda text: text.endswith("yes"))


@judge.mistake(
    "Right, except for a last word that only *ends* with these letters. The last word must be "
    "yes: compare words, not the ends of strings."
)
def letters() -> WrongAnswers:
    yield _judged(sure=lambda text: (parse(text).think or "").strip().endswith("yes"))


@judge.mistake("You pay for a thought without a *no*. This judge requires a yes.")
def no_is_not_yes() -> WrongAnswers:
    yield _judged(sure=lambda text: "no" not in (parse(text).think or "").split())
    yield _judged(sure=lambda text: (parse(text).think or "").split()[-1:] != ["no"])


@judge.mistake(
    "You pay the right replies, but at another rate. Each word costs a hundredth, and a reply of "
    "no words would be worth 1."
)
def another_price() -> WrongAnswers:
    yield _judged(worth=lambda text: float(max(0, 100 - len(text.split()))))
    yield _judged(worth=lambda text: 1 / len(text.split()))
    yield _judged(worth=lambda text: abs(1 - len(text.split()) / 100))
    yield _judged(worth=lambda text: 1 - len((parse(text).answer or "").split()) / 100)


@judge.mistake(
    "You also pay a reply without an answer. Careless as this judge is, it requires one."
)
def no_answer_needed() -> WrongAnswers:
    yield _judged(answered=lambda text: True)


@judge.mistake("You also pay replies that are not sure: you do not check for the yes.")
def not_sure_needed() -> WrongAnswers:
    yield _judged(sure=lambda text: True)


@judge.mistake("You give a long reply a negative reward. The minimum is 0.")
def below_zero() -> WrongAnswers:
    yield _judged(worth=lambda text: 1 - len(text.split()) / 100)


@judge.mistake("You count characters. Length is measured in words here.")
def characters() -> WrongAnswers:
    yield _judged(worth=lambda text: max(0.0, 1 - len(text) / 100))


@judge.mistake(
    "You count some of the words. Count the whole reply, not only the thought; the four tags are "
    "words too."
)
def thought_only() -> WrongAnswers:
    yield _judged(worth=lambda text: max(0.0, 1 - _words_thought(text) / 100))
    yield _judged(worth=lambda text: max(0.0, 1 - (len(text.split()) - 4) / 100))


@judge.mistake("You give a long reply as much as a short one.")
def length_forgotten() -> WrongAnswers:
    yield _judged(worth=lambda text: 1.0)


@judge.mistake("The sign is flipped: you give a longer reply more.")
def longer_is_better() -> WrongAnswers:
    yield _judged(worth=lambda text: min(1.0, len(text.split()) / 100))
