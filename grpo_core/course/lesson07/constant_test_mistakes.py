"""The mistakes that the exercise `constant_test` of lesson 07 recognises."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson07.cases import SAMPLED
from grpo_core.course.lesson07.constant_test_exercise import constant_test, my_constant_test


def _asked(
    look: Callable[[Tensor, Tensor], Any], beta: float = 0.1, needs: bool = True
) -> Callable[[Callable[..., Tensor]], bool]:
    """A test that looks at (advantages, log-probs) in some way."""

    def test(advantages_of: Callable[..., Tensor]) -> bool:
        new = SAMPLED[:, :6].clone().requires_grad_(needs)
        ref, mask = SAMPLED[:, 1:7].clone(), torch.ones(4, 6).bool()
        advantages = advantages_of(torch.tensor([[1.0, 0.0, 0.3, 0.0]]), new, ref, mask, beta)
        return bool(look(advantages, new))

    return test


def _slope_is_zero(value: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], bool]:
    """Whether the gradient of something made from the advantages is 0, or there is none."""

    def look(advantages: Tensor, new: Tensor) -> bool:
        if not advantages.requires_grad:
            return True
        (slope,) = torch.autograd.grad(value(advantages), new)
        return bool(slope.abs().max() < 1e-3)

    return look


def _gives_the_same_again(advantages_of: Callable[..., Tensor]) -> bool:
    """Whether advantages are the same under other log-probs."""
    rewards, mask = torch.tensor([[1.0, 0.0, 0.3, 0.0]]), torch.ones(4, 6).bool()
    one, other = (
        advantages_of(rewards, new, SAMPLED[:, 1:7], mask, 0.1)
        for new in (SAMPLED[:, :6], SAMPLED[:, 4:])
    )
    return torch.allclose(one, other)


def _with_rewards_that_need_one(advantages_of: Callable[..., Tensor]) -> bool:
    """Whether no gradient flows from the *rewards*."""
    rewards = torch.tensor([[1.0, 0.0, 0.3, 0.0]], requires_grad=True)
    mask = torch.ones(4, 6).bool()
    advantages = advantages_of(rewards, SAMPLED[:, :6], SAMPLED[:, 1:7], mask, 0.1)
    return not advantages.requires_grad


@constant_test.mistake(
    "Your test accepts every version. Either the log-probabilities that you pass need no "
    "gradient, so that nothing can flow; or you look at values, which detaching does not change; "
    "or your KL is 0 for any log-probabilities; or you have switched gradients off.",
    entirely=True,
)
def passes_everything() -> WrongAnswers:
    yield lambda advantages_of: True
    yield _asked(lambda a, new: not a.requires_grad, needs=False)
    yield _asked(lambda a, new: a.sum().abs() < 1e-3)
    yield _asked(lambda a, new: new.grad is None)
    yield _asked(_slope_is_zero(lambda a: a[0]), beta=0.0)
    yield torch.no_grad()(my_constant_test)


@constant_test.mistake(
    "Your test rejects right versions, one of them or both. Do you check the log-probabilities? "
    "They do need a gradient; the advantages must not. Or do the rewards of your example need "
    "one? Then the advantages rightly do too; only the log-probabilities may need one. Or do you "
    "require the same numbers for other log-probabilities? They may differ, since the KL is in "
    "the rewards: a *constant* is a value that no gradient flows through.",
    entirely=True,
)
def fails_everything() -> WrongAnswers:
    yield lambda advantages_of: False
    yield _gives_the_same_again
    yield _with_rewards_that_need_one
    yield _asked(lambda a, new: not new.requires_grad)
    yield _asked(lambda a, new: a.requires_grad and a.grad_fn is None)


@constant_test.mistake(
    "Your answers are the opposite of the right ones: an advantage that a gradient flows through "
    "is broken."
)
def upside_down() -> WrongAnswers:
    yield _asked(lambda a, new: a.requires_grad)
    yield _asked(lambda a, new: a.grad_fn is not None)


@constant_test.mistake(
    "You differentiate the sum of the advantages (or of their squares). In a group that is 0 (or "
    "G - 1) for any log-probabilities: a constant has no slope. So the worst bug passes. Look at "
    "one advantage, or ask the tensor itself."
)
def sum_is_constant() -> WrongAnswers:
    yield _asked(_slope_is_zero(lambda a: a.sum()))
    yield _asked(_slope_is_zero(lambda a: a.square().sum()))
    yield _asked(_slope_is_zero(lambda a: a.mean()))


@constant_test.mistake(
    "In your example the reference's log-probabilities need a gradient, and the policy's do not. "
    "The reference is frozen; the policy's gradient must not flow."
)
def reference_only() -> WrongAnswers:
    yield (
        lambda advantages_of: (
            not advantages_of(
                torch.tensor([[1.0, 0.0, 0.3, 0.0]]),
                SAMPLED[:, :6].clone(),
                SAMPLED[:, 1:7].clone().requires_grad_(),
                torch.ones(4, 6).bool(),
                0.1,
            ).requires_grad
        )
    )
