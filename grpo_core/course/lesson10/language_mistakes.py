"""The mistakes that the exercise `language` of lesson 10 recognises."""

from collections.abc import Callable

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson10.language_exercise import language


def _thought(text: str) -> str:
    return text.split("<think>")[-1].split("</think>")[0]


def _speaks(
    read: Callable[[str], str] = _thought,
    words: Callable[[str], list[str]] = str.split,
    share: Callable[[int, int, int], float] = lambda e, g, n: e / (e + g),
    nothing: float = 1.0,
) -> Callable[[str], float]:
    """The reward, right but for what is passed in; `share` gets English, German and all words."""

    def reward(completion: str) -> float:
        said = words(read(completion))
        english = sum(word in ("yes", "no") for word in said)
        german = sum(word in ("ja", "nein") for word in said)
        return share(english, german, len(said)) if english + german else nothing

    return reward


def _by_substring(text: str) -> float:
    thought = _thought(text)
    english = thought.count("yes") + thought.count("no")
    german = thought.count("ja") + thought.count("nein")
    return english / (english + german) if english + german else 1.0


def _by_the_last(text: str) -> float:
    said = [word for word in _thought(text).split() if word in ("yes", "no", "ja", "nein")]
    return float(not said or said[-1] in ("yes", "no"))


def _by_the_first(text: str) -> float:
    said = [word for word in _thought(text).split() if word in ("yes", "no", "ja", "nein")]
    return float(not said or said[0] in ("yes", "no"))


def _by_beginning(text: str) -> float:
    words = _thought(text).split()
    english = sum(word.startswith(("yes", "no")) for word in words)
    german = sum(word.startswith(("ja", "nein")) for word in words)
    return english / (english + german) if english + german else 1.0


def _of_one_kind(english: str, german: str) -> Callable[[str], float]:
    return _speaks(words=lambda text: [word for word in text.split() if word in (english, german)])


@language.mistake(
    "You divided by all words of the thought. Numbers and signs are the same in every language: "
    "with them, a thought that calculates more would look less English."
)
def all_words() -> WrongAnswers:
    yield _speaks(share=lambda e, g, n: e / n)
    yield _speaks(share=lambda e, g, n: e / n, nothing=0.0)
    yield _speaks(share=lambda e, g, n: 1 - g / n)


@language.mistake(
    "You pay for a thought that is English, all or most of it, and nothing for others. One German "
    "word in twenty then costs as much as twenty do; return the fraction."
)
def all_or_nothing() -> WrongAnswers:
    yield _speaks(share=lambda e, g, n: float(g == 0))
    yield _speaks(share=lambda e, g, n: float(e > g))


@language.mistake("You look at one verdict, the last or the first. The others count too.")
def last_verdict() -> WrongAnswers:
    yield _by_the_last
    yield _by_the_first


@language.mistake(
    "That is how *many* verdicts are English, or how many more than German. Return a fraction "
    "between 0 and 1: a long thought is not worth more than a short one."
)
def counted() -> WrongAnswers:
    yield _speaks(share=lambda e, g, n: e)
    yield _speaks(share=lambda e, g, n: e - g)
    yield _speaks(share=lambda e, g, n: (e - g) / (e + g))
    yield _speaks(share=lambda e, g, n: 100 * e / (e + g))


@language.mistake(
    "You read the text after the thought. The reward is for the thought itself: the text between "
    "its two tags."
)
def behind_the_thought() -> WrongAnswers:
    yield _speaks(read=lambda text: text.split("</think>")[-1])
    yield _speaks(read=lambda text: text.split("<answer>")[-1])


@language.mistake(
    "Right, except that the text *before* the thought counts as well: in the text up to "
    "`</think>`, the thought is the part after `<think>`."
)
def before_the_thought() -> WrongAnswers:
    yield _speaks(read=lambda text: text.split("</think>")[0])


@language.mistake(
    "You counted one word of each language. *Yes* and *ja* are verdicts, and so are *no* and "
    "*nein*."
)
def only_no() -> WrongAnswers:
    yield _of_one_kind("no", "nein")
    yield _of_one_kind("yes", "ja")


@language.mistake("You divided English by German. Divide by both together.")
def ratio() -> WrongAnswers:
    yield _speaks(share=lambda e, g, n: e / g if g else 1.0)


@language.mistake(
    "You pay for using *one* language, whichever it is. The reward is for English: a thought "
    "entirely in German earns 0."
)
def either_language() -> WrongAnswers:
    yield _speaks(share=lambda e, g, n: max(e, g) / (e + g))


@language.mistake("That is the fraction of the *other* language: you would teach the model German.")
def german() -> WrongAnswers:
    yield _speaks(share=lambda e, g, n: g / (e + g))


@language.mistake(
    "You counted which words occur, not how often. A thought with twenty times no and one nein is "
    "not half German."
)
def kinds_of_words() -> WrongAnswers:
    yield _speaks(words=lambda text: list(set(text.split())))


@language.mistake(
    "You looked at the whole completion. The reward is for the thought: the verifier checks the "
    "text between the tags of the answer."
)
def answer_counted() -> WrongAnswers:
    yield _speaks(read=lambda text: text)


@language.mistake(
    "You counted substrings, not words: `count` finds a no in nobody, and a ja in january. Split "
    "the text first."
)
def substrings() -> WrongAnswers:
    yield _by_substring
    yield _by_beginning


@language.mistake(
    "You gave a thought without verdicts 0. Nothing in it is in the wrong language; with a reward "
    "of 0, the policy would be paid for checking more, which is not the purpose of this reward."
)
def nothing_pays_nothing() -> WrongAnswers:
    yield _speaks(nothing=0.0)
    yield _speaks(nothing=0.5)
