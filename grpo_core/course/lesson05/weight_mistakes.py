"""The mistakes that the exercise `weight` of lesson 05 recognises."""

from collections.abc import Callable

import torch
from torch import Tensor

from grpo_core.course.exercise import WrongAnswers
from grpo_core.course.lesson05.cases import HIGH, LOW
from grpo_core.course.lesson05.weight_exercise import my_weight, weight

Stopped = Callable[[Tensor, Tensor, float, float], Tensor]


def _stopped(r: Tensor, a: Tensor, low: float, high: float) -> Tensor:
    return ((a > 0) & (r > 1 + high)) | ((a < 0) & (r < 1 - low))


def _weight(
    stopped: Stopped = _stopped, weight: Callable[[Tensor, Tensor], Tensor] = lambda r, a: r * a
) -> Callable[..., Tensor]:
    """A weight that is right but for what is passed in."""
    return lambda r, a, low, high: weight(r, a).masked_fill(stopped(r, a, low, high), 0.0)


@weight.mistake(
    "You stop every token whose ratio is outside the bounds. The clip stops only tokens that "
    "moved in the intended direction. A good token that has become *less* likely needs its "
    "gradient to come back."
)
def both_sides() -> WrongAnswers:
    yield _weight(lambda r, a, low, high: (r > 1 + high) | (r < 1 - low))
    yield _weight(lambda r, a, low, high: (r - 1).abs() > low)


@weight.mistake(
    "You stop the tokens that moved in the wrong direction, and not those that moved far in the "
    "right one. It must be the other way round: yours is what a maximum in place of the minimum "
    "would do."
)
def wrong_corners() -> WrongAnswers:
    yield _weight(lambda r, a, low, high: ((a < 0) & (r > 1 + high)) | ((a > 0) & (r < 1 - low)))


@weight.mistake(
    "Inside the bounds your weight is 0. There both products of the minimum are *equal*, and the "
    "unclipped one counts: nothing is stopped there."
)
def nothing_inside() -> WrongAnswers:
    yield lambda r, a, low, high: torch.where(
        r * a < r.clamp(1 - low, 1 + high) * a, r * a, torch.zeros_like(r)
    )


@weight.mistake(
    "You compared the ratio with the epsilons themselves. They are distances from 1: the bounds "
    "are 1 - low and 1 + high."
)
def bounds_as_they_are() -> WrongAnswers:
    yield _weight(lambda r, a, low, high: ((a > 0) & (r > high)) | ((a < 0) & (r < low)))
    yield _weight(lambda r, a, low, high: ((a > 0) & (r > high)) | ((a < 0) & (r < -low)))


@weight.mistake(
    "This is what the token adds to the objective. Where that is flat it is not 0, but its slope "
    "is. Return the factor of the gradient of log pi."
)
def value() -> WrongAnswers:
    yield lambda r, a, low, high: torch.minimum(r * a, r.clamp(1 - low, 1 + high) * a)
    yield lambda r, a, low, high: r.clamp(1 - low, 1 + high) * a


@weight.mistake(
    "This is the slope with respect to the ratio, which is A. The ratio itself has a slope: the "
    "derivative of exp(log pi - log pi_old) with respect to log pi is the ratio again. (The chain "
    "rule.)"
)
def slope_by_ratio() -> WrongAnswers:
    yield _weight(weight=lambda r, a: a * torch.ones_like(r))


@weight.mistake(
    "You stop good tokens that have become more likely, but never bad ones. A bad token that is "
    "already less likely, below 1 - low, must stop too."
)
def only_above() -> WrongAnswers:
    yield _weight(lambda r, a, low, high: (a > 0) & (r > 1 + high))


@weight.mistake(
    "You stop bad tokens that have become less likely, but never good ones. A good token that is "
    "already more likely, above 1 + high, must stop too."
)
def only_below() -> WrongAnswers:
    yield _weight(lambda r, a, low, high: (a < 0) & (r < 1 - low))


@weight.mistake(
    "You used the lower epsilon on both sides. The upper bound has its own epsilon: here ratios "
    "may rise to 1.3 and fall to 0.8."
)
def one_epsilon() -> WrongAnswers:
    yield _weight(lambda r, a, low, high: _stopped(r, a, low, low))


@weight.mistake("Your epsilons are swapped: `low` belongs to 1 - low, `high` to 1 + high.")
def bounds_swapped() -> WrongAnswers:
    yield _weight(lambda r, a, low, high: _stopped(r, a, high, low))


@weight.mistake("You never stop anything: this is ratio times advantage everywhere.")
def never_stops() -> WrongAnswers:
    yield _weight(lambda r, a, low, high: torch.zeros_like(r, dtype=torch.bool))


@weight.mistake("The advantage is missing from your weights: bad tokens would become more likely.")
def sign_forgotten() -> WrongAnswers:
    yield _weight(weight=lambda r, a: r)
    yield _weight(weight=lambda r, a: torch.ones_like(r))


@weight.mistake(
    "Right for the bounds 0.8 and 1.3. When other values of `low` and `high` are passed, your "
    "bounds do not change."
)
def bounds_ignored() -> WrongAnswers:
    yield lambda r, a, low, high: my_weight(r, a, LOW, HIGH)


@weight.mistake(
    "Your weight is 0 where the gradient should flow, and not 0 where it is stopped: "
    "`torch.where` takes its second argument where the condition holds, and `masked_fill` fills "
    "there."
)
def only_the_stopped() -> WrongAnswers:
    yield _weight(lambda r, a, low, high: ~_stopped(r, a, low, high))


@weight.mistake(
    "You give bad tokens no weight at all. They should become less likely: their weight is "
    "negative until they are below the bound."
)
def bad_tokens_silent() -> WrongAnswers:
    yield _weight(lambda r, a, low, high: _stopped(r, a, low, high) | (a < 0))
    yield lambda r, a, low, high: my_weight(r, a, low, high).clamp(min=0)


@weight.mistake(
    "All your weights are positive. A bad token's weight has the sign of its advantage: the token "
    "should become less likely."
)
def always_positive() -> WrongAnswers:
    yield lambda r, a, low, high: my_weight(r, a, low, high).abs()
