"""The mistakes that the exercise `mask_test` of lesson 07 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.algorithm.logprobs import completion_mask
from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson07.mask_test_exercise import mask_test, my_mask_test
from grpo_core.course.toys import loop_variants

_E = 9
_MIXED = torch.tensor([[5, 6, _E, _E, _E], [7, _E, _E, _E, _E], [5, 6, 7, 5, 6]])


def _compares(ids: Tensor) -> Callable[[loop_variants.Mask], bool]:
    """A test that compares whole masks, on ids that may be too easy."""
    return lambda mask_of: torch.equal(mask_of(ids, _E).bool(), completion_mask(ids, _E))


@mask_test.mistake(
    "Your test calls every mask right. It has to look at what the mask says, token by token.",
    entirely=True,
)
def passes_everything() -> WrongAnswers:
    yield lambda mask_of: True
    yield lambda mask_of: mask_of(_MIXED, _E).shape == _MIXED.shape


@mask_test.mistake(
    "Your test calls every mask wrong, a right one too. Is the first end in your expectation, and "
    "are you comparing the same types?",
    entirely=True,
)
def fails_everything() -> WrongAnswers:
    yield lambda mask_of: False
    yield lambda mask_of: torch.equal(mask_of(_MIXED, _E).long(), (_MIXED != _E).long() * 2)


@mask_test.mistake(
    "Your answers are the right ones, turned round: True means that the mask is right."
)
def upside_down() -> WrongAnswers:
    yield lambda mask_of: not my_mask_test(mask_of)


@mask_test.mistake(
    "Your test wants the end left out of the mask: it calls the right one wrong, and one that "
    "never trains an end right. The end is a token like any other; it is the decision to stop."
)
def expects_no_end() -> WrongAnswers:
    yield lambda mask_of: torch.equal(mask_of(_MIXED, _E).bool(), _MIXED != _E)


@mask_test.mistake(
    "You compare how many tokens the mask has. A mask that is shifted by one has as many, and "
    "others: it passes your test."
)
def counted_only() -> WrongAnswers:
    yield lambda mask_of: torch.equal(
        mask_of(_MIXED, _E).sum(1), completion_mask(_MIXED, _E).sum(1)
    )
    yield lambda mask_of: int(mask_of(_MIXED, _E).sum()) == 10
    yield lambda mask_of: torch.equal(
        mask_of(_MIXED[:2], _E).sum(1), completion_mask(_MIXED[:2], _E).sum(1)
    )
    yield lambda mask_of: int(mask_of(_MIXED[:2], _E).sum()) == 5


@mask_test.mistake("No completion of your example has an end, and most bugs are at the end.")
def no_end_in_it() -> WrongAnswers:
    yield _compares(_MIXED[2:])


@mask_test.mistake(
    "Every completion of your example ends. One that was cut off at the longest length allowed "
    "has no end in it, and all of its tokens count: some masks go wrong only there."
)
def all_end() -> WrongAnswers:
    yield _compares(_MIXED[:2])


@mask_test.mistake(
    "In your example nothing follows the end. Padding is what makes it hard: let some completions "
    "be shorter than others, filled up with the end's own id."
)
def nothing_behind_it() -> WrongAnswers:
    yield _compares(torch.tensor([[5, 6, 7, 5, _E]]))


@mask_test.mistake(
    "Your example is filled up with another id than the end's. Where the two are one, some masks "
    "go wrong that are right in yours."
)
def padding_of_its_own() -> WrongAnswers:
    yield _compares(torch.tensor([[5, 6, _E, 0, 0], [7, _E, 0, 0, 0], [5, 6, 7, 5, 6]]))


@mask_test.mistake("You look only at what follows the end. A mask that leaves the end out passes.")
def only_behind() -> WrongAnswers:
    yield lambda mask_of: not mask_of(_MIXED, _E)[~completion_mask(_MIXED, _E)].any()
    yield lambda mask_of: not bool(mask_of(_MIXED[:1], _E)[0, 3:].any())


@mask_test.mistake(
    "You look only at whether the end is in. A mask that has too much of everything passes."
)
def only_the_end() -> WrongAnswers:
    yield lambda mask_of: bool(mask_of(_MIXED[:1], _E)[0, 2])
    yield lambda mask_of: bool(mask_of(_MIXED[:2], _E)[[0, 1], [2, 1]].all())


@mask_test.mistake(
    "You look at one place of each row, the first or the last. A mask can be right there and "
    "wrong everywhere else: compare all of it."
)
def one_place() -> WrongAnswers:
    yield lambda mask_of: bool(mask_of(_MIXED, _E)[:, 0].all())
    yield lambda mask_of: bool(mask_of(_MIXED[:1], _E)[0, 0])
    yield lambda mask_of: not bool(mask_of(_MIXED[:2], _E)[:, -1].any())
