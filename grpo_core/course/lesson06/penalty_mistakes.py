"""The mistakes that the exercise `penalty` of lesson 06 recognises."""

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson06.penalty_exercise import penalty


def _k3(new: Tensor, ref: Tensor) -> Tensor:
    return torch.exp(ref - new) + new - ref - 1


def _rho(new: Tensor, old: Tensor) -> Tensor:
    return torch.exp(new - old.detach())


@penalty.mistake(
    "Your average gradient is 0 everywhere: the reference has no effect. A difference of "
    "log-probabilities has the gradient of log pi, which is 0 on average, whatever the reference "
    "is. This is the published bug."
)
def k1() -> WrongAnswers:
    yield lambda new, old, ref: new - ref
    yield lambda new, old, ref: ref - new
    yield lambda new, old, ref: new


@penalty.mistake(
    "That is k3 as DeepSeekMath has it. Its value is the reverse KL, its gradient is that of "
    "KL(reference, policy), the forward KL. It lacks a factor that is 1 and still has a slope."
)
def forward() -> WrongAnswers:
    yield lambda new, old, ref: _k3(new, ref)
    yield lambda new, old, ref: _rho(new, old).detach() * _k3(new, ref)


@penalty.mistake(
    "No gradient reaches the log-probabilities: a penalty in the loss without a gradient has no "
    "effect on training."
)
def no_gradient() -> WrongAnswers:
    yield lambda new, old, ref: (new - ref).detach()
    yield lambda new, old, ref: ref.clone()


@penalty.mistake(
    "Your gradient is that of the reverse KL with the sign flipped: the policy would move away "
    "from the reference, faster and faster. A loss is minimised."
)
def sign() -> WrongAnswers:
    yield lambda new, old, ref: -_rho(new, old) * _k3(new, ref)
    yield lambda new, old, ref: -((new - ref) ** 2) / 2


@penalty.mistake(
    "The direction is right, but the gradient is twice too large. The slope of d squared is 2 d, "
    "which is why k2 has a factor of one half."
)
def half_forgotten() -> WrongAnswers:
    yield lambda new, old, ref: (new - ref) ** 2


@penalty.mistake(
    "You swapped policy and reference inside k3. Neither the value nor the gradient is that of a "
    "KL then."
)
def reversed_() -> WrongAnswers:
    yield lambda new, old, ref: _k3(ref, new)
    yield lambda new, old, ref: _rho(new, old) * _k3(ref, new)


@penalty.mistake(
    "With an absolute value every token gets the same gradient, whether it is slightly off or "
    "very far off. That is not a KL."
)
def absolute() -> WrongAnswers:
    yield lambda new, old, ref: (new - ref).abs()


@penalty.mistake(
    "You multiplied by the policy's probability. The mean is over tokens that were sampled, so "
    "each already appears as often as it is likely."
)
def weighted_twice() -> WrongAnswers:
    yield lambda new, old, ref: new.exp() * (new - ref)
    yield lambda new, old, ref: new.exp() * _k3(new, ref)


@penalty.mistake(
    "Only your ratio has a slope, and k3 is a constant: that is k3 in the *reward*. Its average "
    "gradient is reverse minus forward, almost 0 near the reference. Differentiate both factors."
)
def k3_as_a_reward() -> WrongAnswers:
    yield lambda new, old, ref: _rho(new, old) * _k3(new, ref).detach()


@penalty.mistake(
    "k2 needs no ratio: its slope with respect to log pi is d, whose mean is the KL. With the "
    "ratio in front its *value* gets a slope as well, which is too much."
)
def k2_weighted() -> WrongAnswers:
    yield lambda new, old, ref: _rho(new, old) * (new - ref) ** 2 / 2
    yield lambda new, old, ref: _rho(new, old) * (new - ref) ** 2


@penalty.mistake(
    "Your ratio is the policy over the *reference*. The one that repairs k3 is the policy over "
    "the sampling policy, which is the policy itself as a constant."
)
def ratio_to_the_reference() -> WrongAnswers:
    yield lambda new, old, ref: (new - ref).exp() * _k3(new, ref)


@penalty.mistake(
    "Your ratio is upside down. It is 1 either way, but its slope has the opposite sign: the new "
    "probability over the old one."
)
def ratio_upside_down() -> WrongAnswers:
    yield lambda new, old, ref: _rho(new, old).reciprocal() * _k3(new, ref)
