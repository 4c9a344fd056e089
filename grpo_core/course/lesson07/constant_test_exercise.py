"""Exercise 5 of lesson 07: a test that advantages are constant."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import Exercise
from grpo_core.course.lesson07.cases import panel
from grpo_core.course.toys import loop_variants


def my_constant_test(advantages_of: Callable[..., Tensor]) -> bool:
    """Return whether no gradient flows through advantages_of(...)."""
    rewards = torch.tensor([[1.0, 0.0, 0.3, 0.0]])
    logprobs = torch.randn(4, 6, requires_grad=True)
    ref_logprobs, mask = torch.randn(4, 6), torch.ones(4, 6).bool()
    advantages = advantages_of(rewards, logprobs, ref_logprobs, mask, 0.1)
    return not advantages.requires_grad


def _without_grad(r: Tensor, new: Tensor, ref: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Right, and written in another way."""
    with torch.no_grad():
        return loop_variants.compared_and_differentiated(r, new, ref, mask, beta)


def _scale_detached(r: Tensor, new: Tensor, ref: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Broken by half: mean and spread are constants, the reward itself is none."""
    less = r - beta * ((new - ref) * mask).sum(1).view_as(r)
    mean, std = less.mean(1, keepdim=True), less.std(1, keepdim=True)
    return ((less - mean.detach()) / (std.detach() + 1e-4)).flatten()


def _wrong_one_detached(r: Tensor, new: Tensor, ref: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Broken: it is the reference that was detached, which needed no gradient anyway."""
    return loop_variants.compared_and_differentiated(r, new, ref.detach(), mask, beta)


constant_test = Exercise(
    "07",
    "constant_test",
    solution_function=my_constant_test,
    cases=panel(
        "an `advantages_of`",
        [loop_variants.compared, _without_grad],
        [loop_variants.compared_and_differentiated, _wrong_one_detached, _scale_detached],
    ),
    hints=[
        "Make log-probabilities that need a gradient (`requires_grad=True`), call `advantages_of` "
        "with them, and ask whether the gradient would get through.",
        "Whatever depends on a tensor that needs a gradient needs one itself, unless it was "
        "detached on the way. A tensor has an attribute that tells you.",
        "Any rewards of shape (1, 4), log-probabilities and mask of shape (4, 6), and a beta "
        "other than 0 will do.",
    ],
    well_done="your test distinguishes a constant from something that only looks like one.",
)
