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
    "Your test accepts every mask. It must check the mask token by token.",
    entirely=True,
)
def passes_everything() -> WrongAnswers:
    yield lambda mask_of: True
    yield lambda mask_of: mask_of(_MIXED, _E).shape == _MIXED.shape


@mask_test.mistake(
    "Your test rejects every mask, even a right one. Does your expected mask include the first "
    "EOS, and do you compare the same types?",
    entirely=True,
)
def fails_everything() -> WrongAnswers:
    yield lambda mask_of: False
    yield lambda mask_of: torch.equal(mask_of(_MIXED, _E).long(), (_MIXED != _E).long() * 2)


@mask_test.mistake(
    "Your answers are the opposite of the right ones: True means that the mask is right."
)
def upside_down() -> WrongAnswers:
    yield lambda mask_of: not my_mask_test(mask_of)


@mask_test.mistake(
    "Your test expects the mask to leave EOS out: it rejects the right mask, and accepts one that "
    "never trains EOS. EOS is a token like any other; it is the decision to stop."
)
def expects_no_end() -> WrongAnswers:
    yield lambda mask_of: torch.equal(mask_of(_MIXED, _E).bool(), _MIXED != _E)


@mask_test.mistake(
    "You compare how many tokens the mask has. A mask that is shifted by one has the same number "
    "of different tokens: it passes your test."
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


@mask_test.mistake("No completion of your example has an EOS token, and most bugs are there.")
def no_end_in_it() -> WrongAnswers:
    yield _compares(_MIXED[2:])


@mask_test.mistake(
    "Every completion of your example ends with EOS. One that was truncated has no EOS, and all "
    "of its tokens count: some masks are wrong only there."
)
def all_end() -> WrongAnswers:
    yield _compares(_MIXED[:2])


@mask_test.mistake(
    "In your example nothing follows EOS. Padding makes it hard: let some completions be shorter "
    "than others, padded with the EOS id."
)
def nothing_behind_it() -> WrongAnswers:
    yield _compares(torch.tensor([[5, 6, 7, 5, _E]]))


@mask_test.mistake(
    "Your example is padded with an id other than EOS. Where the two are the same, some masks are "
    "wrong that are right in your example."
)
def padding_of_its_own() -> WrongAnswers:
    yield _compares(torch.tensor([[5, 6, _E, 0, 0], [7, _E, 0, 0, 0], [5, 6, 7, 5, 6]]))


@mask_test.mistake("You check only what follows EOS. A mask that leaves EOS out passes.")
def only_behind() -> WrongAnswers:
    yield lambda mask_of: not mask_of(_MIXED, _E)[~completion_mask(_MIXED, _E)].any()
    yield lambda mask_of: not bool(mask_of(_MIXED[:1], _E)[0, 3:].any())


@mask_test.mistake("You check only whether EOS is included. A mask that includes too much passes.")
def only_the_end() -> WrongAnswers:
    yield lambda mask_of: bool(mask_of(_MIXED[:1], _E)[0, 2])
    yield lambda mask_of: bool(mask_of(_MIXED[:2], _E)[[0, 1], [2, 1]].all())


@mask_test.mistake(
    "You check one position of each row, the first or the last. A mask can be right there and "
    "wrong everywhere else: compare all of it."
)
def one_place() -> WrongAnswers:
    yield lambda mask_of: bool(mask_of(_MIXED, _E)[:, 0].all())
    yield lambda mask_of: bool(mask_of(_MIXED[:1], _E)[0, 0])
    yield lambda mask_of: not bool(mask_of(_MIXED[:2], _E)[:, -1].any())
