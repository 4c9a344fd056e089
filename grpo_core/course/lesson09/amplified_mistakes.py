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
    "This is the accuracy of the base as it is. Weight each kind by how often it occurs *after* "
    "training."
)
def old_shares() -> WrongAnswers:
    yield lambda before, right, after: sum(right) / len(right)


@amplified.mistake(
    "You took the mean over kinds. They are not equally frequent: each completion counts, so a "
    "kind that occurs three times counts three times."
)
def all_kinds_alike() -> WrongAnswers:
    yield (
        lambda before, right, after: (
            sum(_by_kind(k, before, right) for k in set(after)) / len(set(after))
        )
    )


@amplified.mistake(
    "You divided the right ones of a kind by *all* completions of the base. Compute how often it "
    "is right *within* this kind: divide by the completions of the kind."
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


@amplified.mistake("You summed and did not divide: an accuracy lies between 0 and 1.")
def counts() -> WrongAnswers:
    yield lambda before, right, after: sum(_by_kind(k, before, right) for k in after)


@amplified.mistake(
    "You divided by the number of the base's completions. The mean is over those of the trained "
    "policy."
)
def divided_by_the_base() -> WrongAnswers:
    yield lambda before, right, after: sum(_by_kind(k, before, right) for k in after) / len(before)


@amplified.mistake(
    "You paired the verdicts of one list with the kinds of the other. `right` belongs to "
    "`before`, completion by completion; there are no verdicts for `after`."
)
def paired() -> WrongAnswers:
    yield lambda before, right, after: sum(right[: len(after)]) / len(after)


@amplified.mistake(
    "You took the base's completions of these kinds together, as often as *it* produces them. "
    "Weight each by how often it occurs after training."
)
def pooled() -> WrongAnswers:
    yield (
        lambda before, right, after: (
            sum(r for k, r in zip(before, right, strict=True) if k in after)
            / sum(k in after for k in before)
        )
    )


@amplified.mistake(
    "Right, except where a kind is new: you left it out, so that the others count more. A kind "
    "that the base never produced counts as 0, and stays in the mean."
)
def unseen_left_out() -> WrongAnswers:
    yield (
        lambda before, right, after: (
            sum(_by_kind(k, before, right) for k in after if k in before)
            / sum(k in before for k in after)
        )
    )


@amplified.mistake(
    "Right, except where a kind is new: you gave it the accuracy of the others, or 1. This "
    "exercise asks what *amplifying* explains. Something that was not there cannot be amplified: "
    "0."
)
def unseen_as_average() -> WrongAnswers:
    yield _unseen_as(lambda before, right: sum(right) / len(right))
    yield _unseen_as(lambda before, right: 1.0)


@amplified.mistake(
    "You multiplied the base's accuracy by how much more often a kind occurs. That confuses how "
    "frequent a kind is with how often it is right."
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
    "You use only one completion of each kind: a dict keeps the last value for a key, and `index` "
    "finds the first. Use all completions of a kind."
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
    "You added up how *many* of a kind were right. Divide that by how often the kind occurred; a "
    "rare kind is not necessarily a bad one."
)
def kind_not_divided() -> WrongAnswers:
    yield lambda before, right, after: sum(_rights(k, before, right) for k in after) / len(after)
    yield (
        lambda before, right, after: sum(_rights(k, before, right) > 0 for k in after) / len(after)
    )


@amplified.mistake(
    "You divided by all right completions of the base, which gives the fraction of those that are "
    "of this kind. Return the fraction of this kind that is right."
)
def share_of_the_right_ones() -> WrongAnswers:
    yield (
        lambda before, right, after: (
            sum(_rights(k, before, right) / sum(right) for k in after) / len(after)
        )
    )


@amplified.mistake(
    "You compared it with the base's accuracy, by a difference or a quotient. That comes next; "
    "this exercise asks for the accuracy itself."
)
def compared_with_the_base() -> WrongAnswers:
    yield lambda before, right, after: my_amplified(before, right, after) - sum(right) / len(right)
    yield (
        lambda before, right, after: my_amplified(before, right, after) / (sum(right) / len(right))
    )


@amplified.mistake(
    "You used one kind for all, the most frequent one after training. Each completion counts, "
    "with its own kind."
)
def one_kind() -> WrongAnswers:
    yield lambda before, right, after: _by_kind(max(after, key=after.count), before, right)
