"""The mistakes that the exercise `amplified` of lesson 09 recognises."""

from collections.abc import Callable

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson09.amplified_exercise import amplified, my_amplified


def _by_kind(kind: str, before: list[str], right: list[bool]) -> float:
    same = [r for k, r in zip(before, right, strict=True) if k == kind]
    return sum(same) / len(same) if same else 0.0


def _unseen_as(value: Callable[[list[str], list[bool]], float]) -> Callable[..., float]:
    """Right, but a kind that was never done before counts as something else than 0."""

    def amplified(before: list[str], right: list[bool], after: list[str]) -> float:
        each = [_by_kind(k, before, right) if k in before else value(before, right) for k in after]
        return sum(each) / len(each)

    return amplified


def _rights(kind: str, before: list[str], right: list[bool]) -> int:
    return sum(r for k, r in zip(before, right, strict=True) if k == kind)


@amplified.mistake(
    "This is the accuracy of the base as it is. The kinds are to be weighed as often as they are "
    "done *afterwards*."
)
def old_shares() -> WrongAnswers:
    yield lambda before, right, after: sum(right) / len(right)


@amplified.mistake(
    "You took the mean over kinds. They are not equally frequent: each completion counts, so a "
    "kind that is done three times counts three times."
)
def all_kinds_alike() -> WrongAnswers:
    yield (
        lambda before, right, after: (
            sum(_by_kind(k, before, right) for k in set(after)) / len(set(after))
        )
    )


@amplified.mistake(
    "You divided the right ones of a kind by *all* completions of the base. How often it is right "
    "*when* it does this kind is wanted: divide by those of the kind."
)
def shares_of_all() -> WrongAnswers:
    yield (
        lambda before, right, after: (
            sum(
                sum(r for k, r in zip(before, right, strict=True) if k == kind) / len(before)
                for kind in after
            )
            / len(after)
        )
    )


@amplified.mistake("You added up and did not divide: an accuracy lies between 0 and 1.")
def counts() -> WrongAnswers:
    yield lambda before, right, after: sum(_by_kind(k, before, right) for k in after)


@amplified.mistake(
    "You divided by the number of the base's completions. The mean is over those of the trained "
    "policy."
)
def divided_by_the_base() -> WrongAnswers:
    yield lambda before, right, after: sum(_by_kind(k, before, right) for k in after) / len(before)


@amplified.mistake(
    "You put the verdicts of one list beside the kinds of the other. `right` belongs to `before`, "
    "completion by completion; of `after` nobody says what is right."
)
def paired() -> WrongAnswers:
    yield lambda before, right, after: sum(right[: len(after)]) / len(after)


@amplified.mistake(
    "You took the base's completions of these kinds together, as often as *it* does them. How "
    "often each is done afterwards is to count."
)
def pooled() -> WrongAnswers:
    yield (
        lambda before, right, after: (
            sum(r for k, r in zip(before, right, strict=True) if k in after)
            / sum(k in after for k in before)
        )
    )


@amplified.mistake(
    "Right, except where a kind is new: you left it out, so that the others count more. What the "
    "base never did it never got right: 0, and it stays in the mean."
)
def unseen_left_out() -> WrongAnswers:
    yield (
        lambda before, right, after: (
            sum(_by_kind(k, before, right) for k in after if k in before)
            / sum(k in before for k in after)
        )
    )


@amplified.mistake(
    "Right, except where a kind is new: you gave it the accuracy of the others, or 1. Asked for "
    "is what *amplifying* explains. What was not there cannot be amplified: 0."
)
def unseen_as_average() -> WrongAnswers:
    yield _unseen_as(lambda before, right: sum(right) / len(right))
    yield _unseen_as(lambda before, right: 1.0)


@amplified.mistake(
    "You multiplied the base's accuracy by how much more often a kind is done. That mistakes a "
    "kind's share for its success."
)
def ratio_of_shares() -> WrongAnswers:
    yield (
        lambda before, right, after: (
            sum(right)
            / len(right)
            * sum(
                (after.count(k) / len(after)) / (before.count(k) / len(before))
                for k in set(after)
                if k in before
            )
        )
    )


@amplified.mistake(
    "Of each kind you know one completion only: a dict keeps the last value that it is given for "
    "a key, and `index` finds the first. All completions of a kind say how often it is right."
)
def last_of_a_kind() -> WrongAnswers:
    yield (
        lambda before, right, after: (
            sum(dict(zip(before, right, strict=True)).get(k, 0) for k in after) / len(after)
        )
    )
    yield (
        lambda before, right, after: (
            sum(right[before.index(k)] if k in before else 0 for k in after) / len(after)
        )
    )


@amplified.mistake(
    "You added up how *many* of a kind were right. How often it is right is that over how often "
    "it was done; a kind done seldom is not therefore a bad one."
)
def kind_not_divided() -> WrongAnswers:
    yield lambda before, right, after: sum(_rights(k, before, right) for k in after) / len(after)
    yield (
        lambda before, right, after: sum(_rights(k, before, right) > 0 for k in after) / len(after)
    )


@amplified.mistake(
    "You divided by all right completions of the base: what share of those is of this kind. Asked "
    "for is what share of this kind is right."
)
def share_of_the_right_ones() -> WrongAnswers:
    yield (
        lambda before, right, after: (
            sum(_rights(k, before, right) / sum(right) for k in after) / len(after)
        )
    )


@amplified.mistake(
    "You compared it with the base's accuracy, by a difference or a quotient. That comes next; "
    "asked for is the accuracy itself."
)
def compared_with_the_base() -> WrongAnswers:
    yield lambda before, right, after: my_amplified(before, right, after) - sum(right) / len(right)
    yield (
        lambda before, right, after: my_amplified(before, right, after) / (sum(right) / len(right))
    )


@amplified.mistake(
    "You took one kind for all, the one that is done most often afterwards. Each completion "
    "counts, with the kind that it is of."
)
def one_kind() -> WrongAnswers:
    yield lambda before, right, after: _by_kind(max(after, key=after.count), before, right)
