"""The mistakes that the exercise `selection` of lesson 10 recognises."""

from collections.abc import Callable

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson10.selection_exercise import my_selection, readable, selection


def _selects(
    wanted: Callable[[str, bool], bool] = lambda text, right: right and readable(text),
    key: Callable[[str], str] | None = lambda text: text,
    limit: Callable[[int], int | None] = lambda most: most,
    order: Callable[[list[int], list[str]], list[int]] = lambda kept, texts: kept,
) -> Callable[..., list[int]]:
    """The selection, right but for what is passed in; `order` is applied before the limit."""

    def select(completions: list[str], right: list[bool], most: int) -> list[int]:
        good, seen = [], set()
        for i, (text, is_right) in enumerate(zip(completions, right, strict=True)):
            if not wanted(text, is_right):
                continue
            if key is not None and key(text) in seen:
                continue
            seen.add(key(text) if key is not None else text)
            good.append(i)
        return order(good, completions)[: limit(most)]

    return select


def _unlike_the_last(texts: list[str], right: list[bool], most: int) -> list[int]:
    good = [i for i, text in enumerate(texts) if right[i] and readable(text)]
    new = [i for j, i in enumerate(good) if j == 0 or texts[i] != texts[good[j - 1]]]
    return new[:most]


def _all_good(texts: list[str], right: list[bool], end: int) -> bool:
    """Whether everything before `end` is right and readable."""
    return all(right[i] and readable(texts[i]) for i in range(end))


def _last_of(texts: list[str], i: int) -> int:
    """The number of the last text that equals text i."""
    return max(j for j, text in enumerate(texts) if text == texts[i])


def _answer_of(text: str) -> str:
    return text.split("<answer>")[-1]


@selection.mistake(
    "You keep wrong answers. Fine-tuning would teach them just as strongly as right ones: nothing "
    "filters them afterwards."
)
def wrong_kept() -> WrongAnswers:
    yield _selects(lambda text, right: readable(text))


@selection.mistake(
    "You keep what is right but not readable: a thought in two languages, or one without tags. "
    "The verifier accepts that, but a reader does not."
)
def unreadable_kept() -> WrongAnswers:
    yield _selects(lambda text, right: right)


@selection.mistake(
    "You keep right and wrong, readable or not, as long as it is new. That makes the model "
    "imitate itself: on average it changes nothing."
)
def everything_kept() -> WrongAnswers:
    yield _selects(lambda text, right: True)


@selection.mistake("You keep what is right *or* readable. Require both.")
def one_of_the_two() -> WrongAnswers:
    yield _selects(lambda text, right: right or readable(text))


@selection.mistake("You keep the ones to discard: wrong ones, or unreadable ones.")
def the_wrong_ones() -> WrongAnswers:
    yield _selects(lambda text, right: not right)
    yield _selects(lambda text, right: not right and readable(text))
    yield _selects(lambda text, right: right and not readable(text))


@selection.mistake(
    "You compare each text only with the one before it. Copies need not be adjacent: compare with "
    "all that were kept."
)
def neighbours_compared() -> WrongAnswers:
    yield _unlike_the_last


@selection.mistake(
    "Your loop ends at the first one that is not kept. Continue with the next: a bad one says "
    "nothing about those after it."
)
def stopped_early() -> WrongAnswers:
    yield lambda texts, right, most: [
        i for i in my_selection(texts, right, most) if i == 0 or _all_good(texts, right, i)
    ]


@selection.mistake(
    "The same text is kept twice. A model that is sure of itself writes the same again and again; "
    "easy problems would fill the data with copies."
)
def duplicates_kept() -> WrongAnswers:
    yield _selects(key=None)


@selection.mistake(
    "Of two thoughts that end in the same answer you keep one. They are different traces: the way "
    "to the answer is what is to be learned."
)
def one_per_answer() -> WrongAnswers:
    yield _selects(key=_answer_of)


@selection.mistake(
    "You keep everything that is good. Then a problem that is always solved has a trace for every "
    "sample, and one that is solved once has one: the data becomes easier than the problems are."
)
def no_limit() -> WrongAnswers:
    yield _selects(limit=lambda most: None)


@selection.mistake("You keep one more, or one fewer, than the limit.")
def one_too_many() -> WrongAnswers:
    yield _selects(limit=lambda most: most + 1)
    yield _selects(limit=lambda most: most - 1)


@selection.mistake(
    "You keep the shortest, or the longest, or a random choice. That changes the data: the "
    "shortest are lucky first tries, and teach the model not to search. Take them as they come."
)
def shortest_first() -> WrongAnswers:
    yield _selects(order=lambda kept, texts: sorted(kept, key=lambda i: -len(texts[i])))
    yield _selects(order=lambda kept, texts: sorted(kept, key=lambda i: len(texts[i])))
    yield _selects(order=lambda kept, texts: sorted(sorted(kept, key=lambda i: len(texts[i]))[:3]))


@selection.mistake(
    "You take them from the end. That is no worse as data, but the exercise asks for the first "
    "ones, in order."
)
def last_first() -> WrongAnswers:
    yield _selects(order=lambda kept, texts: kept[::-1])
    yield _selects(order=lambda kept, texts: sorted(kept[::-1][:3]))


@selection.mistake("You drop a text that occurs twice altogether. Keep the first copy.")
def all_copies_dropped() -> WrongAnswers:
    yield lambda texts, right, most: [
        i for i in _selects()(texts, right, 99) if texts.count(texts[i]) == 1
    ][:most]


@selection.mistake("Of equal texts you keep the last. Keep the first.")
def last_copy() -> WrongAnswers:
    yield lambda texts, right, most: [_last_of(texts, i) for i in _selects()(texts, right, most)]
    yield lambda texts, right, most: sorted(
        _last_of(texts, i) for i in _selects()(texts, right, 99)
    )[:most]


@selection.mistake(
    "You cut the list to its length first and dropped the copies afterwards, so that fewer are "
    "left than the limit allows."
)
def limit_before_copies() -> WrongAnswers:
    yield lambda texts, right, most: [
        i for i in _selects(key=None)(texts, right, most) if texts.index(texts[i]) == i
    ]


@selection.mistake(
    "You count the completions from 1. The first has index 0, as everywhere in Python."
)
def from_one() -> WrongAnswers:
    yield lambda texts, right, most: [i + 1 for i in _selects()(texts, right, most)]


@selection.mistake(
    "You cut the list first and judged afterwards, so that good ones further down were never "
    "considered."
)
def limit_before_filter() -> WrongAnswers:
    yield lambda texts, right, most: _selects()(texts[:most], right[:most], most)
